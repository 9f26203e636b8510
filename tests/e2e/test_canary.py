"""Whatever is said of a patient is found nowhere in the clear under the run folder, in dumps, metrics
and refusals: it stands in sealed blobs alone. It is said through every route and frame that takes it."""
import json
import subprocess
import urllib.request

import pytest

import database
import suite as table
from door import until
from place import WITH_DATABASE
from told import Told

pytestmark = pytest.mark.family(17)

PROGRAMS = database.PROGRAMS
WORDS_MIN = 40


@pytest.fixture(scope="module")
def told(place, door):
    """All of it was said, relayed, and written to disk."""
    made = Told(place, door)
    made.canary.words.append(json.loads((place.run / "endpoints.json").read_text())["canary"])
    made.everything()
    until(lambda: all(database.psql(place, "SELECT count(*) FROM outbox", name) == [["0"]]
                      for name in WITH_DATABASE if name != "keyd"), "the outboxes empty", 60)
    database.psql(place, "CHECKPOINT")
    return made


def test_every_text_that_takes_phi_was_filled(told):
    """Whoever adds a text to a route says it in told.py, too."""
    assert told.left_out() == set()
    assert len(set(told.canary.words)) >= WORDS_MIN


def test_none_is_in_a_file(told, place):
    """Tables and write-ahead log, Kafka's segments, logs, mails, the audit log, settings."""
    allowed = {str(place.run / "endpoints.json")}
    found = {where for where, _ in told.canary.found_in(place.run) if where.decode() not in allowed}
    assert found == set()


def test_none_is_in_a_dump_a_metric_or_a_refusal(told, place, tmp_path):
    endpoints = json.loads((place.run / "endpoints.json").read_text())
    (tmp_path / "dump.sql").write_bytes(dump(place))
    subprocess.run(["redis-cli", "-s", endpoints["redis"], "--rdb", tmp_path / "redis.rdb"],
                   check=True, capture_output=True)
    (tmp_path / "metrics").write_bytes(b"".join(metrics(place)))
    assert told.canary.found_in(tmp_path, *told.refusals) == [] and len(told.refusals) >= 4

    # The same search finds what is no secret, in each of these places.
    ana = next(one for one in endpoints["people"] if one["name"] == "ana")
    assert told.canary.control(tmp_path / "dump.sql", ana["patient_id"])
    assert told.canary.control(tmp_path / "metrics", "telecura")
    assert told.canary.control(place.run / "postgres", "visit_booked")
    assert told.canary.control(place.run / "kafka", "appointments.visits")


def test_no_part_may_leave_a_core_file(place):
    parts = json.loads((place.run / "state.json").read_text())["parts"]
    pids = [part["pid"] for part in parts.values() if part["pid"]]
    assert len(pids) > len(table.SERVICES)
    for pid in pids:
        with open(f"/proc/{pid}/limits") as limits:
            (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
        assert core[4:6] == ["0", "0"]


def dump(place):
    return subprocess.run(
        [f"{PROGRAMS}/pg_dumpall", "-h", place.run / "postgres", "-p", str(place.port("postgres")),
         "-U", "postgres"], check=True, capture_output=True,
        env={"PGPASSWORD": place.secret("postgres"), "PATH": "/usr/bin:/bin"}).stdout


def metrics(place):
    for service in table.SERVICES:
        with urllib.request.urlopen(f"http://127.0.0.1:{place.inner_port(service)}/metrics") as answer:
            yield answer.read()
