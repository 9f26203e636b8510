-- What audit keeps beside the log's files: where each producer stands, which event is which leaf, how
-- far each log goes, and what was wrong.

-- The end of each producer's chain. told_*: where its heartbeats say that it stands.
CREATE TABLE producer (
    org      uuid NOT NULL,
    name     text NOT NULL,
    epoch    bigint NOT NULL,
    seq      bigint NOT NULL,
    mac      bytea NOT NULL,
    told_seq bigint NOT NULL DEFAULT 0,
    told_at  timestamptz,
    PRIMARY KEY (org, name)
);

-- One row a leaf. Checked and staged: leaf, no leaf_index. In the tree: both. Receipt given: the
-- leaf is in the files alone. The patient stands here as an HMAC only.
CREATE TABLE entry (
    org        uuid NOT NULL,
    producer   text NOT NULL,
    seq        bigint NOT NULL,
    event_id   uuid NOT NULL,
    mac        bytea NOT NULL,
    subject    bytea,
    arrived    bigint GENERATED ALWAYS AS IDENTITY,
    leaf       bytea,
    leaf_index bigint,
    CHECK (leaf IS NOT NULL OR leaf_index IS NOT NULL),
    PRIMARY KEY (org, producer, seq),
    UNIQUE (org, producer, event_id),
    UNIQUE (org, leaf_index)
);
CREATE INDEX entry_open ON entry (org, arrived) WHERE leaf IS NOT NULL;
CREATE INDEX entry_event ON entry (org, event_id);
CREATE INDEX entry_subject ON entry (org, subject, leaf_index) WHERE subject IS NOT NULL;

-- What the last signed checkpoint of each log says. Moved by compare-and-swap only: two writers
-- cannot both go on from the same tree.
CREATE TABLE log_head (
    org    uuid NOT NULL PRIMARY KEY,
    origin text NOT NULL UNIQUE,
    size   bigint NOT NULL,
    root   bytea NOT NULL,
    at     timestamptz NOT NULL
);

-- What was heard and not believed. A gap closes when the missing leaf has come.
CREATE TABLE incident (
    org       uuid NOT NULL,
    id        uuid NOT NULL,
    producer  text NOT NULL,
    kind      text NOT NULL,   -- bad_leaf bad_mac gap fork conflict reused cut
    epoch     bigint NOT NULL,
    seq       bigint NOT NULL,
    event_id  uuid,
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    times     bigint NOT NULL DEFAULT 1,
    closed_at timestamptz,
    PRIMARY KEY (org, id),
    UNIQUE (org, producer, kind, seq)
);
CREATE INDEX incident_open ON incident (org, producer, seq) WHERE closed_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON producer, entry, log_head, incident TO "@service@";
