"""The chart: allergies, conditions, medicines."""
import uuid

import pytest

from telecura import OTHER_ORG

KINDS = {"allergies": ("allergy", 2), "conditions": ("condition", 3), "medicines": ("medicine", 4)}
REMOVED = 5


@pytest.fixture(scope="module")
def patient(ward):
    return ward.registered()


@pytest.mark.parametrize("kind", KINDS)
def test_written_and_read(ward, suite, kind):
    patient = ward.registered()
    doctor = ward.clinician(patient)
    what = {"text": "Penicillin V", "system": "http://snomed.info/sct", "code": "764146007",
            "onset": "2011-05-06", "status": "active"}
    if kind == "allergies":
        what["criticality"] = "high"
    made = ward.added(patient, kind, who=doctor, **what)
    assert (made["kind"], made["version"], made["patient_id"]) == (KINDS[kind][0], 1, patient["id"])
    assert {name: made[name] for name in what} == what

    for who in (ward.nurse, doctor, ward.own(patient)):
        assert ward.list(patient, kind, who=who) == [made]
        assert ward.api.get(f"/v1/records/{made['id']}", who=who).json == made
    for other in KINDS:
        assert ward.list(patient, other) == ([made] if other == kind else [])

    (event,) = suite.outbox("patients", key=made["id"])
    assert (event["kind"], event["version"]) == (KINDS[kind][1], 1)
    (row,) = suite.audit("patients", patient=patient["id"], action="chart.write")
    assert (row["outcome"], row["actor"], row["relation"]) == ("done", doctor.id, "booked")
    assert len(suite.audit("patients", patient=patient["id"], action="chart.read")) == 9


def test_the_same_key_writes_once(ward, patient):
    key = str(uuid.uuid4())
    first, again = (ward.add(patient, "conditions", key=key, text="Asthma") for _ in range(2))
    assert (first.status, again.status) == (201, 201) and first.json == again.json
    assert again.headers["idempotency-replayed"] == "true"
    assert len([r for r in ward.list(patient, "conditions") if r["text"] == "Asthma"]) == 1


def test_changed_with_the_last_version_only(ward, suite, patient):
    made = ward.added(patient, "allergies", text="Latex", criticality="low")
    path = f"/v1/records/{made['id']}"
    assert ward.api.put(path, {"text": "Latex"}, who=ward.nurse).status == 428
    after = ward.api.put(path, {"text": "Latex", "criticality": "high"}, who=ward.nurse, match=1)
    assert after.status == 200 and after.headers["etag"] == '"2"'
    assert (after.json["criticality"], after.json["version"], after.json["kind"]) == ("high", 2, "allergy")
    stale = ward.api.put(path, {"text": "Latex"}, who=ward.nurse, match=1)
    assert (stale.status, stale.code) == (412, "stale")
    assert ward.api.get(path, who=ward.nurse).json == after.json
    assert [e["version"] for e in suite.outbox("patients", key=made["id"])] == [1, 2]


def test_removed_is_gone_from_every_list(ward, suite, patient):
    made = ward.added(patient, "medicines", text="Warfarin 5 mg")
    assert ward.remove(made, None).status == 428
    assert ward.remove(made, 7).status == 412
    gone = ward.remove(made, 1)
    assert (gone.status, gone.body) == (204, b"")
    assert made["id"] not in [r["id"] for r in ward.list(patient, "medicines")]
    for reply in (ward.remove(made, 2), ward.api.get(f"/v1/records/{made['id']}", who=ward.nurse),
                  ward.api.put(f"/v1/records/{made['id']}", {"text": "x"}, who=ward.nurse, match=2)):
        assert (reply.status, reply.code) == (404, "not_found")
    assert [(e["kind"], e["version"]) for e in suite.outbox("patients", key=made["id"])] == [(4, 1), (REMOVED, 2)]
    assert ward.api.value(f"SELECT state FROM record WHERE id = '{made['id']}'") == "removed"


def test_how_severe_is_asked_of_allergies_alone(ward, patient):
    refused = ward.add(patient, "conditions", text="Asthma", criticality="high")
    assert (refused.status, refused.code) == (400, "bad_body")
    made = ward.added(patient, "conditions", text="Asthma")
    changed = ward.api.put(f"/v1/records/{made['id']}", {"text": "Asthma", "criticality": "high"},
                           who=ward.nurse, match=1)
    assert (changed.status, changed.code, changed.at) == (422, "unprocessable", ["/criticality"])


def test_pages(ward):
    patient = ward.registered()
    made = [ward.added(patient, "conditions", text=f"Condition {n}") for n in range(5)]
    path, seen, cursor = f"/v1/patients/{patient['id']}/conditions?limit=2", [], ""
    while cursor is not None:
        page = ward.api.get(path + cursor, who=ward.nurse).json
        seen += page["data"]
        cursor = f"&cursor={page['next_cursor']}" if "next_cursor" in page else None
    assert seen == made


def test_no_record_no_chart(ward, suite):
    """A person can be enrolled for a record that is not here: nothing can be written to it."""
    who = suite.patient()
    suite.relation(ward.nurse, who.patient, "care_team")
    reply = ward.add({"id": who.patient}, "allergies")
    assert (reply.status, reply.code) == (404, "not_found")
    assert ward.list({"id": who.patient}) == []


def test_another_organisations_chart_is_not_there(ward, suite, patient):
    made = ward.added(patient)
    stranger = suite.person("nurse", org=OTHER_ORG)
    for reply in (ward.add(patient, who=stranger), ward.remove(made, 1, who=stranger),
                  ward.api.get(f"/v1/records/{made['id']}", who=stranger)):
        assert (reply.status, reply.code) == (404, "not_found")


def test_a_blob_in_another_row_is_noticed(ward):
    """Sealed bytes are bound to their row: moved ones do not open, and say nothing."""
    patient = ward.registered()
    one, two = (ward.added(patient, text=text) for text in ("Nuts", "Eggs"))
    ward.api.execute(f"UPDATE record SET sealed = (SELECT sealed FROM record WHERE id = '{one['id']}') "
                     f"WHERE id = '{two['id']}'")
    reply = ward.api.get(f"/v1/records/{two['id']}", who=ward.nurse)
    assert (reply.status, reply.code) == (500, "corrupt") and b"Nuts" not in reply.body
