"""Every route against who may not, and against what makes no sense; each try is on record."""
import subprocess
import uuid

import pytest

from postgres import binary
from telecura import ISSUER, NO_ACT, ORG, OTHER_ORG, rfc3339

# method, path, body, who may ask (clinic, visit's patient, clinician), a role that may not
ROUTES = {
    "availability": ("PUT", "/v1/providers/{doctor}/availability",
                     {"site_id": ORG, "time_zone": "UTC", "rules": []}, "doctor", "nurse"),
    "visit_types": ("GET", "/v1/visit_types", None, "patient", "auditor"),
    "slots": ("GET", "/v1/slots?provider_id={doctor}&visit_type=follow_up&from=2027-01-01T00:00:00Z"
                     "&to=2027-01-02T00:00:00Z", None, "patient", "auditor"),
    "book": ("POST", "/v1/appointments", "booking", "patient", "pharmacist"),
    "list": ("GET", "/v1/appointments?limit=1", None, "patient", "biller"),
    "read": ("GET", "/v1/appointments/{visit}", None, "patient", "admin"),
    "confirm": ("POST", "/v1/appointments/{visit}/confirm", None, "patient", "auditor"),
    "reschedule": ("POST", "/v1/appointments/{visit}/reschedule", {"starts_at": "2027-01-01T00:00:00Z"},
                   "patient", "privacy"),
    "cancel": ("POST", "/v1/appointments/{visit}/cancel", None, "patient", "guest"),
    "no_show": ("POST", "/v1/appointments/{visit}/no_show", None, "doctor", "patient"),
    "place": ("PUT", "/v1/appointments/{visit}/place", {"place": "x", "call_back_number": "+100"},
              "patient", "clinician"),
    "check_in": ("POST", "/v1/appointments/{visit}/check_in", None, "patient", "clinician"),
    "queue": ("GET", "/v1/queue", None, "patient", "admin"),
    "admit": ("POST", "/v1/appointments/{visit}/admit", None, "doctor", "nurse"),
    "start": ("POST", "/v1/appointments/{visit}/start", None, "doctor", "nurse"),
    "end": ("POST", "/v1/appointments/{visit}/end", {}, "doctor", "front_desk"),
    "note_read": ("GET", "/v1/appointments/{visit}/note", None, "doctor", "front_desk"),
    "note_put": ("PUT", "/v1/appointments/{visit}/note", {"text": "x"}, "doctor", "nurse"),
    "summary": ("GET", "/v1/appointments/{visit}/summary", None, "patient", "front_desk"),
}
OF_A_VISIT = [name for name, route in ROUTES.items() if "{visit}" in route[1]]
WITH_BODY = [name for name, route in ROUTES.items() if route[2] is not None]
WITHOUT_BODY = [name for name, route in ROUTES.items() if route[2] is None and route[0] != "GET"]
QUERIES = [name for name, route in ROUTES.items() if route[0] == "GET"]


@pytest.fixture(scope="module")
def case(clinic, suite):
    """One visit in the organisation, one among strangers."""
    class Case:
        pass

    made = Case()
    made.patient, made.other = suite.patients(2, consent=True)
    made.doctor, made.other_doctor = clinic.clinician(), clinic.clinician()
    made.visit = clinic.booked(made.patient, made.doctor, clinic.morning)["id"]
    made.stranger = suite.patient(org=OTHER_ORG, consent=True)
    made.strange_doctor = clinic.clinician(org=OTHER_ORG)
    made.strange_desk = suite.person("front_desk", org=OTHER_ORG)
    made.roles = {role: suite.person(role) for role in (
        "patient", "guest", "front_desk", "nurse", "clinician", "pharmacist", "biller", "auditor",
        "privacy", "admin")}
    made.booking = {"patient_id": made.patient.patient, "provider_id": made.doctor.id, "reason": "x",
                    "visit_type": "follow_up", "starts_at": rfc3339(clinic.morning + 7200)}
    return made


def ask(clinic, case, name, who, visit=None, body=None, more="", **kw):
    method, path, usual, *_ = ROUTES[name]
    path = path.format(visit=visit or case.visit, doctor=case.doctor.id) + more
    headers = {"If-Match": '"1"'} if name == "reschedule" else {}
    if method == "POST":
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if body is None and "raw" not in kw:
        body = case.booking if usual == "booking" else usual
    return clinic.api.request(method, path, body, who=who, headers=headers, **kw)


@pytest.mark.parametrize("name", ROUTES)
def test_no_token_or_a_bad_one(clinic, suite, case, name):
    allowed = getattr(case, ROUTES[name][3])
    forged = allowed.token[:-8] + ("AAAAAAAA" if allowed.token[-8:] != "AAAAAAAA" else "BBBBBBBB")
    expired = suite.idp.token(allowed.subject, iat=1, exp=1000)
    for token in (None, "", "nonsense", forged, expired, suite.idp.token("nobody-known", aud="other")):
        reply = ask(clinic, case, name, token)
        assert reply.status == 401, (token, reply)
        assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ROUTES)
def test_a_person_of_no_organisation(clinic, suite, case, name):
    assert ask(clinic, case, name, suite.idp.token("nobody-known")).status == 403


@pytest.mark.parametrize("name", ROUTES)
def test_the_wrong_role(clinic, suite, case, name):
    who = case.roles[ROUTES[name][4]]
    before = len(suite.audit("appointments", actor=who.id))
    reply = ask(clinic, case, name, who)
    assert (reply.status, reply.code) == (403, "forbidden")
    row = suite.audit("appointments", actor=who.id)[before:][0]
    assert (row["outcome"], row["error"], row["role"]) == ("refused", "forbidden", who.role)


@pytest.mark.parametrize("name", OF_A_VISIT)
def test_not_yours_and_not_there_look_alike(clinic, suite, case, name):
    """Another person's visit, another organisation's, and an unknown id: byte by byte the same 404."""
    if ROUTES[name][3] == "patient":
        outsiders = [case.other, case.stranger]
    else:
        outsiders = [case.other_doctor, case.strange_doctor]
    replies = [ask(clinic, case, name, who) for who in outsiders]
    replies += [ask(clinic, case, name, who, visit=str(uuid.uuid4())) for who in outsiders]
    bodies = []
    for reply in replies:
        assert reply.status == 404, reply
        body = reply.json
        body.pop("request_id", None)
        body.pop("instance", None)
        bodies.append(body)
    assert all(body == bodies[0] for body in bodies)
    (row,) = suite.audit("appointments", actor=outsiders[0].id, resource_id=case.visit,
                         action=_action(suite, outsiders[0]))[-1:]
    assert (row["outcome"], row["error"]) == ("refused", "not_found")


def _action(suite, who):
    return suite.audit("appointments", actor=who.id)[-1]["action"]


def test_nobody_books_for_others(clinic, case):
    for who in (case.other, case.stranger, case.strange_desk):
        assert ask(clinic, case, "book", who).status == 404
    unknown = {**case.booking, "patient_id": str(uuid.uuid4())}
    assert ask(clinic, case, "book", case.other, body=unknown).status == 404


@pytest.mark.parametrize("name", WITH_BODY)
def test_bodies_are_strict(clinic, case, name):
    who = getattr(case, ROUTES[name][3])
    usual = case.booking if ROUTES[name][2] == "booking" else ROUTES[name][2]
    for body in ({**usual, "surprise": 1}, [], {**usual, next(iter(usual), "summary"): {"a": 1}}):
        reply = ask(clinic, case, name, who, body=body)
        assert (reply.status, reply.code) == (400, "bad_body"), (body, reply)
    for raw in (b"{", b"null", b'{"a":1,"a":1}', b"\xff"):
        assert ask(clinic, case, name, who, raw=raw).status == 400, raw
    huge = ask(clinic, case, name, who, raw=b'{"a":"' + b"x" * (300 * 1024) + b'"}')
    assert (huge.status, huge.code) == (413, "too_large")


@pytest.mark.parametrize("name", WITHOUT_BODY)
def test_where_no_body_is_taken_none_is_taken(clinic, case, name):
    assert ask(clinic, case, name, getattr(case, ROUTES[name][3]), body={"a": 1}).status == 400


@pytest.mark.parametrize("name", QUERIES)
def test_unknown_parameters_widen_nothing(clinic, case, name):
    sign = "&" if "?" in ROUTES[name][1] else "?"
    who = getattr(case, ROUTES[name][3])
    assert ask(clinic, case, name, who, more=f"{sign}surprise=1").status == 400


@pytest.mark.parametrize("field, value", [
    ("patient_id", "not-an-id"), ("starts_at", "tomorrow"), ("starts_at", "2027-02-30T10:00:00Z"),
    ("reason", ""), ("reason", "x" * 2001), ("reason", "\U0001d11e" * 2001), ("visit_type", 7), ("provider_id", None),
])
def test_booking_takes_only_what_makes_sense(clinic, case, field, value):
    reply = ask(clinic, case, "book", case.patient, body={**case.booking, field: value})
    assert (reply.status, reply.code) == (400, "bad_body")
    assert not isinstance(value, str) or not value or value not in reply.body.decode()
    assert reply.json["errors"][0]["pointer"] == f"/{field}"


def test_a_disabled_person_is_out(clinic, suite, case):
    who = suite.person("front_desk", state="disabled")
    assert ask(clinic, case, "read", who).status == 403


def test_who_belongs_to_two_organisations_names_one(clinic, suite, case):
    who = suite.person("front_desk")
    suite.everywhere("INSERT INTO member (org, id, act_id, person, role, state, issuer, subject) VALUES "
                     f"('{OTHER_ORG}', '{uuid.uuid4()}', '{NO_ACT}', '{who.id}', 'front_desk', 'active', '{ISSUER}', "
                     f"'{who.subject}')")
    path = f"/v1/appointments/{case.visit}"
    assert clinic.api.get(path, who=who).status == 403
    assert clinic.api.get(path, who=who, headers={"Telecura-Org": ORG}).status == 200
    assert clinic.api.get(path, who=who, headers={"Telecura-Org": OTHER_ORG}).status == 404
    assert clinic.api.get(path, who=who, headers={"Telecura-Org": str(uuid.uuid4())}).status == 403


def test_no_word_of_a_patient_lies_in_the_clear(clinic, suite):
    """A canary in every PHI field is found in no table, no log and no file of the database."""
    canary = {field: f"canary{uuid.uuid4().hex}" for field in ("reason", "place", "number", "note",
                                                               "addendum", "summary")}
    doctor, ada = clinic.clinician(), suite.patient(consent=True)
    visit = clinic.booked(ada, doctor, clinic.morning, reason=canary["reason"])
    clinic.at(clinic.morning)
    assert clinic.place(visit, ada, canary["place"], canary["number"][:40]).status == 200
    for name, who in (("check_in", ada), ("admit", doctor), ("start", doctor)):
        assert clinic.step(visit, name, who).status == 200
    assert clinic.note(visit, doctor, canary["note"]).status == 200
    assert clinic.note(visit, doctor, canary["addendum"], match=1).status == 200
    assert clinic.step(visit, "end", doctor, {"summary": canary["summary"]}).status == 200
    seen = clinic.api.get(f"/v1/appointments/{visit['id']}", who=ada).json
    assert (seen["reason"], seen["place"]) == (canary["reason"], canary["place"])

    suite.postgres.execute("appointments", "CHECKPOINT")
    dump = subprocess.run([binary("pg_dump"), "-h", suite.postgres.socket, "-U", "root_of_all",
                           "appointments"], capture_output=True, check=True).stdout
    words = [word[:40].encode() for word in canary.values()]
    sinks = [dump, dump.replace(b"\\", b"")]
    assert b"canary" not in dump and all(word.hex().encode() not in dump for word in words)
    for word in words:
        assert not any(word in sink for sink in sinks)
        found = subprocess.run(["grep", "-rlaF", word.decode(), suite.folder], capture_output=True, text=True)
        assert (found.returncode, found.stdout) == (1, ""), found.stdout


def test_every_statement_fits_the_database(clinic):
    done = clinic.api.command("--config", clinic.api.config, "--verify")
    assert done.returncode == 0, done.stderr
