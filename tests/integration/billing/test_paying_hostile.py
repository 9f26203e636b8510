"""Every route against who may not, and against what makes no sense; each try is on record."""
import uuid

import pytest

from telecura import OTHER_ORG

PAYMENT = {"amount_minor": 100, "currency": "USD", "method": "card"}
# method, path, body, who may ask, a role that may not, the word of the audit
ROUTES = {
    "list": ("GET", "/v1/invoices?limit=1", None, "patient", "clinician", "invoice.read"),
    "read": ("GET", "/v1/invoices/{invoice}", None, "patient", "nurse", "invoice.read"),
    "pay": ("POST", "/v1/invoices/{invoice}/payments", PAYMENT, "patient", "clinician", "invoice.pay"),
    "void": ("POST", "/v1/invoices/{invoice}/void", None, "biller", "front_desk", "invoice.void"),
}
OF_ONE = ["read", "pay", "void"]


@pytest.fixture(scope="module")
def case(till, suite):
    class Case:
        pass

    made = Case()
    made.biller, made.patient = till.biller, suite.patient()
    made.invoice = till.invoice(made.patient, amount=1000000)
    made.roles = {role: suite.person(role) for role in ("clinician", "nurse", "front_desk")}
    made.outsiders = {"patient": [suite.patient(), suite.patient(org=OTHER_ORG)],
                      "biller": [suite.person("biller", org=OTHER_ORG)]}
    return made


def ask(till, case, name, who, invoice=None, body=None, more="", **kw):
    method, path, usual, *_ = ROUTES[name]
    headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
    if body is None and "raw" not in kw:
        body = usual
    return till.api.request(method, path.format(invoice=invoice or case.invoice) + more, body, who=who,
                            headers=headers, **kw)


@pytest.mark.parametrize("name", ROUTES)
def test_no_token_or_a_bad_one(till, suite, case, name):
    allowed = getattr(case, ROUTES[name][3])
    for token in (None, "", "nonsense", suite.idp.token(allowed.subject, iat=1, exp=1000)):
        assert ask(till, case, name, token).status == 401


@pytest.mark.parametrize("name", ROUTES)
def test_the_wrong_role(till, suite, case, name):
    who = case.roles[ROUTES[name][4]]
    reply = ask(till, case, name, who)
    assert (reply.status, reply.code) == (403, "forbidden")
    row = suite.audit("billing", actor=who.id, action=ROUTES[name][5])[-1]
    assert (row["outcome"], row["error"]) == ("refused", "forbidden")


@pytest.mark.parametrize("name", OF_ONE)
def test_not_yours_and_not_there_look_alike(till, suite, case, name):
    outsiders = case.outsiders[ROUTES[name][3]]
    replies = [ask(till, case, name, who) for who in outsiders]
    replies += [ask(till, case, name, who, invoice=str(uuid.uuid4())) for who in outsiders]
    bodies = []
    for reply in replies:
        assert reply.status == 404, reply
        bodies.append({k: v for k, v in reply.json.items() if k not in ("request_id", "instance")})
    assert all(body == bodies[0] for body in bodies)
    row = suite.audit("billing", actor=outsiders[0].id, action=ROUTES[name][5],
                      resource_id=case.invoice)[-1]
    assert (row["outcome"], row["error"]) == ("refused", "not_found")


@pytest.mark.parametrize("change", [
    {"more": 1}, {"amount_minor": "100"}, {"amount_minor": 0}, {"amount_minor": -5},
    {"amount_minor": 1.5}, {"amount_minor": 10**12}, {"currency": "US"}, {"method": "gold"},
    {"method": None},
])
def test_a_payment_out_of_shape(till, case, change):
    reply = ask(till, case, "pay", case.patient, body={**PAYMENT, **change})
    assert (reply.status, reply.code) == (400, "bad_body")
    assert till.read(case.invoice).json["balance_minor"] == 1000000


def test_too_large_malformed_and_unasked(till, case):
    assert ask(till, case, "pay", case.patient, raw=b'{"x":"' + b"a" * 300_000 + b'"}').status == 413
    assert ask(till, case, "pay", case.patient, raw=b"{").status == 400
    assert ask(till, case, "void", case.biller, body={"a": 1}).status == 400
    assert ask(till, case, "list", case.patient, more="&x=1").status == 400
    assert ask(till, case, "read", case.patient, more="?x=1").status == 400
