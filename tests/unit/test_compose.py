"""docker-compose.yml: Debian's docker-compose takes it, and it is the suite's own table."""
import json
import pathlib
import subprocess
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TREE / "deploy/compose"), str(TREE / "deploy/local")]

import graph    # noqa: E402

FILE = TREE / "docker-compose.yml"
SERVICES = {main.parent.name for main in TREE.glob("services/*/main.c")}


@pytest.fixture(scope="module")
def services():
    return graph.compose()["services"]


def test_docker_compose_takes_it():
    done = subprocess.run(["docker-compose", "-f", FILE, "config", "-q"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_was_made_from_the_table():
    """Fix: python3 deploy/compose/graph.py > docker-compose.yml"""
    made = subprocess.run([sys.executable, TREE / "deploy/compose/graph.py"], check=True,
                          capture_output=True, text=True).stdout
    assert made == FILE.read_text()


def test_every_service_and_every_part_is_there(services):
    migrations = {f"migrate-{main.parent.name}" for main in TREE.glob("services/*/main.c")
                  if (main.parent / "sql/migrations").is_dir()}
    parts = {"postgres", "redis", "kafka", "keycloak", "turn", "mail", "gateway"}
    jobs = {"prepare", "databases", "topics", "keys", "kafka-format"}
    assert set(services) == SERVICES | migrations | parts | jobs


def test_all_that_stays_is_hardened_and_asked(services):
    for name, row in services.items():
        assert row["cap_drop"] == ["ALL"] and row["security_opt"] == ["no-new-privileges:true"], name
        if row["restart"] == "no":
            continue
        assert row["read_only"] and "cap_add" not in row and row["user"] != "0:0", name
        asked = row["healthcheck"]["test"]
        assert asked[-1] == ("--health" if name in SERVICES else name)


def test_no_secret_stands_in_the_file(services):
    """Two files made one after the other, with other secrets each, are the same."""
    assert json.dumps(graph.compose()["services"]) == json.dumps(services)


def test_each_has_a_number_of_its_own(services):
    users = [row["user"] for name, row in services.items() if row["restart"] != "no"]
    assert len(users) == len(set(users))
