-- What access owns beside member, relation and consent, which migration 0002 made everywhere.

CREATE TABLE organisation (
    org        uuid PRIMARY KEY,
    name       text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE site (
    org       uuid NOT NULL,
    id        uuid NOT NULL,
    name      text NOT NULL,
    time_zone text NOT NULL,           -- IANA
    PRIMARY KEY (org, id)
);

-- A person has one role in an organisation, a record one person who is it.
CREATE UNIQUE INDEX member_one ON member (org, person);
CREATE UNIQUE INDEX member_patient ON member (org, patient) WHERE role = 'patient';

-- Binds a first sign-in to a record that staff has made. The code itself is not kept.
CREATE TABLE sign_in_code (
    org        uuid NOT NULL,
    hash       bytea NOT NULL,         -- SHA-256 of the code
    person     uuid NOT NULL,
    issued_by  uuid NOT NULL,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    PRIMARY KEY (org, hash)
);
CREATE INDEX sign_in_code_person ON sign_in_code (org, person) WHERE used_at IS NULL;

-- The texts that patients are shown. All zeros: of every organisation. A text is never changed; a
-- new wording is a new version.
CREATE TABLE consent_document (
    org      uuid NOT NULL,
    scope    text NOT NULL,            -- a word of consents.def
    version  bigint NOT NULL,
    language text NOT NULL,
    text     text NOT NULL,
    hash     bytea NOT NULL GENERATED ALWAYS AS (sha256(text::bytea)) STORED,
    PRIMARY KEY (org, scope, version, language)
);

-- What was shown and who said yes and no: evidence, in access only.
ALTER TABLE consent
    ADD COLUMN document_hash bytea,
    ADD COLUMN language      text,
    ADD COLUMN given_by      uuid,
    ADD COLUMN revoked_by    uuid,
    ADD COLUMN revoked_at    timestamptz;
CREATE UNIQUE INDEX consent_one ON consent (org, patient_id, scope) WHERE state = 'active';
CREATE INDEX consent_ends ON consent (ends_at) WHERE state = 'active';

-- Visits as appointments tells them, by event or by a pass that came first.
CREATE TABLE visit (
    org         uuid NOT NULL,
    id          uuid NOT NULL,
    patient_id  uuid NOT NULL,
    provider_id uuid NOT NULL,
    state       text NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    version     bigint NOT NULL,
    epoch       bigint NOT NULL,
    PRIMARY KEY (org, id)
);

-- One channel a visit, whoever asks first.
CREATE TABLE visit_channel (
    org        uuid NOT NULL,
    visit_id   uuid NOT NULL,
    channel_id uuid NOT NULL,
    PRIMARY KEY (org, visit_id),
    UNIQUE (org, channel_id)
);

CREATE TABLE visit_grant (
    org        uuid NOT NULL,
    id         uuid NOT NULL,
    visit_id   uuid NOT NULL,
    person     uuid NOT NULL,
    seat       text NOT NULL,          -- patient, clinician
    minted_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    revoked_at timestamptz,
    version    bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    FOREIGN KEY (org, visit_id) REFERENCES visit_channel (org, visit_id)
);
CREATE INDEX visit_grant_person ON visit_grant (org, person) WHERE revoked_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON organisation, site, visit, visit_channel, visit_grant TO "@service@";
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_code TO "@service@";
GRANT SELECT ON consent_document TO "@service@";
