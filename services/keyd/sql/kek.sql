-- Which version wraps, and which may go. The keys themselves are the provider's.

-- row kek_version (version int4)
-- row kek_shown (version int8, state text, made_at timestamptz, keys int8, destroyed int8)
-- row turn_due (org uuid, id uuid)
-- row dek_turned (org uuid, patient uuid, domain text, id uuid, kek int4, wrapped bytea)

-- kek_current  :one kek_version
-- all orgs: a KEK wraps for everybody. What is wrapped under a version holds its row, so none goes
-- away before what was wrapped under it has committed and can be seen.
SELECT version FROM kek WHERE state = 'active' ORDER BY version DESC LIMIT 1 FOR SHARE;

-- keks_active  :many kek_version
-- all orgs: what the provider must have
SELECT version FROM kek WHERE state = 'active';

-- kek_lock  :exec
-- all orgs: one rotation at a time
SELECT pg_advisory_xact_lock(hashtextextended('kek', 0));

-- kek_rows  :many kek_shown
-- all orgs: keys that open under each version, and destroyed ones that older copies still hold
SELECT version::int8, state, made_at,
       (SELECT count(*) FROM dek WHERE kek = version AND wrapped IS NOT NULL) AS keys,
       (SELECT count(*) FROM dek WHERE kek = version AND wrapped IS NULL) AS destroyed
FROM kek WHERE state <> 'gone' ORDER BY version;

-- kek_insert  :exec
-- all orgs: a KEK wraps for everybody
INSERT INTO kek (version, state, made_at) VALUES (:version::int4, 'active', :now);

-- turns_due  :many turn_due
-- all orgs: a row for each batch of 256 that stands under a former version; one where a version can
-- go. Acts that unwrap under a retired version have ended after 10 s.
SELECT '00000000-0000-0000-0000-000000000000'::uuid AS org,
       '00000000-0000-0000-0000-000000000000'::uuid AS id
FROM generate_series(0, (SELECT count(*) / 256 FROM (
    SELECT FROM dek WHERE wrapped IS NOT NULL
    AND kek < (SELECT max(version) FROM kek WHERE state = 'active') LIMIT 8192) AS left_behind))
WHERE EXISTS (SELECT FROM kek AS k
              WHERE (k.state = 'retired' AND k.changed_at < :now - interval '10 seconds')
                 OR (k.state = 'active' AND k.version < (SELECT max(version) FROM kek WHERE state = 'active')));

-- turn_take  :many dek_turned
-- all orgs: whoever destroys one of them waits
SELECT org, patient, domain, id, kek, wrapped FROM dek
WHERE kek < :version::int4 AND wrapped IS NOT NULL LIMIT 256 FOR UPDATE SKIP LOCKED;

-- turn_put  :exec
-- all orgs: the row says whose it is
UPDATE dek SET kek = :kek::int4, wrapped = :wrapped::bytea
WHERE org = :org_of::uuid AND patient = :patient::uuid AND domain = :domain::text AND id = :id::uuid;

-- keks_hold  :many kek_version
-- all orgs: waits for whoever wraps under them
SELECT version FROM kek WHERE state = 'active' AND version < :version::int4 FOR UPDATE;

-- keks_retire  :exec
-- all orgs: after keks_hold(), so that what was wrapped meanwhile is seen
UPDATE kek SET state = 'retired', changed_at = :now
WHERE state = 'active' AND version < :version::int4
  AND NOT EXISTS (SELECT FROM dek WHERE kek = version AND wrapped IS NOT NULL);

-- keks_retired  :many kek_version
-- all orgs: to be taken from the provider
SELECT version FROM kek WHERE state = 'retired' AND changed_at < :now - interval '10 seconds';

-- kek_gone  :exec
-- all orgs: the provider has it no more
UPDATE kek SET state = 'gone', changed_at = :now WHERE version = :version::int4;
