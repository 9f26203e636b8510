"""FHIR R4 over what the owners say: sound resources, the owner's own refusals, the owner's audit."""
import json
import uuid

import pytest

import r4
from conftest import BASE
from telecura import ORG, OTHER_ORG, Client

FULL = {"mrn": "MR 17", "phone": "+1 555 0100", "email": "zoe@example.org", "address": "7 Mill Lane\nOldtown",
        "language": "de"}


@pytest.fixture(scope="module")
def case(face, suite):
    class Case:
        pass

    made = Case()
    made.ada, made.bob = face.registered(**FULL), face.registered()
    made.doctor = face.clinician()
    made.visit = face.booked(made.ada, made.doctor, face.morning)
    made.stranger = suite.person("front_desk", org=OTHER_ORG)
    made.paths = {"patient": f"/Patient/{made.ada.patient}", "appointment": f"/Appointment/{made.visit['id']}",
                  "search": f"/Appointment?patient={made.ada.patient}"}
    return made


def resource(reply, status=200):
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/fhir+json"
    assert r4.faults(reply.json) == []
    return reply.json


def test_metadata_needs_no_token(face):
    said = resource(face.get("/metadata"))
    assert (said["fhirVersion"], said["kind"], said["implementation"]["url"]) == ("4.0.1", "instance", BASE)
    offered = {r["type"]: {i["code"] for i in r["interaction"]} for r in said["rest"][0]["resource"]}
    assert offered == {"Patient": {"read"}, "Appointment": {"read", "search-type"}, "AuditEvent": {"search-type"}}
    assert face.get("/metadata?_format=json").status == 200
    assert face.get("/metadata?_format=xml").status == 400


def test_a_patient(face, suite, case):
    reply = face.get(case.paths["patient"], case.ada)
    said = resource(reply)
    assert said["id"] == case.ada.patient and said["meta"]["versionId"] == "1"
    assert reply.headers["etag"] == 'W/"1"'
    assert said["name"] == [{"family": "Müller-\"O'Neil\\", "given": ["Zoë"]}]
    assert (said["gender"], said["birthDate"]) == ("female", "1984-07-02")
    assert said["telecom"] == [{"system": "phone", "value": FULL["phone"]}, {"system": "email", "value": FULL["email"]}]
    assert said["address"] == [{"text": FULL["address"]}]
    assert said["identifier"][0]["value"] == "MR 17"
    assert said["communication"][0]["language"]["coding"][0] == {"system": "urn:ietf:bcp:47", "code": "de"}
    row = suite.audit("patients", actor=case.ada.id)[-1]  # the owner's audit names the person, not fhir
    assert (row["action"], row["outcome"], row["role"], row["patient"]) == (
        "patient.read", "done", "patient", case.ada.patient)


def test_from_where_they_asked_is_on_the_owners_record(face, suite, case):
    """What the gateway saw; what a client writes in front of it is not believed."""
    for path, owner in ((case.paths["patient"], "patients"), (case.paths["search"], "appointments")):
        resource(face.get(path, case.ada, headers={"X-Forwarded-For": "192.0.2.1, 203.0.113.9"}))
        row = suite.audit(owner, actor=case.ada.id)[-1]
        assert row["remote"] == "203.0.113.9", row


def test_a_patient_with_the_least(face, case):
    said = resource(face.get(f"/Patient/{case.bob.patient}", case.bob))
    assert set(said) == {"resourceType", "id", "meta", "name", "gender", "birthDate"}


def test_an_appointment(face, suite, case):
    said = resource(face.get(case.paths["appointment"], case.doctor))
    assert (said["status"], said["minutesDuration"]) == ("booked", 30)
    assert said["start"].startswith(case.visit["starts_at"][:19])
    assert said["serviceType"] == [{"text": "consultation"}] and said["reasonCode"] == [{"text": "a cough"}]
    patient, doctor = said["participant"]
    assert patient["actor"]["reference"] == f"Patient/{case.ada.patient}"
    assert doctor["actor"]["identifier"]["value"] == f"urn:uuid:{case.doctor.id}"
    row = suite.audit("appointments", actor=case.doctor.id, resource_id=case.visit["id"])[-1]
    assert (row["action"], row["outcome"], row["role"]) == ("visit.read", "done", "clinician")


@pytest.mark.parametrize("steps, status", [
    ([], "booked"), (["confirm"], "booked"), (["cancel"], "cancelled"),
])
def test_states_have_fhirs_words(face, suite, steps, status):
    who, doctor = face.registered(), face.clinician()
    visit = face.booked(who, doctor, face.morning)
    for step in steps:
        assert face.appointments.post(f"/v1/appointments/{visit['id']}/{step}", None, who=who).status == 200
    assert resource(face.get(f"/Appointment/{visit['id']}", who))["status"] == status


def test_the_longest_that_owners_take_is_read(face):
    """Of letters of four bytes, which they count as one."""
    name, reason = "\U00010400" * 200, "\U00010400" * 2000
    who, doctor = face.registered(family_name=name, given_name=name, address="\U00010400" * 500), face.clinician()
    assert resource(face.get(f"/Patient/{who.patient}", who))["name"] == [{"family": name, "given": [name]}]
    visit = face.booked(who, doctor, face.morning, reason=reason)
    assert resource(face.get(f"/Appointment/{visit['id']}", who))["reasonCode"] == [{"text": reason}]


def test_states_that_take_a_day(face, suite):
    """The words of what cannot be reached by a step here, straight in the owner's table."""
    who, doctor = face.registered(), face.clinician()
    visit = face.booked(who, doctor, face.morning)
    for state, status in (("arrived", "arrived"), ("in_progress", "fulfilled"), ("completed", "fulfilled"),
                          ("no_show", "noshow")):
        face.appointments.execute(f"UPDATE appointment SET state = '{state}' WHERE id = '{visit['id']}'")
        assert resource(face.get(f"/Appointment/{visit['id']}", who))["status"] == status


def test_a_search_page_by_page(face, case):
    who, doctor = face.registered(), face.clinician()
    visits = [face.booked(who, doctor, face.morning + n * 3600)["id"] for n in range(3)]
    bundle = resource(face.get(f"/Appointment?patient=Patient/{who.patient}", who))
    assert [e["resource"]["id"] for e in bundle["entry"]] == visits
    assert [link["relation"] for link in bundle["link"]] == ["self"]

    seen, url = [], f"{BASE}/Appointment?patient={who.patient}&_count=1"
    while url and len(seen) < 9:
        bundle = resource(face.get(url[len(BASE):], who))
        seen += [e["resource"]["id"] for e in bundle.get("entry", [])]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    assert seen == visits
    assert "entry" not in resource(face.get(f"/Appointment?patient={case.bob.patient}", case.bob))


def test_refusals_are_the_owners(face, suite, case):
    """Another's, another organisation's and unknown ids: the same outcome, on the owner's record."""
    for path, owner in ((case.paths["patient"], "patients"), (case.paths["appointment"], "appointments")):
        unknown = path.rsplit("/", 1)[0] + f"/{uuid.uuid4()}"
        said = [resource(face.get(p, who), 404)
                for p, who in ((path, case.bob), (path, case.stranger), (unknown, case.ada))]
        assert said[0] == said[1] == said[2] and said[0]["issue"][0]["code"] == "not-found"
        row = suite.audit(owner, actor=case.bob.id)[-1]
        assert (row["outcome"], row["error"]) == ("refused", "not_found")
    assert "entry" not in resource(face.get(case.paths["search"], case.bob))


def test_the_wrong_role(face, suite, case):
    biller = suite.person("biller")
    for path in case.paths.values():
        assert resource(face.get(path, biller), 403)["issue"][0]["code"] == "forbidden"


def test_no_token_or_a_bad_one(face, suite, case):
    token = case.ada.token
    forged = token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB")
    for path in case.paths.values():
        for bad in (None, "", "nonsense", forged, suite.idp.token(case.ada.subject, iat=1, exp=1000)):
            assert face.get(path, bad).status == 401
        assert resource(face.get(path, suite.idp.token("nobody-known")), 403)


def test_only_the_gateway_brings_people(face, suite, case):
    """A service's certificate doesn't let it ask here in a person's name."""
    other = Client(suite, face.api.port, name="billing")
    assert other.get(f"/fhir/R4{case.paths['patient']}", who=case.ada).status == 401


def test_the_organisation_is_passed_on(face, suite, case):
    who = suite.person("front_desk")
    suite.everywhere("INSERT INTO member (org, id, act_id, person, role, state, issuer, subject) SELECT "
                     f"'{OTHER_ORG}', gen_random_uuid(), act_id, person, role, state, issuer, subject "
                     f"FROM member WHERE person = '{who.id}'")
    path = case.paths["patient"]
    assert face.get(path, who).status == 403
    assert face.get(path, who, headers={"Telecura-Org": ORG}).status == 200
    assert face.get(path, who, headers={"Telecura-Org": OTHER_ORG}).status == 404


@pytest.mark.parametrize("query", [
    "", "?patient=", "?patient=x", "?patient=" + "g" * 36, "?patient=Group/" + "a" * 36, "?surprise=1",
    "?patient=00000000-0000-4000-8000-000000000000&date=2026", "?patient=00000000-0000-4000-8000-000000000000&_count=0",
    "?patient=00000000-0000-4000-8000-000000000000&_cursor=a%26provider_id=x",
    "?patient=00000000-0000-4000-8000-000000000000&_cursor=AAAA",
])
def test_parameters_are_strict(face, case, query):
    assert face.get(f"/Appointment{query}", case.ada).status == 400


def test_paths_and_bodies_are_strict(face, case):
    for path in ("/Patient/not-an-id", "/Patient", "/Observation/1", f"/Patient/{case.ada.patient}/_history"):
        assert face.get(path, case.ada).status == 404
    path = f"/fhir/R4{case.paths['patient']}"
    assert face.api.request("GET", path, {"a": 1}, who=case.ada).status == 400
    assert face.api.request("GET", path, raw=b"x" * (300 * 1024), who=case.ada).status == 413
    assert face.api.post(path, {}, who=case.ada).status == 405
    assert face.get(case.paths["patient"] + "?surprise=1", case.ada).status == 400


def test_an_owner_that_is_away(face, case):
    face.patients.kill()
    try:
        answer = face.get(case.paths["patient"], case.ada)
        assert resource(answer, 503)["issue"][0]["code"] == "transient"
        assert answer.headers["retry-after"] == "1"
        assert face.get(case.paths["appointment"], case.ada).status == 200
    finally:
        face.patients.start()
    assert face.get(case.paths["patient"], case.ada).status == 200


def test_somebody_else_on_the_owners_port_is_not_believed(face, suite, case):
    """fhir takes the word of CN=patients only, whatever listens where patients should be."""
    impostor = suite.services["fhir"]
    kept = impostor.settings["patients"]
    impostor.stop()
    impostor.settings["patients"] = f"127.0.0.1:{face.appointments.port}"
    impostor.start()
    try:
        assert resource(face.get(case.paths["patient"], case.ada), 503)
    finally:
        impostor.stop()
        impostor.settings["patients"] = kept
        impostor.start()


def test_no_word_of_a_patient_is_left_here(face, suite, case):
    canary = f"canary{uuid.uuid4().hex}"
    who = face.registered(family_name=canary)
    assert canary in face.get(f"/Patient/{who.patient}", who).body.decode()
    with open(face.api.log) as log:
        assert canary not in log.read()


def test_the_checker_finds_what_is_wrong(face, case):
    """r4.py is a check that can fail."""
    sound = resource(face.get(case.paths["appointment"], case.ada))
    for change in ({"status": "scheduled"}, {"participant": []}, {"start": "tomorrow"}, {"surprise": 1},
                   {"minutesDuration": "30"}, {"participant": [{"status": "accepted"}]}):
        assert r4.faults({**sound, **change}) != [], change
    assert r4.faults({k: v for k, v in sound.items() if k != "end"}) != []
    assert r4.faults(json.loads('{"resourceType": "Observation"}')) != []
