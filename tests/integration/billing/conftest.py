"""A till: invoices as a visit's end makes them (tests/integration/test_effects.py does it for real)."""
import uuid

import pytest

from telecura import ORG


class Till:
    def __init__(self, suite):
        self.suite = suite
        self.api = suite.service("billing")
        self.biller, self.desk = suite.person("biller"), suite.person("front_desk")

    def invoice(self, patient, amount=9000, currency="USD"):
        """The charge, the invoice and its postings, in one transaction as the event's act does."""
        org, charge, invoice = patient.org or ORG, str(uuid.uuid4()), str(uuid.uuid4())
        self.api.execute(f"""BEGIN;
            INSERT INTO charge VALUES ('{org}', '{charge}', gen_random_uuid(), '{patient.patient}',
                'consultation', now(), now(), {amount}, '{currency}', gen_random_uuid());
            INSERT INTO invoice (org, id, act_id, charge_id, visit_id, visit_type, patient_id, state,
                                 amount_minor, currency, issued_at)
            SELECT org, '{invoice}', act_id, id, visit_id, visit_type, patient_id, 'issued', amount_minor,
                   currency, clock_timestamp() FROM charge WHERE id = '{charge}';
            INSERT INTO posting VALUES
                ('{org}', '{invoice}', 'receivable:patient', {amount}, '{currency}', '{invoice}',
                 gen_random_uuid(), now()),
                ('{org}', '{invoice}', 'revenue:visits', -{amount}, '{currency}', '{invoice}',
                 gen_random_uuid(), now());
            COMMIT""")
        return invoice

    def pay(self, invoice, who, amount, key=None, currency="USD", method="card"):
        return self.api.post(f"/v1/invoices/{invoice}/payments",
                             {"amount_minor": amount, "currency": currency, "method": method},
                             who=who, key=key)

    def void(self, invoice, who=None):
        return self.api.post(f"/v1/invoices/{invoice}/void", who=who or self.biller)

    def read(self, invoice, who=None):
        return self.api.get(f"/v1/invoices/{invoice}", who=who or self.biller)

    def postings(self, invoice):
        return [(row["account"], row["amount_minor"]) for row in self.api.rows(
            f"SELECT account, amount_minor FROM posting WHERE invoice_id = '{invoice}' "
            "ORDER BY at, transaction_id, account")]

    def sound(self):
        """Every transaction adds up to nothing, and open invoices are what patients owe."""
        assert self.api.rows("SELECT transaction_id FROM posting GROUP BY org, transaction_id, currency "
                             "HAVING sum(amount_minor) <> 0") == []
        assert self.api.rows("SELECT id FROM invoice_open WHERE balance_minor < 0 "
                             "OR (state <> 'issued' AND balance_minor <> 0) "
                             "OR (state = 'issued' AND balance_minor = 0)") == []
        owed = "SELECT coalesce(sum(amount_minor), 0) FROM posting WHERE account = 'receivable:patient'"
        opened = "SELECT coalesce(sum(balance_minor), 0) FROM invoice_open WHERE state = 'issued'"
        assert self.api.value(owed) == self.api.value(opened)


@pytest.fixture(scope="session")
def till(suite):
    return Till(suite)
