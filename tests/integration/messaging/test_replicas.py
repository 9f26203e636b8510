"""Two replicas on one database, without Kafka; and a replica that dies."""
import threading
import time
import uuid

import pytest

from visits import patiently, until
from ws import Closed, Refused, connect


@pytest.fixture(scope="module")
def other(suite, messaging):
    return suite.replica("messaging")


def send(ws, body, message_id=None):
    return ws.send("send", message_id=message_id or str(uuid.uuid4()), body=body)


def test_a_message_reaches_the_other_replica_in_two_seconds(visit, enter, other):
    doctor, _ = enter(visit, visit.clinician)
    patient, _ = enter(visit, visit.patient, service=other)
    began = time.monotonic()
    doctor.reply(send(doctor, "hello"))
    assert patient.push("message")["body"] == "hello"
    assert time.monotonic() - began < 2


def test_both_replicas_show_one_order(visit, enter, other):
    doctor, _ = enter(visit, visit.clinician)
    patient, _ = enter(visit, visit.patient, service=other)
    numbers = [(ws, send(ws, f"{name} {n}")) for n in range(25) for name, ws in (("d", doctor), ("p", patient))]
    assert sorted(ws.reply(n)["offset"] for ws, n in numbers) == list(range(1, 51))
    heard = [[ws.push("message") for _ in range(50)] for ws in (doctor, patient)]
    assert [m["offset"] for m in heard[0]] == list(range(1, 51)) and heard[0] == heard[1]


def test_a_retry_at_another_replica_finds_its_message(visit, enter, other):
    one, _ = enter(visit, visit.patient)
    two, _ = enter(visit, visit.patient, service=other)
    ids = [str(uuid.uuid4()) for _ in range(20)]
    numbers = [(ws, send(ws, i, i)) for i in ids for ws in (one, two)]
    acks = [ws.reply(n) for ws, n in numbers]
    assert len({a["offset"] for a in acks}) == 20 and sum(a["dup"] for a in acks) == 20


def test_what_was_acknowledged_survives_kill_9_and_arrives_once(suite, messaging, visit, enter):
    victim = suite.replica("messaging")
    patient, _ = enter(visit, visit.patient)
    doctor, opened = enter(visit, visit.clinician, service=victim)
    ids, acked, numbers = [str(uuid.uuid4()) for _ in range(200)], {}, {}
    killer = threading.Thread(target=lambda: (started.wait(), victim.kill()))
    started = threading.Event()
    killer.start()
    try:
        for n, i in enumerate(ids):  # sixteen are under way at any time
            numbers[i] = send(doctor, i, i)
            if n >= 16:
                acked[ids[n - 16]] = doctor.reply(numbers[ids[n - 16]])["offset"]
            if n == 60:
                started.set()
    except (Closed, OSError):
        pass
    killer.join()
    assert 40 <= len(acked) < 184

    back, resumed = enter(visit, visit.clinician, resume={"offset": 0, "epoch": opened["epoch"]})
    stored = {m["message_id"]: m["offset"] for m in resumed["messages"]}
    assert acked.items() <= stored.items(), "something acknowledged was lost"
    again = ids[:len(stored) + 20]
    offsets = {i: back.reply(send(back, i, i))["offset"] for i in again}
    assert sorted(offsets.values()) == list(range(1, len(again) + 1))
    heard = [patient.push("message") for _ in again]
    assert [m["offset"] for m in heard] == list(range(1, len(again) + 1))
    assert {m["message_id"]: m["offset"] for m in heard} == offsets
    patient.silent("message", 1.2)
    rows = messaging.value(f"SELECT count(*) FROM audit_outbox WHERE action = 'message.send' AND outcome = 'done' "
                           f"AND resource_id = '{visit.channel}'")
    assert rows >= len(again)


@pytest.mark.family(10)
def test_a_reader_that_does_not_read_is_let_go_and_comes_back(messaging, visit, enter):
    patient, opened = enter(visit, visit.patient, rcvbuf=4096)
    doctor, _ = enter(visit, visit.clinician)
    body, count = "x" * 16000, 95   # more than a socket is kept waiting for, fewer than a burst has
    for _ in range(count):
        doctor.reply(send(doctor, body))
    read = 0
    try:
        while patient.push("message", timeout=5):
            read += 1
    except Closed as end:
        assert end.code in (4008, 1006), end.code
    assert read < count
    back, resumed = enter(visit, visit.patient, resume={"offset": read, "epoch": opened["epoch"]})
    assert resumed["recovered"] and resumed["more"]
    last = resumed["messages"][-1]["offset"]
    while last < count:
        last = back.ask("history", after_offset=last)["messages"][-1]["offset"]
    assert [m["offset"] for m in resumed["messages"]][:2] == [read + 1, read + 2]
    doctor.reply(send(doctor, "still here"))
    assert back.push("message")["offset"] == count + 1


def test_stopping_closes_with_come_back_and_records_it(suite, visit, enter):
    leaver = suite.replica("messaging")
    doctor, _ = enter(visit, visit.clinician, service=leaver)
    stopper = threading.Thread(target=leaver.stop)
    stopper.start()
    assert doctor.closed() == (4010, "draining")
    stopper.join()
    assert suite.audit("messaging", action="channel.close", actor=visit.clinician.id)
    with pytest.raises(OSError):
        connect(leaver, "/v1/stream")


def test_what_ended_while_postgres_was_away_is_recorded_in_its_order(suite, messaging, visit, enter):
    leaver = suite.replica("messaging")
    doctor, _ = enter(visit, visit.clinician, service=leaver)
    patient, _ = enter(visit, visit.patient, service=leaver)
    suite.postgres.stop()
    try:
        for socket in (doctor, patient):
            socket.close()
            socket.closed()
    finally:
        suite.postgres.start()
    closed = until(lambda: len(rows := suite.audit("messaging", action="channel.close",
                                                   patient=visit.patient.patient)) == 2 and rows, 20)
    assert [row["actor"] for row in closed] == [visit.clinician.id, visit.patient.id]
    assert leaver.stop() == 0


def test_a_stop_without_postgres_says_what_it_could_not_record(suite, messaging, visit, enter):
    leaver = suite.replica("messaging")
    enter(visit, visit.clinician, service=leaver)
    suite.postgres.stop()
    try:
        assert leaver.stop() == 0
    finally:
        suite.postgres.start()
    assert "1 sessions have ended without a row" in leaver.tail()
    until(lambda: patiently(lambda: enter(visit, visit.clinician)), 20)
    assert not suite.audit("messaging", action="channel.close", actor=visit.clinician.id)


def test_postgres_away_says_try_again_and_loses_nothing(suite, messaging, visit, enter):
    doctor, _ = enter(visit, visit.clinician)
    doctor.reply(send(doctor, "before"))
    suite.postgres.stop()
    try:
        with pytest.raises(Refused) as caught:
            doctor.reply(send(doctor, "meanwhile"))
        assert caught.value.retryable
        with connect(messaging, "/v1/stream") as late:
            with pytest.raises(Refused) as caught:
                late.ask("connect", token=visit.clinician.token, grant=visit.grant(visit.clinician))
            assert caught.value.retryable and late.closed()[0] == 4011
        doctor.drop()
    finally:
        suite.postgres.start()
    back, opened = until(lambda: patiently(lambda: enter(visit, visit.clinician)), 20)
    assert [m["body"] for m in opened["messages"]] == ["before"]
    assert back.reply(send(back, "after"))["offset"] == 2
    until(lambda: suite.audit("messaging", action="channel.close", actor=visit.clinician.id), 20)
