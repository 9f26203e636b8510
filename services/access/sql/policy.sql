-- What a decision about somebody and a patient rests on.

-- row standing (id uuid, kind text, proof text, starts_at timestamptz, ends_at timestamptz, live bool)
-- row agreed (id uuid, scope text)
-- row asked_for (role text, active bool, version int8)

-- policy_person  :one asked_for
-- A member, or somebody's guest.
SELECT role, state = 'active' AS active, version FROM member WHERE org = :org AND person = :person::uuid
UNION ALL
SELECT 'guest', ended_at IS NULL, version FROM guest_link WHERE org = :org AND id = :person
LIMIT 1;

-- standings_of  :many standing
-- How they stand to the patient, and have stood: the live ones first.
SELECT id, kind, proof, starts_at, ends_at,
       starts_at <= :now AND (ends_at IS NULL OR ends_at > :now) AS live
FROM relation WHERE org = :org AND person = :person::uuid AND patient_id = :patient_id::uuid
ORDER BY live DESC, ends_at DESC NULLS FIRST, id LIMIT 100;

-- agreed_by  :many agreed
-- To what, where it is @person who does something for @purpose.
SELECT id, scope FROM consent
WHERE org = :org AND patient_id = :patient_id::uuid AND state = 'active' AND starts_at <= :now
  AND (ends_at IS NULL OR ends_at > :now)
  AND (recipient IS NULL OR recipient IN (:person::uuid, :org)) AND (purpose IS NULL OR purpose = :purpose::text)
ORDER BY scope LIMIT 100;
