-- What patients owns: who the patients are, and their charts. What is said of them is in `sealed`.

CREATE TABLE patient (
    org         uuid NOT NULL,
    patient_id  uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    name_index  bytea,                  -- blind indexes: index.c
    mrn_index   bytea,
    phone_index bytea,
    email_index bytea,
    sealed      bytea NOT NULL,         -- PatientPhi, of this very version
    version     bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, patient_id),
    CONSTRAINT patient_mrn UNIQUE (org, mrn_index)
);
CREATE INDEX patient_created ON patient (org, created_at, patient_id);
CREATE INDEX patient_name ON patient (org, name_index);
CREATE INDEX patient_phone ON patient (org, phone_index);
CREATE INDEX patient_email ON patient (org, email_index);

CREATE TABLE record (
    org            uuid NOT NULL,
    id             uuid NOT NULL,
    patient_id     uuid NOT NULL,
    kind           int NOT NULL CHECK (kind IN (5, 6, 7)),  -- allergy, condition, medicine: kinds.def
    state          text NOT NULL CHECK (state IN ('active', 'removed')),
    recorded_at    timestamptz NOT NULL,
    sealed         bytea NOT NULL,      -- CodedPhi
    sealed_version bigint NOT NULL DEFAULT 1,
    version        bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    CONSTRAINT record_patient FOREIGN KEY (org, patient_id) REFERENCES patient (org, patient_id)
);
CREATE INDEX record_of ON record (org, patient_id, kind, id) WHERE state = 'active';

GRANT SELECT, INSERT, UPDATE ON patient, record TO "@service@";
