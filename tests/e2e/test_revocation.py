"""What a person may no longer do ends while they are at it: live sockets close within two seconds,
at whichever replica they are, by word over the real Kafka."""
import time

import pytest

import visit
from door import heard, until

pytestmark = pytest.mark.family(7)

WITHIN_S = 2
REVOKED = 4503


@pytest.fixture
def sockets(door):
    """Ben and Dr Roy in a visit: each with the chat and the call open; two chat replicas share them."""
    ben, dr_roy = door.person("ben"), door.person("dr.roy")
    visit.offer_hours(dr_roy)
    visit.consent(ben)
    path, grants = visit.enter(ben, dr_roy)
    opened = {}
    for person, grant in zip((ben, dr_roy), grants):
        opened[person.known["name"]] = [person.stream(grant), person.call(grant)]
    yield ben, dr_roy, grants, opened
    for socket in sum(opened.values(), []):
        socket.drop()
    dr_roy.put(f"{path}/note", text="Ended by a test.")
    dr_roy.post(f"{path}/end")


def ends(sockets, since):
    """All of them are closed by the server, in time, and by the code that says: stay out."""
    codes = [socket.closed(WITHIN_S)[0] for socket in sockets]
    assert time.monotonic() - since < WITHIN_S
    assert codes == [REVOKED] * len(sockets)


def test_a_revoked_grant(sockets):
    ben, _, grants, opened = sockets
    began = time.monotonic()
    ben.post(f"/v1/grants/{grants[0]['id']}/revoke")
    ends(opened["ben"], began)
    assert opened["dr.roy"][0].ask("history")["messages"] == []      # his own goes on


def test_a_revoked_consent(sockets):
    ben, _, _, opened = sockets
    consent = visit.consent(ben)
    began = time.monotonic()
    ben.post(f"/v1/consents/{consent}/revoke")
    ends(opened["ben"] + opened["dr.roy"], began)


def test_a_cancelled_visit(door):
    """Who is booked reads the chart; not any more when the visit is cancelled, here nor there."""
    fay, dr_roy = door.person("fay"), door.person("dr.roy")
    visit.offer_hours(dr_roy)
    kim = fay.post("/v1/people", role="patient", display_name="Kim Park", email="kim@riverside.example")["patient_id"]
    fay.post("/v1/consents", patient_id=kim, scope="telehealth", document_version=1, method="paper")
    slot = fay.get("/v1/slots", provider_id=dr_roy.id, visit_type="follow_up", **visit.next_minutes(3 * 24 * 60))
    asked = {"patient_id": kim, "provider_id": dr_roy.id, "visit_type": "follow_up", "reason": "A question",
             "starts_at": slot["data"][-1]["starts_at"]}
    booked = until(lambda: heard(lambda: fay.post("/v1/appointments", **asked), "not_found"), "the patient known")["id"]

    reads = [f"/v1/patients/{kim}/allergies", f"/v1/appointments/{booked}"]
    until(lambda: all(sees(dr_roy, path) for path in reads), "who is booked cares for the patient")
    fay.post(f"/v1/appointments/{booked}/cancel")
    until(lambda: not any(sees(dr_roy, path) for path in reads), "the end of it heard of everywhere")


def sees(who, path):
    return heard(lambda: who.get(path), "not_found")


def test_a_disabled_person(door, sockets):
    """The last of them: nobody enables Ben again."""
    ben, _, _, opened = sockets
    admin = door.person("adm").sign_in()
    began = time.monotonic()
    admin.post(f"/v1/people/{ben.id}/disable")
    ends(opened["ben"], began)
