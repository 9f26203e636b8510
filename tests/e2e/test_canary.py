"""The word that the main job wrote into a reason, a note and a message is found nowhere under the
run folder in the clear: it stands in sealed blobs alone."""
import json
import subprocess
import urllib.request

import pytest

import database
import suite as table
from canary import Canary

pytestmark = pytest.mark.family(17)

PROGRAMS = database.PROGRAMS


def test_the_canary_is_nowhere(place, tmp_path):
    endpoints = json.loads((place.run / "endpoints.json").read_text())
    canary = Canary()
    canary.words.append(endpoints["canary"])
    database.psql(place, "CHECKPOINT")

    allowed = {str(place.run / "endpoints.json")}
    found = {where for where, _ in canary.found_in(place.run) if where.decode() not in allowed}
    assert found == set()
    (tmp_path / "dump.sql").write_bytes(dump(place))
    subprocess.run(["redis-cli", "-s", endpoints["redis"], "--rdb", tmp_path / "redis.rdb"],
                   check=True, capture_output=True)
    (tmp_path / "metrics").write_bytes(b"".join(metrics(place)))
    assert canary.found_in(tmp_path) == []

    # The same search finds what is no secret, in each of these places.
    ana = next(one for one in endpoints["people"] if one["name"] == "ana")
    assert canary.control(tmp_path / "dump.sql", ana["patient_id"])
    assert canary.control(tmp_path / "metrics", "telecura")
    assert canary.control(place.run / "postgres", "visit_booked")
    assert canary.control(place.run / "kafka", "appointments.visits")


def dump(place):
    return subprocess.run(
        [f"{PROGRAMS}/pg_dumpall", "-h", place.run / "postgres", "-p", str(place.port("postgres")),
         "-U", "postgres"], check=True, capture_output=True,
        env={"PGPASSWORD": place.secret("postgres"), "PATH": "/usr/bin:/bin"}).stdout


def metrics(place):
    for service in table.SERVICES:
        with urllib.request.urlopen(f"http://127.0.0.1:{place.inner_port(service)}/metrics") as answer:
            yield answer.read()
