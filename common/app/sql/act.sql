-- The framework's own statements: who acts, what they reach, what is left behind.

-- row member_row (org uuid, id uuid, person uuid, role text, state text, patient_id uuid)
-- row idempotency_row (body_hash bytea, row_id uuid)
-- row key_naming (n int8)

-- member_sign_in  :many member_row
-- all orgs: the token says who, not where; the row says where
SELECT org, id, person, role, state, patient AS patient_id FROM member
WHERE issuer = :issuer::text AND subject = :subject::text AND state = 'active';

-- guard_allow  :exec
-- Does the actor reach the patient? refuse() raises when not, so that nothing behind it in the same
-- flush happens. Leaves the relation that decided, of several the first of :kinds, for the audit row.
SELECT set_config('telecura.relation', coalesce(
    (SELECT kind FROM relation
     WHERE org = :org AND patient_id = :patient_id::uuid AND person = :actor
       AND kind = ANY (:kinds::text[]) AND starts_at <= :now AND (ends_at IS NULL OR ends_at > :now)
     ORDER BY array_position(:kinds, kind) LIMIT 1),
    refuse('TC001')), true);

-- guard_site  :exec  like guard_allow
-- The same for who reaches all whom the organisation has, too: that it has them, `self` says. Apart, as
-- PostgreSQL prepares all of a statement each time, and patients never need this.
SELECT set_config('telecura.relation', coalesce(
    (SELECT kind FROM relation
     WHERE org = :org AND patient_id = :patient_id::uuid AND person = :actor
       AND kind = ANY (:kinds::text[]) AND starts_at <= :now AND (ends_at IS NULL OR ends_at > :now)
     ORDER BY array_position(:kinds, kind) LIMIT 1),
    (SELECT 'site' FROM relation
     WHERE org = :org AND patient_id = :patient_id AND kind = 'self'
       AND starts_at <= :now AND (ends_at IS NULL OR ends_at > :now)
     LIMIT 1),
    refuse('TC001')), true);

-- guard_consent  :exec
-- Has the patient consented, now, to the actor or their organisation and for what they do? Leaves the
-- consent for the audit row. What only a label asks for is refused as TC001: without it there is no such
-- row.
SELECT set_config('telecura.consent', coalesce(
    (SELECT id::text FROM consent
     WHERE org = :org AND patient_id = :patient_id::uuid AND scope = :scope::text AND state = 'active'
       AND starts_at <= :now AND (ends_at IS NULL OR ends_at > :now)
       AND (recipient IS NULL OR recipient IN (:actor, :org)) AND (purpose IS NULL OR purpose = :purpose::text)
     LIMIT 1),
    refuse(:refusal::text)), true);

-- guard_list  :exec
SELECT set_config('telecura.org', :org::text, true), set_config('telecura.actor', :actor::text, true),
       set_config('telecura.now', :now::text, true), set_config('telecura.kinds', :kinds::text, true),
       set_config('telecura.site', :site::text, true), set_config('telecura.near', :near::int8::text, true),
       set_config('telecura.far', :far::int8::text, true);

-- outbox_insert  :exec
INSERT INTO outbox (org, id, topic, key, kind, version, at, act, payload)
VALUES (:org, :id::uuid, :topic::text, :key::uuid, :kind::int4, :version::int8, :now, :act, :payload::bytea);

-- act_end  :exec  raises idempotency_pkey ERR_KEY_IN_FLIGHT
-- What an act that changed something leaves: its last event, its key and its audit row. One statement,
-- for each costs PostgreSQL as much around the row as for it. The relation and the consent that
-- decided were left by the guards of this transaction; what broken glass lets through is done for that.
WITH told AS (
    INSERT INTO outbox (org, id, topic, key, kind, version, at, act, payload)
    SELECT :org, :event?::uuid, :topic?::text, :event_key?::uuid, :event_kind::int4, :event_version::int8,
           :now, :act, :payload?::bytea
    WHERE :event IS NOT NULL
), remembered AS (
    INSERT INTO idempotency (org, actor, route, key, body_hash, row_id, at)
    SELECT :org, :actor, :resource, :key?::text, :body_hash?::bytea, :row_id?::uuid, :now
    WHERE :key IS NOT NULL
)
INSERT INTO audit_outbox (org, id, act, at, action, outcome, error, actor, role, acr, remote, purpose, labels,
                          request, token, sign_in, patient, resource, resource_id, resource_version,
                          relation, consent)
VALUES (:org, :id::uuid, :act, :now, :action::text, :outcome::text, :error?::text, :who?::uuid,
        :role::text, :acr::int4, :remote?::text,
        CASE current_setting('telecura.relation', true) WHEN 'break_glass' THEN 'BTG' ELSE :purpose::text END,
        :labels?::text, :request?::uuid, :token?::uuid, :sign_in?::uuid, :patient_id?::uuid, :resource::text,
        :resource_id?::uuid, :resource_version::int8,
        nullif(current_setting('telecura.relation', true), ''),
        nullif(current_setting('telecura.consent', true), '')::uuid);

-- audit_insert  :exec  like act_end
-- The audit row alone: of a read, of a refusal, of each further patient.
INSERT INTO audit_outbox (org, id, act, at, action, outcome, error, actor, role, acr, remote, purpose, labels,
                          request, token, sign_in, patient, resource, resource_id, resource_version,
                          relation, consent)
VALUES (:org, :id::uuid, :act, :now, :action::text, :outcome::text, :error?::text, :who?::uuid,
        :role::text, :acr::int4, :remote?::text,
        CASE current_setting('telecura.relation', true) WHEN 'break_glass' THEN 'BTG' ELSE :purpose::text END,
        :labels?::text, :request?::uuid, :token?::uuid, :sign_in?::uuid, :patient_id?::uuid, :resource::text,
        :resource_id?::uuid, :resource_version::int8,
        nullif(current_setting('telecura.relation', true), ''),
        nullif(current_setting('telecura.consent', true), '')::uuid);

-- idempotency_find  :maybe idempotency_row
SELECT body_hash, row_id FROM idempotency
WHERE org = :org AND actor = :actor AND route = :route::text AND key = :key::text;

-- idempotency_prune  :exec
-- all orgs: a key is kept for 7 days
DELETE FROM idempotency WHERE at < :now - interval '7 days';

-- member_upsert  :exec
INSERT INTO member (org, id, act_id, person, role, state, issuer, subject, patient, language, sealed,
                    behind, version, epoch)
VALUES (:org, :id::uuid, :act, :person::uuid, :role::text, :state::text, :issuer?::text,
        :subject?::text, :patient_id?::uuid, :language::text, :sealed?::bytea, :behind::uuid[],
        :version::int8, :epoch::int8)
ON CONFLICT (org, id) DO UPDATE SET
    person = excluded.person, role = excluded.role, state = excluded.state, issuer = excluded.issuer,
    subject = excluded.subject, patient = excluded.patient, language = excluded.language,
    sealed = excluded.sealed, behind = excluded.behind, act_id = excluded.act_id,
    version = excluded.version, epoch = excluded.epoch
WHERE (member.epoch, member.version) < (excluded.epoch, excluded.version);

-- relation_upsert  :exec
INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at, version, epoch)
VALUES (:org, :id::uuid, :act, :person::uuid, :patient_id::uuid, :kind::text,
        :starts_at::timestamptz, :ends_at?::timestamptz, :version::int8, :epoch::int8)
ON CONFLICT (org, id) DO UPDATE SET
    person = excluded.person, patient_id = excluded.patient_id, kind = excluded.kind,
    starts_at = excluded.starts_at, ends_at = excluded.ends_at, act_id = excluded.act_id,
    version = excluded.version, epoch = excluded.epoch
WHERE (relation.epoch, relation.version) < (excluded.epoch, excluded.version);

-- relation_of_emergency  :exec
-- A clinician's by the pass that breaking the glass has answered, until access tells of it; what it has
-- told already stands.
INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at, version)
VALUES (:org, :id::uuid, :act, :actor, :patient_id::uuid, 'break_glass', :starts_at::timestamptz,
        :ends_at::timestamptz, 0)
ON CONFLICT (org, id) DO NOTHING;

-- relation_of_grant  :exec
-- A clinician's relation, or a guest's, as the grant proves it, until access tells of it (any version
-- beats 0).
INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at, version)
VALUES (:org, :id::uuid, :act, :actor, :patient_id::uuid, :kind::text, :now, :ends_at::timestamptz, 0)
ON CONFLICT (org, id) DO UPDATE SET ends_at = excluded.ends_at, act_id = excluded.act_id
WHERE relation.version = 0 AND relation.ends_at < excluded.ends_at;

-- consent_upsert  :exec
INSERT INTO consent (org, id, act_id, patient_id, scope, state, starts_at, ends_at, document_version,
                     recipient, purpose, version, epoch)
VALUES (:org, :id::uuid, :act, :patient_id::uuid, :scope::text, :state::text,
        :starts_at::timestamptz, :ends_at?::timestamptz, :document_version::int8, :recipient?::uuid,
        :purpose?::text, :version::int8, :epoch::int8)
ON CONFLICT (org, id) DO UPDATE SET
    patient_id = excluded.patient_id, scope = excluded.scope, state = excluded.state,
    starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    document_version = excluded.document_version, recipient = excluded.recipient,
    purpose = excluded.purpose, act_id = excluded.act_id,
    version = excluded.version, epoch = excluded.epoch
WHERE (consent.epoch, consent.version) < (excluded.epoch, excluded.version);

-- key_named  :one key_naming
-- Where a data key is named by what is not the service's own: projections, and what was or is to be
-- told. A parked event has no organisation yet.
SELECT (SELECT count(*) FROM member WHERE org = :org AND position(uuid_send(:key::uuid) IN sealed) > 0)
     + (SELECT count(*) FROM outbox WHERE org = :org AND position(uuid_send(:key) IN payload) > 0)
     + (SELECT count(*) FROM parked WHERE position(uuid_send(:key) IN payload) > 0) AS n;
