-- Calls, who holds them and who sits in them.

-- row call (id uuid, visit_id uuid, patient_id uuid, epoch int8, version int8)
-- row call_state (id uuid, moved bool, closed bool)
-- row seated (person uuid, role text)
-- row version (version int8)
-- row seat_taken (epoch int8)
-- row call_closed (id uuid, version int8)
-- row refusal (code text)
-- row turn_name (name uuid)
-- row turn_known (n int8, person uuid, patient_id uuid, visit_id uuid, grant_id uuid,
--     minted_at timestamptz)

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

-- seat_take  :one seat_taken  else ERR_SEAT_TAKEN
-- Another device of the person's gives way, or (:replaces is false) keeps the seat.
INSERT INTO seat (org, call_id, person, role, session, epoch, joined_at)
VALUES (:org, :call_id::uuid, :actor, :role::text, :act, :epoch::int8, :now)
ON CONFLICT (org, call_id, person) DO UPDATE SET
    role = excluded.role, session = excluded.session, epoch = excluded.epoch, joined_at = excluded.joined_at
WHERE :replaces::bool
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

-- turn_name_keep  :one turn_name
-- The name stays: what runs under it goes on with the newest grant.
INSERT INTO turn_name AS t (org, call_id, person, act_id, name, grant_id, minted_at, ends_at)
VALUES (:org, :call_id::uuid, :actor, :act, :name::uuid, :grant_id::uuid, :minted_at::timestamptz,
        :ends_at::timestamptz)
ON CONFLICT (org, call_id, person) DO UPDATE SET
    act_id = excluded.act_id, grant_id = excluded.grant_id, minted_at = excluded.minted_at,
    ends_at = excluded.ends_at
RETURNING name;

-- turn_names_forget  :exec
DELETE FROM turn_name WHERE org = :org AND call_id = :call_id::uuid;

-- turn_names_known  :many turn_known
-- all orgs: coturn's sessions are everybody's. Who comes back within a minute after their grant
-- has ended goes on; a name that is not here any more has no ground.
SELECT named.n, t.person, c.patient_id, c.visit_id, t.grant_id, t.minted_at
FROM unnest(:names::uuid[]) WITH ORDINALITY AS named (name, n)
JOIN turn_name AS t ON t.name = named.name
JOIN call AS c ON c.org = t.org AND c.id = t.call_id
WHERE t.ends_at > :now - interval '1 minute';
