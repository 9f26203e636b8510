"""The whole suite as tests/hostile/run.py has started it (TELECURA_RUN names its folder), and the rule that no
case may make a part of it end or a sanitizer speak."""
import json
import os
import pathlib
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TREE / folder) for folder in ("tests/e2e", "tests/hostile", "deploy/local")]

import visit as visits          # noqa: E402
from door import Door           # noqa: E402
from place import Place         # noqa: E402
from telecura import SANITIZER  # noqa: E402


@pytest.fixture(scope="session")
def place():
    running = os.environ.get("TELECURA_RUN")
    if not running:
        raise pytest.UsageError("make hostile starts the suite for these, and names its folder in TELECURA_RUN")
    return Place(pathlib.Path(running))


@pytest.fixture(scope="session")
def door(place):
    return Door(place.run)


@pytest.fixture(scope="session")
def sitting(door):
    """Ana and Dr Lee in a visit: (Ana, Dr Lee, the grant of each)."""
    ana, dr_lee = door.person("ana"), door.person("dr.lee")
    visits.offer_hours(dr_lee)
    visits.consent(ana)
    path, grants = visits.enter(ana, dr_lee)
    yield ana, dr_lee, grants
    dr_lee.put(f"{path}/note", text="Ended by a test.")
    dr_lee.post(f"{path}/end")


@pytest.fixture(scope="session")
def logs(place):
    """How much of each log has been read."""
    return {file: file.stat().st_size for file in (place.run / "log").glob("*.log")}


@pytest.fixture(autouse=True)
def suite_unharmed(place, logs):
    before = processes(place)
    yield
    assert before.items() <= processes(place).items(), "a part has ended"
    for file, size in logs.items():
        with open(file, "rb") as f:
            f.seek(size)
            new = f.read()
        logs[file] = size + len(new)
        assert not SANITIZER.search(new), new[-4000:].decode(errors="replace")


def processes(place):
    parts = json.loads((place.run / "state.json").read_text())["parts"]
    return {name: part["pid"] for name, part in parts.items() if part["pid"]}
