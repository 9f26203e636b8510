"""The log as FHIR AuditEvents: R4 and IHE's BALP, both read a second time in tests/harness/r4.py."""
import copy
import json
import uuid

import pytest

import r4
from telecura import free_port
from test_telectl import telectl

BASE = "https://clinic.test/fhir/R4"


@pytest.fixture(scope="module")
def face(feed):
    plain = f"127.0.0.1:{free_port()}"
    made = feed.suite.service("fhir", base=BASE, audit=f"127.0.0.1:{feed.api.port}", http_plain=plain)
    made.plain = plain
    return made


def events(face, who, **query):
    """The AuditEvents of all pages, by id."""
    made, path = {}, "/fhir/R4/AuditEvent?" + "&".join(f"{k}={v}" for k, v in query.items())
    while path:
        reply = face.get(path, who=who)
        assert reply.status == 200 and reply.headers["content-type"] == "application/fhir+json", reply
        assert r4.faults(reply.json) == []
        made |= {entry["resource"]["id"]: entry["resource"] for entry in reply.json.get("entry", [])}
        links = {link["relation"]: link["url"] for link in reply.json["link"]}
        path = links["next"].removeprefix("https://clinic.test") if "next" in links else None
    return made


def profile(event):
    return event["meta"]["profile"][0].rpartition(".")[2]


def test_each_kind_of_deed_in_its_profile(feed, face):
    ada, doctor, consent = feed.suite.patient(), str(uuid.uuid4()), str(uuid.uuid4())
    made = {}
    for action, claimed in (("visit.read", "PatientRead"), ("visit.book", "PatientCreate"), ("visit.cancel", "PatientUpdate")):
        made |= {event: claimed for event in feed.act(1, patient=ada.patient, actor=doctor, action=action, consent=consent, purpose="BTG")}
    feed.indexed()
    seen = events(face, feed.suite.person("auditor"), agent=doctor, _count=2)
    assert {event: profile(seen[event]) for event in made} == made
    for event in seen.values():
        assert f"urn:uuid:{doctor}" in json.dumps(event["agent"]) and f"Patient/{ada.patient}" in json.dumps(event)
        assert "urn:telecura:relation:booked" in json.dumps(event) and f"urn:uuid:{consent}" in json.dumps(event)
        assert event["purposeOfEvent"] == [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "BTG"}]}]


def test_about_nobody_and_refused_and_by_a_service(feed, face):
    doctor = str(uuid.uuid4())
    (nobody,) = feed.act(1, actor=doctor)
    (refused,) = feed.act(1, actor=doctor, outcome="refused", error="not_found", patient=str(uuid.uuid4()))
    (listed,) = feed.act(1, actor=doctor, action="visit.list")
    feed.indexed()
    seen = events(face, feed.suite.person("auditor"), agent=doctor)
    assert profile(seen[nobody]) == "Read" and "meta" not in seen[listed]
    assert (seen[refused]["outcome"], seen[refused]["outcomeDesc"]) == ("4", "not_found")
    patient = feed.suite.patient().patient
    (timer,) = feed.act(1, patient=patient, actor=None, remote=None, role="service", action="consent.expire")
    feed.indexed()
    event = events(face, feed.suite.person("auditor"), patient=f"Patient/{patient}")[timer]
    assert len(event["agent"]) == 2 and profile(event) == "PatientUpdate"


def test_who_may_not_is_told_so_by_the_owner(feed, face):
    assert face.get("/fhir/R4/AuditEvent").status == 401
    reply = face.get("/fhir/R4/AuditEvent", who=feed.suite.person("clinician"))
    assert reply.status == 403 and r4.faults(reply.json) == []
    auditor = feed.suite.person("auditor")
    for query in ("patient=Patient/x" + "0" * 34, "agent=" + "x" * 36, "_cursor=%26person=1"):
        assert face.get(f"/fhir/R4/AuditEvent?{query}", who=auditor).status == 400, query
    assert face.get("/fhir/R4/AuditEvent?nothing=1", who=auditor).status == 400


def test_the_checker_finds_what_is_wrong(feed, face):
    doctor = str(uuid.uuid4())
    (made,) = feed.act(1, actor=doctor, patient=str(uuid.uuid4()))
    feed.indexed()
    sound = events(face, feed.suite.person("auditor"), agent=doctor)[made]

    def broken(change):
        event = copy.deepcopy(sound)
        change(event)
        return r4.faults(event)

    assert broken(lambda e: None) == []
    for change in (lambda e: e["agent"].pop(0), lambda e: e["agent"].pop(1), lambda e: e["agent"][0].pop("network"),
                   lambda e: e["agent"][2].update(requestor=False), lambda e: e["entity"].pop(0),
                   lambda e: e["entity"].pop(1), lambda e: e.update(action="C"), lambda e: e.update(outcome="8"),
                   lambda e: e["entity"][1]["role"].update(code="1"), lambda e: e.pop("source"),
                   lambda e: e["subtype"][0].update(code="create"), lambda e: e["type"].update(code="x"),
                   lambda e: e.update(outcome="1"), lambda e: e.update(recorded="yesterday"),
                   lambda e: e.update(purposeOfEvent=[{"coding": [{"system": "x", "code": "BTG"}]}])):
        assert broken(change) != []


def test_telectl_exports_it(feed, face, tmp_path):
    ada = feed.suite.patient()
    made = feed.act(70, patient=ada.patient)
    feed.indexed()
    # The gateway is who sends /fhir there; here telectl asks the plain port of the face itself.
    done = telectl(feed, "audit", "export", str(tmp_path / "out"), "--fhir", "--patient", ada.patient,
                   who=feed.suite.person("auditor"), plain=face.plain)
    assert done.returncode == 0, done.stderr
    bundles = [json.loads(line) for line in (tmp_path / "out/AuditEvent.ndjson").read_text().splitlines()]
    assert len(bundles) >= 2 and all(r4.faults(bundle) == [] for bundle in bundles)
    assert set(made) <= {entry["resource"]["id"] for bundle in bundles for entry in bundle["entry"]}
