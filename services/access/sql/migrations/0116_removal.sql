-- Who was taken out of a visit, until they are let in again.
CREATE TABLE removal (
    org           uuid NOT NULL,
    id            uuid NOT NULL,
    act_id        uuid NOT NULL,
    visit_id      uuid NOT NULL,
    patient_id    uuid NOT NULL,
    person        uuid NOT NULL,
    removed_by    uuid NOT NULL,
    removed_at    timestamptz NOT NULL,
    readmitted_by uuid,
    readmitted_at timestamptz,
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id)
);
CREATE UNIQUE INDEX removal_one ON removal (org, visit_id, person) WHERE readmitted_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON removal TO "@service@";
