"""The rules of the act (docs/architecture.md) as an enemy would bend them: keys that are used for
another thing, refusals that tell too much, keys that are made for nobody, blobs from yesterday."""
import time
import uuid

import pytest

from telecura import rfc3339
from ws import connect

CODED = {"text": "Penicillin", "system": "http://snomed.info/sct", "code": "764146007"}
PERSON = {"family_name": "Quill", "given_name": "Ida", "birth_date": "1990-01-01", "gender": "female"}


@pytest.fixture(scope="module")
def patients(suite):
    suite.service("access")
    suite.service("appointments")
    return suite.service("patients")


def registered(patients, desk):
    reply = patients.post("/v1/patients", PERSON, who=desk)
    assert reply.status == 201, reply
    return reply.json["id"]


# An Idempotency-Key names one request: of one actor, to one path, with one body.

@pytest.mark.family(22)
def test_a_key_does_not_answer_for_another_patient(suite, patients):
    desk, nurse, key = suite.person("front_desk"), suite.person("nurse"), str(uuid.uuid4())
    one, other = registered(patients, desk), registered(patients, desk)
    for patient in (one, other):
        suite.relation(nurse, patient, "care_team")

    first = patients.post(f"/v1/patients/{one}/allergies", CODED, who=nurse, key=key)
    assert first.status == 201, first
    second = patients.post(f"/v1/patients/{other}/allergies", CODED, who=nurse, key=key)
    assert (second.status, second.code) == (422, "idempotency_key_reused")
    assert patients.get(f"/v1/patients/{other}/allergies", who=nurse).json["data"] == []
    again = patients.post(f"/v1/patients/{one}/allergies", CODED, who=nurse, key=key)
    assert (again.status, again.json["id"]) == (201, first.json["id"])
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.family(22)
def test_a_replay_is_a_read_of_today(suite, patients):
    """By who may read now, and on record; a key is no pass for what was lost meanwhile."""
    desk, key = suite.person("front_desk"), str(uuid.uuid4())
    patient, doctor = registered(patients, desk), suite.person("clinician")
    relation = suite.relation(doctor, patient, "treating")
    path = f"/v1/patients/{patient}/allergies"

    assert patients.post(path, CODED, who=doctor, key=key).status == 201
    patients.execute(f"UPDATE relation SET ends_at = now() - interval '1 day' WHERE id = '{relation}'")
    assert patients.post(path, CODED, who=doctor, key=key).status == 404
    last = suite.audit("patients", actor=doctor.id)[-1]
    assert (last["outcome"], last["error"]) == ("refused", "not_found")


@pytest.mark.family(22)
def test_a_step_of_access_that_is_done_answers_its_key_again(suite, patients):
    """To who did it; and a key is no pass to what another did."""
    access, desk, admin = suite.service("access"), suite.person("front_desk"), suite.person("admin")
    ada, doctor = suite.patient(), suite.person("clinician")
    consent = suite.consent(ada.patient)
    relation = access.post("/v1/relations", {"person_id": doctor.id, "patient_id": ada.patient,
                                             "kind": "treating", "proof": "referral"}, who=desk).json["id"]
    steps = ((f"/v1/consents/{consent}/revoke", ada, suite.person("nurse")),
             (f"/v1/relations/{relation}/close", desk, suite.person("front_desk")),
             (f"/v1/people/{doctor.id}/disable", admin, suite.person("admin")))
    for path, who, other in steps:
        key = str(uuid.uuid4())
        first, again = access.post(path, who=who, key=key), access.post(path, who=who, key=key)
        assert (first.status, again.status) == (200, 200), (first, again)
        assert again.json == first.json and again.headers["idempotency-replayed"] == "true"
        assert access.post(path, who=other, key=key).code == "bad_state"
        assert access.post(path, who=who).code == "bad_state"


# A guard that waits in the queue has the first word.

@pytest.mark.family(4)
def test_a_refusal_behind_a_guard_does_not_hide_its_no(suite, patients):
    access = suite.service("access")
    mallory, victim = suite.patient(), suite.patient()
    ended = {"scope": "research", "document_version": 1, "ends_at": rfc3339(time.time() - 3600)}

    own = access.post("/v1/consents", {"patient_id": mallory.patient, **ended}, who=mallory)
    assert own.status == 422, own
    for patient in (victim.patient, str(uuid.uuid4())):
        reply = access.post("/v1/consents", {"patient_id": patient, **ended}, who=mallory)
        assert (reply.status, reply.code) == (404, "not_found")


@pytest.mark.family(22)
def test_no_key_is_made_for_whom_nobody_may_touch(suite, patients):
    """Else anyone who may book could fill keyd with keys of patients who are not there."""
    appointments, keyd = suite.service("appointments"), suite.service("keyd")
    mallory = suite.patient(consent=True)
    nobody = str(uuid.uuid4())
    booking = {"patient_id": nobody, "provider_id": str(uuid.uuid4()), "visit_type": "follow_up",
               "starts_at": "2031-05-05T09:00:00Z", "reason": "x"}

    assert appointments.post("/v1/appointments", booking, who=mallory).status == 404
    assert keyd.value(f"SELECT count(*) FROM dek WHERE patient = '{nobody}'") in (0, "0")


# A blob stands for one version of its row.

@pytest.mark.family(23)
def test_yesterdays_blob_does_not_pass_for_todays(suite, patients):
    desk, nurse = suite.person("front_desk"), suite.person("nurse")
    patient = registered(patients, desk)
    suite.relation(nurse, patient, "care_team")
    made = patients.post(f"/v1/patients/{patient}/allergies", CODED, who=nurse).json
    path = f"/v1/records/{made['id']}"
    where = f"WHERE id = '{made['id']}'"

    patients.execute(f"CREATE TABLE kept AS SELECT sealed FROM record {where}")
    assert patients.put(path, {"text": "Latex"}, who=nurse, match=made["version"]).status == 200
    assert patients.get(path, who=nurse).json["text"] == "Latex"
    patients.execute(f"UPDATE record SET sealed = (SELECT sealed FROM kept) {where}")
    patients.execute("DROP TABLE kept")
    reply = patients.get(path, who=nurse)
    assert reply.status == 500 and b"Penicillin" not in reply.body


# One connect a connection.

@pytest.mark.family(9)
def test_a_second_connect_behind_the_first_is_refused(suite, grants):
    messaging = suite.service("messaging", access_public=grants.public_file)
    visit = grants.visit()
    who = visit.patient
    with connect(messaging, "/v1/stream") as ws:
        for _ in range(2):
            ws.send("connect", token=who.token, grant=visit.grant(who))
        assert ws.closed()[0] == 4500


# A page that has a next one says so, or fails.

@pytest.mark.family(23)
def test_a_lost_cursor_is_no_last_page(suite, patients):
    """Without its MAC key a service cannot make a cursor; a list that just ended would hide rows."""
    desk, nurse = suite.person("front_desk"), suite.person("nurse")
    patient, keyd = registered(patients, desk), suite.service("keyd")
    path = f"/v1/patients/{patient}/allergies"
    suite.relation(nurse, patient, "care_team")

    for _ in range(3):
        assert patients.post(path, CODED, who=nurse).status == 201
    fresh = suite.replica("patients")
    assert fresh.get(path, who=nurse).status == 200     # the patient's keys are in its cache
    keyd.kill()
    try:
        reply = fresh.get(f"{path}?limit=2", who=nurse)
        assert (reply.status, reply.code) == (503, "key_unavailable")
    finally:
        keyd.start()
    assert "next_cursor" in fresh.get(f"{path}?limit=2", who=nurse).json
