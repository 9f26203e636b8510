-- Each version of a row names the act on record that made it so. What is older names none.
ALTER TABLE visit ADD COLUMN act_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE visit ALTER COLUMN act_id DROP DEFAULT;
ALTER TABLE visit_grant ADD COLUMN act_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE visit_grant ALTER COLUMN act_id DROP DEFAULT;
