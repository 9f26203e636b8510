"""What a client may not do; the names of the seeds' defects stand where one is answered."""
import os
import struct
import time
import uuid

import pytest

import paseto
from telecura import OTHER_ORG
from ws import CLOSE, PING, Closed, Refused, Upgrade, WebSocket, connect, frame


def refused(ws, **body):
    with pytest.raises(Refused) as caught:
        ws.ask("connect", **body)
    assert ws.closed()[0] == {"grant_expired": 4504}.get(caught.value.code, 4500)
    return caught.value.code


def attempt(service, **body):
    with connect(service, "/v1/stream") as ws:
        return refused(ws, **body)


# Who may.

@pytest.mark.family(6)
def test_s6_nobody_is_who_the_url_says(messaging, visit):
    """S6: the seed took the person's id from the path."""
    for path in (f"/v1/stream/{visit.patient.id}", f"/v1/stream?user={visit.patient.id}"):
        with pytest.raises(Upgrade) as caught:
            connect(messaging, path)
        assert caught.value.status in (400, 404)
    mallory = messaging.suite.patient(consent=True)
    assert attempt(messaging, token=mallory.token, grant=visit.grant(visit.patient)) == "grant_required"
    assert attempt(messaging, token="x.y.z", grant=visit.grant(visit.patient)) == "unauthenticated"


@pytest.mark.family(6)
def test_grants_open_exactly_what_they_say(suite, messaging, grants, visit):
    """Security 5.2, 6."""
    who, other = visit.patient, grants.visit()
    past = "2020-01-01T00:00:00Z"
    bad = {
        "another person's": visit.grant(visit.clinician),
        "expired": visit.grant(who, minted_at=past, ends_at="2020-01-01T00:10:00Z"),
        "not begun": visit.grant(who, minted_at="2099-01-01T00:00:00Z", ends_at="2099-01-01T00:10:00Z"),
        "of another signer": visit.grant(who, signer=paseto.Signer()),
        "a visit pass": visit.grant(who, purpose="pass"),
        "another organisation's": visit.grant(who, org=OTHER_ORG),
        "no chat": visit.grant(who, rights="call"),
        "unknown rights": visit.grant(who, rights="chat*"),
        "another patient's channel": other.grant(who),
        "cut": visit.grant(who)[:-9],
        "no token at all": "v4.public.AAAA",
    }
    for name, grant in bad.items():
        code = attempt(messaging, token=who.token, grant=grant)
        assert code in ("grant_required", "grant_expired", "not_found", "consent_required", "forbidden",
                        "unauthenticated"), (name, code)
        assert (code == "grant_expired") == (name == "expired")
    stranger = suite.person("clinician")
    assert attempt(messaging, token=stranger.token,
                   grant=visit.grant(stranger, provider=visit.clinician.id)) == "not_found"
    rows = suite.audit("messaging", action="channel.open", actor=who.id)
    assert rows and {r["outcome"] for r in rows} == {"refused"}
    assert not messaging.rows(f"SELECT 1 FROM stream WHERE id = '{visit.channel}'")


@pytest.mark.family(6)
def test_a_grant_of_a_known_channel_but_another_visit_opens_nothing(messaging, grants, visit, enter):
    enter(visit, visit.clinician)
    forged = visit.grant(visit.patient, visit=str(uuid.uuid4()))
    assert attempt(messaging, token=visit.patient.token, grant=forged) == "grant_required"


def test_s7_without_consent_nothing_opens(suite, messaging, grants):
    """S7: consent is asked at each opening and at each message."""
    without = grants.visit(consent=False)
    assert attempt(messaging, token=without.patient.token, grant=without.grant(without.patient)) == "consent_required"
    given = suite.consent(without.patient.patient)
    with connect(messaging, "/v1/stream") as ws:
        ws.ask("connect", token=without.patient.token, grant=without.grant(without.patient))
        suite.revoke(given)
        with pytest.raises(Refused) as caught:
            ws.ask("send", message_id=str(uuid.uuid4()), body="hello")
        assert caught.value.code == "consent_required"


@pytest.mark.family(8)
def test_only_the_gateway_brings_people(messaging):
    with pytest.raises(Upgrade) as caught:
        connect(messaging, "/v1/stream", name="billing")
    assert caught.value.status == 401


@pytest.mark.family(8)
def test_s11_an_origin_must_be_ours(messaging):
    """S11: a page of another site opens no socket."""
    host = f"localhost:{messaging.port}"
    for origin in ("https://evil.example", "null", f"http://{host}", f"https://{host}.evil.example",
                   f"https://evil.example/{host}", f"https://{host}/"):
        with pytest.raises(Upgrade) as caught:
            connect(messaging, "/v1/stream", headers={"Origin": origin})
        assert caught.value.status == 403, origin
    connect(messaging, "/v1/stream", headers={"Origin": f"https://{host}"}).drop()


@pytest.mark.family(8)
def test_another_subprotocol_is_no_connection(messaging):
    with pytest.raises(Upgrade) as caught:
        WebSocket(messaging, "/v1/stream", subprotocol="chat")
    assert caught.value.status == 400


# Frames.

@pytest.mark.family(9)
def test_the_first_frame_is_connect_and_comes_in_time(messaging, visit, enter):
    with connect(messaging, "/v1/stream") as ws:
        ws.send("send", message_id=str(uuid.uuid4()), body="hello")
        assert ws.closed()[0] == 4500
    with connect(messaging, "/v1/stream") as ws:
        began = time.monotonic()
        assert ws.closed(8)[0] == 4502
        assert 4 < time.monotonic() - began < 7
    ws, _ = enter(visit, visit.patient)
    ws.send("connect", token=visit.patient.token, grant=visit.grant(visit.patient))
    assert ws.closed()[0] == 4500


BROKEN = {
    "unmasked": (frame(1, b"{}", mask=False), 1002),
    "reserved bit": (frame(1, b"{}", rsv=4), 1002),
    "reserved opcode": (frame(3, b"{}"), 1002),
    "reserved control": (frame(11, b"{}"), 1002),
    "binary": (frame(2, b"{}"), 1003),
    "fragmented ping": (frame(PING, b"x", fin=False), 1002),
    "long ping": (frame(PING, b"x" * 126), 1002),
    "continuation of nothing": (frame(0, b"{}"), 1002),
    "text within text": (frame(1, b"{", fin=False) + frame(1, b"}"), 1002),
    "length of 2^63": (frame(1, b"", length=1 << 63), 1002),
    "length of 1 GiB": (frame(1, b" " * 65537, length=1 << 30), 1009),
    "too long": (frame(1, b" " * 65537), 1009),
    "too long in parts": (frame(1, b" " * 40000, fin=False) + frame(0, b" " * 40000), 1009),
    "not UTF-8": (frame(1, b"\xc3\x28"), 1007),
    "not UTF-8 over frames": (frame(1, b"\xc3", fin=False) + frame(0, b"\x28"), 1007),
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close with 999": (frame(CLOSE, struct.pack(">H", 999)), 1002),
    "close with 1005": (frame(CLOSE, struct.pack(">H", 1005)), 1002),
    "no JSON": (frame(1, b"hello"), 4500),
    "an array": (frame(1, b"[]"), 4500),
    "deep": (frame(1, b'{"id":1,"send":' + b"[" * 10000), 4500),
    "a NUL": (frame(1, b'{"id":1,"x\x00":1}'), 1007),
    "lone surrogate": (frame(1, b'{"id":1,"send":{"body":"\\ud800"}}'), 4500),
}


@pytest.mark.family(9)
@pytest.mark.parametrize("name", BROKEN)
def test_s11_one_broken_frame_ends_one_connection(name, visit, enter):
    """S11: limits on frames; the others go on."""
    data, code = BROKEN[name]
    bad, _ = enter(visit, visit.patient)
    good, _ = enter(visit, visit.clinician)
    bad.raw(data)
    got = bad.closed()[0]
    assert got == code, got
    assert good.ask("send", message_id=str(uuid.uuid4()), body="unhurt")["offset"] == 1


@pytest.mark.family(9)
def test_a_frame_of_the_wrong_shape_is_answered(visit, enter):
    ws, _ = enter(visit, visit.patient)
    for body in ({"message_id": "no uuid", "body": "x"}, {"message_id": str(uuid.uuid4())},
                 {"message_id": str(uuid.uuid4()), "body": 7}):
        with pytest.raises(Refused) as caught:
            ws.ask("send", **body)
        assert caught.value.code == "bad_body"
    with pytest.raises(Refused):
        ws.ask("fly", far=True)
    assert ws.ask("send", message_id=str(uuid.uuid4()), body="x", role="clinician", offset=7,
                  sender=str(uuid.uuid4()))["offset"] == 1  # what is not asked for counts for nothing
    assert ws.push("message")["role"] == "patient"


@pytest.mark.family(9)
def test_fragments_of_one_byte_make_a_message(visit, enter):
    ws, _ = enter(visit, visit.patient)
    text = ('{"id": 7, "send": {"message_id": "%s", "body": "Zo\u00eb \u2603"}}' % uuid.uuid4()).encode()
    parts = [frame(1 if n == 0 else 0, text[n:n + 1], fin=n == len(text) - 1) for n in range(len(text))]
    ws.raw(b"".join(parts[:20]) + frame(PING, b"between") + b"".join(parts[20:]))
    assert ws.reply(7)["offset"] == 1
    assert ws.push("message")["body"] == "Zo\u00eb \u2603"


@pytest.mark.family(11)
def test_a_flood_of_frames_ends_its_connection(visit, enter):
    bad, _ = enter(visit, visit.patient)
    good, _ = enter(visit, visit.clinician)
    with pytest.raises((Closed, OSError)):
        for _ in range(2000):
            bad.send("typing")
        assert bad.closed()[0] == 1008
        raise Closed(0)
    assert good.ask("send", message_id=str(uuid.uuid4()), body="unhurt")["offset"] == 1


def test_s13_what_was_said_comes_back_as_it_was_said(visit, enter):
    """S13: stored verbatim, escaped on the wire, once."""
    ws, _ = enter(visit, visit.patient)
    body = "</script><b>\"\\\u2028' OR 1=1; --\n\t{}\u00e9\U0001f600"
    ws.ask("send", message_id=str(uuid.uuid4()), body=body)
    assert ws.push("message")["body"] == body
    _, opened = enter(visit, visit.clinician)
    assert [m["body"] for m in opened["messages"]] == [body]


def test_no_body_rests_anywhere_in_clear(suite, messaging, visit, enter):
    canary = f"canary-{uuid.uuid4()}"
    ws, _ = enter(visit, visit.patient)
    ws.ask("send", message_id=str(uuid.uuid4()), body=canary)
    ws.ask("history")
    with pytest.raises(Refused):
        ws.ask("send", message_id=canary, body=canary)
    suite.postgres.execute("messaging", "CHECKPOINT")
    for folder, _, names in os.walk(f"{suite.folder}/pg/data"):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                assert canary.encode() not in f.read(), name
    with open(messaging.log, "rb") as f:
        assert canary.encode() not in f.read()
