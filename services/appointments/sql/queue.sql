-- The waiting room.

-- row queue_entry (id uuid, version int8, patient_id uuid, provider_id uuid, visit_type text,
--     state text, starts_at timestamptz, ends_at timestamptz, arrived_at timestamptz,
--     deadline timestamptz, admitted_at timestamptz, place int8, wait text, labels int8)
-- row queue_place (place int8, wait text)

-- queue_list  :many queue_entry
-- Whom the actor may see, in serving order; places count the others too.
SELECT id, version, patient_id, provider_id, visit_type, state, starts_at, ends_at, arrived_at,
       deadline, admitted_at, place, wait, labels
FROM queue JOIN (SELECT org, id, labels FROM appointment) AS marked USING (org, id)
JOIN visible USING (org, patient_id)
WHERE org = :org AND labels & hidden = 0 AND (:provider_id?::uuid IS NULL OR provider_id = :provider_id)
ORDER BY place, deadline, arrived_at, id LIMIT 200;

-- queue_find  :one queue_place
SELECT place, wait FROM queue WHERE org = :org AND id = :id::uuid;
