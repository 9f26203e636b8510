-- What billing owns: prices, charges, invoices, payments and the ledger. Money is whole minor units.

-- Effective-dated. The nil organisation's rows are everybody's; an own row goes before them.
CREATE TABLE tariff (
    org           uuid NOT NULL,
    visit_type    text NOT NULL,
    valid         tstzrange NOT NULL CHECK (NOT isempty(valid)),
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    currency      text NOT NULL CHECK (currency ~ '^[A-Z]{3}$')
);
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE tariff ADD CONSTRAINT tariff_once
    EXCLUDE USING gist (org WITH =, visit_type WITH =, valid WITH &&);
INSERT INTO tariff (org, visit_type, valid, amount_minor, currency) VALUES
    ('00000000-0000-0000-0000-000000000000', 'consultation', '[2020-01-01Z,)', 9000, 'USD'),
    ('00000000-0000-0000-0000-000000000000', 'follow_up', '[2020-01-01Z,)', 4500, 'USD');

-- What a visit costs, from its facts as heard; once a visit.
CREATE TABLE charge (
    org           uuid NOT NULL,
    id            uuid NOT NULL,
    visit_id      uuid NOT NULL,
    patient_id    uuid NOT NULL,
    visit_type    text NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    currency      text NOT NULL,
    act_id        uuid NOT NULL,
    PRIMARY KEY (org, id),
    CONSTRAINT charge_visit UNIQUE (org, visit_id)
);

CREATE SEQUENCE invoice_number;

-- What is still owed is the ledger's to say, not a column's.
CREATE TABLE invoice (
    org           uuid NOT NULL,
    id            uuid NOT NULL,
    number        bigint NOT NULL DEFAULT nextval('invoice_number'),
    charge_id     uuid NOT NULL,
    visit_id      uuid NOT NULL,
    visit_type    text NOT NULL,
    patient_id    uuid NOT NULL,
    state         text NOT NULL CHECK (state IN ('issued', 'balanced', 'voided')),
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    currency      text NOT NULL,
    issued_at     timestamptz NOT NULL,
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    CONSTRAINT invoice_number_once UNIQUE (org, number),
    CONSTRAINT invoice_charge UNIQUE (org, charge_id),
    FOREIGN KEY (org, charge_id) REFERENCES charge (org, id)
);
CREATE INDEX invoice_issued ON invoice (org, issued_at, id);
CREATE INDEX invoice_patient ON invoice (org, patient_id, issued_at);

CREATE TABLE payment (
    org           uuid NOT NULL,
    id            uuid NOT NULL,       -- also the ledger's transaction
    invoice_id    uuid NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    currency      text NOT NULL,
    method        text NOT NULL,
    taken_by      uuid NOT NULL,
    act_id        uuid NOT NULL,
    at            timestamptz NOT NULL,
    PRIMARY KEY (org, id),
    FOREIGN KEY (org, invoice_id) REFERENCES invoice (org, id)
);
CREATE INDEX payment_invoice ON payment (org, invoice_id);

-- The ledger: debits are positive, credits negative, each transaction adds up to nothing. Rows are
-- only ever added; a mistake is reversed by another transaction.
CREATE TABLE posting (
    org             uuid NOT NULL,
    transaction_id  uuid NOT NULL,
    account         text NOT NULL
        CHECK (account IN ('receivable:patient', 'revenue:visits', 'cash:clearing')),
    amount_minor    bigint NOT NULL CHECK (amount_minor <> 0),
    currency        text NOT NULL,
    invoice_id      uuid NOT NULL,
    act_id          uuid NOT NULL,
    at              timestamptz NOT NULL,
    PRIMARY KEY (org, transaction_id, account),
    FOREIGN KEY (org, invoice_id) REFERENCES invoice (org, id)
);
CREATE INDEX posting_invoice ON posting (org, invoice_id);

-- At COMMIT, for every transaction that was touched.
CREATE FUNCTION posting_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM posting AS p
               WHERE p.org = new.org AND p.transaction_id = new.transaction_id
               GROUP BY p.currency HAVING sum(p.amount_minor) <> 0) THEN
        RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'posting_balanced',
            MESSAGE = 'postings of a transaction must add up to nothing';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER posting_balanced AFTER INSERT ON posting
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION posting_balance();

CREATE VIEW invoice_open AS
SELECT i.*, (SELECT coalesce(sum(p.amount_minor), 0) FROM posting AS p
             WHERE p.org = i.org AND p.invoice_id = i.id
               AND p.account = 'receivable:patient')::bigint AS balance_minor
FROM invoice AS i;

GRANT SELECT ON tariff, invoice_open TO "@service@";
GRANT SELECT, INSERT ON charge, payment, posting TO "@service@";
GRANT SELECT, INSERT, UPDATE ON invoice TO "@service@";
GRANT USAGE ON SEQUENCE invoice_number TO "@service@";
