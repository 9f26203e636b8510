-- Where the leaves are that a question is about. Made again from the log at any time (empty it): the
-- log's own bytes name nobody, and neither does this. Persons, patients, addresses and things stand
-- here as the first 16 bytes of an HMAC under audit's own key; all zero: there is none.
CREATE TABLE event_index (
    org      uuid NOT NULL,
    event_id uuid NOT NULL,
    at       timestamptz NOT NULL,
    action   text NOT NULL,
    outcome  text NOT NULL,
    person   uuid NOT NULL,
    patient  uuid NOT NULL,
    address  uuid NOT NULL,
    thing    uuid NOT NULL,
    PRIMARY KEY (org, event_id)
);
CREATE INDEX event_index_time ON event_index (org, at, event_id);
CREATE INDEX event_index_person ON event_index (org, person, at);
CREATE INDEX event_index_patient ON event_index (org, patient, at);
CREATE INDEX event_index_address ON event_index (org, address, at);
CREATE INDEX event_index_thing ON event_index (org, thing, at);

-- Up to which leaf of a log the index goes.
CREATE TABLE event_index_end (
    org  uuid PRIMARY KEY,
    next bigint NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON event_index, event_index_end TO "@service@";
