-- How long bodies can be opened.

-- row hold (id uuid, shard text, patient uuid, placed_by uuid, placed_at timestamptz, sealed bytea, lifted_by uuid, lifted_at timestamptz, lift_sealed bytea, version int8)
-- row destruction (id uuid, shard text, state text, asked_by uuid, asked_at timestamptz, approved_by uuid, approved_at timestamptz, destroyed_at timestamptz, keys int8, statement text, version int8)
-- row due_destruction (org uuid, id uuid, shard text)
-- row refused (code text)
-- row forgotten (n int8)
-- row last_tree (origin text, size int8, root bytea)
-- row destroyed_shard (id uuid, shard text, at timestamptz)

-- retention_lock  :exec
-- Placing a hold and destroying wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended('retention' || :org::text, 0));

-- hold_insert  :one hold
INSERT INTO hold (org, id, act_id, shard, patient, placed_by, placed_at, sealed)
VALUES (:org, :id::uuid, :act, :shard?::text, :patient?::uuid, :actor, :now, :sealed::bytea)
RETURNING id, shard, patient, placed_by, placed_at, sealed, lifted_by, lifted_at, lift_sealed, version;

-- hold_get  :one hold
SELECT id, shard, patient, placed_by, placed_at, sealed, lifted_by, lifted_at, lift_sealed, version
FROM hold WHERE org = :org AND id = :id::uuid;

-- holds_list  :many hold
SELECT id, shard, patient, placed_by, placed_at, sealed, lifted_by, lifted_at, lift_sealed, version
FROM hold WHERE org = :org AND id > :after::uuid ORDER BY id LIMIT :limit::int8;

-- hold_lift  :one hold  else ERR_BAD_STATE
UPDATE hold SET lifted_by = :actor, lifted_at = :now, lift_sealed = :sealed::bytea, act_id = :act,
    version = version + 1
WHERE org = :org AND id = :id::uuid AND lifted_at IS NULL
RETURNING id, shard, patient, placed_by, placed_at, sealed, lifted_by, lifted_at, lift_sealed, version;

-- destruction_insert  :one destruction  else destruction_refused  raises destruction_one ERR_CONFLICT
-- Only of a shard that is closed, when its time is over.
INSERT INTO destruction (org, id, act_id, shard, state, asked_by, asked_at)
SELECT org, :id::uuid, :act, :shard::text, 'asked', :actor, :now FROM heads.log
WHERE org = :org AND origin LIKE '%/' || :shard AND closed
  AND shard_ends(:shard) + :years::int4 * interval '1 year' <= :now AND NOT shard_held(org, :shard)
RETURNING id, shard, state, asked_by, asked_at, approved_by, approved_at, destroyed_at, keys, statement,
          version;

-- destruction_refused  :one refused
SELECT CASE WHEN NOT EXISTS (SELECT FROM heads.log WHERE org = :org AND origin LIKE '%/' || :shard::text)
            THEN 'not_found'
            WHEN shard_held(:org, :shard) THEN 'on_hold' ELSE 'under_retention' END AS code;

-- destruction_get  :one destruction
SELECT id, shard, state, asked_by, asked_at, approved_by, approved_at, destroyed_at, keys, statement,
       version
FROM destruction WHERE org = :org AND id = :id::uuid;

-- destructions_list  :many destruction
SELECT id, shard, state, asked_by, asked_at, approved_by, approved_at, destroyed_at, keys, statement,
       version
FROM destruction WHERE org = :org AND id > :after::uuid ORDER BY id LIMIT :limit::int8;

-- destruction_approve  :one destruction  else destruction_not_approved
-- By nobody who is who asked, or stands behind them, or behind whom they stand.
UPDATE destruction SET state = 'approved', approved_by = :actor, approved_at = :now, act_id = :act,
    version = version + 1
WHERE org = :org AND id = :id::uuid AND state = 'asked' AND are_apart(:org, asked_by, :actor)
  AND NOT shard_held(org, shard)
RETURNING id, shard, state, asked_by, asked_at, approved_by, approved_at, destroyed_at, keys, statement,
          version;

-- destruction_not_approved  :one refused
SELECT coalesce((SELECT CASE WHEN state <> 'asked' THEN 'bad_state'
                             WHEN are_apart(:org, asked_by, :actor) THEN 'on_hold'
                             ELSE 'second_person_required' END
                 FROM destruction WHERE org = :org AND id = :id::uuid), 'not_found') AS code;

-- destruction_withdraw  :one destruction  else destruction_not_withdrawn
UPDATE destruction SET state = 'withdrawn', act_id = :act, version = version + 1
WHERE org = :org AND id = :id::uuid AND state IN ('asked', 'approved')
RETURNING id, shard, state, asked_by, asked_at, approved_by, approved_at, destroyed_at, keys, statement,
          version;

-- destruction_not_withdrawn  :one refused
SELECT CASE WHEN EXISTS (SELECT FROM destruction WHERE org = :org AND id = :id::uuid)
            THEN 'bad_state' ELSE 'not_found' END AS code;

-- destructions_approved  :many due_destruction
-- all orgs: one timer
SELECT org, id, shard FROM destruction WHERE state = 'approved' AND NOT shard_held(org, shard) LIMIT 16;

-- destruction_begin  :exec
-- From here on no hold stops it, as a key may be gone.
UPDATE destruction SET state = 'destroying', act_id = :act, version = version + 1
WHERE org = :org AND id = :id::uuid AND state = 'approved' AND NOT shard_held(org, shard);

-- destructions_due  :many due_destruction
-- all orgs: one timer
SELECT org, id, shard FROM destruction WHERE state = 'destroying' LIMIT 16;

-- destruction_due  :maybe destruction
SELECT id, shard, state, asked_by, asked_at, approved_by, approved_at, destroyed_at, keys, statement,
       version
FROM destruction WHERE org = :org AND id = :id::uuid AND state = 'destroying' FOR UPDATE;

-- tree_last  :one last_tree
-- What a closed shard ended with.
SELECT origin, size, root FROM heads.log WHERE org = :org AND closed AND origin LIKE '%/' || :shard::text;

-- destruction_end  :exec
UPDATE destruction SET state = 'destroyed', destroyed_at = :now, keys = :keys::int8,
    statement = :statement::text, act_id = :act, version = version + 1
WHERE org = :org AND id = :id::uuid;

-- destructions_unforgotten  :many due_destruction
-- all orgs: one timer
SELECT org, id, shard FROM destruction WHERE state = 'destroyed' LIMIT 16;

-- index_forget  :one forgotten
SELECT index_forget(:org, :id::uuid) AS n;

-- destruction_forgotten  :exec
UPDATE destruction SET state = 'forgotten', act_id = :act, version = version + 1
WHERE org = :org AND id = :id::uuid AND state = 'destroyed';

-- shards_destroyed  :many destroyed_shard
-- Whose half years lie in a period.
SELECT id, shard, destroyed_at AS at FROM destruction
WHERE org = :org AND destroyed_at IS NOT NULL AND shard_ends(shard) > :from::timestamptz
  AND shard_begins(shard) < :to::timestamptz
ORDER BY shard DESC LIMIT 128;
