-- A guardian's relation is reckoned anew when the law changes. The birth date is not kept: the day on which the patient
-- comes of age and the age that was asked for give it back.
ALTER TABLE relation
    ADD COLUMN of_age_on    date,
    ADD COLUMN of_age_years int;       -- NULL: not a guardian's, or older than that when the rule began

-- The first day on which somebody is as old as the rule of that day asks.
CREATE FUNCTION of_age(of_org uuid, born date, OUT day date, OUT years int) LANGUAGE sql STABLE STRICT AS $$
    WITH rules AS (
        SELECT m.years AS age, in_force AS first, lead(in_force) OVER (ORDER BY in_force) AS next
        FROM majority AS m
        WHERE org = (SELECT max(org::text)::uuid FROM majority
                     WHERE org IN (of_org, '00000000-0000-0000-0000-000000000000'))
    ), days AS (
        SELECT greatest(first, (born + make_interval(years => age))::date) AS at, age, next,
               (born + make_interval(years => age))::date >= first AS by_age
        FROM rules
    )
    SELECT at, CASE WHEN by_age THEN age END FROM days WHERE next IS NULL OR at < next ORDER BY at LIMIT 1
$$;

-- The first instant that has a date at any of the organisation's sites.
CREATE FUNCTION first_instant(of_org uuid, day date) RETURNS timestamptz LANGUAGE sql STABLE STRICT AS $$
    SELECT coalesce((SELECT min(day::timestamp AT TIME ZONE time_zone) FROM site WHERE org = of_org),
                    day::timestamp AT TIME ZONE 'UTC')
$$;

CREATE OR REPLACE FUNCTION majority_at(of_org uuid, born date) RETURNS timestamptz LANGUAGE sql STABLE STRICT AS $$
    SELECT first_instant(of_org, aged.day) FROM of_age(of_org, born) AS aged
$$;

CREATE INDEX relation_guardian ON relation (ends_at) WHERE kind = 'guardian' AND of_age_years IS NOT NULL;
