-- Who stands behind a member of staff: who enrolled them, and who enrolled those, so that two who must be two can
-- be told from one with a puppet. What was heard before this says nobody.
ALTER TABLE member ADD COLUMN behind uuid[] NOT NULL DEFAULT '{}';
