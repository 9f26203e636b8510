"""What a person may no longer do ends while they are at it: live sockets close within two seconds,
at whichever replica they are, by word over the real Kafka."""
import time

import pytest

import visit

pytestmark = pytest.mark.family(7)

WITHIN_S = 2


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
    """All of them are closed by the server, and in time; the codes."""
    codes = [socket.closed(WITHIN_S)[0] for socket in sockets]
    assert time.monotonic() - since < WITHIN_S
    return codes


def test_a_revoked_grant(sockets):
    ben, _, grants, opened = sockets
    began = time.monotonic()
    ben.post(f"/v1/grants/{grants[0]['id']}/revoke")
    assert ends(opened["ben"], began)
    assert opened["dr.roy"][0].ask("history")["messages"] == []      # his own goes on


def test_a_revoked_consent(sockets):
    ben, _, _, opened = sockets
    consent = visit.consent(ben)
    began = time.monotonic()
    ben.post(f"/v1/consents/{consent}/revoke")
    assert ends(opened["ben"] + opened["dr.roy"], began)


def test_a_disabled_person(door, sockets):
    """The last of them: nobody enables Ben again."""
    ben, _, _, opened = sockets
    admin = door.person("adm").sign_in()
    began = time.monotonic()
    admin.post(f"/v1/people/{ben.id}/disable")
    assert ends(opened["ben"], began)
