"""The call of one visit: seats, addressed signals, TURN credentials, replicas."""
import base64
import dataclasses
import hashlib
import hmac
import itertools
import random
import re
import time
import uuid

import pytest

from visits import until
from ws import Closed, Refused, Upgrade, connect, frame


def signal(ws, to, type="offer", gen=1, seq=1, data="sdp"):
    ws.send("signal", to=to.id, type=type, gen=gen, seq=seq, data=data)


def test_two_people_meet_and_exchange_offer_answer_and_candidates(suite, signaling, visit, join):
    doctor, first = join(visit, visit.clinician)
    patient, second = join(visit, visit.patient)
    assert first["peers"] == [] and not first["polite"] and second["polite"]
    assert second["peers"] == [{"person": visit.clinician.id, "role": "clinician", "polite": True}]
    assert doctor.push("peer") == {"person": visit.patient.id, "role": "patient", "polite": False, "state": "joined"}

    signal(doctor, visit.patient, data="v=0\r\no=offer")
    assert patient.push("signal") == {"from": visit.clinician.id, "type": "offer", "gen": 1, "seq": 1,
                                      "data": "v=0\r\no=offer"}
    signal(patient, visit.clinician, "answer", data="v=0\r\no=answer")
    signal(patient, visit.clinician, "candidate", seq=2, data="candidate:1 1 udp 1 10.0.0.1 5 typ relay")
    signal(patient, visit.clinician, "candidates_end", seq=3, data="")
    assert [doctor.push("signal")["type"] for _ in range(3)] == ["answer", "candidate", "candidates_end"]

    patient.send("leave")
    assert patient.closed()[0] == 1000
    assert doctor.push("peer")["state"] == "left"
    until(lambda: suite.audit("signaling", action="call.leave", actor=visit.patient.id))
    kinds = [e["kind"] for e in suite.outbox("signaling", key=visit.channel)]
    assert kinds == [2, 2, 3]  # joined, joined, left
    versions = [e["version"] for e in suite.outbox("signaling", key=visit.channel)]
    assert versions == sorted(set(versions))
    done = suite.audit("signaling", action="call.join", actor=visit.patient.id)
    assert [(r["outcome"], r["patient"]) for r in done] == [("done", visit.patient.patient)]


def test_turn_credentials_are_short_and_of_the_shared_secret(visit, join):
    _, answer = join(visit, visit.patient)
    (server,) = answer["ice_servers"]
    expiry, name = server["username"].split(":")
    assert server["urls"] == ["turn:127.0.0.1:19478?transport=udp", "turn:127.0.0.1:19478?transport=tcp"]
    assert 500 < int(expiry) - time.time() <= 600 and uuid.UUID(name).version == 4
    mac = hmac.new(b"a turn secret", server["username"].encode(), hashlib.sha1).digest()
    assert server["credential"] == base64.b64encode(mac).decode()
    assert answer["ice_transport_policy"] == "relay"
    ws, short = join(visit, visit.clinician, grant=visit.grant(visit.clinician, ttl_s=60))
    assert int(short["ice_servers"][0]["username"].split(":")[0]) - time.time() <= 61
    longer = ws.ask("refresh", grant=visit.grant(visit.clinician))
    assert longer["ends_at"] > short["ends_at"]
    assert int(longer["ice_servers"][0]["username"].split(":")[0]) - time.time() > 500


def test_s9_only_the_addressee_hears(suite, signaling, visit, join):
    """S9: the seed sent SDP to everybody; a third person in the room hears nothing."""
    proxy = suite.person("proxy")
    suite.relation(proxy, visit.patient.patient, "proxy")
    doctor, _ = join(visit, visit.clinician)
    patient, _ = join(visit, visit.patient)
    third, answer = join(visit, proxy)
    assert {p["person"] for p in answer["peers"]} == {visit.clinician.id, visit.patient.id}
    signal(doctor, visit.patient)
    assert patient.push("signal")["from"] == visit.clinician.id
    assert third.silent("signal", 0.5) and doctor.silent("signal", 0.1)


def test_s10_no_address_of_a_person_leaves_when_media_is_relayed(visit, join):
    """S10: host and reflexive candidates give addresses away."""
    doctor, _ = join(visit, visit.clinician)
    patient, _ = join(visit, visit.patient)
    host = "candidate:1 1 udp 2122260223 192.168.1.23 54321 typ host generation 0"
    srflx = "candidate:2 1 udp 1686052607 203.0.113.7 54321 typ srflx raddr 192.168.1.23 rport 54321"
    relay = "candidate:3 1 udp 41885439 127.0.0.1 19600 typ relay raddr 0.0.0.0 rport 0"
    seq = itertools.count(1)
    for text in (host, srflx, '{"candidate":"%s","sdpMid":"0"}' % host, relay):
        signal(patient, visit.clinician, "candidate", seq=next(seq), data=text)
    assert doctor.push("signal")["data"] == relay
    for end in ("\r\n", "\\r\\n"):
        sdp = end.join(["v=0", f"a={host}", "a=mid:0", f"a={relay}", f"a={srflx}", "a=sendrecv", ""])
        signal(patient, visit.clinician, "offer", seq=next(seq), data=sdp)
        assert doctor.push("signal")["data"] == end.join(["v=0", "a=mid:0", f"a={relay}", "a=sendrecv", ""])


def test_s8_a_second_device_takes_the_seat_whatever_the_order(suite, signaling, visit, join):
    """S8: all orders of two devices coming and going: what is said reaches the live seat, and only it."""
    doctor, _ = join(visit, visit.clinician)
    seq = itertools.count(1)

    def reaches(ws):
        n = next(seq)
        signal(doctor, visit.patient, seq=n)
        return ws.push("signal")["seq"] == n

    phone, _ = join(visit, visit.patient)
    assert reaches(phone)
    tablet, answer = join(visit, visit.patient)
    assert phone.closed() == (4505, "another device took the seat")
    assert answer["peers"] == [{"person": visit.clinician.id, "role": "clinician", "polite": True}]
    assert reaches(tablet)
    phone, _ = join(visit, visit.patient)   # and back
    assert tablet.closed()[0] == 4505
    phone.drop()                            # the live one goes, then the other comes
    until(lambda: doctor.push("peer")["state"] == "left")
    tablet, _ = join(visit, visit.patient)
    assert reaches(tablet)
    tablet.send("leave")
    assert tablet.closed()[0] == 1000
    assert signaling.rows(f"SELECT 1 FROM seat WHERE person = '{visit.clinician.id}'")
    until(lambda: not signaling.rows(f"SELECT 1 FROM seat WHERE person = '{visit.patient.id}'"))


SEATS = dict(re.findall(r'^SESSION\(\w+, "(\w+)",.* (REPLACE|REFUSE)\)', open("common/app/sessions.def").read(), re.M))


@pytest.fixture
def who_comes(suite, signaling):
    """who_comes(role, visit) -> come(): one more socket of one person of that role. come.sockets: all of them."""
    sockets = []

    def of(role, visit):
        person = {"patient": visit.patient, "clinician": visit.clinician}.get(role) or suite.person("proxy")
        grant = {"role": "patient", "as": "guest", "alone": True, "rights": "call"} if role == "guest" else {}
        if role == "proxy":
            suite.relation(person, visit.patient.patient, "proxy")
        if role == "guest":
            person = dataclasses.replace(person, id=str(uuid.uuid4()))

        def come(service=signaling):
            sockets.append(connect(service, f"/v1/calls/{visit.channel}"))
            token = {} if role == "guest" else {"token": person.token}
            sockets[-1].ask("connect", grant=visit.grant(person, **grant), **token)
            return sockets[-1]
        come.sockets = sockets
        return come
    yield of
    for ws in sockets:
        ws.drop()


@pytest.mark.parametrize("role", SEATS)
def test_who_comes_a_second_time_has_the_seat_or_is_refused(role, visit, who_comes):
    """By sessions.def. Who keeps the seat is asked at once whether they are still there."""
    come = who_comes(role, visit)
    first = come()
    if SEATS[role] == "REPLACE":
        second = come()
        assert first.closed(5) == (4505, "another device took the seat")
        second.send("leave")
        return
    with pytest.raises(Refused) as refused:
        come()
    assert refused.value.code == "seat_taken"
    assert come.sockets[-1].closed(5) == (4012, "seat taken"), "and may come back"
    first.socket.settimeout(10)
    opcode, payload = first.frame()
    assert opcode == 9, "a ping, long before its usual time"
    first.raw(frame(10, payload))
    with pytest.raises(Refused):
        come()
    first.drop()
    until(lambda: back_in(come), what="the free seat")


def back_in(come):
    try:
        return come()
    except Refused as refused:
        assert refused.code == "seat_taken"
        return None


def test_a_seat_dies_with_its_replica(suite, visit, who_comes):
    come, replica = who_comes("guest", visit), suite.replica("signaling")
    come(replica)
    replica.kill()
    replica.start()
    assert come(replica), "kill -9 leaves nobody shut out"
    replica.stop()


@pytest.mark.parametrize("seed", range(3))
def test_s8_the_live_seat_hears_everything_once_in_any_order_of_devices(seed, visit, join):
    """S8 as a model: the device that came last has the seat; without one, letters wait for the next."""
    dice, seq = random.Random(seed), itertools.count(1)
    doctor, _ = join(visit, visit.clinician)
    live, waiting = None, []
    for _ in range(25):
        step = dice.choice(("come", "come", "drop", "leave", "say", "say", "say"))
        if step == "come":
            former, (live, _) = live, join(visit, visit.patient)
            if former:
                assert former.closed()[0] == 4505
            assert doctor.push("peer")["state"] == "joined"
            assert [live.push("signal")["seq"] for _ in waiting] == waiting
            waiting = []
        elif step == "say":
            n = next(seq)
            signal(doctor, visit.patient, seq=n)
            if live:
                assert live.push("signal")["seq"] == n
            else:
                waiting.append(n)
        elif live:
            live.drop() if step == "drop" else live.send("leave")
            assert doctor.push("peer")["state"] == "left"
            live = None


def test_every_statement_is_what_the_database_thinks(signaling):
    done = signaling.command("--config", signaling.config, "--verify")
    assert done.returncode == 0, done.stderr


def test_what_is_said_before_the_peer_comes_waits_for_it(suite, signaling, visit, join):
    doctor, _ = join(visit, visit.clinician)
    for seq in range(1, 301):
        signal(doctor, visit.patient, "candidate", seq=seq, data="")
        if seq % 50 == 0:
            doctor.ask("refresh", grant=visit.grant(visit.clinician))  # keeps under the rate
            time.sleep(0.5)
    patient, _ = join(visit, visit.patient)
    assert [patient.push("signal")["seq"] for _ in range(256)] == list(range(1, 257))
    assert patient.silent("signal", 0.3)
    patient.drop()
    patient, _ = join(visit, visit.patient)
    assert patient.silent("signal", 0.3)  # once
    assert doctor.ask("refresh", grant=visit.grant(visit.clinician))


def test_former_generations_and_repeats_are_dropped(visit, join):
    doctor, _ = join(visit, visit.clinician)
    patient, _ = join(visit, visit.patient)
    for gen, seq in ((1, 1), (1, 1), (2, 1), (1, 9), (2, 1), (2, 2), (3, 0)):
        signal(doctor, visit.patient, gen=gen, seq=seq)
    assert [(s["gen"], s["seq"]) for s in (patient.push("signal") for _ in range(4))] == [(1, 1), (2, 1), (2, 2), (3, 0)]
    assert patient.silent("signal", 0.3)


def test_nothing_said_rests_anywhere(suite, signaling, visit, join):
    canary = f"canary-{uuid.uuid4()}"
    doctor, _ = join(visit, visit.clinician)
    patient, _ = join(visit, visit.patient)
    signal(doctor, visit.patient, data=canary)
    assert patient.push("signal")["data"] == canary
    for table in ("call", "seat", "outbox", "audit_outbox"):
        assert canary not in suite.postgres.execute("signaling", f"SELECT t::text FROM {table} AS t")
    with open(signaling.log) as f:
        assert canary not in f.read()


def test_the_path_the_grant_and_the_rights_agree(suite, signaling, grants, visit, join):
    other = grants.visit()
    for path, grant, who in ((other.channel, visit.grant(visit.patient), visit.patient),
                             (visit.channel, other.grant(other.patient), visit.patient),
                             (visit.channel, visit.grant(visit.patient, rights="chat"), visit.patient),
                             (visit.channel, visit.grant(visit.clinician), visit.patient)):
        with connect(signaling, f"/v1/calls/{path}") as ws:
            with pytest.raises(Refused) as caught:
                ws.ask("connect", token=who.token, grant=grant)
            assert caught.value.code == "grant_required"
            assert ws.closed()[0] == 4500
    for path in ("/v1/calls", "/v1/calls/everyone", f"/v1/calls/{visit.channel}/x"):
        with pytest.raises(Upgrade) as caught:
            connect(signaling, path)
        assert caught.value.status == 404
    refused = suite.audit("signaling", action="call.join", actor=visit.patient.id)
    assert len(refused) == 4 and {r["error"] for r in refused} == {"grant_required"}


def test_s7_a_visit_that_is_over_ends_both_sockets(signaling, visit, join):
    """S7: the seed never looked again after connect."""
    sockets = [join(visit, who)[0] for who in (visit.clinician, visit.patient)]
    signaling.execute(f"UPDATE call SET closed_at = now() WHERE id = '{visit.channel}'")
    began = time.monotonic()
    assert [ws.closed(3) for ws in sockets] == [(4503, "visit closed")] * 2
    assert time.monotonic() - began < 2
    with connect(signaling, f"/v1/calls/{visit.channel}") as late:
        with pytest.raises(Refused) as caught:
            late.ask("connect", token=visit.patient.token, grant=visit.grant(visit.patient))
        assert caught.value.code == "bad_state"


def test_too_large_a_signal_ends_only_its_sender(visit, join):
    doctor, _ = join(visit, visit.clinician)
    patient, _ = join(visit, visit.patient)
    signal(doctor, visit.patient, data="x" * 60 * 1024)
    assert len(patient.push("signal")["data"]) == 60 * 1024
    signal(doctor, visit.patient, seq=2, data="x" * 66000)
    assert doctor.closed()[0] == 1009
    assert patient.push("peer")["state"] == "left"


# Replicas.

def test_the_last_claimer_holds_the_call_and_the_former_lets_go(suite, signaling, visit, join):
    other = suite.replica("signaling")
    doctor, first = join(visit, visit.clinician)
    patient, second = join(visit, visit.patient, service=other)
    assert (first["epoch"], second["epoch"]) == (1, 2) and second["peers"] == []
    signal(patient, visit.clinician, data="early")
    assert doctor.closed(3) == (4001, "moved")
    doctor, third = join(visit, visit.clinician, service=other)
    assert third["epoch"] == 2 and [p["person"] for p in third["peers"]] == [visit.patient.id]
    assert patient.push("peer")["state"] == "joined"
    assert doctor.push("signal")["data"] == "early"


def test_a_call_survives_the_death_of_its_replica(suite, signaling, visit, join):
    victim = suite.replica("signaling")
    doctor, _ = join(visit, visit.clinician, service=victim)
    patient, _ = join(visit, visit.patient, service=victim)
    victim.kill()
    for ws in (doctor, patient):
        with pytest.raises((Closed, OSError)):
            while True:
                ws.push("signal")
    doctor, answer = join(visit, visit.clinician)
    assert answer["epoch"] == 2 and answer["peers"] == []
    signal(doctor, visit.patient, "restart", gen=2)
    patient, answer = join(visit, visit.patient)
    assert [p["person"] for p in answer["peers"]] == [visit.clinician.id]
    assert patient.push("signal")["type"] == "restart"


def test_people_who_come_at_once_learn_of_each_other_exactly_once(grants, signaling, join):
    for _ in range(10):
        visit = grants.visit()
        sockets = [connect(signaling, f"/v1/calls/{visit.channel}") for _ in range(2)]
        people = (visit.clinician, visit.patient)
        numbers = [ws.send("connect", token=p.token, grant=visit.grant(p)) for ws, p in zip(sockets, people)]
        told = []
        for ws, n in zip(sockets, numbers):
            told += [p["person"] for p in ws.reply(n)["peers"]]
        for ws, p, other in zip(sockets, people, reversed(people)):
            if other.id not in told:
                assert ws.push("peer", 2)["person"] == other.id
            else:
                told.remove(other.id)
        for ws in sockets:
            ws.drop()
