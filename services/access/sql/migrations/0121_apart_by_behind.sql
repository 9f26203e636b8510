-- As in 0119, which asked for both what 0120 now says of one.
CREATE OR REPLACE FUNCTION are_apart(of_org uuid, one uuid, other uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT one <> other AND NOT EXISTS (
        SELECT FROM who_is_behind(of_org, one) AS a JOIN who_is_behind(of_org, other) AS b USING (person))
$$;
