-- How far each log goes.

-- row head (org uuid, origin text, size int8, root bytea, at timestamptz)

-- heads_all  :many head
-- all orgs: one sequencer for all logs
SELECT org, origin, size, root, at FROM log_head ORDER BY org;

-- head_insert  :exec
INSERT INTO log_head (org, origin, size, root, at)
VALUES (:org, :origin::text, 0, :root::bytea, :at::timestamptz) ON CONFLICT DO NOTHING;

-- head_find  :maybe head
SELECT org, origin, size, root, at FROM log_head WHERE org = :org;

-- head_move  :one head  else ERR_CONFLICT
-- Compare-and-swap: whoever goes on from another tree than this one finds no row.
UPDATE log_head SET size = :size::int8, root = :root::bytea, at = :at::timestamptz
WHERE org = :org AND origin = :origin::text AND size = :old_size::int8 AND root = :old_root::bytea
RETURNING org, origin, size, root, at;
