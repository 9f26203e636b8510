"""Every route against who may not, and against what makes no sense; each try is on record."""
import uuid

import pytest

from telecura import OTHER_ORG

PATIENT = {"family_name": "A", "given_name": "B", "birth_date": "1990-01-01", "gender": "other"}
CODED = {"text": "x"}
# method, path, body, who may ask, who may not by their role
ROUTES = {
    "register": ("POST", "/v1/patients", PATIENT, "desk", "nurse"),
    "list": ("GET", "/v1/patients", None, "desk", "biller"),
    "search": ("POST", "/v1/patients/search", {"mrn": "17"}, "desk", "auditor"),
    "read": ("GET", "/v1/patients/{patient}", None, "desk", "admin"),
    "change": ("PUT", "/v1/patients/{patient}", PATIENT, "desk", "clinician"),
    "allergy": ("POST", "/v1/patients/{patient}/allergies", CODED, "nurse", "front_desk"),
    "allergies": ("GET", "/v1/patients/{patient}/allergies", None, "nurse", "front_desk"),
    "condition": ("POST", "/v1/patients/{patient}/conditions", CODED, "nurse", "patient"),
    "conditions": ("GET", "/v1/patients/{patient}/conditions", None, "nurse", "pharmacist"),
    "medicine": ("POST", "/v1/patients/{patient}/medicines", CODED, "nurse", "biller"),
    "medicines": ("GET", "/v1/patients/{patient}/medicines", None, "nurse", "privacy"),
    "record": ("GET", "/v1/records/{record}", None, "nurse", "guest"),
    "rewrite": ("PUT", "/v1/records/{record}", CODED, "nurse", "patient"),
    "remove": ("DELETE", "/v1/records/{record}", None, "nurse", "front_desk"),
}
ABOUT_ONE = [name for name, route in ROUTES.items() if "{" in route[1]]
WITH_BODY = [name for name, route in ROUTES.items() if route[2] is not None]
QUERIES = [name for name, route in ROUTES.items() if route[0] == "GET"]


@pytest.fixture(scope="module")
def case(ward, suite):
    class Case:
        pass

    made = Case()
    made.patient = ward.registered()
    made.record = ward.added(made.patient)
    made.desk, made.nurse = ward.desk, ward.nurse
    made.strange = {"desk": suite.person("front_desk", org=OTHER_ORG),
                    "nurse": suite.person("nurse", org=OTHER_ORG)}
    made.outsider = ward.own(ward.registered())
    made.roles = {role: suite.person(role) for role in (
        "patient", "guest", "front_desk", "nurse", "clinician", "pharmacist", "biller", "auditor",
        "privacy", "admin")}
    return made


def ask(ward, case, name, who, ids=None, body=None, more="", **kw):
    method, path, usual, *_ = ROUTES[name]
    ids = ids or {"patient": case.patient["id"], "record": case.record["id"]}
    headers = {"If-Match": '"1"'} if method in ("PUT", "DELETE") else {}
    if method == "POST" and name != "search":
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if body is None and "raw" not in kw:
        body = usual
    return ward.api.request(method, path.format(**ids) + more, body, who=who, headers=headers, **kw)


@pytest.mark.parametrize("name", ROUTES)
def test_no_token_or_a_bad_one(ward, suite, case, name):
    allowed = getattr(case, ROUTES[name][3])
    forged = allowed.token[:-8] + ("AAAAAAAA" if allowed.token[-8:] != "AAAAAAAA" else "BBBBBBBB")
    for token in (None, "nonsense", forged, suite.idp.token(allowed.subject, iat=1, exp=1000)):
        assert ask(ward, case, name, token).status == 401


@pytest.mark.parametrize("name", ROUTES)
def test_the_wrong_role(ward, suite, case, name):
    who = case.roles[ROUTES[name][4]]
    before = len(suite.audit("patients", actor=who.id))
    reply = ask(ward, case, name, who)
    assert (reply.status, reply.code) == (403, "forbidden")
    (row,) = suite.audit("patients", actor=who.id)[before:]
    assert (row["outcome"], row["error"], row["role"]) == ("refused", "forbidden", who.role)


@pytest.mark.parametrize("name", ABOUT_ONE)
def test_not_yours_and_not_there_look_alike(ward, suite, case, name):
    """Another organisation's and an unknown id: byte by byte the same 404."""
    stranger = case.strange[ROUTES[name][3]]
    nobody = {"patient": str(uuid.uuid4()), "record": str(uuid.uuid4())}
    replies = [ask(ward, case, name, stranger), ask(ward, case, name, stranger, nobody),
               ask(ward, case, name, getattr(case, ROUTES[name][3]), nobody)]
    bodies = []
    for reply in replies:
        assert (reply.status, reply.code) == (404, "not_found"), reply
        bodies.append({k: v for k, v in reply.json.items() if k not in ("request_id", "instance")})
    assert bodies[0] == bodies[1] == bodies[2]
    row = suite.audit("patients", actor=stranger.id)[-1]
    assert (row["outcome"], row["error"]) == ("refused", "not_found")


@pytest.mark.parametrize("name", ["read", "change", "allergies", "conditions", "medicines", "record"])
def test_a_patient_sees_no_other(ward, suite, case, name):
    reply = ask(ward, case, name, case.outsider)
    assert (reply.status, reply.code) == (404, "not_found")


@pytest.mark.parametrize("name", WITH_BODY)
def test_bodies_are_strict(ward, case, name):
    who, usual = getattr(case, ROUTES[name][3]), ROUTES[name][2]
    for body in ({**usual, "surprise": 1}, [], {**usual, next(iter(usual)): {"a": 1}}):
        reply = ask(ward, case, name, who, body=body)
        assert (reply.status, reply.code) == (400, "bad_body"), (body, reply)
    for raw in (b"{", b"null", b'{"a":1,"a":1}', b"\xff"):
        assert ask(ward, case, name, who, raw=raw).status == 400, raw
    huge = ask(ward, case, name, who, raw=b'{"a":"' + b"x" * (300 * 1024) + b'"}')
    assert (huge.status, huge.code) == (413, "too_large")


@pytest.mark.parametrize("name", QUERIES)
def test_unknown_parameters_widen_nothing(ward, case, name):
    assert ask(ward, case, name, getattr(case, ROUTES[name][3]), more="?surprise=1").status == 400


@pytest.mark.parametrize("more", ["?limit=0", "?limit=201", "?limit=x", "?cursor=x", "?mrn=17"])
def test_lists_take_what_they_know(ward, case, more):
    for name in ("list", "allergies"):
        assert ask(ward, case, name, getattr(case, ROUTES[name][3]), more=more).status == 400


@pytest.mark.parametrize("field, value", [
    ("birth_date", "1990-02-30"), ("birth_date", "yesterday"), ("gender", "m"), ("family_name", ""),
    ("family_name", "x" * 201), ("phone", 5550100), ("email", None), ("mrn", "m" * 65),
])
def test_a_fault_is_named_and_not_quoted(ward, case, field, value):
    reply = ask(ward, case, "register", ward.desk, body={**PATIENT, field: value})
    assert (reply.status, reply.code) == (400, "bad_body")
    assert reply.json["errors"][0]["pointer"] == f"/{field}"
    assert not value or f'"{value}"' not in reply.body.decode()


def test_paths_take_what_they_know(ward, case):
    for path in ("/v1/patients/17", f"/v1/patients/{case.patient['id']}/vitals", "/v1/records",
                 f"/v1/patients/{case.patient['id']}/allergies/{case.record['id']}"):
        assert ward.api.get(path, who=ward.nurse).status == 404
    reply = ward.api.request("DELETE", f"/v1/patients/{case.patient['id']}", who=ward.desk)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, PUT")
    asked, told = (ward.api.request(method, f"/v1/patients/{case.patient['id']}", who=ward.desk) for method in ("GET", "HEAD"))
    assert (asked.status, told.status, told.body) == (200, 200, b"")
    assert told.headers["content-length"] == str(len(asked.body)), "what HEAD says is what GET would"
