"""A sign-in may be several roles in several organisations, and acts in one at a time. What it is
refused stands on record, also what is refused before the act begins; strangers are only counted."""
import uuid

import pytest

from telecura import ORG, OTHER_ORG, Person
from visits import patiently
from ws import Refused, connect

CODED = {"text": "Penicillin", "system": "http://snomed.info/sct", "code": "764146007"}


@pytest.fixture(scope="module")
def patients(suite, grants):
    for name in ("access", "fhir", "messaging", "appointments"):
        if name == "messaging":
            suite.service(name, access_public=grants.public_file)
        elif name != "fhir":
            suite.service(name)
    return suite.service("patients")


def also(suite, who, role, org=ORG, patient=None):
    """One more membership of the same sign-in, with a person id of its own, as access makes it."""
    other = Person(str(uuid.uuid4()), org, role, who.subject, patient, who.token)
    suite.everywhere(suite._member(other, "active"))
    if patient:
        suite.relation(other, patient, "self")
    return other


def acting(role=None, org=None):
    return {name: value for name, value in (("Telecura-Role", role), ("Telecura-Org", org)) if value}


@pytest.fixture
def nurse(suite, patients):
    """Works on the ward and is treated in the same house."""
    who = suite.person("nurse")
    who.as_patient = also(suite, who, "patient", patient=str(uuid.uuid4()))
    return who


@pytest.mark.family(3)
def test_two_roles_in_one_organisation_act_in_one_at_a_time(suite, nurse):
    access, stranger, own = suite.service("access"), suite.patient().patient, nurse.as_patient.patient

    def sees(role, patient):
        reply = access.get(f"/v1/relations?patient_id={patient}", who=nurse, headers=acting(role))
        assert reply.status == 200, reply
        return {row["patient_id"] for row in reply.json["data"]} == {patient}

    assert sees("nurse", stranger) and sees("nurse", own)
    assert sees("patient", own) and not sees("patient", stranger)
    rows = suite.audit("access", actor=nurse.as_patient.id)
    assert [(row["role"], row["patient"], row["relation"]) for row in rows] == [
        ("patient", own, "self"), ("patient", None, None)]


@pytest.mark.family(3)
def test_a_role_reaches_nothing_of_the_other(suite, patients, nurse):
    """The patient that a nurse is writes in no chart, and the nurse is nobody's own: their chart is open to
    them as a nurse who cares for them."""
    suite.service("appointments")
    path = f"/v1/patients/{nurse.as_patient.patient}/allergies"
    assert patients.post(path, CODED, who=nurse, headers=acting("patient")).status == 403
    assert patients.get(path, who=nurse, headers=acting("patient")).status == 200
    assert patients.get(path, who=nurse, headers=acting("nurse")).status == 404
    suite.relation(nurse, nurse.as_patient.patient, "care_team")
    assert patients.get(path, who=nurse, headers=acting("nurse")).status == 200
    relations = {row["role"]: row["relation"] for row in suite.audit("patients", action="chart.read", outcome="done")
                 if row["actor"] in (nurse.id, nurse.as_patient.id)}
    assert relations == {"patient": "self", "nurse": "care_team"}


@pytest.mark.family(3)
@pytest.mark.parametrize("role,org,status", [
    (None, None, 403),              # which?
    ("clinician", None, 403),       # what one is not
    ("Nurse", None, 403),
    ("nurse", OTHER_ORG, 403),      # where one is not
    ("nurse", str(uuid.uuid4()), 403),
    ("nurse", "not-an-id", 400),
    ("patient", ORG, 200),
])
def test_a_choice_is_refused_and_on_record(suite, patients, nurse, role, org, status):
    path = f"/v1/patients/{nurse.as_patient.patient}/allergies"
    reply = patients.get(path, who=nurse, headers=acting(role, org))
    assert reply.status == status, reply
    if status == 200:
        return
    (row,) = [row for row in suite.audit("patients", outcome="refused")
              if row["actor"] in (nurse.id, nurse.as_patient.id)]
    assert (row["org"], row["error"], row["resource_id"]) == (ORG, reply.code, nurse.as_patient.patient)


@pytest.mark.family(3)
def test_a_header_that_is_there_twice_is_refused(patients, nurse):
    reply = patients.get("/v1/patients", who=nurse, headers={"Telecura-Role": "nurse", "telecura-role": "patient"})
    assert reply.status == 400


@pytest.mark.family(3)
def test_a_cached_choice_serves_no_other(suite, patients, nurse):
    """The role is part of what a token is remembered by."""
    path = f"/v1/patients/{nurse.as_patient.patient}/allergies"
    for _ in range(2):
        assert patients.post(path, CODED, who=nurse, headers=acting("patient")).status == 403
        assert patients.post(path, CODED, who=nurse, headers=acting("nurse")).status == 404   # no such record
        assert patients.post(path, CODED, who=nurse).status == 403


@pytest.mark.family(3)
def test_a_grant_names_the_role_that_a_socket_acts_in(suite, grants, patients):
    messaging = suite.service("messaging")
    visit = grants.visit()
    nurse = also(suite, visit.patient, "nurse")
    with connect(messaging, "/v1/stream") as ws:
        with pytest.raises(Refused) as refused:
            ws.ask("connect", token=visit.patient.token, grant=visit.grant(visit.patient))
        assert refused.value.code == "forbidden"
    (row,) = [row for row in suite.audit("messaging", outcome="refused", action="channel.open")
              if row["actor"] in (visit.patient.id, nurse.id)]
    assert row["error"] == "forbidden" and row["org"] == ORG
    with connect(messaging, "/v1/stream") as ws:
        patiently(lambda: ws.ask("connect", token=visit.patient.token,
                                 grant=visit.grant(visit.patient, **{"as": "patient"})))


@pytest.mark.family(3)
def test_access_binds_a_second_role_and_lists_both(suite, patients):
    access, admin = suite.service("access"), suite.fresh(suite.person("admin"))
    who = suite.person("guest")
    who.subject = f"sub-{uuid.uuid4()}"
    who.token = suite.idp.token(who.subject)
    for role in ("clinician", "patient"):
        made = access.post("/v1/people", {"role": role, "display_name": "Dr. Both"}, who=admin)
        bound = access.post("/v1/me/bind", {"code": made.json["sign_in_code"]}, who=who)
        assert bound.status == 200, bound
    roles = {row["role"]: row for row in access.get("/v1/me", who=who).json["memberships"]}
    assert set(roles) == {"clinician", "patient"}
    assert access.get("/v1/relations", who=who).status == 403
    mine = access.get("/v1/relations", who=who, headers=acting("patient")).json["data"]
    assert [row["patient_id"] for row in mine] == [roles["patient"]["patient_id"]]
    again = access.post("/v1/people", {"role": "clinician", "display_name": "Dr. Both"}, who=admin)
    twice = access.post("/v1/me/bind", {"code": again.json["sign_in_code"]}, who=who)
    assert (twice.status, twice.code) == (409, "conflict")


# What is refused before the act begins.

BEFORE = {
    "no If-Match": (dict(body={"text": "Latex"}), 428, "if_match_required"),
    "an If-Match that is none": (dict(body={"text": "Latex"}, match='7"x'), 400, "bad_if_match"),
    "an unknown field": (dict(body={"text": "Latex", "role": "admin"}, match=1), 400, "bad_body"),
    "a wrong type": (dict(body={"text": 7}, match=1), 400, "bad_body"),
    "no JSON": (dict(raw=b"\x00", match=1), 400, "bad_body"),
    "another media type": (dict(body={"text": "Latex"}, match=1, headers={"Content-Type": "text/plain"}),
                           415, "unsupported_media_type"),
}


@pytest.mark.family(3)
@pytest.mark.parametrize("why", BEFORE)
def test_what_a_member_is_refused_stands_on_record(suite, patients, why):
    nurse, record = suite.person("nurse"), str(uuid.uuid4())
    how, status, code = BEFORE[why]
    reply = patients.put(f"/v1/records/{record}", who=nurse, **how)
    assert (reply.status, reply.code) == (status, code)
    (row,) = suite.audit("patients", actor=nurse.id)
    assert (row["outcome"], row["error"], row["role"]) == ("refused", code, "nurse")
    assert (row["resource"], row["resource_id"], row["act"]) == ("/v1/records/{id}", record,
                                                                 reply.json["request_id"])


@pytest.mark.family(3)
def test_a_query_and_a_missing_key_too(suite, patients):
    nurse, patient = suite.person("nurse"), str(uuid.uuid4())
    assert patients.get(f"/v1/patients/{patient}/allergies?limit=x", who=nurse).code == "bad_query"
    assert patients.post(f"/v1/patients/{patient}/allergies", CODED, who=nurse,
                         key="").code == "idempotency_key_missing"
    rows = suite.audit("patients", actor=nurse.id, resource_id=patient)
    assert [row["error"] for row in rows] == ["bad_query", "idempotency_key_missing"]


@pytest.mark.family(3)
def test_a_bad_body_is_no_replay_of_a_good_one(suite, patients):
    """A key of something that was done opens nothing for what was never asked."""
    desk, key = suite.person("front_desk"), str(uuid.uuid4())
    body = {"family_name": "Quill", "given_name": "Ida", "birth_date": "1990-01-01", "gender": "female"}
    assert patients.post("/v1/patients", body, who=desk, key=key).status == 201
    assert patients.post("/v1/patients", {**body, "x": 1}, who=desk, key=key).code == "bad_body"


@pytest.mark.family(3)
def test_strangers_leave_no_rows(suite, patients):
    count = "SELECT count(*) FROM audit_outbox"
    before = patients.value(count)
    nobody = suite.idp.token(f"sub-{uuid.uuid4()}")
    assert patients.get(f"/v1/patients/{uuid.uuid4()}", who=nobody).status == 403
    assert patients.get(f"/v1/patients/{uuid.uuid4()}").status == 401
    assert patients.put(f"/v1/records/{uuid.uuid4()}", {"text": 7}).status == 401
    assert patients.value(count) == before
