-- Data keys, wrapped. What was destroyed keeps its row, without the key: so it is never made anew.

CREATE TABLE dek (
    org        uuid NOT NULL,          -- all zeros: the installation's own
    patient    uuid NOT NULL,          -- all zeros: the organisation's own
    domain     text NOT NULL,          -- a row of domains.def
    id         uuid NOT NULL,
    state      text NOT NULL,          -- active, decrypt_only, destroyed
    wrapped    bytea,                  -- XAES-256-GCM under the KEK; null: destroyed
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (org, patient, domain, id),
    CHECK (state IN ('active', 'decrypt_only', 'destroyed') AND (state = 'destroyed') = (wrapped IS NULL))
);
CREATE UNIQUE INDEX dek_active ON dek (org, patient, domain) WHERE state = 'active';

GRANT SELECT, INSERT, UPDATE ON dek TO "@service@";
