"""An answer that was lost: the same key, asked again, finds that the step is done."""
import uuid

import pytest

MINUTE = 60
# step -> the state it starts from, and who does it
STEPS = {"confirm": ("scheduled", "patient"), "cancel": ("scheduled", "patient"),
         "check_in": ("confirmed", "patient"), "admit": ("arrived", "doctor"), "start": ("admitted", "doctor"),
         "end": ("in_progress", "doctor")}


def repeated(clinic, visit, name, who, body=None, key=None, **kw):
    return clinic.api.post(f"/v1/appointments/{visit['id']}/{name}", body, who=who, key=key, **kw)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_is_done_answers_its_key_again(clinic, suite, name):
    state, by = STEPS[name]
    visit, ada, doctor = clinic.visit_in(state)
    who, key, body = {"patient": ada, "doctor": doctor}[by], str(uuid.uuid4()), {} if name == "end" else None
    if name == "check_in":
        clinic.at(clinic.morning)
        clinic.place(visit, ada)
    if name == "end":
        clinic.note(visit, doctor, "rest")

    first = repeated(clinic, visit, name, who, body, key)
    assert first.status == 200 and "idempotency-replayed" not in first.headers, first
    again = repeated(clinic, visit, name, who, body, key)
    assert again.status == 200 and again.headers["idempotency-replayed"] == "true", again
    assert (again.json["id"], again.json["state"], again.json["version"]) == \
           (first.json["id"], first.json["state"], first.json["version"])
    assert repeated(clinic, visit, name, who, body).status == 409, "another key is another request"
    events = clinic.api.rows("SELECT event FROM appointment_history "
                             f"WHERE appointment_id = '{visit['id']}' AND event = '{name}'")
    assert len(events) == 1, "done once"


def test_a_move_and_a_no_show_too(clinic, suite):
    visit, ada, doctor = clinic.visit_in("scheduled", start_s=clinic.morning + 60 * MINUTE)
    key, move = str(uuid.uuid4()), {"starts_at": visit["starts_at"].replace(":00:00", ":30:00", 1)}
    first = repeated(clinic, visit, "reschedule", ada, move, key, match=visit["version"])
    again = repeated(clinic, visit, "reschedule", ada, move, key, match=visit["version"])
    assert (first.status, again.status) == (200, 200), (first, again)
    assert again.json["version"] == first.json["version"] == visit["version"] + 1
    other = repeated(clinic, visit, "reschedule", ada, {"starts_at": "2031-05-05T09:00:00Z"}, key,
                     match=visit["version"])
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    other = repeated(clinic, visit, "reschedule", ada, move, key, match=visit["version"] + 1)
    assert (other.status, other.code) == (422, "idempotency_key_reused"), "of another version"

    clinic.at(clinic.morning + 120 * MINUTE)
    key = str(uuid.uuid4())
    for _ in range(2):
        reply = repeated(clinic, visit, "no_show", clinic.desk, key=key)
        assert (reply.status, reply.json["state"]) == (200, "no_show")


def test_a_key_of_a_step_serves_nobody_else_and_nothing_else(clinic, suite):
    visit, ada, _ = clinic.visit_in("scheduled")
    key = str(uuid.uuid4())
    assert repeated(clinic, visit, "cancel", ada, key=key).status == 200
    assert repeated(clinic, visit, "cancel", clinic.desk, key=key).code == "bad_state", "another actor's"
    assert repeated(clinic, visit, "cancel", suite.patient(), key=key).status == 404
    assert repeated(clinic, visit, "confirm", ada, key=key).code == "bad_state", "another step"
    other = clinic.visit_in("cancelled", patient=ada)[0]
    assert repeated(clinic, other, "cancel", ada, key=key).code == "idempotency_key_reused", "another visit"


def test_a_step_needs_no_key(clinic, suite):
    visit, ada, _ = clinic.visit_in("scheduled")
    assert repeated(clinic, visit, "cancel", ada, key="").status == 200
    assert repeated(clinic, visit, "cancel", ada, key="").code == "bad_state"


def test_a_cancel_that_was_answered_to_nobody(clinic, suite):
    """kill -9 after the COMMIT: the client asks again, and hears that it is done."""
    visit, ada, _ = clinic.visit_in("scheduled")
    key = str(uuid.uuid4())
    assert repeated(clinic, visit, "cancel", ada, key=key).status == 200
    clinic.api.kill()
    clinic.api.start()
    again = repeated(clinic, visit, "cancel", ada, key=key)
    assert (again.status, again.json["state"]) == (200, "cancelled")
