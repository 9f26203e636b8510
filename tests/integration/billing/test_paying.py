"""Invoices, payments and the ledger behind them."""
import concurrent.futures
import threading
import uuid

import pytest

from bus import Bus, event
from sealed import message
from telecura import ORG

RESEALED, LABELLED = 12, 13
ADOL = 4  # labels.def: a bit each


def test_paid_in_two_parts(till, suite):
    ada = suite.patient()
    invoice = till.invoice(ada)
    seen = till.read(invoice, ada).json
    assert (seen["state"], seen["amount_minor"], seen["balance_minor"]) == ("issued", 9000, 9000)
    assert "payments" not in seen

    part = till.pay(invoice, ada, 2500)
    assert (part.status, part.json["state"], part.json["balance_minor"]) == (201, "issued", 6500)
    rest = till.pay(invoice, till.desk, 6500, method="cash")
    assert (rest.status, rest.json["state"], rest.json["balance_minor"]) == (201, "balanced", 0)
    assert [(p["amount_minor"], p["method"]) for p in rest.json["payments"]] == [
        (2500, "card"), (6500, "cash")]
    more = till.pay(invoice, ada, 1)
    assert (more.status, more.code) == (409, "bad_state")

    assert sorted(till.postings(invoice)) == sorted([
        ("receivable:patient", 9000), ("revenue:visits", -9000), ("cash:clearing", 2500),
        ("receivable:patient", -2500), ("cash:clearing", 6500), ("receivable:patient", -6500)])
    till.sound()
    events = suite.outbox("billing", key=invoice)
    assert [(e["topic"], e["kind"], e["version"]) for e in events] == [
        ("billing.invoices.v1", 2, 2), ("billing.invoices.v1", 2, 3)]
    paid = suite.audit("billing", action="invoice.pay", outcome="done", resource_id=invoice)
    assert [(row["actor"], row["patient"]) for row in paid] == [
        (ada.id, ada.patient), (till.desk.id, ada.patient)]


@pytest.mark.family(22)
def test_never_more_than_is_owed(till, suite):
    ada = suite.patient()
    invoice = till.invoice(ada)
    over = till.pay(invoice, ada, 9001)
    assert (over.status, over.code) == (409, "overpaid")
    foreign = till.pay(invoice, ada, 9000, currency="EUR")
    assert (foreign.status, foreign.code, foreign.at) == (422, "unprocessable", ["/currency"])
    assert till.read(invoice).json["balance_minor"] == 9000


@pytest.mark.family(22)
def test_the_same_key_pays_once(till, suite):
    ada, key = suite.patient(), str(uuid.uuid4())
    invoice = till.invoice(ada)
    first, again = till.pay(invoice, ada, 1000, key), till.pay(invoice, ada, 1000, key)
    other = till.pay(invoice, ada, 2000, key)
    assert (first.status, again.status) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true" and again.json["balance_minor"] == 8000
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    without = till.pay(invoice, ada, 1000, key="")
    assert (without.status, without.code) == (400, "idempotency_key_missing")
    at_the_desk = [till.pay(invoice, till.desk, 500, "desk-" + key) for _ in range(2)]
    assert [reply.status for reply in at_the_desk] == [201, 201]


@pytest.mark.family(22)
def test_many_pay_one_invoice(till, suite):
    """64 payments of 700 at once for 9000: twelve fit, and the ledger says so."""
    ada = suite.patient()
    invoice = till.invoice(ada)
    everybody = threading.Barrier(64)

    def want(_):
        everybody.wait()
        return till.pay(invoice, ada, 700)

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(want, range(64)))
    statuses = [reply.status for reply in replies]
    assert statuses.count(201) == 12 and statuses.count(409) == 52, sorted(statuses)
    assert till.read(invoice).json["balance_minor"] == 9000 - 12 * 700
    till.sound()


@pytest.mark.family(22)
def test_void_and_pay_at_once(till, suite):
    """One of them wins, whichever; never both."""
    ada = suite.patient()
    for _ in range(8):
        invoice = till.invoice(ada)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            both = [pool.submit(till.void, invoice), pool.submit(till.pay, invoice, ada, 9000)]
        assert sorted(done.result().status // 100 for done in both) == [2, 4]
    till.sound()


def test_a_void_is_a_reversal(till, suite):
    ada = suite.patient()
    invoice = till.invoice(ada)
    voided = till.void(invoice)
    assert (voided.status, voided.json["state"], voided.json["balance_minor"]) == (200, "voided", 0)
    assert sorted(till.postings(invoice)) == sorted([
        ("receivable:patient", 9000), ("revenue:visits", -9000), ("receivable:patient", -9000),
        ("revenue:visits", 9000)])
    assert till.void(invoice).status == till.pay(invoice, ada, 1).status == 409
    paid = till.invoice(ada)
    assert till.pay(paid, ada, 1).status == 201
    refused = till.void(paid)
    assert (refused.status, refused.code) == (409, "bad_state")
    till.sound()


def as_service(till, text):
    return till.api.execute(f"SET ROLE billing; {text}")


def test_the_ledger_takes_only_what_adds_up(till, suite):
    invoice, one = till.invoice(suite.patient()), str(uuid.uuid4())
    leg = f"('{ORG}', '{one}', '%s', %d, '%s', '{invoice}', gen_random_uuid(), now())"
    for legs in ([("cash:clearing", 5, "USD")],
                 [("cash:clearing", 5, "USD"), ("revenue:visits", -4, "USD")],
                 [("cash:clearing", 5, "USD"), ("revenue:visits", -5, "EUR")]):
        rows = ", ".join(leg % one_leg for one_leg in legs)
        with pytest.raises(RuntimeError, match="add up to nothing"):
            as_service(till, f"INSERT INTO posting VALUES {rows}")
    for change in ("UPDATE posting SET amount_minor = 1", "DELETE FROM posting", "TRUNCATE posting",
                   "UPDATE payment SET amount_minor = 1", "DELETE FROM invoice"):
        with pytest.raises(RuntimeError, match="permission denied"):
            as_service(till, change)
    till.sound()


def test_lists(till, suite):
    ada, bob = suite.patients(2)
    first, second = till.invoice(ada), till.invoice(ada)
    till.invoice(bob)
    assert till.pay(second, ada, 9000).status == 201

    def ids(who, more=""):
        reply = till.api.get(f"/v1/invoices?patient_id={ada.patient}{more}", who=who)
        assert reply.status == 200, reply
        return [row["id"] for row in reply.json["data"]]

    assert ids(ada) == ids(till.biller) == ids(till.desk) == [first, second]
    assert ids(ada, "&state=balanced") == [second]
    assert ids(bob) == []
    assert len(till.api.get("/v1/invoices", who=bob).json["data"]) == 1
    page = till.api.get(f"/v1/invoices?patient_id={ada.patient}&limit=1", who=ada).json
    assert ids(ada, f"&limit=1&cursor={page['next_cursor']}") == [second]
    read = [row["patient"] for row in suite.audit("billing", actor=till.biller.id, action="invoice.read")]
    assert ada.patient in read


def test_an_invoice_is_as_sensitive_as_the_last_word_of_its_visit(till, suite):
    """Whichever event that is: the topic is compacted, and a label may stand in what was told behind it."""
    bus, proxy, ada = Bus(), suite.person("proxy"), suite.patient()
    suite.relation(proxy, ada.patient, "proxy")
    invoice = till.invoice(ada)
    visit = till.api.value(f"SELECT visit_id FROM invoice WHERE id = '{invoice}'")
    hears = suite.replica("billing", kafka=bus.address)
    try:
        for version, (kind, labels, status) in enumerate(((RESEALED, ADOL, 404), (LABELLED, 0, 200)), 1):
            event(till.api, "appointments.visits.v1", visit, message((1, kind), (14, labels)), kind, version)
            till.api.wait_for(f"SELECT labels = {labels} FROM invoice WHERE id = '{invoice}'", 30)
            assert till.api.get(f"/v1/invoices/{invoice}", who=proxy).status == status
    finally:
        hears.stop()
        bus.close()
