-- Reminders, a day before a visit.

-- row reminder_due (org uuid, id uuid)
-- row reminder (visit_id uuid, patient_id uuid, provider uuid, act_id uuid)

-- reminder_set  :exec
-- A visit that begins within a day needs none: its booking has just been told.
INSERT INTO reminder AS r (org, visit_id, act_id, patient_id, provider, state, due_at, starts_at,
                           version, epoch)
SELECT :org, :visit_id::uuid, :act, :patient_id::uuid, :provider::uuid,
       CASE WHEN due_at > :now THEN :state::text ELSE 'dropped' END, due_at,
       :starts_at::timestamptz, :version::int8, :epoch::int8
FROM (SELECT :starts_at - interval '1 day' AS due_at) AS t
ON CONFLICT (org, visit_id) DO UPDATE SET
    state = excluded.state, due_at = excluded.due_at, starts_at = excluded.starts_at,
    act_id = excluded.act_id, version = excluded.version, epoch = excluded.epoch
WHERE (r.epoch, r.version) < (excluded.epoch, excluded.version);

-- reminders_due  :many reminder_due
-- all orgs: the clock is everybody's
SELECT org, visit_id AS id FROM reminder WHERE state = 'waiting' AND due_at <= :now
ORDER BY due_at LIMIT 200;

-- reminder_take  :maybe reminder
-- Nobody is reminded of what has begun, as after a long standstill.
UPDATE reminder SET state = CASE WHEN starts_at > :now THEN 'done' ELSE 'dropped' END
WHERE org = :org AND visit_id = :visit_id::uuid AND state = 'waiting' AND due_at <= :now
RETURNING visit_id, patient_id, CASE WHEN starts_at > :now THEN provider END AS provider, act_id;
