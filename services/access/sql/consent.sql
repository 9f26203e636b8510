-- What a patient agreed to, by which text.

-- row consent_row (id uuid, patient_id uuid, scope text, state text, starts_at timestamptz,
--     ends_at timestamptz, document_version int8, document_hash bytea, language text, given_by uuid,
--     revoked_at timestamptz, version int8)
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
  AND (document_version < :document_version::int8 OR ends_at <= :now)
RETURNING id, patient_id, scope, state, starts_at, ends_at, document_version, document_hash, language,
          given_by, revoked_at, version;

-- consent_insert  :one consent_row  else consent_not_inserted  raises consent_one ERR_CONFLICT
-- Only by the current wording: an older one is not what the patient should have seen.
INSERT INTO consent (org, id, patient_id, scope, state, starts_at, ends_at, document_version,
                     document_hash, language, given_by, act_id)
SELECT :org, :id::uuid, :patient_id::uuid, d.scope, 'active', :now, :ends_at?::timestamptz, d.version,
       d.hash, d.language, :actor, :act
FROM (SELECT scope, version, language, hash FROM consent_document
      WHERE org IN (:org, '00000000-0000-0000-0000-000000000000') AND scope = :scope::text
        AND language = :language::text
      ORDER BY org DESC, version DESC LIMIT 1) AS d
WHERE d.version = :document_version::int8
RETURNING id, patient_id, scope, state, starts_at, ends_at, document_version, document_hash, language,
          given_by, revoked_at, version;

-- consent_not_inserted  :one refusal
SELECT CASE WHEN EXISTS (SELECT FROM consent_document AS d
                         WHERE d.org IN (:org, '00000000-0000-0000-0000-000000000000')
                           AND d.scope = :scope::text AND d.language = :language::text
                           AND d.version = :document_version::int8)
            THEN 'conflict' ELSE 'unprocessable' END AS code;

-- consent_get  :one consent_row
SELECT id, patient_id, scope, state, starts_at, ends_at, document_version, document_hash, language,
       given_by, revoked_at, version
FROM consent WHERE org = :org AND id = :id::uuid;

-- consents_list  :many consent_row
SELECT c.id, c.patient_id, c.scope, c.state, c.starts_at, c.ends_at, c.document_version, c.document_hash,
       c.language, c.given_by, c.revoked_at, c.version
FROM consent AS c JOIN visible USING (org, patient_id)
WHERE org = :org AND c.id > :after_id::uuid
  AND (:patient_id?::uuid IS NULL OR patient_id = :patient_id)
  AND (:scope?::text IS NULL OR c.scope = :scope)
ORDER BY c.id LIMIT :limit::int8;

-- consent_revoked  :one consent_row  else ERR_BAD_STATE
UPDATE consent SET state = :state::text, version = version + 1, act_id = :act, revoked_by = :actor,
    revoked_at = :now
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
RETURNING id, patient_id, scope, state, starts_at, ends_at, document_version, document_hash, language,
          given_by, revoked_at, version;

-- consent_expired  :one consent_row  else ERR_BAD_STATE
UPDATE consent SET state = 'expired', version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = 'active' AND ends_at <= :now
RETURNING id, patient_id, scope, state, starts_at, ends_at, document_version, document_hash, language,
          given_by, revoked_at, version;

-- consents_due  :many consent_due
-- all orgs: a consent ends by itself
SELECT org, id FROM consent WHERE state = 'active' AND ends_at <= :now LIMIT 100;
