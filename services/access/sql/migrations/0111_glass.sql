-- Glass that was broken: who has, for whom, why, until when, and what a privacy officer has found of it.
-- The relation that it opens has its id. A row is never taken away.
CREATE TABLE glass (
    org            uuid NOT NULL,
    id             uuid NOT NULL,
    act_id         uuid NOT NULL,
    patient_id     uuid NOT NULL,
    person         uuid NOT NULL,
    reason         text NOT NULL CHECK (reason IN ('life', 'unresponsive', 'danger', 'cover')),
    sealed         bytea NOT NULL,         -- why, in words
    opened_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,   -- as the relation's
    state          text NOT NULL CHECK (state IN ('to_review', 'reviewed')),
    review_due_at  timestamptz NOT NULL,   -- when privacy officers are told again
    told           bigint NOT NULL DEFAULT 1, -- how often they were
    finding        text CHECK (finding IN ('justified', 'mistaken', 'unjustified')),
    finding_sealed bytea,                  -- in words
    reviewed_by    uuid,
    reviewed_at    timestamptz,
    version        bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    CHECK ((state = 'reviewed') = (finding IS NOT NULL AND finding_sealed IS NOT NULL))
);
CREATE INDEX glass_person ON glass (org, person, patient_id, ends_at);
CREATE INDEX glass_patient ON glass (org, patient_id);
CREATE INDEX glass_due ON glass (review_due_at) WHERE state = 'to_review';
GRANT SELECT, INSERT, UPDATE ON glass TO "@service@";
