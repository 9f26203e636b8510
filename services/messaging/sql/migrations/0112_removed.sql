-- Who was taken out of a visit, as access tells it, and whether they still are.
CREATE TABLE removed (
    org      uuid NOT NULL,
    id       uuid NOT NULL,            -- the removal
    act_id   uuid NOT NULL,
    visit_id uuid NOT NULL,
    person   uuid NOT NULL,
    stands   boolean NOT NULL,
    version  bigint NOT NULL,
    epoch    bigint NOT NULL,
    PRIMARY KEY (org, id)
);
CREATE INDEX removed_of_visit ON removed (org, visit_id, person) WHERE stands;
GRANT SELECT, INSERT, UPDATE ON removed TO "@service@";
