-- Each version of a row names the act on record that made it so. What is older names none.
ALTER TABLE stream ADD COLUMN act_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE stream ALTER COLUMN act_id DROP DEFAULT;
ALTER TABLE message ADD COLUMN act_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE message ALTER COLUMN act_id DROP DEFAULT;
