-- What every service has for its events and its audit. The owner owns; the service's role gets
-- exactly what its code does.

-- Events that have committed and wait for the relay. seq orders them: the aggregate's row is bumped
-- before its event is written, so per key this is the order of commits.
CREATE TABLE outbox (
    org uuid NOT NULL,
    id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    topic text NOT NULL,
    key uuid NOT NULL,
    kind int NOT NULL,
    version bigint NOT NULL,
    at timestamptz NOT NULL,
    act uuid NOT NULL,
    payload bytea, -- null: a tombstone
    PRIMARY KEY (org, id)
);
CREATE INDEX outbox_seq ON outbox (seq);
GRANT SELECT, INSERT, DELETE ON outbox TO @service@;

-- One row per (act, patient). Handlers insert; the relay fills in the second half after the commit
-- and deletes a row at its receipt. What was done can never be changed, only sent.
CREATE TABLE audit_outbox (
    org uuid NOT NULL,
    id uuid NOT NULL,
    act uuid NOT NULL,
    at timestamptz NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    error text,
    actor uuid,
    role text NOT NULL,
    acr int NOT NULL,
    remote text,
    patient uuid,
    resource text NOT NULL,
    resource_id uuid,
    resource_version bigint NOT NULL,
    relation text,
    consent uuid,
    -- of the relay
    epoch bigint,
    seq bigint,
    prev_mac bytea,
    leaf bytea,
    mac bytea,
    mac_key uuid,
    sent_at timestamptz,
    PRIMARY KEY (org, id),
    UNIQUE (org, seq)
);
CREATE INDEX audit_outbox_new ON audit_outbox (at, id) WHERE seq IS NULL;
CREATE INDEX audit_outbox_numbered ON audit_outbox (org, seq) WHERE seq IS NOT NULL;
GRANT SELECT, INSERT, DELETE, UPDATE (epoch, seq, prev_mac, leaf, mac, mac_key, sent_at)
    ON audit_outbox TO @service@;

-- Where the audit chain of each organisation stands: a sequence would leave holes after a crash.
CREATE TABLE audit_chain (
    org uuid PRIMARY KEY,
    seq bigint NOT NULL,
    mac bytea NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON audit_chain TO @service@;

-- Events whose effect has happened.
CREATE TABLE inbox (
    topic text NOT NULL,
    event_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (topic, event_id)
);
CREATE INDEX inbox_at ON inbox (at);
GRANT SELECT, INSERT, DELETE ON inbox TO @service@;

-- How far each partition has been heard. Offsets mean nothing in another cluster.
CREATE TABLE feed_pos (
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL,
    cluster_id text NOT NULL,
    PRIMARY KEY (topic, partition)
);
GRANT SELECT, INSERT, UPDATE ON feed_pos TO @service@;

-- Events of a key whose first row here could not be understood; they wait in order.
CREATE TABLE parked (
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL, -- the one after it, as in feed_pos
    cluster_id text NOT NULL,
    key bytea NOT NULL,          -- as it came, which need not be an id
    event_id uuid,
    at timestamptz NOT NULL,
    headers bytea NOT NULL,      -- lines `name=value`
    payload bytea,
    PRIMARY KEY (topic, partition, next_offset, cluster_id)
);
CREATE INDEX parked_key ON parked (topic, key);
GRANT SELECT, INSERT ON parked TO @service@;

-- Why a key was parked: a code, never text, which might quote the event.
CREATE TABLE dead_letter (
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL,
    cluster_id text NOT NULL,
    key bytea NOT NULL,
    event_id uuid,
    at timestamptz NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (topic, partition, next_offset, cluster_id)
);
GRANT SELECT, INSERT ON dead_letter TO @service@;

-- Who does what only one may do. Every new holder raises the epoch.
CREATE TABLE lease (
    name text PRIMARY KEY,
    holder uuid NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON lease TO @service@;
