-- How sensitive a visit has been told to be, whether or not its channel is there: labels.def, a bit each.
CREATE TABLE visit_labelled (
    org     uuid NOT NULL,
    id      uuid NOT NULL,
    act_id  uuid NOT NULL,
    labels  bigint NOT NULL,
    version bigint NOT NULL,
    epoch   bigint NOT NULL,
    PRIMARY KEY (org, id)
);
GRANT SELECT, INSERT, UPDATE ON visit_labelled TO "@service@";
