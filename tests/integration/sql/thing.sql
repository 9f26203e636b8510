-- row thing (id uuid, name text, note text, n int4, big int8, ok bool, at timestamptz, day date,
--            blob bytea, owner uuid, ids uuid[], words text[])
-- row thing_name (name text)
-- row thing_reason (code text)
-- row frame_row (org uuid, act uuid, actor uuid, now timestamptz)

-- thing_insert  :one thing  else thing_insert_why
-- raises thing_name_key ERR_SLOT_TAKEN
INSERT INTO thing (org, id, name, note, n, big, ok, at, day, blob, owner, ids, words)
SELECT :org, :id::uuid, :name::text, :note?::text, :n::int4, :big::int8, :ok::bool,
       :at?::timestamptz, :day?::date, :blob?::bytea, :owner?::uuid, :ids?::uuid[], :words::text[]
WHERE :n >= 0
RETURNING id, name, note, n, big, ok, at, day, blob, owner, ids, words;

-- thing_insert_why  :one thing_reason  else ERR_CONFLICT
SELECT 'unprocessable'::text AS code WHERE :org IS NOT NULL AND :n::int4 = -1;

-- thing_rename  :exec  raises thing_name_key ERR_SLOT_TAKEN
UPDATE thing SET name = :name::text WHERE org = :org AND id = :id::uuid;

-- thing_find  :one thing_name
SELECT name FROM thing WHERE org = :org AND id = :id::uuid;

-- thing_seek  :maybe thing_name
SELECT name FROM thing WHERE org = :org AND id = :id::uuid;

-- thing_names  :many thing_name
SELECT name FROM thing WHERE org = :org ORDER BY name;

-- thing_lock  :one thing_name
SELECT name FROM thing WHERE org = :org AND id = :id::uuid FOR UPDATE;

-- thing_guard  :exec
-- all orgs: a guard of the tests
SELECT guard(:code::text);

-- frame_read  :one frame_row
SELECT :org AS org, :act AS act, :actor AS actor, :now AS now;

-- nap  :one thing_name
-- all orgs: sleeps in the server
SELECT pg_sleep(:ms::int4 / 1000.0)::text AS name;

-- backend_end  :one thing_name
-- all orgs: ends its own backend, as an administrator would
SELECT pg_terminate_backend(pg_backend_pid())::text AS name;
