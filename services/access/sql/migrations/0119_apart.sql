-- Who stands behind somebody: their other roles by the same sign-in, who enrolled these, and so on up to who came with
-- the installation. Other services are told of it, as they have no codes to look at.
CREATE FUNCTION who_is_behind(of_org uuid, one uuid) RETURNS TABLE (person uuid) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE behind (person) AS (
        SELECT one
        UNION
        SELECT further.person
        FROM behind CROSS JOIN LATERAL (
            SELECT m.person FROM member AS own JOIN member AS m
                ON m.org = own.org AND (m.issuer, m.subject) = (own.issuer, own.subject)
            WHERE own.org = of_org AND own.person = behind.person
            UNION ALL
            SELECT c.issued_by FROM sign_in_code AS c
            WHERE c.org = of_org AND c.person = behind.person AND c.used_at IS NOT NULL) AS further)
    SELECT behind.person FROM behind
$$;

-- Two persons are two people when nobody stands behind both: not one sign-in, in whichever of its roles, nor
-- whoever enrolled them, or enrolled who did. A second sign-in of one's own is easily made, and a third. Who came
-- with the installation was enrolled by nobody. Why so: docs/decisions/0030.
CREATE OR REPLACE FUNCTION are_apart(of_org uuid, one uuid, other uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT one <> other AND NOT EXISTS (
        SELECT FROM who_is_behind(of_org, one) AS a JOIN who_is_behind(of_org, other) AS b USING (person))
$$;
