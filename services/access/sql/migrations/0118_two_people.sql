-- Two persons are two people when they have no sign-in in common and neither has enrolled the other, in
-- whichever of their roles: a second sign-in of one's own is easily made.
CREATE FUNCTION are_apart(of_org uuid, one uuid, other uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    WITH role_of AS (
        SELECT asked.person AS whose, m.person
        FROM (VALUES (one), (other)) AS asked (person)
        JOIN member AS own ON own.org = of_org AND own.person = asked.person
        JOIN member AS m ON m.org = of_org
         AND (m.person = own.person OR (m.issuer, m.subject) = (own.issuer, own.subject)))
    SELECT one <> other AND NOT EXISTS (
        SELECT FROM role_of AS a JOIN role_of AS b ON a.whose <> b.whose
        WHERE a.person = b.person
           OR EXISTS (SELECT FROM sign_in_code AS c WHERE c.org = of_org AND c.used_at IS NOT NULL
                      AND c.person = a.person AND c.issued_by = b.person))
$$;
