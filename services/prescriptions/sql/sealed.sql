-- Rows under a key that was renewed, and how each is sealed anew: common/app/reseal.h.

-- row under_key (id uuid, patient uuid, kind int4, sealed_version int8, version int8, sealed bytea)

-- prescription_under  :many under_key
SELECT id, patient_id AS patient, 10 AS kind, sealed_version, version, sealed FROM prescription
WHERE org = :org AND patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN sealed) > 0
LIMIT 32;

-- prescription_reseal  :exec
-- What is signed stays as it was signed, under whichever key: the trigger is told.
UPDATE prescription SET sealed = :sealed::bytea
FROM (SELECT set_config('telecura.reseal', 'on', true) AS told) AS reseal
WHERE org = :org AND id = :id::uuid AND sealed_version = :sealed_version::int8
  AND patient_id = :patient::uuid AND reseal.told = 'on';

-- allergy_under  :many under_key
SELECT id, patient_id AS patient, 5 AS kind, version AS sealed_version, version, sealed FROM allergy_heard
WHERE org = :org AND patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN sealed) > 0
LIMIT 32;
