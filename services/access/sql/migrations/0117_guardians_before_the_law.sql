-- Guardians who were recorded before 0115 are reckoned anew with the law, too. Theirs are the ends that are the first
-- instant of a day, as majority_at() makes them; the rule of that day says at which age. Any other end was asked for,
-- and stands.
UPDATE relation AS r SET of_age_on = theirs.day, of_age_years = theirs.years
FROM (SELECT g.org, g.id, day.at AS day, rule.years
      FROM relation AS g
      CROSS JOIN LATERAL (SELECT ((g.ends_at + interval '1 day') AT TIME ZONE 'UTC')::date - near.n AS at
                          FROM generate_series(0, 2) AS near (n)) AS day
      CROSS JOIN LATERAL (SELECT m.years, m.in_force FROM majority AS m
                          WHERE m.org = (SELECT max(org::text)::uuid FROM majority
                                         WHERE org IN (g.org, '00000000-0000-0000-0000-000000000000'))
                            AND m.in_force <= day.at
                          ORDER BY m.in_force DESC LIMIT 1) AS rule
      WHERE g.kind = 'guardian' AND g.of_age_on IS NULL AND g.ends_at = first_instant(g.org, day.at)
        AND rule.in_force < day.at) AS theirs
WHERE r.org = theirs.org AND r.id = theirs.id;
