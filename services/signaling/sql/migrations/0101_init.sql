-- What signaling owns: one call a visit, the replica that holds it, and who is seated.

CREATE TABLE call (
    org         uuid NOT NULL,
    id          uuid NOT NULL,         -- the channel of the grant
    visit_id    uuid NOT NULL,
    patient_id  uuid NOT NULL,
    provider_id uuid NOT NULL,
    replica     uuid NOT NULL,         -- the last that claimed it holds it
    epoch       bigint NOT NULL DEFAULT 1, -- how many replicas have held it
    version     bigint NOT NULL DEFAULT 1,
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz,           -- the visit is over
    PRIMARY KEY (org, id),
    UNIQUE (org, visit_id)
);

-- One a person: a second device takes the seat of the first.
CREATE TABLE seat (
    org       uuid NOT NULL,
    call_id   uuid NOT NULL,
    person    uuid NOT NULL,
    role      text NOT NULL,           -- patient, clinician: as the grant says
    session   uuid NOT NULL,           -- the act that took it
    epoch     bigint NOT NULL,         -- of the call then
    joined_at timestamptz NOT NULL,
    PRIMARY KEY (org, call_id, person),
    FOREIGN KEY (org, call_id) REFERENCES call (org, id)
);

GRANT SELECT, INSERT, UPDATE ON call TO "@service@";
GRANT SELECT, INSERT, UPDATE, DELETE ON seat TO "@service@";
