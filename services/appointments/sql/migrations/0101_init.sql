-- What appointments owns: when clinicians offer time, who comes when, and what was said there.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- A wall-clock time as the first instant that shows it or, in the hour that spring skips, the first
-- instant behind the gap; in the hour that autumn repeats, its first pass. Zones change on multiples
-- of five minutes, and so do schedules.
CREATE FUNCTION instant_of(at_wall timestamp, zone text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT min(at) FROM generate_series((at_wall AT TIME ZONE zone) - interval '2 hours',
                                        at_wall AT TIME ZONE zone, interval '5 minutes') AS at
    WHERE at AT TIME ZONE zone >= at_wall
$$;

CREATE FUNCTION zone_known(zone text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM timestamp '2000-01-01' AT TIME ZONE zone;
    RETURN zone = 'UTC' OR zone LIKE '%/%';
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END $$;

-- Effective-dated. The nil organisation's rows are everybody's defaults.
CREATE TABLE visit_type (
    org            uuid NOT NULL,
    code           text NOT NULL,
    valid          tstzrange NOT NULL,
    minutes        int NOT NULL CHECK (minutes BETWEEN 5 AND 480),
    target_minutes int NOT NULL,       -- longest fair wait; decides the waiting room's order
    price_code     text NOT NULL,      -- what billing looks up
    EXCLUDE USING gist (org WITH =, code WITH =, valid WITH &&)
);
INSERT INTO visit_type (org, code, valid, minutes, target_minutes, price_code) VALUES
    ('00000000-0000-0000-0000-000000000000', 'consultation', '[2020-01-01Z,)', 30, 15, 'CONSULT30'),
    ('00000000-0000-0000-0000-000000000000', 'follow_up', '[2020-01-01Z,)', 15, 30, 'FOLLOW15');

-- What a type is for an organisation at a time: its own row goes before everybody's.
CREATE FUNCTION visit_type_at(of_org uuid, of_code text, at timestamptz)
RETURNS TABLE (minutes int, target_minutes int) LANGUAGE sql STABLE AS $$
    SELECT t.minutes, t.target_minutes FROM visit_type AS t
    WHERE t.org IN (of_org, '00000000-0000-0000-0000-000000000000') AND t.code = of_code
      AND t.valid @> at
    ORDER BY t.org DESC LIMIT 1
$$;

-- The weekly rules of a clinician at a site, in the site's own time.
CREATE TABLE schedule (
    org           uuid NOT NULL,
    id            uuid NOT NULL,
    provider_id   uuid NOT NULL,
    site_id       uuid NOT NULL,
    time_zone     text NOT NULL,
    weeks         int NOT NULL CHECK (weeks BETWEEN 1 AND 26),
    expand_from   date NOT NULL,       -- the first day that availability lacks
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    CONSTRAINT schedule_place UNIQUE (org, provider_id, site_id),
    CONSTRAINT schedule_zone CHECK (zone_known(time_zone))
);

CREATE TABLE schedule_rule (
    org          uuid NOT NULL,
    schedule_id  uuid NOT NULL,
    weekday      int NOT NULL CHECK (weekday BETWEEN 1 AND 7),  -- Monday is 1
    from_minute  int NOT NULL CHECK (from_minute >= 0 AND from_minute % 5 = 0),
    to_minute    int NOT NULL CHECK (to_minute <= 1440 AND to_minute % 5 = 0),
    CONSTRAINT schedule_rule_span CHECK (from_minute < to_minute),
    CONSTRAINT schedule_rule_once EXCLUDE USING gist
        (org WITH =, schedule_id WITH =, weekday WITH =, int4range(from_minute, to_minute) WITH &&),
    FOREIGN KEY (org, schedule_id) REFERENCES schedule (org, id)
);

-- The rules as instants, for the coming weeks.
CREATE TABLE availability (
    org          uuid NOT NULL,
    schedule_id  uuid NOT NULL,
    provider_id  uuid NOT NULL,
    site_id      uuid NOT NULL,
    time_zone    text NOT NULL,
    during       tstzrange NOT NULL CHECK (NOT isempty(during)),
    FOREIGN KEY (org, schedule_id) REFERENCES schedule (org, id)
);
CREATE INDEX availability_during ON availability USING gist (org, provider_id, during);
CREATE INDEX availability_schedule ON availability (org, schedule_id);

CREATE TABLE appointment (
    org                uuid NOT NULL,
    id                 uuid NOT NULL,
    act_id             uuid NOT NULL,
    patient_id         uuid NOT NULL,
    provider_id        uuid NOT NULL,
    site_id            uuid NOT NULL,
    time_zone          text NOT NULL,
    visit_type         text NOT NULL,
    target_minutes     int NOT NULL,
    state              text NOT NULL CHECK (state IN ('scheduled', 'confirmed', 'arrived',
                                            'in_progress', 'completed', 'cancelled', 'no_show')),
    during             tstzrange NOT NULL
        CHECK (NOT isempty(during) AND upper(during) - lower(during) <= interval '8 hours'),
    starts_at          timestamptz NOT NULL GENERATED ALWAYS AS (lower(during)) STORED,
    ends_at            timestamptz NOT NULL GENERATED ALWAYS AS (upper(during)) STORED,
    local_start        text NOT NULL,      -- wall time at the site
    place_confirmed_at timestamptz,
    arrived_at         timestamptz,
    deadline           timestamptz,        -- the waiting room serves by it
    admitted_at        timestamptz,
    started_at         timestamptz,
    ended_at           timestamptz,
    sealed             bytea NOT NULL,     -- VisitPhi
    sealed_version     bigint NOT NULL DEFAULT 1,
    version            bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    CONSTRAINT appointment_provider EXCLUDE USING gist
        (org WITH =, provider_id WITH =, during WITH &&)
        WHERE (state IN ('scheduled', 'confirmed', 'arrived', 'in_progress')),
    CONSTRAINT appointment_patient EXCLUDE USING gist
        (org WITH =, patient_id WITH =, during WITH &&)
        WHERE (state IN ('scheduled', 'confirmed', 'arrived', 'in_progress'))
);
CREATE INDEX appointment_starts ON appointment (org, starts_at, id);
CREATE INDEX appointment_patient_starts ON appointment (org, patient_id, starts_at);
CREATE INDEX appointment_waiting ON appointment (org, provider_id, deadline) WHERE state = 'arrived';
CREATE INDEX appointment_served ON appointment (org, provider_id, ended_at) WHERE state = 'completed';
CREATE INDEX appointment_due ON appointment (ends_at) WHERE state IN ('scheduled', 'confirmed');

-- The waiting room: who is served next, and an honest range of minutes. Places count those who wait
-- for the same clinician, by deadline; who is in has place 0. The pace is the median of the
-- clinician's last 20 visits, 20 minutes before there are any.
CREATE VIEW queue AS
SELECT room.*, CASE WHEN place = 0 THEN '0'
                    WHEN (place - 1 + inside) * pace.minutes <= 5 THEN '0-5'
                    WHEN (place - 1 + inside) * pace.minutes <= 15 THEN '5-15'
                    WHEN (place - 1 + inside) * pace.minutes <= 30 THEN '15-30'
                    ELSE '30+' END AS wait
FROM (
    SELECT *, count(*) FILTER (WHERE NOT waits) OVER (PARTITION BY org, provider_id) AS inside,
           CASE WHEN waits THEN row_number() OVER (PARTITION BY org, provider_id, waits
                                                   ORDER BY deadline, arrived_at, id)
                ELSE 0 END AS place
    FROM (SELECT org, id, version, patient_id, provider_id, visit_type, state, starts_at, ends_at,
                 arrived_at, deadline, admitted_at,
                 state = 'arrived' AND admitted_at IS NULL AS waits
          FROM appointment WHERE state IN ('arrived', 'in_progress')) AS here
) AS room
CROSS JOIN LATERAL (
    SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds / 60), 20) AS minutes
    FROM (SELECT extract(epoch FROM ended_at - started_at) AS seconds FROM appointment AS served
          WHERE served.org = room.org AND served.provider_id = room.provider_id
            AND served.state = 'completed'
          ORDER BY served.ended_at DESC LIMIT 20) AS lengths
) AS pace;

-- Clinicians who stand in for a patient's own.
CREATE VIEW covering AS
SELECT org, person, patient_id, tstzrange(starts_at, ends_at) AS during FROM relation
WHERE kind = 'covering';

-- Every step of every visit and who took it; never changed.
CREATE TABLE appointment_history (
    org            uuid NOT NULL,
    appointment_id uuid NOT NULL,
    version        bigint NOT NULL,
    event          text NOT NULL,
    state          text NOT NULL,
    starts_at      timestamptz NOT NULL,
    actor          uuid,               -- null: the service itself
    role           text NOT NULL,
    act_id         uuid NOT NULL,
    at             timestamptz NOT NULL,
    PRIMARY KEY (org, appointment_id, version)
);

-- Notes and summaries: each version a row of its own; never changed.
CREATE TABLE note (
    org            uuid NOT NULL,
    id             uuid NOT NULL,
    appointment_id uuid NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('note', 'summary')),
    version        bigint NOT NULL,
    author         uuid NOT NULL,
    written_at     timestamptz NOT NULL,
    sealed         bytea NOT NULL,     -- NotePhi
    PRIMARY KEY (org, id),
    CONSTRAINT note_version UNIQUE (org, appointment_id, kind, version),
    FOREIGN KEY (org, appointment_id) REFERENCES appointment (org, id)
);

-- Heard: what was prescribed at a visit (for its summary).
CREATE TABLE prescription_heard (
    org        uuid NOT NULL,
    id         uuid NOT NULL,
    visit_id   uuid NOT NULL,
    state      text NOT NULL,
    version    bigint NOT NULL,
    epoch      bigint NOT NULL,
    PRIMARY KEY (org, id)
);
CREATE INDEX prescription_heard_visit ON prescription_heard (org, visit_id);

-- Heard: who has been seen at a visit, in its chat or call. Nobody who was there becomes a no-show.
CREATE TABLE presence_heard (
    org        uuid NOT NULL,
    visit_id   uuid NOT NULL,
    person     uuid NOT NULL,
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (org, visit_id, person)
);

-- Visits whose patient, or who acts for them, has been seen there.
CREATE VIEW attended AS
SELECT p.org, p.visit_id, r.patient_id FROM presence_heard AS p
JOIN relation AS r ON r.org = p.org AND r.person = p.person AND r.kind IN ('self', 'proxy');

GRANT SELECT ON visit_type, attended, queue, covering TO "@service@";
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule, schedule_rule, availability TO "@service@";
GRANT SELECT, INSERT, UPDATE ON appointment, prescription_heard, presence_heard TO "@service@";
GRANT SELECT, INSERT ON appointment_history, note TO "@service@";
