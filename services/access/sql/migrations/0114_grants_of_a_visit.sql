-- Taking a consent back ends what lives of the grants to a patient's visits.
CREATE INDEX visit_grant_visit ON visit_grant (org, visit_id) WHERE revoked_at IS NULL;
