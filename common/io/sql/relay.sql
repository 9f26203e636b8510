-- What the relay reads and forgets. It works for all organisations at once, under its lease.

-- row outbox_event (org uuid, id uuid, topic text, key uuid, kind int4, version int8, at timestamptz, act uuid, payload bytea)
-- row audit_entry (org uuid, id uuid, act uuid, at timestamptz, action text, outcome text, error text, actor uuid, role text, acr int4, remote text, purpose text, labels text, request uuid, token uuid, sign_in uuid, patient uuid, resource text, resource_id uuid, resource_version int8, relation text, consent uuid)
-- row audit_numbered (org uuid, id uuid, act uuid, at timestamptz, epoch int8, seq int8, prev_mac bytea, leaf bytea, mac bytea, mac_key uuid)
-- row audit_tail (org uuid, seq int8, mac bytea)
-- row audit_backlog (rows int8)

-- outbox_read  :many outbox_event
-- In order of seq; topics that Kafka refuses just now wait without holding up the rest.
-- all orgs: one relay a service
SELECT org, id, topic, key, kind, version, at, act, payload FROM outbox
WHERE topic <> ALL (:refused::text[]) ORDER BY seq LIMIT 500;

-- commit_lazily  :exec
-- For what is only done again if PostgreSQL crashes: sent twice, and heard once.
-- all orgs: as above
SELECT set_config('synchronous_commit', 'off', true);

-- outbox_delete  :exec
-- all orgs: as above
DELETE FROM outbox AS o USING unnest(:orgs::uuid[], :ids::uuid[]) AS gone (org, id)
WHERE o.org = gone.org AND o.id = gone.id;

-- audit_unnumbered  :many audit_entry
-- No high-water mark: a transaction that commits late is not skipped. What concerns no organisation
-- (the installation's own keys, who tried a sign-in code) goes to the suite's own log, of org nil.
-- Organisations whose key cannot be had just now wait without holding up the rest.
-- all orgs: as above
SELECT org, id, act, at, action, outcome, error, actor, role, acr, remote, purpose, labels, request, token,
       sign_in, patient, resource, resource_id, resource_version, relation, consent
FROM audit_outbox WHERE seq IS NULL AND org <> ALL (:barred::uuid[])
ORDER BY at, id LIMIT 200;

-- audit_number  :exec
-- all orgs: as above
UPDATE audit_outbox SET epoch = :epoch::int8, seq = :seq::int8, prev_mac = :prev_mac::bytea,
    leaf = :leaf::bytea, mac = :mac::bytea, mac_key = :mac_key::uuid
WHERE org = :log::uuid AND id = :id::uuid;

-- audit_tails  :many audit_tail
-- all orgs: as above
SELECT org, seq, mac FROM audit_chain;

-- audit_tail_set  :exec
-- all orgs: as above
INSERT INTO audit_chain (org, seq, mac) VALUES (:log::uuid, :seq::int8, :mac::bytea)
ON CONFLICT (org) DO UPDATE SET seq = excluded.seq, mac = excluded.mac;

-- audit_unsent  :many audit_numbered
-- Never sent, or sent so long ago and still without a receipt.
-- all orgs: as above
SELECT org, id, act, at, epoch, seq, prev_mac, leaf, mac, mac_key FROM audit_outbox
WHERE seq IS NOT NULL AND (sent_at IS NULL OR sent_at < :now - :patience_s::int4 * interval '1 second')
ORDER BY org, seq LIMIT 200;

-- audit_sent  :exec
-- all orgs: as above
UPDATE audit_outbox AS a SET sent_at = :now FROM unnest(:orgs::uuid[], :ids::uuid[]) AS sent (org, id)
WHERE a.org = sent.org AND a.id = sent.id;

-- audit_receipted  :exec
-- Its numbers up to that of event @id. A receipt that came for a database since restored names another.
-- all orgs: as above
DELETE FROM audit_outbox AS a
WHERE a.org = :log::uuid AND a.seq >= :first::int8 AND a.seq <= :seq::int8
  AND EXISTS (SELECT FROM audit_outbox AS last
              WHERE last.org = :log AND last.seq = :seq AND last.id = :id::uuid);

-- audit_waiting  :one audit_backlog
-- How many rows have no receipt yet: to 20,000 they are counted, beyond that by one page in twenty.
-- all orgs: as above
WITH few AS MATERIALIZED (SELECT count(*) AS n FROM (SELECT FROM audit_outbox LIMIT 20000) AS a)
SELECT CASE WHEN n < 20000 THEN n ELSE (SELECT count(*) * 20 FROM audit_outbox TABLESAMPLE SYSTEM (5)) END AS rows
FROM few;
