-- From a producer's record to a leaf of the tree.

-- row tail (epoch int8, seq int8, mac bytea, known_mac bytea, known_index int8, receipted bool, size int8, reused bool)
-- row pending_leaf (producer text, event_id uuid, leaf bytea)
-- row pending_log (org uuid)
-- row published_log (size int8)
-- row placed_leaf (producer text, event_id uuid, seq int8, leaf_index int8)
-- row incident_seen (times int8)
-- row found_leaf (leaf_index int8)
-- row entry_row (producer text, seq int8, event_id uuid, leaf_index int8)

-- tail_find  :one tail
-- Where the producer stands, and what is known already under that number or that event. Before the
-- first leaf the MAC is 32 zero bytes.
SELECT coalesce(p.epoch, 0) AS epoch, coalesce(p.seq, 0) AS seq,
       coalesce(p.mac, decode(repeat('00', 32), 'hex')) AS mac,
       coalesce(e.mac, '') AS known_mac, coalesce(e.leaf_index, -1) AS known_index,
       coalesce(e.leaf IS NULL AND e.leaf_index IS NOT NULL, false) AS receipted,
       coalesce(h.base + h.size, 0) AS size,
       EXISTS (SELECT FROM entry AS other WHERE other.org = :org AND other.producer = :producer
               AND other.event_id = :event_id::uuid AND other.seq <> :seq) AS reused
FROM (SELECT 1) AS one
LEFT JOIN producer AS p ON p.org = :org AND p.name = :producer::text
LEFT JOIN entry AS e ON e.org = :org AND e.producer = :producer AND e.seq = :seq::int8
LEFT JOIN log_head AS h ON h.org = :org;

-- tail_set  :exec
INSERT INTO producer (org, name, epoch, seq, mac)
VALUES (:org, :producer::text, :epoch::int8, :seq::int8, :mac::bytea)
ON CONFLICT (org, name) DO UPDATE SET
    epoch = excluded.epoch, seq = excluded.seq, mac = excluded.mac;

-- tail_told  :exec
UPDATE producer SET told_seq = :seq::int8, told_at = :now WHERE org = :org AND name = :producer::text;

-- entries_insert  :exec  raises entry_event ERR_CONFLICT
-- Of one producer, numbered from @first on, in that order.
INSERT INTO entry (org, producer, seq, event_id, mac, leaf)
SELECT :org, :producer::text, :first::int8 + n - 1, event_id, mac, leaf
FROM unnest(:events::uuid[], :macs::bytea[], :leaves::bytea[]) WITH ORDINALITY
     AS staged (event_id, mac, leaf, n)
ORDER BY n;

-- incident_insert  :one incident_seen
INSERT INTO incident AS i (org, id, producer, kind, epoch, seq, event_id, first_at, last_at)
VALUES (:org, :id::uuid, :producer::text, :kind::text, :epoch::int8, :seq::int8, :event_id?::uuid,
        :now, :now)
ON CONFLICT (org, producer, kind, seq) DO UPDATE SET
    times = i.times + 1, last_at = excluded.last_at, closed_at = NULL
RETURNING times;

-- gaps_close  :exec
UPDATE incident SET closed_at = :now
WHERE org = :org AND producer = :producer::text AND seq >= :first::int8 AND seq <= :last::int8
  AND kind = 'gap' AND closed_at IS NULL;

-- pending_logs  :many pending_log
-- Those with leaves that have no place yet, or have one and no receipt. A step of the index for each
-- log, not one for each leaf.
-- all orgs: one sequencer for all logs
WITH RECURSIVE waiting AS (
    (SELECT org FROM entry WHERE leaf_index IS NULL ORDER BY org LIMIT 1)
    UNION ALL
    SELECT (SELECT e.org FROM entry AS e WHERE e.leaf_index IS NULL AND e.org > w.org
            ORDER BY e.org LIMIT 1)
    FROM waiting AS w WHERE w.org IS NOT NULL
)
SELECT org FROM waiting WHERE org IS NOT NULL
UNION
SELECT h.org FROM log_head AS h LEFT JOIN published AS p USING (org)
WHERE EXISTS (SELECT FROM entry AS e WHERE e.org = h.org AND e.leaf_index >= coalesce(p.size, 0));

-- pending_leaves  :many pending_leaf
-- In the order of arrival: at most 4 MiB, unless one leaf alone is larger.
SELECT producer, event_id, leaf FROM (
    SELECT producer, event_id, leaf, arrived,
           sum(length(leaf)) OVER (ORDER BY arrived) - length(leaf) AS before
    FROM (SELECT * FROM entry WHERE org = :org AND leaf_index IS NULL
          ORDER BY arrived LIMIT :most::int8) AS first
) AS sized WHERE before < 4194304 ORDER BY arrived;

-- leaves_place  :exec
-- The n-th of them becomes leaf @first + n - 1.
UPDATE entry SET leaf_index = :first::int8 + placed.n - 1
FROM unnest(:producers::text[], :events::uuid[]) WITH ORDINALITY AS placed (producer, event_id, n)
WHERE entry.org = :org AND entry.producer = placed.producer AND entry.event_id = placed.event_id;

-- leaves_displace  :exec
-- Places from the head on: given before the head moved, which it then did not.
UPDATE entry SET leaf_index = NULL WHERE org = :org AND leaf IS NOT NULL AND leaf_index >= :size::int8;

-- published_size  :one published_log
-- Up to which leaf receipts were given.
SELECT coalesce(max(size), 0) AS size FROM published WHERE org = :org;

-- leaves_unreceipted  :many placed_leaf
SELECT producer, event_id, seq, leaf_index FROM entry
WHERE org = :org AND leaf IS NOT NULL AND leaf_index >= :first::int8 AND leaf_index < :end::int8
ORDER BY producer, seq;

-- leaves_receipted  :exec
UPDATE entry SET leaf = NULL
WHERE org = :org AND leaf IS NOT NULL AND leaf_index >= :first::int8 AND leaf_index < :end::int8;

-- published_reach  :exec
INSERT INTO published (org, size) VALUES (:org, :size::int8)
ON CONFLICT (org) DO UPDATE SET size = excluded.size;

-- leaf_find  :one found_leaf
SELECT leaf_index FROM entry
WHERE org = :org AND event_id = :event_id::uuid AND leaf_index IS NOT NULL
ORDER BY leaf_index LIMIT 1;

-- entries_between  :many entry_row
SELECT producer, seq, event_id, leaf_index FROM entry
WHERE org = :org AND leaf_index >= :first::int8 AND leaf_index < :end::int8 ORDER BY leaf_index;

-- entry_restore  :exec
-- A row as the log has it. Its MAC is not in the log: a repeated record is compared with the leaf.
INSERT INTO entry (org, producer, seq, event_id, mac, leaf_index)
VALUES (:org, :producer::text, :seq::int8, :event_id::uuid, '', :index::int8)
ON CONFLICT (org, leaf_index) WHERE leaf_index IS NOT NULL DO UPDATE SET
    producer = excluded.producer, seq = excluded.seq, event_id = excluded.event_id,
    mac = excluded.mac;
