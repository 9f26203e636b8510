-- A key that another has taken the place of: `decrypt_only` while a row may name it, then `retired`,
-- without the key. `destroyed` is erasure, and for ever.
ALTER TABLE dek DROP CONSTRAINT dek_check;
ALTER TABLE dek ADD CONSTRAINT dek_check CHECK (
    state IN ('active', 'decrypt_only', 'retired', 'destroyed')
    AND (state IN ('retired', 'destroyed')) = (wrapped IS NULL));

-- Which service has still to say that none of its rows names a renewed key.
CREATE TABLE dek_rest (
    org        uuid NOT NULL,
    patient    uuid NOT NULL,
    domain     text NOT NULL,
    dek_id     uuid NOT NULL,
    service    text NOT NULL,
    renewed_at timestamptz NOT NULL,
    due_at     timestamptz NOT NULL,   -- when it is told again
    PRIMARY KEY (org, dek_id, service),
    FOREIGN KEY (org, patient, domain, dek_id) REFERENCES dek (org, patient, domain, id)
);
CREATE INDEX dek_rest_due ON dek_rest (service, due_at);
CREATE INDEX dek_rest_patient ON dek_rest (org, patient);

GRANT SELECT, INSERT, UPDATE, DELETE ON dek_rest TO "@service@";
