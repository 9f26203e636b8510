-- What every service with a database has besides its own tables: who is who (fed by access, which
-- owns these three tables itself), replays, and the questions that an act asks before it acts.

CREATE TABLE member (
    org        uuid NOT NULL,
    id         uuid NOT NULL,
    person     uuid NOT NULL,
    role       text NOT NULL,
    state      text NOT NULL,          -- active, disabled
    issuer     text,                   -- null until the first sign-in
    subject    text,
    patient    uuid,                   -- role patient: the record that is theirs
    language   text NOT NULL DEFAULT 'en',
    sealed     bytea,                  -- PersonPhi
    version    bigint NOT NULL DEFAULT 1,
    epoch      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (org, id)
);
CREATE UNIQUE INDEX member_subject ON member (org, issuer, subject, role) WHERE issuer IS NOT NULL;
CREATE INDEX member_sign_in ON member (issuer, subject) WHERE issuer IS NOT NULL; -- across orgs: who is this?
CREATE INDEX member_person ON member (org, person);

CREATE TABLE relation (
    org        uuid NOT NULL,
    id         uuid NOT NULL,
    person     uuid NOT NULL,
    patient_id uuid NOT NULL,
    kind       text NOT NULL,          -- a word of relations.def
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz,            -- null: open
    version    bigint NOT NULL DEFAULT 1,
    epoch      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (org, id)
);
CREATE INDEX relation_patient ON relation (org, patient_id, person);
CREATE INDEX relation_person ON relation (org, person);

CREATE TABLE consent (
    org              uuid NOT NULL,
    id               uuid NOT NULL,
    patient_id       uuid NOT NULL,
    scope            text NOT NULL,    -- a word of consents.def
    state            text NOT NULL,    -- active, revoked, expired
    starts_at        timestamptz NOT NULL,
    ends_at          timestamptz,      -- null: open
    document_version bigint NOT NULL DEFAULT 1,
    version          bigint NOT NULL DEFAULT 1,
    epoch            bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (org, id)
);
CREATE INDEX consent_patient ON consent (org, patient_id, scope) WHERE state = 'active';

-- A key names one request of one actor. The row commits with what the request did, so a second
-- COMMIT fails; the reply is rendered anew, never stored.
CREATE TABLE idempotency (
    org       uuid NOT NULL,
    actor     uuid NOT NULL,
    route     text NOT NULL,
    key       text NOT NULL,
    body_hash bytea NOT NULL,          -- HMAC: a body may be guessable
    row_id    uuid NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (org, actor, route, key)
);
CREATE INDEX idempotency_at ON idempotency (at);

-- Does the actor reach the patient? Raises TC001 when not, so that nothing behind it in the same
-- flush happens. Leaves the relation that decided for the audit row.
CREATE FUNCTION patient_allow(in_org uuid, in_actor uuid, in_patient uuid, in_kinds text[],
                              in_site boolean, in_now timestamptz)
RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_kind text;
BEGIN
    SELECT r.kind INTO found_kind FROM relation AS r
    WHERE r.org = in_org AND r.patient_id = in_patient
      AND ((r.person = in_actor AND r.kind = ANY (in_kinds)) OR (in_site AND r.kind = 'self'))
      AND r.starts_at <= in_now AND (r.ends_at IS NULL OR r.ends_at > in_now)
    LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'TC001', MESSAGE = 'no relation';
    END IF;
    PERFORM set_config('telecura.relation', found_kind, true);
END $$;

-- Has the patient consented, now? Raises TC002 when not. Leaves the consent for the audit row.
CREATE FUNCTION consent_require(in_org uuid, in_patient uuid, in_scope text, in_now timestamptz)
RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_id uuid;
BEGIN
    SELECT c.id INTO found_id FROM consent AS c
    WHERE c.org = in_org AND c.patient_id = in_patient AND c.scope = in_scope AND c.state = 'active'
      AND c.starts_at <= in_now AND (c.ends_at IS NULL OR c.ends_at > in_now);
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'TC002', MESSAGE = 'no consent';
    END IF;
    PERFORM set_config('telecura.consent', found_id::text, true);
END $$;

-- What an actor may list: act_allow_list() says who asks and how far their role reaches.
CREATE VIEW visible AS
SELECT DISTINCT r.org, r.patient_id FROM relation AS r
WHERE r.org = current_setting('telecura.org')::uuid
  AND ((r.person = current_setting('telecura.actor')::uuid
        AND r.kind = ANY (string_to_array(current_setting('telecura.kinds'), ',')))
       OR (current_setting('telecura.site') = 't' AND r.kind = 'self'))
  AND r.starts_at <= current_setting('telecura.now')::timestamptz
  AND (r.ends_at IS NULL OR r.ends_at > current_setting('telecura.now')::timestamptz);

GRANT SELECT, INSERT, UPDATE, DELETE ON member, relation, consent, idempotency TO "@service@";
GRANT SELECT ON visible TO "@service@";
