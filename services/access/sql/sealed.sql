-- Rows under a key that was renewed, and how each is sealed anew: common/app/reseal.h.

-- row under_key (id uuid, patient uuid, kind int4, sealed_version int8, version int8, sealed bytea)

-- member_under  :many under_key
SELECT id, coalesce(patient, '00000000-0000-0000-0000-000000000000') AS patient, 8 AS kind,
       1::int8 AS sealed_version, version, sealed
FROM member
WHERE org = :org AND coalesce(patient, '00000000-0000-0000-0000-000000000000') = :patient::uuid
  AND position(uuid_send(:key::uuid) IN sealed) > 0
LIMIT 32;

-- member_again  :one member
-- Others keep a copy of what is told, by version.
UPDATE member SET sealed = :sealed::bytea, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND version = :read_version::int8
RETURNING org, id, person, role, state, patient AS patient_id, language, issuer, subject, sealed, version;

-- reasons_under  :many under_key
SELECT id, patient_id AS patient, 21 AS kind, 1::int8 AS sealed_version, version, sealed FROM glass
WHERE org = :org AND patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN sealed) > 0
LIMIT 32;

-- reason_reseal  :exec
UPDATE glass SET sealed = :sealed::bytea
WHERE org = :org AND id = :id::uuid AND :sealed_version::int8 = 1 AND patient_id = :patient::uuid;

-- findings_under  :many under_key
SELECT id, patient_id AS patient, 22 AS kind, 1::int8 AS sealed_version, version, finding_sealed AS sealed
FROM glass
WHERE org = :org AND patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN finding_sealed) > 0
LIMIT 32;

-- finding_reseal  :exec
UPDATE glass SET finding_sealed = :sealed::bytea
WHERE org = :org AND id = :id::uuid AND :sealed_version::int8 = 1 AND patient_id = :patient::uuid;

-- guests_under  :many under_key
SELECT id, patient_id AS patient, 30 AS kind, 1::int8 AS sealed_version, version, sealed FROM guest_link
WHERE org = :org AND patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN sealed) > 0
LIMIT 32;

-- guest_reseal  :exec
UPDATE guest_link SET sealed = :sealed::bytea
WHERE org = :org AND id = :id::uuid AND patient_id = :patient::uuid AND 1 = :sealed_version::int8;
