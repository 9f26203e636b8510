-- How far each log goes. head_first and head_move run under the role audit_head.

-- row head (org uuid, origin text, size int8, root bytea, at timestamptz)
-- row tree_signed (size int8)
-- row leaves_known (count int8)

-- heads_all  :many head
-- all orgs: one sequencer for all logs
SELECT org, origin, size, root, at FROM log_head ORDER BY org;

-- head_find  :maybe head
SELECT org, origin, size, root, at FROM log_head WHERE org = :org;

-- head_signed  :one tree_signed
-- The largest tree that was signed, by the table from which nothing is taken back.
SELECT coalesce(max(size), 0) AS size FROM heads.tree WHERE org = :org AND origin = :origin::text;

-- head_first  :one head  else ERR_CONFLICT
WITH begun AS (
    INSERT INTO heads.log (org, origin, size, root, at)
    VALUES (:org, :origin::text, 0, :root::bytea, :at::timestamptz)
    ON CONFLICT DO NOTHING RETURNING org, origin, size, root, at
), kept AS (
    INSERT INTO heads.tree (org, origin, size, root, at) SELECT org, origin, size, root, at FROM begun
)
SELECT org, origin, size, root, at FROM begun;

-- head_move  :one head  else ERR_CONFLICT  raises tree_once ERR_CONFLICT
-- Compare-and-swap: whoever goes on from another tree than this one finds no row.
WITH moved AS (
    UPDATE heads.log SET size = :size::int8, root = :root::bytea, at = :at::timestamptz
    WHERE org = :org AND origin = :origin::text AND size = :old_size::int8 AND root = :old_root::bytea
    RETURNING org, origin, size, root, at
), kept AS (
    INSERT INTO heads.tree (org, origin, size, root, at) SELECT org, origin, size, root, at FROM moved
)
SELECT org, origin, size, root, at FROM moved;

-- leaves_count  :one leaves_known
-- How many leaves have their place.
SELECT count(*) FROM entry WHERE org = :org AND leaf_index IS NOT NULL;

-- trees_signed  :many head
-- From one size on, a page.
SELECT org, origin, size, root, at FROM heads.tree
WHERE org = :org AND origin = :origin::text AND size >= :from::int8 ORDER BY size LIMIT 1000;
