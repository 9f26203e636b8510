-- When a clinician offers time.

-- row schedule (id uuid, provider_id uuid, site_id uuid, time_zone text, weeks int4, version int8)
-- row schedule_due (org uuid, id uuid)
-- row visit_type (code text, minutes int8)
-- row slot (starts_at timestamptz, ends_at timestamptz, local_start text, time_zone text, site_id uuid)

-- schedule_put  :one schedule  else ERR_NOT_FOUND  raises schedule_zone ERR_UNPROCESSABLE
-- Only for a clinician of the organisation. Two who write the same schedule take turns here.
INSERT INTO schedule AS s (org, id, provider_id, site_id, time_zone, weeks, expand_from)
SELECT :org, :id::uuid, :provider_id::uuid, :site_id::uuid, :time_zone::text, :weeks::int4,
       (:now AT TIME ZONE 'UTC')::date - 1
WHERE EXISTS (SELECT FROM member AS m WHERE m.org = :org AND m.person = :provider_id
              AND m.role = 'clinician' AND m.state = 'active')
ON CONFLICT (org, provider_id, site_id) DO UPDATE SET
    time_zone = excluded.time_zone, weeks = excluded.weeks, expand_from = excluded.expand_from,
    version = s.version + 1
RETURNING id, provider_id, site_id, time_zone, weeks, version;

-- rules_clear  :exec
DELETE FROM schedule_rule WHERE org = :org AND schedule_id = :schedule_id::uuid;

-- rule_insert  :exec  raises schedule_rule_span ERR_UNPROCESSABLE
-- raises schedule_rule_once ERR_UNPROCESSABLE
INSERT INTO schedule_rule (org, schedule_id, weekday, from_minute, to_minute)
VALUES (:org, :schedule_id::uuid, :weekday::int4, :from_minute::int4, :to_minute::int4);

-- availability_clear  :exec
DELETE FROM availability WHERE org = :org AND schedule_id = :schedule_id::uuid;

-- availability_expand  :exec
-- Wall time at the site becomes instants, for each day from today to the horizon that has none yet.
WITH s AS (
    SELECT *, greatest(expand_from, (:now AT TIME ZONE time_zone)::date) AS first_day,
           (:now AT TIME ZONE time_zone)::date + weeks * 7 AS beyond
    FROM schedule WHERE org = :org AND id = :schedule_id::uuid FOR UPDATE
), moved AS (
    UPDATE schedule SET expand_from = s.beyond FROM s
    WHERE schedule.org = s.org AND schedule.id = s.id
)
INSERT INTO availability (org, schedule_id, provider_id, site_id, time_zone, during)
SELECT s.org, s.id, s.provider_id, s.site_id, s.time_zone, span
FROM s
JOIN schedule_rule AS r ON r.org = s.org AND r.schedule_id = s.id
CROSS JOIN generate_series(s.first_day::timestamp, s.beyond - interval '1 day', interval '1 day') AS day
CROSS JOIN tstzrange(instant_of(day + r.from_minute * interval '1 minute', s.time_zone),
                     instant_of(day + r.to_minute * interval '1 minute', s.time_zone)) AS span
WHERE extract(isodow FROM day) = r.weekday AND NOT isempty(span);

-- schedules_due  :many schedule_due
-- all orgs: each day the horizon moves on
SELECT org, id FROM schedule
WHERE expand_from < (:now AT TIME ZONE time_zone)::date + weeks * 7 LIMIT 200;

-- visit_types  :many visit_type
-- An organisation's own row goes before everybody's.
SELECT DISTINCT ON (code) code, minutes::int8 FROM visit_type
WHERE org IN (:org, '00000000-0000-0000-0000-000000000000') AND valid @> :now
ORDER BY code, org DESC LIMIT 200;

-- slots_free  :many slot
-- Starts each quarter of an hour from the beginning of what is offered; an offer is computed, never
-- stored, so it can't be stale for longer than the way to the client.
SELECT lower(span) AS starts_at, upper(span) AS ends_at,
       to_char(lower(span) AT TIME ZONE a.time_zone, 'YYYY-MM-DD"T"HH24:MI:SS') AS local_start,
       a.time_zone, a.site_id
FROM visit_type_at(:org, :visit_type::text, :from::timestamptz) AS t
JOIN availability AS a ON a.org = :org AND a.provider_id = :provider_id::uuid
     AND upper(a.during) > :from AND upper(a.during) < :to::timestamptz + interval '2 days'
     AND lower(a.during) < :to
CROSS JOIN generate_series(lower(a.during), upper(a.during) - t.length,
                           interval '15 minutes') AS starts
CROSS JOIN tstzrange(starts, starts + t.length) AS span
WHERE starts >= :from AND starts < :to AND starts > :after::timestamptz
  AND NOT EXISTS (SELECT FROM appointment AS b WHERE b.org = :org AND b.provider_id = :provider_id
      AND b.during && span)
ORDER BY starts, a.site_id
LIMIT :limit::int8;
