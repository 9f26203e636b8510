-- What messaging owns: one stream a visit, its messages in one gapless order, who is there.

CREATE TABLE stream (
    org         uuid NOT NULL,
    id          uuid NOT NULL,         -- the channel, as the grant names it
    visit_id    uuid NOT NULL,
    patient_id  uuid NOT NULL,
    provider_id uuid NOT NULL,
    epoch       uuid NOT NULL,         -- changes only when offsets begin anew: restore, truncation
    top         bigint NOT NULL DEFAULT 0,
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz,           -- the visit is over: readable, no longer open
    PRIMARY KEY (org, id),
    UNIQUE (org, visit_id)
);

CREATE TABLE message (
    org         uuid NOT NULL,
    channel_id  uuid NOT NULL,
    off         bigint NOT NULL,       -- 1, 2, 3 ... in the order of commits
    id          uuid NOT NULL,         -- what its blob is bound to
    message_id  uuid NOT NULL,         -- the sender's own: a retry finds the message
    sender      uuid NOT NULL,
    role        text NOT NULL,
    sent_at     timestamptz NOT NULL,
    sealed      bytea NOT NULL,        -- MessagePhi
    PRIMARY KEY (org, channel_id, off),
    UNIQUE (org, channel_id, sender, message_id),
    FOREIGN KEY (org, channel_id) REFERENCES stream (org, id)
);

CREATE TABLE presence (
    org     uuid NOT NULL,
    person  uuid NOT NULL,
    version bigint NOT NULL,
    state   text NOT NULL,             -- present, gone
    PRIMARY KEY (org, person)
);

GRANT SELECT, INSERT, UPDATE ON stream, presence TO "@service@";
GRANT SELECT, INSERT ON message TO "@service@";
