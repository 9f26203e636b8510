-- Channels and what was said in them.

-- row stream (id uuid, visit_id uuid, patient_id uuid, epoch uuid, top int8, labels int8, closed bool)
-- row stream_state (id uuid, top int8, closed bool)
-- row message (off int8, id uuid, message_id uuid, sender uuid, role text, sent_at timestamptz,
--     sealed bytea)
-- row appended (off int8, epoch uuid, sent_at timestamptz, dup bool)
-- row presence (version int8)

-- stream_open  :exec
-- The first grant that is shown makes the channel. Its labels stand until the visit is told to have others.
INSERT INTO stream (org, id, act_id, visit_id, patient_id, provider_id, epoch, labels, opened_at)
VALUES (:org, :id::uuid, :act, :visit_id::uuid, :patient_id::uuid, :provider_id::uuid, :epoch::uuid,
        :labels::int8, :now)
ON CONFLICT DO NOTHING;

-- stream_get  :one stream
-- By its own id or its visit's: a grant, which names the former, is no longer given when the visit is over.
-- There is none for who was taken out of the visit. When that is over, the patient's own record is theirs.
SELECT s.id, s.visit_id, s.patient_id, s.epoch, s.top, coalesce(v.labels, s.labels) AS labels,
       s.closed_at IS NOT NULL AS closed
FROM stream AS s LEFT JOIN visit_labelled AS v ON v.org = s.org AND v.id = s.visit_id
WHERE s.org = :org AND (s.id = :id::uuid OR s.visit_id = :id) AND NOT EXISTS (
    SELECT FROM removed AS r WHERE r.org = s.org AND r.visit_id = s.visit_id AND r.person = :actor AND r.stands
    AND NOT (s.closed_at IS NOT NULL AND EXISTS (
        SELECT FROM member AS m WHERE m.org = s.org AND m.person = r.person AND m.patient = s.patient_id)));

-- stream_lock  :exec
-- Writers of one channel come one after the other: what follows sees all messages before it.
SELECT id FROM stream WHERE org = :org AND id = :id::uuid FOR UPDATE;

-- message_append  :one appended  else ERR_BAD_STATE
-- Behind stream_lock(). A message that is there already keeps its offset.
WITH old AS (
    SELECT off, sent_at FROM message
    WHERE org = :org AND channel_id = :channel_id::uuid AND sender = :actor
      AND message_id = :message_id::uuid
), bumped AS (
    UPDATE stream SET top = top + 1, act_id = :act
    WHERE org = :org AND id = :channel_id AND closed_at IS NULL AND NOT EXISTS (SELECT FROM old)
    RETURNING top
), new AS (
    INSERT INTO message (org, channel_id, off, id, act_id, message_id, sender, role, sent_at, sealed)
    SELECT :org, :channel_id, top, :id::uuid, :act, :message_id, :actor, :role::text, :now,
           :sealed::bytea
    FROM bumped
    RETURNING off, sent_at
)
SELECT found.off, s.epoch, found.sent_at, found.dup
FROM (SELECT off, sent_at, true AS dup FROM old UNION ALL SELECT off, sent_at, false FROM new) AS found
JOIN stream AS s ON s.org = :org AND s.id = :channel_id;

-- messages_after  :many message
-- A page: at most :limit messages, and 256 KiB of blobs, which as JSON are at most twice that.
SELECT off, id, message_id, sender, role, sent_at, sealed
FROM (SELECT m.*, sum(octet_length(sealed)) OVER (ORDER BY off) AS bytes FROM message AS m
      WHERE org = :org AND channel_id = :channel_id::uuid AND off > :after::int8
      ORDER BY off LIMIT :limit::int8) AS page
WHERE bytes - octet_length(sealed) < 256 * 1024 ORDER BY off;

-- streams_state  :many stream_state
-- all orgs: a replica asks for the channels that it holds sessions of
SELECT s.id, s.top, s.closed_at IS NOT NULL AS closed
FROM unnest(:orgs::uuid[], :ids::uuid[]) AS held (org, id) JOIN stream AS s USING (org, id);

-- visit_label  :exec
-- A visit that was never told to have any says nothing: a grant may know of labels before the feed tells.
INSERT INTO visit_labelled AS v (org, id, act_id, labels, version, epoch)
SELECT :org, :id::uuid, :act, :labels::int8, :version::int8, :epoch::int8
WHERE :labels <> 0 OR EXISTS (SELECT FROM visit_labelled WHERE org = :org AND id = :id)
ON CONFLICT (org, id) DO UPDATE SET
    act_id = excluded.act_id, labels = excluded.labels, version = excluded.version, epoch = excluded.epoch
WHERE (v.epoch, v.version) < (excluded.epoch, excluded.version);

-- removed_put  :exec
INSERT INTO removed AS r (org, id, act_id, visit_id, person, stands, version, epoch)
VALUES (:org, :id::uuid, :act, :visit_id::uuid, :person::uuid, :stands::bool, :version::int8, :epoch::int8)
ON CONFLICT (org, id) DO UPDATE SET
    act_id = excluded.act_id, stands = excluded.stands, version = excluded.version, epoch = excluded.epoch
WHERE (r.epoch, r.version) < (excluded.epoch, excluded.version);

-- stream_close  :exec
UPDATE stream SET closed_at = :now, act_id = :act
WHERE org = :org AND visit_id = :visit_id::uuid AND closed_at IS NULL;

-- presence_set  :one presence
INSERT INTO presence (org, person, version, state) VALUES (:org, :person::uuid, 1, :state::text)
ON CONFLICT (org, person) DO UPDATE SET version = presence.version + 1, state = excluded.state
RETURNING version;
