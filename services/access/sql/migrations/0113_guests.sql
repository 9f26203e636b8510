-- Who was asked to one visit by a one-time link. The id is the guest's as a person and as a relation.
CREATE TABLE guest_link (
    org        uuid NOT NULL,
    id         uuid NOT NULL,
    act_id     uuid NOT NULL,
    visit_id   uuid NOT NULL,
    patient_id uuid NOT NULL,
    hash       bytea NOT NULL,         -- SHA-256 of the link's secret
    proof      text NOT NULL CHECK (proof IN ('birth_date', 'phone')),
    sealed     bytea NOT NULL,         -- the name, and what must be typed
    invited_by uuid NOT NULL,
    invited_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    tries      int NOT NULL DEFAULT 0, -- that were wrong
    device     bytea,                  -- SHA-256 of the key of the page that took it
    entered_at timestamptz,
    ended_at   timestamptz,
    version    bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    UNIQUE (org, hash),
    FOREIGN KEY (org, visit_id) REFERENCES visit (org, id),
    CHECK (expires_at <= invited_at + interval '30 minutes'),
    CHECK ((device IS NULL) = (entered_at IS NULL))
);
CREATE INDEX guest_link_visit ON guest_link (org, visit_id);
CREATE INDEX guest_link_patient ON guest_link (org, patient_id);

GRANT SELECT, INSERT, UPDATE ON guest_link TO "@service@";
