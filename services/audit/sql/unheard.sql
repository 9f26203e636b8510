-- Who tells nothing more, and whose records do not come.

-- row unheard_producer (org uuid, kind text, producer text, seq int8, since timestamptz)
-- row unheard_count (silent int8, behind int8)

-- producers_unheard  :many unheard_producer
-- Those that no incident tells of yet.
-- all orgs: one watch for all logs
SELECT org, kind, producer, seq, since FROM unheard AS u
WHERE since < :before::timestamptz
  AND NOT EXISTS (SELECT FROM incident AS i WHERE i.org = u.org AND i.producer = u.producer AND i.kind = u.kind
                  AND i.closed_at IS NULL)
ORDER BY since LIMIT 64;

-- producer_hold  :exec
-- What it tells is heard before this transaction or after it.
SELECT FROM producer WHERE org = :org AND name = :producer::text FOR UPDATE;

-- unheard_insert  :maybe incident_seen
-- If it is still so, and nobody else has told of it.
INSERT INTO incident AS i (org, id, producer, kind, epoch, seq, first_at, last_at)
SELECT org, :id::uuid, producer, kind, epoch, seq, :now, :now FROM unheard
WHERE org = :org AND producer = :producer::text AND kind = :kind::text AND since < :before::timestamptz
ON CONFLICT (org, producer, kind, seq) DO UPDATE SET
    times = i.times + 1, last_at = excluded.last_at, closed_at = NULL WHERE i.closed_at IS NOT NULL
RETURNING times;

-- silence_close  :exec
UPDATE incident SET closed_at = :now
WHERE org = :org AND producer = :producer::text AND kind = 'silent' AND closed_at IS NULL;

-- unheard_open  :one unheard_count
-- all orgs: one watch for all logs
SELECT count(*) FILTER (WHERE kind = 'silent') AS silent, count(*) FILTER (WHERE kind = 'behind') AS behind
FROM incident WHERE closed_at IS NULL;
