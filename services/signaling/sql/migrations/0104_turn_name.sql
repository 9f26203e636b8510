-- Who somebody is to coturn: one random name for a person in a call, and the grant that it rests on.
-- Not in `seat`: media flows on while a socket is away, so a name outlives its seat.
CREATE TABLE turn_name (
    org       uuid NOT NULL,
    call_id   uuid NOT NULL,
    person    uuid NOT NULL,
    act_id    uuid NOT NULL,
    name      uuid NOT NULL,
    grant_id  uuid NOT NULL,           -- the newest
    minted_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    PRIMARY KEY (org, call_id, person),
    FOREIGN KEY (org, call_id) REFERENCES call (org, id)
);
CREATE INDEX turn_name_name ON turn_name (name);
GRANT SELECT, INSERT, UPDATE, DELETE ON turn_name TO "@service@";
