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
