CREATE TABLE thing (
    org   uuid NOT NULL,
    id    uuid NOT NULL,
    name  text NOT NULL,
    note  text,
    n     int4,
    big   int8,
    ok    bool,
    at    timestamptz,
    day   date,
    blob  bytea,
    owner uuid,
    ids   uuid[],
    words text[],
    PRIMARY KEY (org, id),
    CONSTRAINT thing_name_key UNIQUE (org, name)
);
GRANT SELECT, INSERT, UPDATE ON thing TO @service@;
