-- Two persons are two people when nobody stands behind both: as access says it of each member, and one sign-in in
-- several roles is one.
CREATE FUNCTION are_apart(of_org uuid, one uuid, other uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    WITH stands (whose, person) AS (
        SELECT asked.person, behind.person FROM (VALUES (one), (other)) AS asked (person)
        JOIN member AS own ON own.org = of_org AND own.person = asked.person
        JOIN member AS m ON m.org = of_org
         AND (m.person = own.person OR (m.issuer, m.subject) = (own.issuer, own.subject))
        CROSS JOIN LATERAL unnest(m.behind || m.person) AS behind (person))
    SELECT one <> other AND NOT EXISTS (
        SELECT FROM stands AS a JOIN stands AS b ON a.person = b.person AND a.whose <> b.whose)
$$;
