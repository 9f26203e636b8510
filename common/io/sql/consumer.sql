-- How far a service has heard, what it has done already, and what it could not understand.

-- row feed_at (next_offset int8)
-- row feed_found (ours bool, fresh bool, parked bool)

-- feed_start  :one feed_at
-- Where a partition that was just assigned goes on. 0: from the beginning, as in a new cluster,
-- whose offsets have nothing to do with the old one's; the inbox keeps effects from repeating.
-- all orgs: partitions belong to none
INSERT INTO feed_pos AS f (topic, partition, next_offset, cluster_id)
VALUES (:topic::text, :partition::int4, 0, :cluster::text)
ON CONFLICT (topic, partition) DO UPDATE SET cluster_id = excluded.cluster_id,
    next_offset = CASE WHEN f.cluster_id = excluded.cluster_id THEN f.next_offset ELSE 0 END
RETURNING next_offset;

-- feed_step  :one feed_found
-- Holds the partition against a replica that had it before (ours), enters the event into the inbox
-- unless it is there (fresh) or its key is parked.
-- all orgs: as above
WITH pos AS (
    SELECT next_offset <= :offset::int8 AS ours,
           EXISTS (SELECT FROM parked WHERE topic = :topic::text AND key = :key::bytea) AS parked
    FROM feed_pos WHERE topic = :topic AND partition = :partition::int4 AND cluster_id = :cluster::text
    FOR UPDATE
), fresh AS (
    INSERT INTO inbox (topic, event_id, at)
    SELECT :topic, :event_id::uuid, :now FROM pos WHERE ours AND NOT parked
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT ours, EXISTS (SELECT FROM fresh) AS fresh, parked FROM pos;

-- feed_hold  :one feed_found
-- The same for an effect that knows a repeat by itself.
-- all orgs: as above
SELECT next_offset <= :offset::int8 AS ours, true AS fresh,
       EXISTS (SELECT FROM parked WHERE topic = :topic::text AND key = :key::bytea) AS parked
FROM feed_pos WHERE topic = :topic AND partition = :partition::int4 AND cluster_id = :cluster::text
FOR UPDATE;

-- feed_lock  :one feed_at
-- all orgs: as above
SELECT next_offset FROM feed_pos
WHERE topic = :topic::text AND partition = :partition::int4 AND cluster_id = :cluster::text
FOR UPDATE;

-- feed_advance  :exec
-- all orgs: as above
UPDATE feed_pos SET next_offset = :next_offset::int8
WHERE topic = :topic::text AND partition = :partition::int4;

-- parked_insert  :exec
-- all orgs: what cannot be understood need not name one
INSERT INTO parked (topic, partition, next_offset, cluster_id, key, event_id, at, headers, payload)
VALUES (:topic::text, :partition::int4, :next_offset::int8, :cluster::text, :key::bytea,
        :event_id?::uuid, :now, :headers::bytea, :payload?::bytea);

-- dead_letter_insert  :exec
-- all orgs: as above
INSERT INTO dead_letter (topic, partition, next_offset, cluster_id, key, event_id, at, reason)
VALUES (:topic::text, :partition::int4, :next_offset::int8, :cluster::text, :key::bytea,
        :event_id?::uuid, :now, :reason::text);

-- inbox_prune  :exec
-- Longer than any topic keeps what it deletes by age.
-- all orgs: as above
DELETE FROM inbox WHERE at < :now - interval '35 days';
