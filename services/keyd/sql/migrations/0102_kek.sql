-- Versions of the key that wraps the others, which are the provider's (services/keyd/kek.h).
CREATE TABLE kek (
    version    int PRIMARY KEY CHECK (version > 0),
    state      text NOT NULL CHECK (state IN ('active', 'retired', 'gone')), -- the newest active one wraps
    made_at    timestamptz,            -- null: before versions were counted
    changed_at timestamptz
);
INSERT INTO kek (version, state) VALUES (1, 'active');

-- Of a destroyed key: what wrapped it last, since older copies of this table still hold it so.
ALTER TABLE dek ADD COLUMN kek int NOT NULL DEFAULT 1 REFERENCES kek;
ALTER TABLE dek ALTER COLUMN kek DROP DEFAULT;
CREATE INDEX dek_kek ON dek (kek);

GRANT SELECT, INSERT, UPDATE ON kek TO "@service@";
