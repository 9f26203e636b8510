-- What notifications owns: what is to be said to whom, and how far each has come.

-- One mail. Whom a patient's mail goes to is found when it is sent: the word of who that is may come
-- after the word of what happened.
CREATE TABLE delivery (
    org        uuid NOT NULL,
    id         uuid NOT NULL,          -- also the Message-ID
    cause      uuid NOT NULL,          -- the event, or the act of the timer, that asked for it
    seat       text NOT NULL CHECK (seat IN ('patient', 'provider')),
    patient_id uuid NOT NULL,
    person     uuid CHECK (person IS NOT NULL OR seat = 'patient'),
    template   text NOT NULL,
    visit_id   uuid,
    state      text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sending', 'sent', 'failed')),
    attempts   int NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL,   -- pending: not before; sending: whoever had it is dead then
    created_at timestamptz NOT NULL,
    sent_at    timestamptz,
    version    bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    CONSTRAINT delivery_once UNIQUE (org, cause, seat)
);
CREATE INDEX delivery_due ON delivery (due_at) WHERE state IN ('pending', 'sending');
CREATE INDEX delivery_person ON delivery (org, person, created_at, id);
CREATE INDEX delivery_patient ON delivery (org, patient_id, created_at, id) WHERE seat = 'patient';

-- What is said a day before a visit; the last word about the visit decides.
CREATE TABLE reminder (
    org        uuid NOT NULL,
    visit_id   uuid NOT NULL,
    patient_id uuid NOT NULL,
    provider   uuid NOT NULL,
    state      text NOT NULL CHECK (state IN ('waiting', 'done', 'dropped')),
    due_at     timestamptz NOT NULL,
    starts_at  timestamptz NOT NULL,
    version    bigint NOT NULL,
    epoch      bigint NOT NULL,
    PRIMARY KEY (org, visit_id)
);
CREATE INDEX reminder_due ON reminder (due_at) WHERE state = 'waiting';

GRANT SELECT, INSERT, UPDATE ON delivery, reminder TO "@service@";
