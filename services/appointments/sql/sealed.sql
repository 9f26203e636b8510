-- Rows under a key that was renewed, and how each is sealed anew: common/app/reseal.h.

-- row under_key (id uuid, patient uuid, kind int4, sealed_version int8, version int8, sealed bytea)

-- appointment_under  :many under_key
SELECT id, patient_id AS patient, 1 AS kind, sealed_version, version, sealed FROM appointment
WHERE org = :org AND patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN sealed) > 0
LIMIT 32;

-- appointment_reseal  :exec
UPDATE appointment SET sealed = :sealed::bytea
WHERE org = :org AND id = :id::uuid AND sealed_version = :sealed_version::int8 AND patient_id = :patient::uuid;

-- notes_under  :many under_key
SELECT n.id, b.patient_id AS patient, CASE n.kind WHEN 'note' THEN 2 WHEN 'summary' THEN 3 ELSE 11 END AS kind,
       1::int8 AS sealed_version, n.version, n.sealed
FROM appointment AS b JOIN note AS n ON n.org = b.org AND n.appointment_id = b.id
WHERE b.org = :org AND b.patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN n.sealed) > 0
LIMIT 32;

-- note_reseal  :exec
UPDATE note AS n SET sealed = :sealed::bytea FROM appointment AS b
WHERE n.org = :org AND n.id = :id::uuid AND :sealed_version::int8 = 1
  AND b.org = n.org AND b.id = n.appointment_id AND b.patient_id = :patient::uuid;
