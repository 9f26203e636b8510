-- Up to which leaf of a log receipts were given: what is before it is in the files.
CREATE TABLE published (
    org  uuid PRIMARY KEY,
    size bigint NOT NULL
);
INSERT INTO published (org, size)
SELECT org, coalesce(min(leaf_index) FILTER (WHERE leaf IS NOT NULL), max(leaf_index) + 1)
FROM entry WHERE leaf_index IS NOT NULL GROUP BY org;
GRANT SELECT, INSERT, UPDATE ON published TO "@service@";

-- A row is written, gets its place and gives up its leaf: three versions, and each pays for every index
-- unless it finds room beside the one before and changes nothing that an index knows. So the page keeps
-- room for the second, and the third, of which no index knows, costs an eighth.
ALTER TABLE entry SET (fillfactor = 45);
DROP INDEX entry_open, entry_event;
ALTER TABLE entry DROP CONSTRAINT entry_org_producer_event_id_key,
                  DROP CONSTRAINT entry_org_leaf_index_key;
CREATE INDEX entry_waiting ON entry (org, arrived) WHERE leaf_index IS NULL;
CREATE UNIQUE INDEX entry_event ON entry (org, event_id, producer);
CREATE UNIQUE INDEX entry_place ON entry (org, leaf_index) WHERE leaf_index IS NOT NULL;
