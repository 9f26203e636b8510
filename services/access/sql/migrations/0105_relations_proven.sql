-- What proves a relation, who opened it, and for a guest to which visit.
ALTER TABLE relation
    ADD COLUMN proof     text,         -- a word that relations.def has for its kind
    ADD COLUMN visit_id  uuid,         -- guest: the one visit
    ADD COLUMN opened_by uuid;

-- How sensitive a visit is: labels.def, a bit each.
ALTER TABLE visit ADD COLUMN labels bigint NOT NULL DEFAULT 0;

-- From which day on one comes of age at which age. All zeros: for every organisation that has no row
-- of its own. A change of the law is a row, never an update.
CREATE TABLE majority (
    org      uuid NOT NULL,
    in_force date NOT NULL,
    years    int NOT NULL CHECK (years BETWEEN 14 AND 25),
    PRIMARY KEY (org, in_force)
);
INSERT INTO majority (org, in_force, years) VALUES ('00000000-0000-0000-0000-000000000000', '1900-01-01', 18);

-- The first day on which somebody is as old as the rule of that day asks, as the first instant that
-- has that date at any of the organisation's sites.
CREATE FUNCTION majority_at(of_org uuid, born date) RETURNS timestamptz LANGUAGE sql STABLE STRICT AS $$
    WITH rules AS (
        SELECT years, in_force AS first, lead(in_force) OVER (ORDER BY in_force) AS next FROM majority
        WHERE org = (SELECT max(org::text)::uuid FROM majority
                     WHERE org IN (of_org, '00000000-0000-0000-0000-000000000000'))
    ), day AS (
        SELECT min(greatest(first, (born + make_interval(years => years))::date)) AS at FROM rules
        WHERE next IS NULL OR greatest(first, (born + make_interval(years => years))::date) < next
    )
    SELECT coalesce((SELECT min(day.at::timestamp AT TIME ZONE time_zone) FROM site WHERE org = of_org),
                    day.at::timestamp AT TIME ZONE 'UTC') FROM day
$$;

GRANT SELECT ON majority TO "@service@";
