-- Two persons are two people when nobody stands behind both: not one sign-in, in whichever of its roles, nor
-- whoever enrolled them, or enrolled who did. A second sign-in of one's own is easily made, and a third. Who came
-- with the installation was enrolled by nobody. Why so: docs/decisions/0030.
CREATE OR REPLACE FUNCTION are_apart(of_org uuid, one uuid, other uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    WITH RECURSIVE behind (whose, person) AS (
        SELECT asked.person, asked.person FROM (VALUES (one), (other)) AS asked (person)
        UNION
        SELECT behind.whose, further.person
        FROM behind CROSS JOIN LATERAL (
            SELECT m.person FROM member AS own JOIN member AS m
                ON m.org = own.org AND (m.issuer, m.subject) = (own.issuer, own.subject)
            WHERE own.org = of_org AND own.person = behind.person
            UNION ALL
            SELECT c.issued_by FROM sign_in_code AS c
            WHERE c.org = of_org AND c.person = behind.person AND c.used_at IS NOT NULL) AS further)
    SELECT one <> other AND NOT EXISTS (
        SELECT FROM behind AS a JOIN behind AS b ON a.person = b.person AND a.whose <> b.whose)
$$;
