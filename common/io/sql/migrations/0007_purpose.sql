-- What each act was for, and how sensitive the row was.
ALTER TABLE audit_outbox ADD COLUMN purpose text, ADD COLUMN labels text;
