-- row dek_row (id uuid, kek int4, wrapped bytea)
-- row dek_count (n int8)
-- row dek_gone (id uuid, domain text, created_at timestamptz, changed_at timestamptz, kek int8)

-- dek_to_seal  :maybe dek_row
SELECT id, kek, wrapped FROM dek
WHERE org = :org AND patient = :patient::uuid AND domain = :domain::text AND state = 'active';

-- dek_made_by_another  :one dek_row
-- After dek_insert() made nothing: another act won the race, or the patient was erased.
SELECT id, kek, wrapped FROM dek
WHERE org = :org AND patient = :patient::uuid AND domain = :domain::text AND state = 'active';

-- dek_to_open  :one dek_row
SELECT id, kek, wrapped FROM dek
WHERE org = :org AND patient = :patient::uuid AND domain = :domain::text AND id = :id::uuid
  AND wrapped IS NOT NULL;

-- dek_lock  :exec
-- Making and destroying one patient's keys wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended(:org::text || :patient::uuid::text, 0));

-- dek_insert  :maybe dek_row
-- Nothing for a patient whose keys were destroyed: erased is for ever.
INSERT INTO dek (org, patient, domain, id, state, kek, wrapped, created_at, changed_at)
SELECT :org, :patient::uuid, :domain::text, :id::uuid, 'active', :kek::int4, :wrapped::bytea, :now, :now
WHERE NOT EXISTS (SELECT FROM dek AS d
                  WHERE d.org = :org AND d.patient = :patient AND d.state = 'destroyed')
ON CONFLICT DO NOTHING
RETURNING id, kek, wrapped;

-- dek_destroy  :one dek_count
-- The audit trail and its chain outlive an erasure.
WITH gone AS (
    UPDATE dek SET state = 'destroyed', wrapped = NULL, changed_at = :now
    WHERE org = :org AND patient = :patient::uuid AND domain NOT IN ('audit', 'mac', 'body', 'certificate')
      AND state <> 'destroyed'
    RETURNING id)
SELECT count(*) AS n FROM gone;

-- dek_shard_destroy  :one dek_count
-- The keys of one half year of the audit trail; how many there are that are gone by now.
WITH gone AS (
    UPDATE dek SET state = 'destroyed', wrapped = NULL, changed_at = :now
    WHERE org = :org AND patient = :shard::uuid AND domain = 'audit' AND state <> 'destroyed'
    RETURNING id)
SELECT (SELECT count(*) FROM gone) +
       (SELECT count(*) FROM dek WHERE org = :org AND patient = :shard AND domain = 'audit'
        AND state = 'destroyed') AS n;

-- dek_bar  :exec
INSERT INTO dek (org, patient, domain, id, state, kek, created_at, changed_at)
SELECT :org, :patient::uuid, 'none', :id::uuid, 'destroyed', :kek::int4, :now, :now
WHERE NOT EXISTS (SELECT FROM dek AS d
                  WHERE d.org = :org AND d.patient = :patient AND d.state = 'destroyed');

-- deks_gone  :many dek_gone
SELECT id, domain, created_at, changed_at, kek::int8 FROM dek
WHERE org = :org AND patient = :patient::uuid AND state = 'destroyed' ORDER BY changed_at, id LIMIT 64;

-- dek_any  :one dek_count
-- all orgs: whether a lost KEK file would lose keys
SELECT count(*) AS n FROM (SELECT FROM dek WHERE wrapped IS NOT NULL LIMIT 1) AS one;
