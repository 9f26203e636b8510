"""Every route against who may not, and against what makes no sense; each try is on record."""
import uuid

import pytest

from telecura import ORG, OTHER_ORG

# method, path, body, who may ask, a role that may not, the word of the audit
ROUTES = {
    "formulary": ("GET", "/v1/formulary", None, "doctor", "biller", "formulary.read"),
    "draft": ("POST", "/v1/prescriptions", "draft", "doctor", "pharmacist", "prescription.draft"),
    "list": ("GET", "/v1/prescriptions?limit=1", None, "doctor", "front_desk", "prescription.read"),
    "read": ("GET", "/v1/prescriptions/{rx}", None, "patient", "admin", "prescription.read"),
    "check": ("POST", "/v1/prescriptions/{rx}/check", None, "doctor", "patient", "prescription.check"),
    "sign": ("POST", "/v1/prescriptions/{rx}/sign", {}, "signer", "nurse", "prescription.sign"),
    "send": ("POST", "/v1/prescriptions/{rx}/send", None, "doctor", "nurse", "prescription.send"),
    "cancel": ("POST", "/v1/prescriptions/{rx}/cancel", None, "doctor", "patient", "prescription.cancel"),
    "fills": ("POST", "/v1/prescriptions/{rx}/fills", None, "pharmacist", "clinician", "prescription.fill"),
}
OF_ONE = [name for name, route in ROUTES.items() if "{rx}" in route[1]]
WITH_BODY = [name for name, route in ROUTES.items() if route[2] is not None]
WITHOUT_BODY = [name for name, route in ROUTES.items() if route[2] is None and route[0] == "POST"]
QUERIES = [name for name, route in ROUTES.items() if route[0] == "GET"]
ROLES = ("patient", "guest", "front_desk", "nurse", "clinician", "pharmacist", "biller", "auditor",
         "privacy", "admin")


@pytest.fixture(scope="module")
def case(surgery, suite):
    class Case:
        pass

    made = Case()
    made.doctor, made.pharmacist = surgery.doctor, surgery.pharmacist
    made.patient = surgery.patient()
    made.rx = surgery.sent(made.patient, refills=11)["id"]
    made.signer = suite.person("clinician")
    made.signer.token = suite.idp.token(made.signer.subject, acr=2)
    suite.relation(made.signer, made.patient.patient, "treating")
    made.body = surgery.body(made.patient)
    made.roles = {role: suite.person(role) for role in ROLES}
    for who in made.roles.values():     # the role is what is asked here, not the second factor
        who.token = suite.idp.token(who.subject, acr=2)

    def outsider(kind, org):
        if kind == "patient":
            return suite.patient(org=org)
        who = suite.person("pharmacist" if kind == "pharmacist" else "clinician", org=org)
        who.token = suite.idp.token(who.subject, acr=2)
        return who

    made.outsiders = {kind: ([] if kind == "pharmacist" else [outsider(kind, ORG)])
                      + [outsider(kind, OTHER_ORG)]
                      for kind in ("patient", "doctor", "signer", "pharmacist")}
    return made


def ask(surgery, case, name, who, rx=None, body=None, more="", **kw):
    method, path, usual, *_ = ROUTES[name]
    headers = {"If-Match": '"1"'} if name == "sign" else {}
    if method == "POST":
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if body is None and "raw" not in kw:
        body = case.body if usual == "draft" else usual
    return surgery.api.request(method, path.format(rx=rx or case.rx) + more, body, who=who,
                               headers=headers, **kw)


@pytest.mark.parametrize("name", ROUTES)
def test_no_token_or_a_bad_one(surgery, suite, case, name):
    allowed = getattr(case, ROUTES[name][3])
    expired = suite.idp.token(allowed.subject, iat=1, exp=1000)
    for token in (None, "", "nonsense", allowed.token[:-8] + "AAAAAAAA", expired):
        assert ask(surgery, case, name, token).status == 401


@pytest.mark.parametrize("name", ROUTES)
def test_the_wrong_role(surgery, suite, case, name):
    who, word = case.roles[ROUTES[name][4]], ROUTES[name][5]
    reply = ask(surgery, case, name, who)
    assert (reply.status, reply.code) == (403, "forbidden")
    row = suite.audit("prescriptions", actor=who.id, action=word)[-1]
    assert (row["outcome"], row["error"], row["role"]) == ("refused", "forbidden", who.role)


@pytest.mark.parametrize("name", OF_ONE)
def test_not_yours_and_not_there_look_alike(surgery, suite, case, name):
    """Another person's, another organisation's, and an unknown id: byte by byte the same 404."""
    outsiders = case.outsiders[ROUTES[name][3]]
    replies = [ask(surgery, case, name, who) for who in outsiders]
    replies += [ask(surgery, case, name, who, rx=str(uuid.uuid4())) for who in outsiders]
    bodies = []
    for reply in replies:
        assert reply.status == 404, reply
        bodies.append({k: v for k, v in reply.json.items() if k not in ("request_id", "instance")})
    assert all(body == bodies[0] for body in bodies)
    row = suite.audit("prescriptions", actor=outsiders[0].id, resource_id=case.rx,
                      action=ROUTES[name][5])[-1]
    assert (row["outcome"], row["error"]) == ("refused", "not_found")


def test_a_draft_for_somebody_elses_patient(surgery, case):
    for who in case.outsiders["doctor"]:
        assert ask(surgery, case, "draft", who).status == 404


def test_lists_show_strangers_nothing(surgery, case):
    for who in case.outsiders["doctor"] + case.outsiders["patient"] + case.outsiders["pharmacist"]:
        assert ask(surgery, case, "list", who).json["data"] == []


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_out_of_shape(surgery, case, name):
    who = getattr(case, ROUTES[name][3])
    good = case.body if name == "draft" else {}
    wrong = [{**good, "more": 1}, {**good, "override_reason": 5, "drug": 5}, [], None]
    for body in wrong[:3]:
        assert ask(surgery, case, name, who, body=body if body else None,
                   **({} if body else {"raw": b"[]"})).status == 400, body
    for raw in (b"{", b'{"drug": null}', b"\xff"):
        assert ask(surgery, case, name, who, raw=raw).status == 400, raw
    assert ask(surgery, case, name, who, raw=b'{"x":"' + b"a" * 300_000 + b'"}').status == 413


@pytest.mark.parametrize("name", WITHOUT_BODY)
def test_a_body_where_none_is_taken(surgery, case, name):
    assert ask(surgery, case, name, getattr(case, ROUTES[name][3]), body={"a": 1}).status == 400


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_that_is_not_known(surgery, case, name):
    more = "&x=1" if "?" in ROUTES[name][1] else "?x=1"
    assert ask(surgery, case, name, getattr(case, ROUTES[name][3]), more=more).status == 400


@pytest.mark.parametrize("member, value", [
    ("dose_micrograms", 0), ("doses_per_day", 25), ("quantity", -1), ("refills", 12), ("refills", "1"),
    ("directions", ""), ("directions", "x" * 1001), ("patient_id", "x"), ("drug", 5),
])
def test_a_draft_out_of_range(surgery, case, member, value):
    reply = ask(surgery, case, "draft", case.doctor, body={**case.body, member: value})
    assert (reply.status, reply.code) == (400, "bad_body")
