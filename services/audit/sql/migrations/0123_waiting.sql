-- An entry is one version of one row: its leaf has its place from when it is heard. Leaves wait beside
-- it, as many in one row as were heard together, until their receipts are given.

-- The place, over all shards, of what is heard next. Whoever stages holds the row until COMMIT, so places
-- have no holes and later ones commit later.
CREATE TABLE log_end (
    org  uuid PRIMARY KEY,
    next bigint NOT NULL
);

-- Leaves of one producer that follow each other, in the form of an entry bundle.
CREATE TABLE waiting (
    org        uuid NOT NULL,
    place      bigint NOT NULL,   -- of the first
    producer   text NOT NULL,
    first      bigint NOT NULL,   -- its number
    last       bigint NOT NULL,
    last_event uuid NOT NULL,
    leaves     bytea NOT NULL,
    PRIMARY KEY (org, place)
);
ALTER TABLE waiting ALTER leaves SET STORAGE EXTERNAL;   -- ciphertext: there is nothing to compress
GRANT SELECT, INSERT, UPDATE (place), DELETE ON waiting TO "@service@";
GRANT SELECT, INSERT, UPDATE ON log_end TO "@service@";

-- What waits now: after the head, in the order of arrival, and after the link of a shard that is empty.
CREATE TEMPORARY VIEW ends AS
SELECT org, base + size AS size, base + size + (size = 0 AND base > 0)::int AS next FROM log_head;
UPDATE entry AS e SET leaf_index = NULL FROM ends
WHERE e.org = ends.org AND e.leaf IS NOT NULL AND e.leaf_index >= ends.size;
UPDATE entry AS e SET leaf_index = coalesce((SELECT next FROM ends WHERE ends.org = e.org), 0) + w.n - 1
FROM (SELECT org, producer, seq, row_number() OVER (PARTITION BY org ORDER BY arrived) AS n
      FROM entry WHERE leaf_index IS NULL) AS w
WHERE (e.org, e.producer, e.seq) = (w.org, w.producer, w.seq);
INSERT INTO waiting (org, place, producer, first, last, last_event, leaves)
SELECT org, leaf_index, producer, seq, seq, event_id, substring(int4send(length(leaf)) FROM 3) || leaf
FROM entry WHERE leaf IS NOT NULL;
INSERT INTO log_end (org, next)
SELECT org, max(next) FROM (SELECT org, next FROM ends
                            UNION ALL SELECT org, max(leaf_index) + 1 FROM entry GROUP BY org) AS e
GROUP BY org;
DROP VIEW ends;

DROP INDEX entry_waiting, entry_place;
ALTER TABLE entry DROP COLUMN leaf, DROP COLUMN arrived, ALTER leaf_index SET NOT NULL, RESET (fillfactor);
CREATE UNIQUE INDEX entry_place ON entry (org, leaf_index);
