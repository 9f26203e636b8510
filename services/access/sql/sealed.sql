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
UPDATE member SET sealed = :sealed::bytea, version = version + 1
WHERE org = :org AND id = :id::uuid AND version = :read_version::int8
RETURNING org, id, person, role, state, patient AS patient_id, language, issuer, subject, sealed, version;
