-- What fsck finds in the tables beside the leaves' own rows, in words.

-- row table_fault (what text)

-- tables_compare  :many table_fault
-- Where each producer stands, what waits, the log's end and its receipts, with each other and with the
-- entries; @end is the end of the signed tree. Where a shard begins its link has a place and waits nowhere.
WITH run AS (
    SELECT place, producer, first, last, place + last - first + 1 AS next,
           lag(place + last - first + 1) OVER (ORDER BY place) AS before
    FROM waiting WHERE org = :org
), link AS (
    SELECT base AS place FROM heads.log WHERE org = :org AND base > 0
), stand AS (
    SELECT coalesce((SELECT next FROM log_end WHERE org = :org), 0) AS next,
           greatest(:end::int8, (SELECT max(next) FROM run)) AS due,
           coalesce((SELECT size FROM published WHERE org = :org), 0) AS receipted,
           coalesce((SELECT min(place) FROM run), :end) AS first
)
SELECT format('producer: %s stands at %s, its last entry is %s', name, p.seq, coalesce(e.seq, 0)) AS what
FROM (SELECT name, seq FROM producer WHERE org = :org
      UNION SELECT DISTINCT producer, 0 FROM entry AS e WHERE org = :org
          AND NOT EXISTS (SELECT FROM producer WHERE org = :org AND name = e.producer)) AS p
LEFT JOIN LATERAL (SELECT seq FROM entry WHERE org = :org AND producer = p.name
                   ORDER BY seq DESC LIMIT 1) AS e ON true
WHERE p.seq <> coalesce(e.seq, 0)
UNION ALL
SELECT format('producer: the chain of %s does not end with its entry %s', p.name, p.seq)
FROM producer AS p JOIN entry AS e ON e.org = p.org AND e.producer = p.name AND e.seq = p.seq
WHERE p.org = :org AND e.mac <> p.mac AND e.mac <> ''
UNION ALL
SELECT format('entry: leaf %s has a MAC of %s bytes', leaf_index, length(mac)) FROM entry
WHERE org = :org AND length(mac) NOT IN (0, 32)
UNION ALL
SELECT format('waiting: what waits for leaf %s does not follow leaf %s', place, coalesce(before, :end) - 1)
FROM run
WHERE place <> before AND (place, before) NOT IN (SELECT link.place + 1, link.place FROM link)
   OR before IS NULL AND place > :end AND place NOT IN (SELECT link.place + 1 FROM link)
UNION ALL
SELECT format('waiting: leaves %s to %s are not those of table entry', place, next - 1)
FROM run
WHERE last - first + 1 <> (SELECT count(*) FROM entry AS e WHERE e.org = :org AND e.producer = run.producer
                           AND e.seq BETWEEN first AND last AND e.leaf_index = place + e.seq - first)
UNION ALL
SELECT format('log_end: goes on with leaf %s, the log with %s', next, due) FROM stand
WHERE next <> due AND (next, due) NOT IN (SELECT link.place + 1, link.place FROM link)
UNION ALL
SELECT format('published: receipts were given up to leaf %s, the log goes to %s', receipted, :end) FROM stand
WHERE receipted > :end
UNION ALL
SELECT format('published: receipts were given up to leaf %s, what waits for one begins at %s', receipted, first)
FROM stand WHERE receipted < least(first, :end) AND (first, receipted) NOT IN (SELECT link.place + 1, link.place FROM link);

-- decisions_compare  :many table_fault
-- What the log tells of, as far as its index goes, and the tables do not know.
SELECT format('hold: the one of event %s is not there', event_id) AS what FROM event_index
WHERE org = :org AND outcome = 'done' AND action = 'shard.hold' AND thing <> ALL (:held::uuid[])
UNION ALL
SELECT format('hold: the one of event %s was lifted', event_id) FROM event_index
WHERE org = :org AND outcome = 'done' AND action = 'shard.release' AND thing <> ALL (:lifted::uuid[])
UNION ALL
SELECT format('destruction: the one of event %s was done', event_id) FROM event_index
WHERE org = :org AND outcome = 'done' AND action = 'shard.destroy' AND thing <> ALL (:ended::uuid[]);
