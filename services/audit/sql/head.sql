-- How far each log goes. head_first, head_move and head_next run under the role audit_head.

-- row head (org uuid, origin text, base int8, size int8, root bytea, at timestamptz)
-- row shard (origin text, base int8, size int8, closed bool)
-- row tree_signed (origin text, size int8)
-- row leaves_known (count int8)

-- heads_all  :many head
-- all orgs: one sequencer for all logs
SELECT org, origin, base, size, root, at FROM log_head ORDER BY org;

-- head_find  :maybe head
SELECT org, origin, base, size, root, at FROM log_head WHERE org = :org;

-- heads_closed  :many head
-- In the order of their places.
SELECT org, origin, base, size, root, at FROM heads.log WHERE org = :org AND closed ORDER BY base;

-- shard_at  :one shard
-- Which shard has the leaf of that place.
SELECT origin, base, size, closed FROM heads.log
WHERE org = :org AND base <= :position::int8 ORDER BY base DESC LIMIT 1;

-- head_signed  :one tree_signed
-- The last tree that was signed, by the table from which nothing is taken back.
SELECT origin, size FROM heads.tree WHERE org = :org ORDER BY origin DESC, size DESC LIMIT 1;

-- head_first  :one head  else ERR_CONFLICT
WITH begun AS (
    INSERT INTO heads.log (org, origin, size, root, at)
    VALUES (:org, :origin::text, 0, :root::bytea, :at::timestamptz)
    ON CONFLICT DO NOTHING RETURNING org, origin, base, size, root, at
), kept AS (
    INSERT INTO heads.tree (org, origin, size, root, at) SELECT org, origin, size, root, at FROM begun
)
SELECT org, origin, base, size, root, at FROM begun;

-- head_next  :one head  else ERR_CONFLICT
-- Closes the shard that stands at this tree, and begins the one after it.
WITH ended AS (
    UPDATE heads.log SET closed = true
    WHERE org = :org AND origin = :old_origin::text AND size = :old_size::int8
      AND root = :old_root::bytea AND NOT closed
    RETURNING org, base + size AS base
), begun AS (
    INSERT INTO heads.log (org, origin, base, size, root, at)
    SELECT org, :origin::text, base, 0, :root::bytea, :at::timestamptz FROM ended
    RETURNING org, origin, base, size, root, at
), kept AS (
    INSERT INTO heads.tree (org, origin, size, root, at) SELECT org, origin, size, root, at FROM begun
)
SELECT org, origin, base, size, root, at FROM begun;

-- head_move  :one head  else ERR_CONFLICT  raises tree_once ERR_CONFLICT
-- Compare-and-swap: whoever goes on from another tree than this one finds no row.
WITH moved AS (
    UPDATE heads.log SET size = :size::int8, root = :root::bytea, at = :at::timestamptz
    WHERE org = :org AND origin = :origin::text AND size = :old_size::int8 AND root = :old_root::bytea
      AND NOT closed
    RETURNING org, origin, base, size, root, at
), kept AS (
    INSERT INTO heads.tree (org, origin, size, root, at) SELECT org, origin, size, root, at FROM moved
)
SELECT org, origin, base, size, root, at FROM moved;

-- leaves_count  :one leaves_known
-- How many leaves up to there have a row; a link has none.
SELECT count(*) FROM entry WHERE org = :org AND leaf_index < :end::int8;

-- trees_signed  :many head
-- After one of them, in the order in which they were signed; a page.
SELECT org, origin, 0::int8 AS base, size, root, at FROM heads.tree
WHERE org = :org AND (origin, size) > (:origin::text, :size::int8) ORDER BY origin, size LIMIT 1000;
