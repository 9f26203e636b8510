-- How sensitive the visit of an invoice is: labels.def, a bit each.
ALTER TABLE invoice ADD COLUMN labels bigint NOT NULL DEFAULT 0;
CREATE INDEX invoice_visit ON invoice (org, visit_id);

CREATE OR REPLACE VIEW invoice_open AS
SELECT i.org, i.id, i.number, i.charge_id, i.visit_id, i.visit_type, i.patient_id, i.state, i.amount_minor,
       i.currency, i.issued_at, i.version,
       (SELECT coalesce(sum(p.amount_minor), 0) FROM posting AS p
        WHERE p.org = i.org AND p.invoice_id = i.id
          AND p.account = 'receivable:patient')::bigint AS balance_minor,
       i.labels
FROM invoice AS i;
