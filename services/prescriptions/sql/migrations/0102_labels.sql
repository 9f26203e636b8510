-- A prescription is as sensitive as its visit: labels.def, a bit each.
ALTER TABLE visit_heard ADD COLUMN labels bigint NOT NULL DEFAULT 0;

CREATE FUNCTION labels_of(of_org uuid, of_visit uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT labels FROM visit_heard WHERE org = of_org AND id = of_visit), 0)
$$;
