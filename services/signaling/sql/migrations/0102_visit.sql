-- Two who open a call at the same moment meet at its id, where the second takes the first's row. A
-- second unique key would make that a unique violation now and then: which index is asked first is
-- PostgreSQL's affair. One call a visit holds all the same: access names one channel a visit.
ALTER TABLE call DROP CONSTRAINT call_org_visit_id_key;
CREATE INDEX call_visit ON call (org, visit_id);
