-- What prescriptions owns: the formulary, prescriptions with their signatures, and fills.

-- The nil organisation's rows are everybody's; an organisation's own row goes before them. Doses are
-- one adult dose and an adult's day.
CREATE TABLE formulary (
    org                   uuid NOT NULL,
    code                  text NOT NULL,
    name                  text NOT NULL,
    ingredient            text NOT NULL,     -- RxNorm
    drug_class            text NOT NULL,
    dose_min_micrograms   bigint NOT NULL CHECK (dose_min_micrograms > 0),
    dose_max_micrograms   bigint NOT NULL CHECK (dose_max_micrograms >= dose_min_micrograms),
    daily_max_micrograms  bigint NOT NULL CHECK (daily_max_micrograms >= dose_max_micrograms),
    PRIMARY KEY (org, code)
);
INSERT INTO formulary
SELECT uuid '00000000-0000-0000-0000-000000000000', * FROM (VALUES
    ('amoxicillin',  'Amoxicillin',  '723',   'penicillin',              250000, 1000000, 3000000),
    ('azithromycin', 'Azithromycin', '18631', 'macrolide',               250000,  500000,  500000),
    ('ibuprofen',    'Ibuprofen',    '5640',  'nsaid',                   200000,  800000, 3200000),
    ('naproxen',     'Naproxen',     '7258',  'nsaid',                   220000,  550000, 1500000),
    ('lisinopril',   'Lisinopril',   '29046', 'ace_inhibitor',             2500,   40000,   80000),
    ('amlodipine',   'Amlodipine',   '17767', 'calcium_channel_blocker',   2500,   10000,   10000),
    ('atorvastatin', 'Atorvastatin', '83367', 'statin',                   10000,   80000,   80000),
    ('metformin',    'Metformin',    '6809',  'biguanide',               500000, 1000000, 2550000),
    ('sertraline',   'Sertraline',   '36437', 'ssri',                     25000,  200000,  200000),
    ('albuterol',    'Albuterol',    '435',   'beta2_agonist',               90,     200,    1600)
) AS drug;

-- Which codes of an allergy mean a class of drugs: its members, the class itself, and the finding
-- "allergic to it". RxNorm codes are public domain; SNOMED CT codes stand here as opaque ids.
CREATE TABLE allergen (
    org         uuid NOT NULL,
    system      text NOT NULL,
    code        text NOT NULL,
    drug_class  text NOT NULL,
    PRIMARY KEY (org, system, code, drug_class)
);
INSERT INTO allergen
SELECT uuid '00000000-0000-0000-0000-000000000000', 'http://www.nlm.nih.gov/research/umls/rxnorm', * FROM (VALUES
    ('723', 'penicillin'), ('733', 'penicillin'), ('7980', 'penicillin'), ('7984', 'penicillin'),
    ('70618', 'penicillin'), ('18631', 'macrolide'), ('4053', 'macrolide'), ('21212', 'macrolide'),
    ('5640', 'nsaid'), ('7258', 'nsaid'), ('1191', 'nsaid'), ('3355', 'nsaid'),
    ('29046', 'ace_inhibitor'), ('3827', 'ace_inhibitor'), ('1998', 'ace_inhibitor'),
    ('17767', 'calcium_channel_blocker'), ('83367', 'statin'), ('36567', 'statin'),
    ('6809', 'biguanide'), ('36437', 'ssri'), ('4493', 'ssri'), ('435', 'beta2_agonist')) AS member
UNION ALL
SELECT uuid '00000000-0000-0000-0000-000000000000', 'http://snomed.info/sct', * FROM (VALUES
    ('764146007', 'penicillin'), ('91936005', 'penicillin'), ('372687004', 'penicillin'),
    ('294505008', 'penicillin'), ('387531004', 'macrolide'), ('372665008', 'nsaid'),
    ('387207008', 'nsaid'), ('387458008', 'nsaid'), ('293586001', 'nsaid'),
    ('372733002', 'ace_inhibitor'), ('386873009', 'ace_inhibitor')) AS finding;

CREATE TABLE prescription (
    org              uuid NOT NULL,
    id               uuid NOT NULL,
    act_id           uuid NOT NULL,
    patient_id       uuid NOT NULL,
    visit_id         uuid NOT NULL,
    drafted_by       uuid NOT NULL,
    drafted_at       timestamptz NOT NULL,
    state            text NOT NULL CHECK (state IN ('ready', 'blocked', 'signed', 'sent',
                                          'partially_filled', 'filled', 'cancelled')),
    fills_authorised int NOT NULL CHECK (fills_authorised BETWEEN 1 AND 12),  -- 1 + refills
    fills_used       int NOT NULL DEFAULT 0,
    signed_by        uuid,
    signed_at        timestamptz,
    signing_key      text,
    signature        bytea,              -- Ed25519 over PrescriptionPhi.signed_text
    sealed           bytea NOT NULL,     -- PrescriptionPhi
    sealed_version   bigint NOT NULL DEFAULT 1,
    version          bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    CONSTRAINT prescription_fills CHECK (fills_used BETWEEN 0 AND fills_authorised),
    CONSTRAINT prescription_filled_when_signed CHECK (fills_used = 0 OR signature IS NOT NULL),
    CONSTRAINT prescription_signature CHECK (
        num_nonnulls(signed_by, signed_at, signing_key, signature) IN (0, 4))
);
CREATE INDEX prescription_drafted ON prescription (org, drafted_at, id);
CREATE INDEX prescription_patient ON prescription (org, patient_id, drafted_at);

-- What is signed stays as it was signed.
CREATE FUNCTION prescription_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'prescription_immutable',
        MESSAGE = 'a signed prescription cannot be changed';
END $$;
CREATE TRIGGER prescription_immutable BEFORE UPDATE ON prescription FOR EACH ROW
WHEN (old.signature IS NOT NULL AND
      (old.patient_id, old.visit_id, old.fills_authorised, old.signed_by, old.signed_at,
       old.signing_key, old.signature, old.sealed, old.sealed_version)
      IS DISTINCT FROM
      (new.patient_id, new.visit_id, new.fills_authorised, new.signed_by, new.signed_at,
       new.signing_key, new.signature, new.sealed, new.sealed_version))
EXECUTE FUNCTION prescription_keep();

-- Every step and who took it; never changed.
CREATE TABLE prescription_history (
    org             uuid NOT NULL,
    prescription_id uuid NOT NULL,
    version         bigint NOT NULL,
    event           text NOT NULL,
    state           text NOT NULL,
    actor           uuid NOT NULL,
    role            text NOT NULL,
    act_id          uuid NOT NULL,
    at              timestamptz NOT NULL,
    PRIMARY KEY (org, prescription_id, version)
);

-- What a pharmacy handed out; never changed.
CREATE TABLE fill (
    org             uuid NOT NULL,
    prescription_id uuid NOT NULL,
    number          int NOT NULL CHECK (number > 0),
    pharmacist      uuid NOT NULL,
    act_id          uuid NOT NULL,
    at              timestamptz NOT NULL,
    PRIMARY KEY (org, prescription_id, number),
    FOREIGN KEY (org, prescription_id) REFERENCES prescription (org, id)
);

-- Heard: whose visit it was.
CREATE TABLE visit_heard (
    org         uuid NOT NULL,
    id          uuid NOT NULL,
    patient_id  uuid NOT NULL,
    version     bigint NOT NULL,
    epoch       bigint NOT NULL,
    PRIMARY KEY (org, id)
);

-- Heard: a patient's allergies, as sealed by patients.
CREATE TABLE allergy_heard (
    org         uuid NOT NULL,
    id          uuid NOT NULL,
    patient_id  uuid NOT NULL,
    removed     boolean NOT NULL DEFAULT false,
    sealed      bytea,                   -- CodedPhi; null once removed
    version     bigint NOT NULL,
    epoch       bigint NOT NULL,
    PRIMARY KEY (org, id),
    CHECK (removed OR sealed IS NOT NULL)
);
CREATE INDEX allergy_heard_patient ON allergy_heard (org, patient_id);

GRANT SELECT ON formulary, allergen TO "@service@";
GRANT SELECT, INSERT, UPDATE ON prescription, visit_heard, allergy_heard TO "@service@";
GRANT SELECT, INSERT ON prescription_history, fill TO "@service@";
