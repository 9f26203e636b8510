"""Two replicas with a Redis between them: who is present, who is typing, and what is unknown."""
import contextlib
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import pytest

from visits import until

LAPSE_S, WHOLE_S = 10, 5    # presence.c
NEWS_S = 5                  # more than a heartbeat, less than a lapse


class Redis:
    """A redis-server on a socket in a folder of its own."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tc-redis-", dir="/tmp"))
        self.socket, self.process = self.folder / "redis.sock", None

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", self.folder],
            stdout=subprocess.DEVNULL)
        until(lambda: self.socket.exists() and self.ask("PING") == "PONG", what="Redis")
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "-s", self.socket, *words], capture_output=True, text=True, timeout=10)
        return done.stdout.strip()

    @contextlib.contextmanager
    def monitored(self):
        """Yields a list that afterwards holds every command that Redis got meanwhile."""
        commands, end = [], str(uuid.uuid4())
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.socket))
            s.sendall(b"MONITOR\r\n")
            lines = s.makefile()
            assert next(lines) == "+OK\n"
            yield commands
            self.ask("ECHO", end)
            commands.extend(iter(lambda: line if end not in (line := next(lines)) else None, None))


@pytest.fixture(scope="module")
def redis():
    made = Redis().start()
    yield made
    made.kill()
    shutil.rmtree(made.folder)


@pytest.fixture(scope="module")
def replicas(suite, messaging, redis):
    made = [suite.replica("messaging", redis=redis.socket) for _ in range(2)]
    yield made
    assert [one.stop() for one in made] == [0, 0]


@pytest.fixture
def seen(replicas, grants, enter):
    """Both replicas see everybody: who is not there is gone."""
    visit = grants.visit()
    for one in replicas:
        ws, _ = enter(visit, visit.patient, service=one)
        other, _ = enter(visit, visit.clinician, service=one)
        other.drop()
        hears(ws, visit.clinician, "gone", WHOLE_S + NEWS_S)
        ws.drop()


def hears(ws, who, state, seconds=NEWS_S):
    """Until @ws is told that @who is @state; the states of others, and those before, pass by."""
    end = time.monotonic() + seconds
    while (told := ws.push("presence", max(end - time.monotonic(), 0.001))) != {"person": who.id, "state": state}:
        assert told.get("person") != who.id or told["state"] != "gone", told
    return told


def states(ws, seconds=0.5):
    """What is told meanwhile, as [(person or None, state)]."""
    told = []
    with contextlib.suppress(TimeoutError):
        while True:
            push = ws.push("presence", seconds)
            told.append((push.get("person"), push["state"]))
    return told


def say(ws, body):
    return ws.ask("send", message_id=str(uuid.uuid4()), body=body)["offset"]


def test_presence_and_typing_cross(replicas, seen, visit, enter):
    doctor, _ = enter(visit, visit.clinician, service=replicas[0])
    patient, _ = enter(visit, visit.patient, service=replicas[1])
    began = time.monotonic()
    hears(doctor, visit.patient, "present")
    hears(patient, visit.clinician, "present")
    assert time.monotonic() - began < 1    # a word, not the heartbeat

    patient.send("typing")
    assert doctor.push("typing") == {"person": visit.patient.id}
    assert patient.silent("typing", 0.3)

    late, _ = enter(visit, visit.clinician, service=replicas[1])
    assert (visit.patient.id, "present") in states(late)
    patient.drop()
    hears(doctor, visit.patient, "gone")
    hears(late, visit.patient, "gone")
    assert visit.clinician.id not in [person for person, state in states(doctor) if state != "present"]


def test_another_channel_hears_nothing(replicas, seen, grants, visit, enter):
    other = grants.visit()
    outsider, _ = enter(other, other.clinician, service=replicas[0])
    doctor, _ = enter(visit, visit.clinician, service=replicas[0])
    patient, _ = enter(visit, visit.patient, service=replicas[1])
    hears(doctor, visit.patient, "present")
    patient.send("typing")
    doctor.push("typing")
    assert states(outsider) == [] and outsider.silent("typing", 0.1)


def test_who_sits_at_two_replicas_is_gone_with_the_last(messaging, replicas, seen, visit, enter):
    doctor, _ = enter(visit, visit.clinician, service=replicas[0])
    phone, _ = enter(visit, visit.patient, service=replicas[0])
    tablet, _ = enter(visit, visit.patient, service=replicas[1])
    hears(doctor, visit.patient, "present")
    hears(tablet, visit.clinician, "present")
    until(lambda: (visit.patient.id, "present") not in states(doctor, 0.3))
    phone.drop()
    assert (visit.patient.id, "gone") not in states(doctor, NEWS_S)
    assert messaging.value(f"SELECT state FROM presence WHERE person = '{visit.patient.id}'") == "present"
    tablet.drop()
    hears(doctor, visit.patient, "gone")
    messaging.wait_for(f"SELECT state = 'gone' FROM presence WHERE person = '{visit.patient.id}'")


def test_a_replica_that_dies_is_noticed(suite, replicas, redis, seen, visit, enter):
    third = suite.replica("messaging", redis=redis.socket)
    doctor, _ = enter(visit, visit.clinician, service=replicas[0])
    enter(visit, visit.patient, service=third)
    hears(doctor, visit.patient, "present")
    third.kill()
    began = time.monotonic()
    hears(doctor, visit.patient, "gone", 30)
    assert time.monotonic() - began < LAPSE_S + NEWS_S
    third.start()    # it ends with the suite


def test_a_replica_that_stops_says_who_goes_with_it(suite, replicas, redis, seen, visit, enter):
    third = suite.replica("messaging", redis=redis.socket)
    doctor, _ = enter(visit, visit.clinician, service=replicas[0])
    patient, _ = enter(visit, visit.patient, service=third)
    hears(doctor, visit.patient, "present")
    third.process.send_signal(signal.SIGTERM)
    assert patient.closed()[0] == 4010
    patient.drop()
    assert third.stop() == 0
    assert redis.ask("ZRANGE", f"here:{visit.channel}", "0", "-1").count(":") == 1    # the doctor's
    hears(doctor, visit.patient, "gone", 1)


def test_without_redis_presence_is_unknown_and_all_else_goes_on(replicas, redis, seen, visit, enter):
    doctor, _ = enter(visit, visit.clinician, service=replicas[0])
    patient, _ = enter(visit, visit.patient, service=replicas[1])
    hears(doctor, visit.patient, "present")
    hears(patient, visit.clinician, "present")
    try:
        redis.kill()
        hears(doctor, visit.patient, "unknown")
        hears(patient, visit.clinician, "unknown")
        assert (None, "unknown") in states(doctor)

        offset = say(patient, "are you there?")
        assert doctor.push("message")["offset"] == offset
        late, _ = enter(visit, visit.patient, service=replicas[0])
        assert states(late) == [(None, "unknown"), (visit.clinician.id, "present")]
        hears(doctor, visit.patient, "present")     # whoever sits here is seen
        late.drop()
        hears(doctor, visit.patient, "unknown")     # and may still sit elsewhere
    finally:
        redis.start()
    hears(doctor, visit.patient, "present")
    hears(patient, visit.clinician, "present")
    told = states(doctor, WHOLE_S + NEWS_S)
    assert told == [(None, "gone")], told    # of all others, once it is known again
    patient.drop()
    hears(doctor, visit.patient, "gone")


def test_who_left_meanwhile_is_gone_when_all_can_be_seen_again(replicas, redis, seen, visit, enter):
    doctor, _ = enter(visit, visit.clinician, service=replicas[0])
    patient, _ = enter(visit, visit.patient, service=replicas[1])
    hears(doctor, visit.patient, "present")
    try:
        redis.kill()
        hears(doctor, visit.patient, "unknown")
        patient.drop()
        assert states(doctor) == [(None, "unknown")]
    finally:
        redis.start()
    hears(doctor, visit.patient, "gone", WHOLE_S + 2 * NEWS_S)


def test_a_redis_that_hangs_is_a_redis_that_is_away(replicas, redis, seen, visit, enter):
    doctor, _ = enter(visit, visit.clinician, service=replicas[0])
    enter(visit, visit.patient, service=replicas[1])
    hears(doctor, visit.patient, "present")
    redis.process.send_signal(signal.SIGSTOP)
    try:
        hears(doctor, visit.patient, "unknown", 2 * NEWS_S)
    finally:
        redis.process.send_signal(signal.SIGCONT)
    hears(doctor, visit.patient, "present", 2 * NEWS_S)


def test_redis_holds_ids_and_nothing_else(replicas, redis, seen, visit, enter):
    secret = f"canary-{uuid.uuid4()}"
    with redis.monitored() as commands:
        doctor, _ = enter(visit, visit.clinician, service=replicas[0])
        patient, _ = enter(visit, visit.patient, service=replicas[1])
        hears(doctor, visit.patient, "present")
        patient.send("typing")
        doctor.push("typing")
        say(patient, secret)
        assert doctor.push("message")["body"] == secret
        kept = redis.ask("ZRANGE", f"here:{visit.channel}", "0", "-1").split()
        lapse_ms = int(redis.ask("PTTL", f"here:{visit.channel}"))
    assert sorted(member.split(":")[0] for member in kept) == sorted([visit.clinician.id, visit.patient.id])
    assert 0 < lapse_ms <= LAPSE_S * 1000
    text = "".join(commands)
    assert visit.channel in text and visit.patient.id in text    # it was watched
    for never in (secret, "canary", visit.patient.patient, visit.id, visit.patient.token, visit.patient.subject):
        assert never not in text


def test_a_stranger_s_word_in_redis_changes_nothing(replicas, redis, seen, visit, enter):
    doctor, _ = enter(visit, visit.clinician, service=replicas[0])
    states(doctor)
    for word in ("", "typing", "look a b c", f"typing {uuid.uuid4()} {visit.channel}", "x" * 100000):
        redis.ask("PUBLISH", "messaging.presence", word)
    redis.ask("ZADD", f"here:{visit.channel}", str(2**52), "nobody:nowhere")
    redis.ask("PUBLISH", "messaging.presence", f"look {uuid.uuid4()} {visit.channel} {uuid.uuid4()}")
    assert states(doctor) == []
    patient, _ = enter(visit, visit.patient, service=replicas[1])
    hears(doctor, visit.patient, "present")
