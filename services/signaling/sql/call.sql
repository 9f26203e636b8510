-- Calls, who holds them and who sits in them.

-- row call (id uuid, visit_id uuid, patient_id uuid, epoch int8, version int8)
-- row call_state (id uuid, moved bool, closed bool)
-- row seated (person uuid, role text)
-- row version (version int8)
-- row seat_taken (epoch int8)
-- row call_closed (id uuid, version int8)
-- row refusal (code text)

-- call_claim  :one call  else call_not_claimed
-- The last claimer holds the call.
INSERT INTO call AS c (org, id, act_id, visit_id, patient_id, provider_id, replica, opened_at)
VALUES (:org, :id::uuid, :act, :visit_id::uuid, :patient_id::uuid, :provider_id::uuid, :replica::uuid,
        :now)
ON CONFLICT (org, id) DO UPDATE SET
    replica = excluded.replica, version = c.version + 1, act_id = excluded.act_id,
    epoch = c.epoch + (c.replica <> excluded.replica)::int
WHERE c.closed_at IS NULL AND c.visit_id = excluded.visit_id AND c.patient_id = excluded.patient_id
RETURNING id, visit_id, patient_id, epoch, version;

-- call_not_claimed  :one refusal
SELECT CASE WHEN closed_at IS NULL THEN 'grant_required' ELSE 'bad_state' END AS code
FROM call WHERE org = :org AND id = :id::uuid;

-- seats_clear  :exec
-- Seats that were taken at another replica are empty: it is gone, or will be told to let go.
DELETE FROM seat USING call AS c
WHERE seat.org = :org AND seat.call_id = :call_id::uuid AND c.org = :org AND c.id = :call_id
  AND seat.epoch < c.epoch;

-- seat_take  :exec
INSERT INTO seat (org, call_id, person, role, session, epoch, joined_at)
VALUES (:org, :call_id::uuid, :actor, :role::text, :act, :epoch::int8, :now)
ON CONFLICT (org, call_id, person) DO UPDATE SET
    role = excluded.role, session = excluded.session, epoch = excluded.epoch, joined_at = excluded.joined_at;

-- seat_take_free  :one seat_taken  else ERR_SEAT_TAKEN
-- Of a role whose first device keeps it.
INSERT INTO seat (org, call_id, person, role, session, epoch, joined_at)
VALUES (:org, :call_id::uuid, :actor, :role::text, :act, :epoch::int8, :now)
ON CONFLICT (org, call_id, person) DO NOTHING
RETURNING epoch;

-- seats_others  :many seated
SELECT person, role FROM seat
WHERE org = :org AND call_id = :call_id::uuid AND person <> :actor ORDER BY joined_at, person;

-- seat_leave  :maybe version
-- Nothing when another device has the seat meanwhile: then nobody has left.
WITH gone AS (
    DELETE FROM seat WHERE org = :org AND call_id = :call_id::uuid AND person = :person::uuid
      AND session = :session::uuid RETURNING call_id
)
UPDATE call SET version = version + 1, act_id = :act FROM gone
WHERE org = :org AND id = gone.call_id RETURNING version;

-- call_close  :maybe call_closed
UPDATE call SET closed_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND visit_id = :visit_id::uuid AND closed_at IS NULL RETURNING id, version;

-- calls_state  :many call_state
-- all orgs: a replica asks for the calls that it holds sessions of
SELECT c.id, c.replica <> :replica::uuid AS moved, c.closed_at IS NOT NULL AS closed
FROM unnest(:orgs::uuid[], :ids::uuid[]) AS held (org, id) JOIN call AS c USING (org, id);
