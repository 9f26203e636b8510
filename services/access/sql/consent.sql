-- What a patient agreed to, by which text.

-- row consent_row (id uuid, patient_id uuid, scope text, recipient uuid, purpose text, state text,
--     starts_at timestamptz, ends_at timestamptz, document_version int8, document_hash bytea,
--     language text, shown_at timestamptz, method text, witness uuid, given_by uuid, given_as text,
--     revoked_by uuid, revoked_at timestamptz, version int8)
-- row consent_standing (id uuid, patient_id uuid, scope text, recipient uuid, recipient_name text,
--     purpose text, state text, starts_at timestamptz, ends_at timestamptz, document_version int8,
--     document_hash bytea, language text, text text, shown_at timestamptz, method text, given_by uuid,
--     given_as text, revoked_at timestamptz)
-- row document (scope text, version int8, language text, text text, hash bytea)
-- row consent_due (org uuid, id uuid)

-- documents_list  :many document
-- The current wording of each scope; an organisation's own goes before everybody's.
SELECT DISTINCT ON (scope, language) scope, version, language, text, hash FROM consent_document
WHERE org IN (:org, '00000000-0000-0000-0000-000000000000')
  AND (:scope?::text IS NULL OR scope = :scope) AND (:language?::text IS NULL OR language = :language)
ORDER BY scope, language, org DESC, version DESC;

-- consent_supersede  :maybe consent_row
-- A newer wording takes the place of the one that was agreed to before.
UPDATE consent SET state = 'expired', version = version + 1, act_id = :act
WHERE org = :org AND patient_id = :patient_id::uuid AND scope = :scope::text AND state = 'active'
  AND recipient IS NOT DISTINCT FROM :recipient?::uuid AND purpose IS NOT DISTINCT FROM :purpose?::text
  AND (document_version < :document_version::int8 OR ends_at <= :now)
RETURNING id, patient_id, scope, recipient, purpose, state, starts_at, ends_at, document_version,
          document_hash, language, shown_at, method, witness, given_by, given_as, revoked_by, revoked_at, version;

-- consent_insert  :one consent_row  else consent_not_inserted  raises consent_one ERR_CONFLICT
-- Only by the current wording, and by the very text that was shown: another is not what the patient
-- should have seen. What a guardian gives ends on the day on which the patient decides.
INSERT INTO consent (org, id, act_id, patient_id, scope, recipient, purpose, state, starts_at, ends_at,
                     document_version, document_hash, language, shown_at, method, witness, given_by, given_as)
SELECT :org, :id::uuid, :act, :patient_id::uuid, d.scope, :recipient?::uuid, :purpose?::text, 'active', :now,
       least(:ends_at?::timestamptz,
             (SELECT max(ends_at) FROM relation
              WHERE org = :org AND person = :actor AND patient_id = :patient_id AND kind = 'guardian'
                AND starts_at <= :now AND ends_at > :now)),
       d.version, d.hash, d.language, :shown_at::timestamptz, :method::text, :witness?::uuid, :actor,
       :given_as::text
FROM (SELECT scope, version, language, hash FROM consent_document
      WHERE org IN (:org, '00000000-0000-0000-0000-000000000000') AND scope = :scope::text
        AND language = :language::text
      ORDER BY org DESC, version DESC LIMIT 1) AS d
WHERE d.version = :document_version::int8
  AND (:document_hash?::text IS NULL OR encode(d.hash, 'hex') = :document_hash)
RETURNING id, patient_id, scope, recipient, purpose, state, starts_at, ends_at, document_version,
          document_hash, language, shown_at, method, witness, given_by, given_as, revoked_by, revoked_at, version;

-- consent_not_inserted  :one refusal
SELECT CASE WHEN EXISTS (SELECT FROM consent_document AS d
                         WHERE d.org IN (:org, '00000000-0000-0000-0000-000000000000')
                           AND d.scope = :scope::text AND d.language = :language::text
                           AND d.version = :document_version::int8)
            THEN 'conflict' ELSE 'unprocessable' END AS code;

-- recipient_known  :one tally  else ERR_UNPROCESSABLE
-- An organisation here, or a person of this one.
-- all orgs: a recipient may be another organisation
SELECT 1::int8 AS n WHERE EXISTS (SELECT FROM organisation WHERE org = :recipient::uuid)
    OR EXISTS (SELECT FROM member WHERE org = :org AND person = :recipient AND state = 'active');

-- witness_known  :one tally  else ERR_UNPROCESSABLE
-- Somebody else of those who care: not who acts, in whichever of their roles.
SELECT 1::int8 AS n FROM member AS w
WHERE w.org = :org AND w.person = :witness::uuid AND w.state = 'active'
  AND w.role IN ('front_desk', 'nurse', 'clinician')
  AND NOT EXISTS (SELECT FROM member AS m WHERE m.org = :org AND m.person = :actor
                  AND (m.person = w.person OR (m.issuer, m.subject) = (w.issuer, w.subject)));

-- consent_get  :one consent_row
SELECT id, patient_id, scope, recipient, purpose, state, starts_at, ends_at, document_version,
       document_hash, language, shown_at, method, witness, given_by, given_as, revoked_by, revoked_at, version
FROM consent WHERE org = :org AND id = :id::uuid;

-- consents_list  :many consent_row
SELECT c.id, c.patient_id, c.scope, c.recipient, c.purpose, c.state, c.starts_at, c.ends_at,
       c.document_version, c.document_hash, c.language, c.shown_at, c.method, c.witness, c.given_by, c.given_as,
       c.revoked_by, c.revoked_at, c.version
FROM consent AS c JOIN visible USING (org, patient_id)
WHERE org = :org AND c.id > :after_id::uuid
  AND (:patient_id?::uuid IS NULL OR patient_id = :patient_id)
  AND (:scope?::text IS NULL OR c.scope = :scope)
ORDER BY c.id LIMIT :limit::int8;

-- consents_now  :many consent_standing
-- The last word on each scope and on each part of one, with the very text that was shown. What has come
-- to its end has ended, whether or not the timer has seen it.
SELECT DISTINCT ON (c.scope, c.recipient, c.purpose)
       c.id, c.patient_id, c.scope, c.recipient, o.name AS recipient_name, c.purpose,
       CASE WHEN c.state = 'active' AND c.ends_at <= :now THEN 'expired' ELSE c.state END AS state,
       c.starts_at, c.ends_at, c.document_version, c.document_hash, c.language, d.text, c.shown_at, c.method,
       c.given_by, c.given_as, c.revoked_at
FROM consent AS c
LEFT JOIN organisation AS o ON o.org = c.recipient
LEFT JOIN consent_document AS d ON d.org IN (c.org, '00000000-0000-0000-0000-000000000000')
     AND d.scope = c.scope AND d.version = c.document_version AND d.language = c.language
     AND d.hash = c.document_hash
WHERE c.org = :org AND c.patient_id = :patient_id::uuid
ORDER BY c.scope, c.recipient NULLS FIRST, c.purpose NULLS FIRST, c.starts_at DESC, c.id DESC
LIMIT 200;

-- consent_revoked  :one consent_row  else ERR_BAD_STATE
UPDATE consent SET state = :state::text, version = version + 1, act_id = :act, revoked_by = :actor,
    revoked_at = :now
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
RETURNING id, patient_id, scope, recipient, purpose, state, starts_at, ends_at, document_version,
          document_hash, language, shown_at, method, witness, given_by, given_as, revoked_by, revoked_at, version;

-- consent_expired  :one consent_row  else ERR_BAD_STATE
UPDATE consent SET state = 'expired', version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = 'active' AND ends_at <= :now
RETURNING id, patient_id, scope, recipient, purpose, state, starts_at, ends_at, document_version,
          document_hash, language, shown_at, method, witness, given_by, given_as, revoked_by, revoked_at, version;

-- consents_due  :many consent_due
-- all orgs: a consent ends by itself
SELECT org, id FROM consent WHERE state = 'active' AND ends_at <= :now LIMIT 100;
