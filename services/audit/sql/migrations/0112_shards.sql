-- A log is cut where a half year ends. Leaves keep their places in entry over all shards of an
-- organisation: base is that of the shard's first. The last shard is open; one that is closed never
-- grows again.
ALTER TABLE heads.log ADD base bigint NOT NULL DEFAULT 0, ADD closed boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX log_open ON heads.log (org) WHERE NOT closed;

-- Where each log is written.
DROP VIEW log_head;
CREATE VIEW log_head AS SELECT org, origin, base, size, root, at FROM heads.log WHERE NOT closed;
GRANT SELECT ON log_head TO "@service@";
