"""Families 1 and 11 at the door of those who have no sign-in: one path takes no token, and takes little."""
import json
import time
import uuid

import pytest

import ws

ENTER = "/v1/guests/enter"
BORN = "1961-04-30"
A_MINUTE = 60       # GUESTS_PER_MINUTE of deploy/local/gateway.py


def entered(door, link, **more):
    body = {"link": link, "device": uuid.uuid4().hex, "birth_date": BORN, **more}
    status, _, text = door.request("POST", ENTER, {"Content-Type": "application/json"}, json.dumps(body))
    return status, json.loads(text)


@pytest.mark.family(1)
def test_a_guest_comes_through_the_gateway_to_the_call_and_to_nothing_else(door, sitting):
    ana, _, (grant, _) = sitting
    asked = ana.post("/v1/guests", visit_id=grant["visit_id"], display_name="Uncle Bo", birth_date=BORN)
    assert entered(door, asked["link"], birth_date="1961-05-01")[1]["code"] == "proof_wrong"
    status, said = entered(door, asked["link"])
    assert status == 201 and said["channel_id"] == grant["channel_id"], said
    call = ws.WebSocket(door, f"/v1/calls/{said['channel_id']}", context=door.context)
    answer = call.ask("connect", grant=said["grant"])
    assert answer["ice_servers"]
    ana.post(f"/v1/guests/{asked['id']}/end")
    begun = time.monotonic()
    assert call.closed()[0] == 4503 and time.monotonic() - begun < 10
    for method, path in (("GET", ENTER), ("PUT", ENTER), ("POST", "/v1/guests"), ("POST", f"{ENTER}/"), ("POST", f"{ENTER}/x"),
                         ("GET", "/v1/me"), ("GET", f"/v1/patients/{ana.patient}")):
        status, _, _ = door.request(method, path, {"Authorization": f"Bearer {said['grant']}"})
        assert status == 401, (method, path, status)


@pytest.mark.family(11)
def test_who_tries_links_is_slowed_down(door):
    """The last here: for a minute this address is not heard at that door, and everywhere else it is."""
    seen = [entered(door, "A" * 43)[0] for _ in range(A_MINUTE + 5)]
    assert set(seen) == {404, 429} and seen[-1] == 429 and seen.index(429) <= A_MINUTE + 1
    assert door.request("GET", "/v1/openapi.json", {})[0] == 200
