-- Each version of a row names the act on record that made it so. What is older names none.
ALTER TABLE note ADD COLUMN act_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE note ALTER COLUMN act_id DROP DEFAULT;
ALTER TABLE prescription_heard ADD COLUMN act_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE prescription_heard ALTER COLUMN act_id DROP DEFAULT;
