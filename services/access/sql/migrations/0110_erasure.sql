-- Who may not be erased now, and who was.

-- A legal hold on a patient's record.
CREATE TABLE hold (
    org         uuid NOT NULL,
    id          uuid NOT NULL,
    act_id      uuid NOT NULL,
    patient_id  uuid NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('litigation', 'investigation', 'complaint', 'audit')),
    placed_by   uuid NOT NULL,
    placed_at   timestamptz NOT NULL,
    released_by uuid,
    released_at timestamptz,
    version     bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id)
);
CREATE INDEX hold_patient ON hold (org, patient_id) WHERE released_at IS NULL;

CREATE TABLE erasure (
    org         uuid NOT NULL,
    id          uuid NOT NULL,
    act_id      uuid NOT NULL,
    patient_id  uuid NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('request', 'retention_over', 'mistake')),
    state       text NOT NULL CHECK (state IN ('asked', 'approved', 'refused', 'erased')),
    asked_by    uuid NOT NULL,
    asked_at    timestamptz NOT NULL,
    decided_by  uuid,
    decided_at  timestamptz,
    erased_at   timestamptz,
    certificate text,                  -- PASETO v4.public, signed by keyd
    public_key  text,                  -- KID PUBLIC, by which it is verified
    version     bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    CHECK ((state = 'erased') = (certificate IS NOT NULL))
);
CREATE UNIQUE INDEX erasure_one ON erasure (org, patient_id) WHERE state <> 'refused';
CREATE INDEX erasure_due ON erasure (decided_at) WHERE state = 'approved';
-- How long a record must be kept counts from the last visit.
CREATE INDEX visit_patient ON visit (org, patient_id, ends_at);

GRANT SELECT, INSERT, UPDATE ON hold, erasure TO "@service@";
