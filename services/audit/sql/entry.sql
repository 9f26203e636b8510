-- From a producer's record to a leaf of the tree.

-- row tail (epoch int8, seq int8, mac bytea, told_at timestamptz, told_ms int8, known_mac bytea, known_index int8, receipted bool, size int8, reused bool)
-- row pending_log (org uuid)
-- row log_place (next int8)
-- row first_place (place int8)
-- row waiting_run (place int8, first int8, last int8, leaves bytea)
-- row published_run (place int8, producer text, first int8, last int8, last_event uuid)
-- row incident_seen (times int8)
-- row found_leaf (leaf_index int8)
-- row entry_row (producer text, seq int8, event_id uuid, leaf_index int8)

-- tail_find  :one tail
-- Where the producer stands, and what is known already under that number or that event. Before the
-- first leaf the MAC is 32 zero bytes. Who has never told where it stands does so now.
SELECT coalesce(p.epoch, 0) AS epoch, coalesce(p.seq, 0) AS seq,
       coalesce(p.mac, decode(repeat('00', 32), 'hex')) AS mac,
       coalesce(p.told_at, :now) AS told_at, coalesce(p.told_ms, 0) AS told_ms,
       coalesce(e.mac, '') AS known_mac, coalesce(e.leaf_index, -1) AS known_index,
       coalesce(e.leaf_index < r.size, false) AS receipted,
       coalesce(h.base + h.size, 0) AS size,
       EXISTS (SELECT FROM entry AS other WHERE other.org = :org AND other.producer = :producer
               AND other.event_id = :event_id::uuid AND other.seq <> :seq) AS reused
FROM (SELECT 1) AS one
LEFT JOIN producer AS p ON p.org = :org AND p.name = :producer::text
LEFT JOIN entry AS e ON e.org = :org AND e.producer = :producer AND e.seq = :seq::int8
LEFT JOIN published AS r ON r.org = :org
LEFT JOIN log_head AS h ON h.org = :org;

-- tail_set  :exec
-- Who has never told where it stands is waited for from now on.
INSERT INTO producer (org, name, epoch, seq, mac, told_at)
VALUES (:org, :producer::text, :epoch::int8, :seq::int8, :mac::bytea, :now)
ON CONFLICT (org, name) DO UPDATE SET
    epoch = excluded.epoch, seq = excluded.seq, mac = excluded.mac;

-- tail_told  :exec
-- Also of whom no record has come. @told_ms: when the producer said it.
INSERT INTO producer AS p (org, name, epoch, seq, mac, told_seq, told_at, told_ms, due_seq, due_at)
VALUES (:org, :producer::text, 0, 0, decode(repeat('00', 32), 'hex'), :seq::int8, :now, :told_ms::int8,
        :seq, :now)
ON CONFLICT (org, name) DO UPDATE SET
    told_seq = :seq, told_at = :now, told_ms = :told_ms,
    due_seq = CASE WHEN p.due_seq > p.seq THEN p.due_seq ELSE :seq END,
    due_at = CASE WHEN p.due_seq > p.seq THEN p.due_at ELSE :now END;

-- entries_insert  :exec  raises entry_event ERR_CONFLICT
-- Of one producer, numbered from @first on, in that order; their places are the log's next.
WITH taken AS (
    INSERT INTO log_end AS e (org, next) VALUES (:org, :last::int8 - :first::int8 + 1)
    ON CONFLICT (org) DO UPDATE SET next = e.next + excluded.next
    RETURNING e.next - (:last - :first + 1) AS place
), known AS (
    INSERT INTO entry (org, producer, seq, event_id, mac, leaf_index)
    SELECT :org, :producer::text, :first + n - 1, event_id, mac, place + n - 1
    FROM taken, unnest(:events::uuid[], :macs::bytea[]) WITH ORDINALITY AS heard (event_id, mac, n)
)
INSERT INTO waiting (org, place, producer, first, last, last_event, leaves)
SELECT :org, place, :producer, :first, :last, :last_event::uuid, :leaves::bytea FROM taken;

-- incident_insert  :one incident_seen
INSERT INTO incident AS i (org, id, producer, kind, epoch, seq, event_id, first_at, last_at)
VALUES (:org, :id::uuid, :producer::text, :kind::text, :epoch::int8, :seq::int8, :event_id?::uuid,
        :now, :now)
ON CONFLICT (org, producer, kind, seq) DO UPDATE SET
    times = i.times + 1, last_at = excluded.last_at, closed_at = NULL
RETURNING times;

-- gaps_close  :exec
-- What was missed has come.
UPDATE incident SET closed_at = :now
WHERE org = :org AND producer = :producer::text AND seq >= :first::int8 AND seq <= :last::int8
  AND kind IN ('gap', 'behind') AND closed_at IS NULL;

-- pending_logs  :many pending_log
-- Those with leaves that are not in the tree yet, or have no receipt. A step of the index for each log.
-- all orgs: one sequencer for all logs
WITH RECURSIVE pending AS (
    (SELECT org FROM waiting ORDER BY org LIMIT 1)
    UNION ALL
    SELECT (SELECT w.org FROM waiting AS w WHERE w.org > p.org ORDER BY w.org LIMIT 1)
    FROM pending AS p WHERE p.org IS NOT NULL
)
SELECT org FROM pending WHERE org IS NOT NULL;

-- waiting_runs  :many waiting_run
-- From the log's end on: at most that many leaves and about 4 MiB, or one run.
SELECT place, first, last, leaves FROM (
    SELECT w.place, w.first, w.last, w.leaves,
           sum(w.last - w.first + 1) OVER (ORDER BY w.place) AS leaves_so_far,
           sum(pg_column_size(w.leaves)) OVER (ORDER BY w.place) - pg_column_size(w.leaves) AS bytes_before
    FROM (SELECT place, first, last, leaves FROM waiting
          WHERE org = :org AND place >= :end::int8 ORDER BY place LIMIT :most::int8) AS w
) AS sized WHERE bytes_before = 0 OR (leaves_so_far <= :most AND bytes_before < 4194304) ORDER BY place;

-- log_end_hold  :maybe log_place
-- Nothing is staged until this transaction ends.
SELECT next FROM log_end WHERE org = :org FOR UPDATE;

-- place_first  :one first_place
-- Of what follows the log's end.
SELECT coalesce((SELECT min(place) FROM waiting WHERE org = :org AND place >= :end::int8),
                (SELECT next FROM log_end WHERE org = :org)) AS place;

-- entries_shift  :exec
-- A place further, for a link. Away and back, as no two may have one place in between.
UPDATE entry SET leaf_index = -leaf_index - 1 WHERE org = :org AND leaf_index >= :end::int8;

-- entries_shifted  :exec
UPDATE entry SET leaf_index = -leaf_index WHERE org = :org AND leaf_index < 0;

-- waiting_shift  :exec
UPDATE waiting SET place = -place - 1 WHERE org = :org AND place >= :end::int8;

-- waiting_shifted  :exec
UPDATE waiting SET place = -place WHERE org = :org AND place < 0;

-- log_end_shift  :exec
UPDATE log_end SET next = next + 1 WHERE org = :org;

-- runs_published  :many published_run
SELECT place, producer, first, last, last_event FROM waiting
WHERE org = :org AND place < :size::int8 ORDER BY producer, first;

-- runs_receipted  :exec
DELETE FROM waiting WHERE org = :org AND place < :size::int8;

-- published_reach  :exec
-- Up to there receipts were given.
INSERT INTO published (org, size) VALUES (:org, :size::int8)
ON CONFLICT (org) DO UPDATE SET size = excluded.size;

-- leaf_find  :one found_leaf
SELECT leaf_index FROM entry
WHERE org = :org AND event_id = :event_id::uuid
  AND leaf_index < (SELECT size FROM published WHERE org = :org)
ORDER BY leaf_index LIMIT 1;

-- entries_between  :many entry_row
SELECT producer, seq, event_id, leaf_index FROM entry
WHERE org = :org AND leaf_index >= :first::int8 AND leaf_index < :end::int8 ORDER BY leaf_index;

-- entries_beyond  :many entry_row
-- Of no leaf in the log, and of none that waits.
SELECT producer, seq, event_id, leaf_index FROM entry AS e
WHERE org = :org AND leaf_index >= :end::int8
  AND NOT EXISTS (SELECT FROM waiting AS w WHERE w.org = :org AND w.producer = e.producer
                  AND w.first <= e.seq AND w.last >= e.seq)
ORDER BY leaf_index LIMIT 1000;

-- entry_restore  :exec
-- A row as the log has it. Its MAC is not in the log: a repeated record is compared with the leaf.
INSERT INTO entry (org, producer, seq, event_id, mac, leaf_index)
VALUES (:org, :producer::text, :seq::int8, :event_id::uuid, '', :index::int8)
ON CONFLICT (org, leaf_index) DO UPDATE SET
    producer = excluded.producer, seq = excluded.seq, event_id = excluded.event_id,
    mac = excluded.mac;
