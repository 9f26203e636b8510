-- Visits from booking to end.

-- row appointment (id uuid, version int8, state text, patient_id uuid, provider_id uuid, site_id uuid,
--     visit_type text, starts_at timestamptz, ends_at timestamptz, local_start text, time_zone text,
--     place_confirmed_at timestamptz, arrived_at timestamptz, deadline timestamptz,
--     admitted_at timestamptz, started_at timestamptz, ended_at timestamptz, sealed bytea,
--     sealed_version int8, labels int8)
-- row booked (site_id uuid, time_zone text, local_start text, ends_at timestamptz)
-- row appointment_due (org uuid, id uuid)
-- row refusal (code text)
-- row agreed (scope text)
-- row cover (person uuid)

-- appointment_insert  :one booked  else appointment_not_booked
-- raises appointment_provider ERR_SLOT_TAKEN
-- raises appointment_patient ERR_SLOT_TAKEN
-- Exclusion constraints (provider, patient) decide a race; the lock keeps racers from deadlock. With the
-- visit come its clinician's relation to the patient, here at once and at access when it hears, and its
-- history: one statement, for each costs PostgreSQL as much around the row as for it. Tells only what
-- its caller cannot know: PostgreSQL looks at how to send each column, each time.
WITH booked AS (
    INSERT INTO appointment (org, id, act_id, patient_id, provider_id, site_id, time_zone, visit_type,
                             target_minutes, state, during, starts_at, ends_at, local_start, sealed, labels)
    SELECT :org, :id::uuid, :act, :patient_id::uuid, :provider_id::uuid, a.site_id, a.time_zone,
           :visit_type::text, t.target_minutes, 'scheduled', tstzrange(:starts_at, :starts_at + t.length),
           :starts_at, :starts_at + t.length,
           to_char(:starts_at AT TIME ZONE a.time_zone, 'YYYY-MM-DD"T"HH24:MI:SS'), :sealed::bytea,
           :labels::int8
    FROM visit_type_at(:org, :visit_type, :starts_at::timestamptz) AS t
    CROSS JOIN LATERAL (
        SELECT site_id, time_zone FROM availability
        WHERE org = :org AND provider_id = :provider_id
          AND upper(during) >= :starts_at + t.length AND upper(during) < :starts_at + interval '2 days'
          AND lower(during) <= :starts_at LIMIT 1) AS a
    WHERE :starts_at > :now AND calendars_lock(:provider_id, :patient_id)
    RETURNING site_id, time_zone, local_start, ends_at
), cared_for AS (
    INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at)
    SELECT :org, :id, :act, :provider_id, :patient_id, 'booked', :now,
           ends_at + :care_days::int4 * interval '1 day'
    FROM booked
), told AS (
    INSERT INTO appointment_history (org, appointment_id, version, event, state, starts_at, actor, role,
                                     act_id, at)
    SELECT :org, :id, 1, 'book', 'scheduled', :starts_at, :actor, :role::text, :act, :now
    FROM booked
)
SELECT site_id, time_zone, local_start, ends_at FROM booked;

-- appointment_not_booked  :one refusal
-- Why nothing was inserted.
SELECT CASE WHEN EXISTS (SELECT FROM visit_type_at(:org, :visit_type::text, :starts_at::timestamptz))
            THEN 'outside_availability' ELSE 'unprocessable' END AS code;

-- history_insert  :exec
INSERT INTO appointment_history (org, appointment_id, version, event, state, starts_at, actor, role,
                                 act_id, at)
VALUES (:org, :id::uuid, :version::int8, :event::text, :state::text, :starts_at::timestamptz,
        :who?::uuid, :role::text, :act, :now);

-- appointment_get  :one appointment
SELECT id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
       local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
       ended_at, sealed, sealed_version, labels
FROM appointment WHERE org = :org AND id = :id::uuid;

-- covering_find  :one cover  else ERR_FORBIDDEN
-- Does the actor stand in for the patient's own clinician?
SELECT person FROM covering
WHERE org = :org AND person = :actor AND patient_id = :patient_id::uuid AND during @> :now LIMIT 1;

-- carer_find  :maybe cover
-- Does the actor care for the patient, by one of @kinds?
SELECT person FROM relation
WHERE org = :org AND person = :actor AND patient_id = :patient_id::uuid AND kind = ANY (:kinds::text[])
  AND starts_at <= :now AND (ends_at IS NULL OR ends_at > :now) LIMIT 1;

-- agreed_by  :many agreed
-- To what, as far as it covers the actor, who does something for @purpose.
SELECT scope FROM consent
WHERE org = :org AND patient_id = :patient_id::uuid AND state = 'active' AND starts_at <= :now
  AND (ends_at IS NULL OR ends_at > :now)
  AND (recipient IS NULL OR recipient IN (:actor, :org)) AND (purpose IS NULL OR purpose = :purpose::text)
LIMIT 100;

-- appointments_visible  :many appointment
-- Those of patients that the actor may see, by start and id.
SELECT id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
       local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
       ended_at, sealed, sealed_version, labels
FROM appointment JOIN visible USING (org, patient_id)
WHERE org = :org AND labels & hidden = 0 AND (starts_at, id) > (:after_at::timestamptz, :after_id::uuid)
  AND starts_at >= :from::timestamptz AND starts_at < :to::timestamptz
  AND (:state?::text IS NULL OR state = :state)
  AND (:provider_id?::uuid IS NULL OR provider_id = :provider_id)
  AND (:patient_id?::uuid IS NULL OR patient_id = :patient_id)
ORDER BY starts_at, id LIMIT :limit::int8;

-- appointment_step  :one appointment  else appointment_not_moved
-- Confirm, cancel: the state, and what it takes of the calendars. A negative :if_match asks for no version.
UPDATE appointment SET state = :state::text, version = version + 1, act_id = :act,
    during = CASE WHEN :state <> 'cancelled' THEN during END
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
  AND (:if_match::int8 < 0 OR version = :if_match)
RETURNING id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
          local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
          ended_at, sealed, sealed_version, labels;

-- appointment_not_moved  :one refusal
SELECT CASE WHEN :if_match::int8 >= 0 AND version <> :if_match THEN 'stale' ELSE 'bad_state' END AS code
FROM appointment WHERE org = :org AND id = :id::uuid;

-- relation_move  :exec
-- The clinician's, which has the visit's id; what has ended stays so. No version: what access tells, who owns
-- it, goes before this.
UPDATE relation SET ends_at = :visit_ends_at::timestamptz + :care_days::int4 * interval '1 day', act_id = :act
WHERE org = :org AND id = :id::uuid AND ends_at > :now;

-- relation_over  :exec
-- The visit was cancelled: that is final, so whatever access still tells of its relation is older.
UPDATE relation SET ends_at = least(ends_at, :now), epoch = 9223372036854775807, act_id = :act
WHERE org = :org AND id = :id::uuid;

-- appointment_label  :one appointment  else ERR_CONFLICT
-- For the version that was read: the labels that it had decided who may.
UPDATE appointment SET labels = :labels::int8, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND version = :read_version::int8
RETURNING id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
          local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
          ended_at, sealed, sealed_version, labels;

-- appointment_shift  :one appointment  else appointment_not_shifted
-- raises appointment_provider ERR_SLOT_TAKEN
-- raises appointment_patient ERR_SLOT_TAKEN
-- Another time of the same length; the old one is free in the same statement.
UPDATE appointment AS b SET during = span, starts_at = lower(span), ends_at = upper(span),
    version = b.version + 1, act_id = :act, site_id = a.site_id, time_zone = a.time_zone,
    local_start = to_char(:starts_at AT TIME ZONE a.time_zone, 'YYYY-MM-DD"T"HH24:MI:SS')
FROM availability AS a, appointment AS old
CROSS JOIN tstzrange(:starts_at::timestamptz,
                     :starts_at + (old.ends_at - old.starts_at)) AS span
WHERE b.org = :org AND b.id = :id::uuid AND b.state = ANY (:from::text[]) AND b.version = :if_match::int8
  AND old.org = b.org AND old.id = b.id AND old.version = b.version AND lower(span) > :now
  AND a.org = b.org AND a.provider_id = b.provider_id
  AND upper(a.during) >= upper(span) AND upper(a.during) < lower(span) + interval '2 days'
  AND lower(a.during) <= lower(span)
  AND calendars_lock(b.provider_id, b.patient_id)
RETURNING b.id, b.version, b.state, b.patient_id, b.provider_id, b.site_id, b.visit_type, b.starts_at,
          b.ends_at, b.local_start, b.time_zone, b.place_confirmed_at, b.arrived_at, b.deadline,
          b.admitted_at, b.started_at, b.ended_at, b.sealed, b.sealed_version, b.labels;

-- appointment_not_shifted  :one refusal
SELECT CASE WHEN version <> :if_match::int8 THEN 'stale'
            WHEN NOT state = ANY (:from::text[]) THEN 'bad_state'
            ELSE 'outside_availability' END AS code
FROM appointment WHERE org = :org AND id = :id::uuid;

-- appointment_place  :one appointment  else ERR_CONFLICT
-- Sealed for the version that was read; somebody else's change in between comes first.
UPDATE appointment SET place_confirmed_at = :now, sealed = :sealed::bytea,
    sealed_version = version + 1, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[]) AND version = :read_version::int8
RETURNING id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
          local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
          ended_at, sealed, sealed_version, labels;

-- appointment_check_in  :one appointment  else appointment_not_checked_in
-- From 30 minutes before the start to the end, with a confirmed place. Early birds gain nothing:
-- the wait counts from ten minutes before the start at the earliest.
UPDATE appointment SET state = 'arrived', version = version + 1, act_id = :act, arrived_at = :now,
    deadline = greatest(:now, starts_at - interval '10 minutes') + target_minutes * interval '1 minute'
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
  AND (:if_match::int8 < 0 OR version = :if_match) AND place_confirmed_at IS NOT NULL
  AND :now >= starts_at - interval '30 minutes' AND :now < ends_at
RETURNING id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
          local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
          ended_at, sealed, sealed_version, labels;

-- appointment_not_checked_in  :one refusal
SELECT CASE WHEN :if_match::int8 >= 0 AND version <> :if_match THEN 'stale'
            WHEN NOT state = ANY (:from::text[]) THEN 'bad_state'
            WHEN place_confirmed_at IS NULL THEN 'place_missing'
            ELSE 'check_in_closed' END AS code
FROM appointment WHERE org = :org AND id = :id::uuid;

-- appointment_admit  :one appointment  else appointment_not_admitted
-- The clinician's next by deadline, and nobody else.
UPDATE appointment AS b SET admitted_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[]) AND admitted_at IS NULL
  AND (:if_match::int8 < 0 OR version = :if_match)
  AND id = (SELECT q.id FROM queue AS q WHERE q.org = :org AND q.provider_id = b.provider_id
            AND q.place = 1)
RETURNING id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
          local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
          ended_at, sealed, sealed_version, labels;

-- appointment_not_admitted  :one refusal
SELECT CASE WHEN :if_match::int8 >= 0 AND version <> :if_match THEN 'stale'
            WHEN NOT state = ANY (:from::text[]) OR admitted_at IS NOT NULL THEN 'bad_state'
            ELSE 'not_next' END AS code
FROM appointment WHERE org = :org AND id = :id::uuid;

-- appointment_start  :one appointment  else appointment_not_moved
UPDATE appointment SET state = 'in_progress', started_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[]) AND admitted_at IS NOT NULL
  AND (:if_match::int8 < 0 OR version = :if_match)
RETURNING id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
          local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
          ended_at, sealed, sealed_version, labels;

-- appointment_end  :one appointment  else appointment_not_moved
-- What was not used of the time is free again.
UPDATE appointment SET state = 'completed', during = NULL, ended_at = :now, version = version + 1,
    act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
  AND (:if_match::int8 < 0 OR version = :if_match)
RETURNING id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
          local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
          ended_at, sealed, sealed_version, labels;

-- appointment_miss  :one appointment  else appointment_not_moved
-- Ten minutes after the start at the earliest, and never who was seen at the visit.
UPDATE appointment AS b SET state = 'no_show', during = NULL, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
  AND (:if_match::int8 < 0 OR version = :if_match) AND :now >= starts_at + interval '10 minutes'
  AND NOT EXISTS (SELECT FROM attended AS t WHERE t.org = b.org AND t.visit_id = b.id
                  AND t.patient_id = b.patient_id)
RETURNING id, version, state, patient_id, provider_id, site_id, visit_type, starts_at, ends_at,
          local_start, time_zone, place_confirmed_at, arrived_at, deadline, admitted_at, started_at,
          ended_at, sealed, sealed_version, labels;

-- appointments_missed  :many appointment_due
-- all orgs: over, and nobody came
SELECT org, id FROM appointment AS b
WHERE state IN ('scheduled', 'confirmed') AND ends_at < :now
  AND NOT EXISTS (SELECT FROM attended AS t WHERE t.org = b.org AND t.visit_id = b.id
                  AND t.patient_id = b.patient_id)
LIMIT 100;

-- appointments_forgotten  :many appointment_due
-- all orgs: who waits for hours behind the end would stand before everybody else for ever
SELECT org, id FROM appointment
WHERE state = 'arrived' AND ends_at < :now - interval '4 hours' LIMIT 100;
