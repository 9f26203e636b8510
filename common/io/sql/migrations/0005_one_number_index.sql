-- A row that has no number yet is in no index of numbers: one partial index is both the promise that a
-- number is given once and the way to find what is to be sent.
DROP INDEX audit_outbox_numbered;
ALTER TABLE audit_outbox DROP CONSTRAINT audit_outbox_org_seq_key;
CREATE UNIQUE INDEX audit_outbox_numbered ON audit_outbox (org, seq) WHERE seq IS NOT NULL;
