-- Who was seen to leaf through many records, as the log says. Kept; a row only learns whom it is about.
CREATE TABLE browsing (
    org      uuid NOT NULL,
    id       uuid NOT NULL,
    kind     text NOT NULL,            -- a row of browsing.def
    who      uuid NOT NULL,            -- the index's word for the person
    person   uuid,                     -- null until it is told
    event_id uuid NOT NULL,            -- one of the events that were counted
    patients bigint NOT NULL,
    since    timestamptz NOT NULL,     -- the first of them
    at       timestamptz NOT NULL,
    PRIMARY KEY (org, id)
);
CREATE INDEX browsing_who ON browsing (org, who, kind, at);
CREATE INDEX browsing_untold ON browsing (at) WHERE person IS NULL;
GRANT SELECT, INSERT, UPDATE (person) ON browsing TO "@service@";

-- Up to which leaf of a log has been looked.
CREATE TABLE browsing_end (
    org  uuid PRIMARY KEY,
    next bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON browsing_end TO "@service@";
