-- Who leafs through many records.

-- row unbrowsed_log (org uuid, id uuid, next int8, size int8)
-- row browser (who uuid, event_id uuid, patients int8, since timestamptz)
-- row untold_browsing (org uuid, id uuid)
-- row browsing (id uuid, kind text, person uuid, event_id uuid, patients int8, since timestamptz,
--     at timestamptz)

-- logs_unbrowsed  :many unbrowsed_log
-- all orgs: one index for all logs
SELECT i.org, i.org AS id, coalesce(b.next, 0) AS next, i.next AS size
FROM event_index_end AS i LEFT JOIN browsing_end AS b USING (org)
WHERE coalesce(b.next, 0) < i.next ORDER BY i.org LIMIT 64;

-- browsers  :many browser
-- Of those who did something in these leaves and were not noticed before within the time. The limit, as
-- many as a turn has, tells the planner that they are few.
SELECT new.person AS who, had.event_id, had.patients, had.since
FROM (SELECT DISTINCT i.person
      FROM (SELECT event_id FROM entry
            WHERE org = :org AND leaf_index >= :first::int8 AND leaf_index < :end::int8 LIMIT 5000) AS e
      JOIN event_index AS i ON i.org = :org AND i.event_id = e.event_id
      WHERE i.person <> '00000000-0000-0000-0000-000000000000' AND i.at > :after::timestamptz
        AND NOT EXISTS (SELECT FROM browsing AS b WHERE b.org = :org AND b.who = i.person
                        AND b.kind = :kind::text AND b.at > :after)) AS new
CROSS JOIN LATERAL (
    SELECT count(DISTINCT patient) AS patients, min(at) AS since,
           (array_agg(event_id ORDER BY at DESC))[1] AS event_id
    FROM event_index AS i
    WHERE i.org = :org AND i.person = new.person AND i.at > :after AND i.outcome = 'done'
      AND i.patient <> '00000000-0000-0000-0000-000000000000'
      AND (:action?::text IS NULL OR i.action = :action)) AS had
WHERE had.patients >= :patients_max::int8;

-- browsing_insert  :exec
INSERT INTO browsing (org, id, kind, who, event_id, patients, since, at)
VALUES (:org, :id::uuid, :kind::text, :who::uuid, :event_id::uuid, :patients::int8, :since::timestamptz, :now);

-- browsing_reach  :exec
INSERT INTO browsing_end (org, next) VALUES (:org, :next::int8)
ON CONFLICT (org) DO UPDATE SET next = excluded.next;

-- browsings_untold  :many untold_browsing
-- all orgs: privacy officers of all of them are told
SELECT org, id FROM browsing WHERE person IS NULL ORDER BY at LIMIT 20;

-- browsing_get  :one browsing
SELECT id, kind, person, event_id, patients, since, at FROM browsing WHERE org = :org AND id = :id::uuid;

-- browsing_name  :one browsing  else ERR_CONFLICT
UPDATE browsing SET person = :person::uuid WHERE org = :org AND id = :id::uuid AND person IS NULL
RETURNING id, kind, person, event_id, patients, since, at;

-- browsings_list  :many browsing
-- Newest first, of those that have been told.
SELECT id, kind, person, event_id, patients, since, at FROM browsing
WHERE org = :org AND person IS NOT NULL AND (at, id) < (:before::timestamptz, :before_id::uuid)
ORDER BY at DESC, id DESC LIMIT :limit::int8;
