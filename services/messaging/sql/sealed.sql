-- Rows under a key that was renewed, and how each is sealed anew: common/app/reseal.h.

-- row under_key (id uuid, patient uuid, kind int4, sealed_version int8, version int8, sealed bytea)

-- messages_under  :many under_key
SELECT m.id, s.patient_id AS patient, 9 AS kind, 1::int8 AS sealed_version, m.off AS version, m.sealed
FROM stream AS s JOIN message AS m ON m.org = s.org AND m.channel_id = s.id
WHERE s.org = :org AND s.patient_id = :patient::uuid AND position(uuid_send(:key::uuid) IN m.sealed) > 0
LIMIT 32;

-- message_reseal  :exec
UPDATE message AS m SET sealed = :sealed::bytea FROM stream AS s
WHERE m.org = :org AND m.id = :id::uuid AND :sealed_version::int8 = 1
  AND s.org = m.org AND s.id = m.channel_id AND s.patient_id = :patient::uuid;
