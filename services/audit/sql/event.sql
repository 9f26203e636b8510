-- Which leaf a question is about.

-- row unindexed_log (org uuid, id uuid, next int8, size int8)
-- row new_leaf (event_id uuid, leaf_index int8)
-- row reviewed_member (id uuid, person uuid, role text, state text, relations int8, glass_broken int8)
-- row used (at timestamptz)
-- row found_event (event_id uuid, at timestamptz, leaf_index int8)
-- row index_row (leaf_index int8, at timestamptz, action text, outcome text, person uuid, patient uuid, address uuid, thing uuid, token uuid, sign_in uuid)
-- row index_end (next int8)
-- row touched_patient (pseudonym uuid, leaf_index int8, event_id uuid, events int8, first_at timestamptz, last_at timestamptz)

-- logs_unindexed  :many unindexed_log
-- all orgs: one index for all logs
-- Only what is published: a leaf whose receipt was given is in the files. A log of which more than a
-- step waits for its place is appended to first.
SELECT p.org, p.org AS id, coalesce(i.next, 0) AS next, p.size
FROM published AS p LEFT JOIN event_index_end AS i USING (org)
WHERE coalesce(i.next, 0) < p.size
  AND NOT EXISTS (SELECT FROM log_end AS e WHERE e.org = p.org AND e.next - p.size > 4096)
ORDER BY p.org LIMIT 64;

-- leaves_new  :many new_leaf
SELECT event_id, leaf_index FROM entry
WHERE org = :org AND leaf_index >= :next::int8 AND leaf_index < :size::int8
ORDER BY leaf_index;

-- event_index_insert  :exec
INSERT INTO event_index (org, event_id, at, action, outcome, person, patient, address, thing, token,
                         sign_in)
VALUES (:org, :event_id::uuid, :at::timestamptz, :action::text, :outcome::text, :person::uuid,
        :patient::uuid, :address::uuid, :thing::uuid, :token::uuid, :sign_in::uuid)
ON CONFLICT DO NOTHING;

-- event_index_reach  :exec
INSERT INTO event_index_end (org, next) VALUES (:org, :next::int8)
ON CONFLICT (org) DO UPDATE SET next = excluded.next;

-- event_index_back  :exec
-- From this leaf on it is filled again.
UPDATE event_index_end SET next = :index::int8 WHERE org = :org AND next > :index;

-- event_index_reached  :one index_end
SELECT coalesce(max(next), 0) AS next FROM event_index_end WHERE org = :org;

-- indexed_between  :many index_row
SELECT e.leaf_index, i.at, i.action, i.outcome, i.person, i.patient, i.address, i.thing, i.token,
       i.sign_in
FROM entry AS e JOIN event_index AS i ON i.org = e.org AND i.event_id = e.event_id
WHERE e.org = :org AND e.leaf_index >= :first::int8 AND e.leaf_index < :end::int8 ORDER BY e.leaf_index;

-- A plan is made once for all values, so an index serves only a column that is always asked for: there
-- is a statement for each, and report.c takes the first whose key is given. What else is not asked for
-- is null. Newest first.

-- events_of_patient  :many found_event
SELECT event_id, at,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = i.event_id) AS leaf_index
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz
  AND (at, event_id) < (:before::timestamptz, :before_id::uuid)
  AND patient = :patient::uuid
  AND (:thing?::uuid IS NULL OR thing = :thing)
  AND (:person?::uuid IS NULL OR person = :person)
  AND (:address?::uuid IS NULL OR address = :address)
  AND (:actions?::text[] IS NULL OR action = ANY (:actions))
  AND (:not_action?::text IS NULL OR action <> :not_action)
  AND (:outcome?::text IS NULL OR outcome = :outcome)
ORDER BY at DESC, event_id DESC LIMIT :limit::int8;

-- events_of_thing  :many found_event  like events_of_patient
SELECT event_id, at,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = i.event_id) AS leaf_index
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz
  AND (at, event_id) < (:before::timestamptz, :before_id::uuid)
  AND thing = :thing::uuid
  AND (:person?::uuid IS NULL OR person = :person)
  AND (:address?::uuid IS NULL OR address = :address)
  AND (:actions?::text[] IS NULL OR action = ANY (:actions))
  AND (:not_action?::text IS NULL OR action <> :not_action)
  AND (:outcome?::text IS NULL OR outcome = :outcome)
ORDER BY at DESC, event_id DESC LIMIT :limit::int8;

-- events_of_person  :many found_event  like events_of_patient
SELECT event_id, at,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = i.event_id) AS leaf_index
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz
  AND (at, event_id) < (:before::timestamptz, :before_id::uuid)
  AND person = :person::uuid
  AND (:address?::uuid IS NULL OR address = :address)
  AND (:actions?::text[] IS NULL OR action = ANY (:actions))
  AND (:not_action?::text IS NULL OR action <> :not_action)
  AND (:outcome?::text IS NULL OR outcome = :outcome)
ORDER BY at DESC, event_id DESC LIMIT :limit::int8;

-- events_of_address  :many found_event  like events_of_patient
SELECT event_id, at,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = i.event_id) AS leaf_index
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz
  AND (at, event_id) < (:before::timestamptz, :before_id::uuid)
  AND address = :address::uuid
  AND (:actions?::text[] IS NULL OR action = ANY (:actions))
  AND (:not_action?::text IS NULL OR action <> :not_action)
  AND (:outcome?::text IS NULL OR outcome = :outcome)
ORDER BY at DESC, event_id DESC LIMIT :limit::int8;

-- events_between  :many found_event  like events_of_patient
SELECT event_id, at,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = i.event_id) AS leaf_index
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz
  AND (at, event_id) < (:before::timestamptz, :before_id::uuid)
  AND (:actions?::text[] IS NULL OR action = ANY (:actions))
  AND (:not_action?::text IS NULL OR action <> :not_action)
  AND (:outcome?::text IS NULL OR outcome = :outcome)
ORDER BY at DESC, event_id DESC LIMIT :limit::int8;

-- patients_of_thing  :many touched_patient
-- One row a patient, and one of their events, which names them when it is opened.
SELECT patient AS pseudonym,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = (array_agg(i.event_id))[1]) AS leaf_index,
       (array_agg(event_id))[1] AS event_id, count(*) AS events,
       min(at) AS first_at, max(at) AS last_at
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz AND patient > :after::uuid
  AND outcome <> 'refused'
  AND thing = :thing::uuid
  AND (:person?::uuid IS NULL OR person = :person)
  AND (:address?::uuid IS NULL OR address = :address)
  AND (:token?::uuid IS NULL OR token = :token)
  AND (:sign_in?::uuid IS NULL OR sign_in = :sign_in)
GROUP BY patient ORDER BY patient LIMIT :limit::int8;

-- patients_of_person  :many touched_patient  like patients_of_thing
SELECT patient AS pseudonym,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = (array_agg(i.event_id))[1]) AS leaf_index,
       (array_agg(event_id))[1] AS event_id, count(*) AS events,
       min(at) AS first_at, max(at) AS last_at
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz AND patient > :after::uuid
  AND outcome <> 'refused'
  AND person = :person::uuid
  AND (:address?::uuid IS NULL OR address = :address)
  AND (:token?::uuid IS NULL OR token = :token)
  AND (:sign_in?::uuid IS NULL OR sign_in = :sign_in)
GROUP BY patient ORDER BY patient LIMIT :limit::int8;

-- patients_of_address  :many touched_patient  like patients_of_thing
SELECT patient AS pseudonym,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = (array_agg(i.event_id))[1]) AS leaf_index,
       (array_agg(event_id))[1] AS event_id, count(*) AS events,
       min(at) AS first_at, max(at) AS last_at
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz AND patient > :after::uuid
  AND outcome <> 'refused'
  AND address = :address::uuid
GROUP BY patient ORDER BY patient LIMIT :limit::int8;

-- patients_of_token  :many touched_patient  like patients_of_thing
SELECT patient AS pseudonym,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = (array_agg(i.event_id))[1]) AS leaf_index,
       (array_agg(event_id))[1] AS event_id, count(*) AS events,
       min(at) AS first_at, max(at) AS last_at
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz AND patient > :after::uuid
  AND outcome <> 'refused'
  AND token = :token::uuid
  AND (:address?::uuid IS NULL OR address = :address)
  AND (:sign_in?::uuid IS NULL OR sign_in = :sign_in)
GROUP BY patient ORDER BY patient LIMIT :limit::int8;

-- patients_of_sign_in  :many touched_patient  like patients_of_thing
SELECT patient AS pseudonym,
       (SELECT min(e.leaf_index) FROM entry AS e
        WHERE e.org = :org AND e.event_id = (array_agg(i.event_id))[1]) AS leaf_index,
       (array_agg(event_id))[1] AS event_id, count(*) AS events,
       min(at) AS first_at, max(at) AS last_at
FROM event_index AS i
WHERE org = :org AND at >= :from::timestamptz AND at < :to::timestamptz AND patient > :after::uuid
  AND outcome <> 'refused'
  AND sign_in = :sign_in::uuid
  AND (:address?::uuid IS NULL OR address = :address)
GROUP BY patient ORDER BY patient LIMIT :limit::int8;

-- members_review  :many reviewed_member
-- Who works here, with the patients that they stand to now, and how often they have broken the glass in
-- the last 90 days.
SELECT m.id, m.person, m.role, m.state,
       (SELECT count(DISTINCT r.patient_id) FROM relation AS r
        WHERE r.org = :org AND r.person = m.person AND r.kind <> 'self' AND r.starts_at <= :now
          AND (r.ends_at IS NULL OR r.ends_at > :now)) AS relations,
       (SELECT count(*) FROM relation AS r
        WHERE r.org = :org AND r.person = m.person AND r.kind = 'break_glass'
          AND r.starts_at > :now - interval '90 days') AS glass_broken
FROM member AS m
WHERE m.org = :org AND m.role <> 'patient' AND m.id > :after::uuid
ORDER BY m.id LIMIT :limit::int8;

-- persons_used  :many used
-- The last act of each of them, in their order.
SELECT (SELECT max(i.at) FROM event_index AS i WHERE i.org = :org AND i.person = asked.person) AS at
FROM unnest(:persons::uuid[]) WITH ORDINALITY AS asked (person, n) ORDER BY asked.n;
