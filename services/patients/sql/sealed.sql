-- Rows under a key that was renewed, and how each is sealed anew: common/app/reseal.h.

-- row under_key (id uuid, patient uuid, kind int4, sealed_version int8, version int8, sealed bytea)

-- patient_under  :many under_key
SELECT patient_id AS id, patient_id AS patient, 4 AS kind, version AS sealed_version, version, sealed FROM patient
WHERE org = :org AND patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN sealed) > 0
LIMIT 32;

-- patient_reseal  :exec
UPDATE patient SET sealed = :sealed::bytea
WHERE org = :org AND patient_id = :id::uuid AND version = :sealed_version::int8 AND patient_id = :patient::uuid;

-- record_under  :many under_key
SELECT id, patient_id AS patient, kind, sealed_version, version, sealed FROM record
WHERE org = :org AND patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN sealed) > 0
LIMIT 32;

-- record_again  :one record
-- Others keep a copy of what is told, by version.
UPDATE record SET sealed = :sealed::bytea, version = version + 1, sealed_version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND version = :read_version::int8
RETURNING id, patient_id, version, kind, state, recorded_at, sealed, sealed_version, labels;

-- patient_indexed_under  :many under_key
-- The organisation's own key, hence of no patient.
SELECT patient_id AS id, patient_id AS patient, 4 AS kind, version AS sealed_version, version, sealed FROM patient
WHERE org = :org AND :patient::uuid = '00000000-0000-0000-0000-000000000000'
  AND index_key IN (:key::uuid, '00000000-0000-0000-0000-000000000000')
LIMIT 32;

-- patient_reindex  :exec  raises patient_mrn ERR_MRN_TAKEN
-- Who changed it meanwhile has indexed it, too.
UPDATE patient SET name_index = :name_index?::bytea, mrn_index = :mrn_index?::bytea,
    phone_index = :phone_index?::bytea, email_index = :email_index?::bytea, index_key = :index_key::uuid
WHERE org = :org AND patient_id = :patient_id::uuid AND version = :read_version::int8;
