-- Who the patients are.

-- row patient (patient_id uuid, version int8, created_at timestamptz, sealed bytea)
-- row refusal (code text)
-- row index_key (key uuid)
-- row mrn_holder (patient_id uuid)

-- patient_insert  :one patient
-- raises patient_mrn ERR_MRN_TAKEN
-- raises patient_pkey ERR_CONFLICT
INSERT INTO patient (org, patient_id, act_id, created_at, name_index, mrn_index, phone_index,
                     email_index, index_key, sealed)
VALUES (:org, :patient_id::uuid, :act, :now, :name_index?::bytea, :mrn_index?::bytea,
        :phone_index?::bytea, :email_index?::bytea, :index_key::uuid, :sealed::bytea)
RETURNING patient_id, version, created_at, sealed;

-- patient_get  :one patient
SELECT patient_id, version, created_at, sealed FROM patient
WHERE org = :org AND patient_id = :patient_id::uuid;

-- patients_visible  :many patient
SELECT patient_id, version, created_at, sealed FROM patient JOIN visible USING (org, patient_id)
WHERE org = :org AND (created_at, patient_id) > (:after_at::timestamptz, :after_id::uuid)
ORDER BY created_at, patient_id LIMIT :limit::int8;

-- index_keys  :many index_key
-- Each key that indexes are under: one, and the former while they are made anew. A look at the index
-- for each, as DISTINCT would read all rows.
WITH RECURSIVE keys (key) AS (
    (SELECT index_key FROM patient WHERE org = :org AND index_key IS NOT NULL ORDER BY index_key LIMIT 1)
    UNION ALL
    SELECT (SELECT index_key FROM patient WHERE org = :org AND index_key > keys.key
            ORDER BY index_key LIMIT 1)
    FROM keys WHERE keys.key IS NOT NULL)
SELECT key FROM keys WHERE key IS NOT NULL;

-- mrn_held  :maybe mrn_holder
-- The constraint tells numbers apart that are indexed under different keys.
SELECT patient_id FROM patient
WHERE org = :org AND mrn_index = ANY (:mrns::bytea[]) AND patient_id <> :patient_id::uuid LIMIT 1;

-- patients_found  :many patient
-- By what was named, under each key; an empty list: it was not.
SELECT patient_id, version, created_at, sealed FROM patient JOIN visible USING (org, patient_id)
WHERE org = :org
  AND (cardinality(:names::bytea[]) = 0 OR name_index = ANY (:names))
  AND (cardinality(:mrns::bytea[]) = 0 OR mrn_index = ANY (:mrns))
  AND (cardinality(:phones::bytea[]) = 0 OR phone_index = ANY (:phones))
  AND (cardinality(:emails::bytea[]) = 0 OR email_index = ANY (:emails))
ORDER BY created_at, patient_id LIMIT :limit::int8;

-- patient_update  :one patient  else patient_not_updated  raises patient_mrn ERR_MRN_TAKEN
UPDATE patient SET name_index = :name_index?::bytea, mrn_index = :mrn_index?::bytea,
    phone_index = :phone_index?::bytea, email_index = :email_index?::bytea,
    index_key = :index_key::uuid, sealed = :sealed::bytea, version = version + 1, act_id = :act
WHERE org = :org AND patient_id = :patient_id::uuid AND version = :if_match::int8
RETURNING patient_id, version, created_at, sealed;

-- patient_not_updated  :one refusal
SELECT 'stale' AS code FROM patient WHERE org = :org AND patient_id = :patient_id::uuid;

-- patient_unindex  :exec
UPDATE patient SET name_index = NULL, mrn_index = NULL, phone_index = NULL, email_index = NULL,
    index_key = NULL
WHERE org = :org AND patient_id = :patient_id::uuid;
