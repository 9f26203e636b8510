-- Where each log stands and has stood, in a schema in which the service's own role may only read. A
-- role of its own, by which the sequencer alone speaks, moves the head.
CREATE SCHEMA heads;

-- What the last signed checkpoint of each log says. Moved by compare-and-swap only: two writers cannot
-- both go on from the same tree.
CREATE TABLE heads.log (
    org    uuid NOT NULL,
    origin text NOT NULL,
    size   bigint NOT NULL,
    root   bytea NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (org, origin)
);

-- Every tree that was ever signed. Nobody but the owner changes or takes back a row.
CREATE TABLE heads.tree (
    org    uuid NOT NULL,
    origin text NOT NULL,
    size   bigint NOT NULL,
    root   bytea NOT NULL,
    at     timestamptz NOT NULL,
    CONSTRAINT tree_once PRIMARY KEY (org, origin, size)
);

INSERT INTO heads.log (org, origin, size, root, at) SELECT org, origin, size, root, at FROM log_head;
INSERT INTO heads.tree (org, origin, size, root, at) SELECT org, origin, size, root, at FROM log_head;
DROP TABLE log_head;

-- The log of each organisation that is being written.
CREATE VIEW log_head AS
SELECT DISTINCT ON (org) org, origin, size, root, at FROM heads.log ORDER BY org, origin DESC;

GRANT USAGE ON SCHEMA heads TO "@service@", "@service@_head";
GRANT SELECT ON log_head, heads.log, heads.tree TO "@service@";
GRANT SELECT, INSERT, UPDATE ON heads.log TO "@service@_head";
GRANT SELECT, INSERT ON heads.tree TO "@service@_head";
