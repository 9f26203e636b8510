-- Who the patients are.

-- row patient (patient_id uuid, version int8, created_at timestamptz, sealed bytea)
-- row refusal (code text)

-- patient_insert  :one patient
-- raises patient_mrn ERR_MRN_TAKEN
-- raises patient_pkey ERR_CONFLICT
INSERT INTO patient (org, patient_id, act_id, created_at, name_index, mrn_index, phone_index,
                     email_index, sealed)
VALUES (:org, :patient_id::uuid, :act, :now, :name_index?::bytea, :mrn_index?::bytea,
        :phone_index?::bytea, :email_index?::bytea, :sealed::bytea)
RETURNING patient_id, version, created_at, sealed;

-- patient_get  :one patient
SELECT patient_id, version, created_at, sealed FROM patient
WHERE org = :org AND patient_id = :patient_id::uuid;

-- patients_visible  :many patient
SELECT patient_id, version, created_at, sealed FROM patient JOIN visible USING (org, patient_id)
WHERE org = :org AND (created_at, patient_id) > (:after_at::timestamptz, :after_id::uuid)
ORDER BY created_at, patient_id LIMIT :limit::int8;

-- patients_found  :many patient
SELECT patient_id, version, created_at, sealed FROM patient JOIN visible USING (org, patient_id)
WHERE org = :org
  AND (:name_index?::bytea IS NULL OR name_index = :name_index)
  AND (:mrn_index?::bytea IS NULL OR mrn_index = :mrn_index)
  AND (:phone_index?::bytea IS NULL OR phone_index = :phone_index)
  AND (:email_index?::bytea IS NULL OR email_index = :email_index)
ORDER BY created_at, patient_id LIMIT :limit::int8;

-- patient_update  :one patient  else patient_not_updated  raises patient_mrn ERR_MRN_TAKEN
UPDATE patient SET name_index = :name_index?::bytea, mrn_index = :mrn_index?::bytea,
    phone_index = :phone_index?::bytea, email_index = :email_index?::bytea,
    sealed = :sealed::bytea, version = version + 1, act_id = :act
WHERE org = :org AND patient_id = :patient_id::uuid AND version = :if_match::int8
RETURNING patient_id, version, created_at, sealed;

-- patient_not_updated  :one refusal
SELECT 'stale' AS code FROM patient WHERE org = :org AND patient_id = :patient_id::uuid;

-- patient_unindex  :exec
UPDATE patient SET name_index = NULL, mrn_index = NULL, phone_index = NULL, email_index = NULL
WHERE org = :org AND patient_id = :patient_id::uuid;
