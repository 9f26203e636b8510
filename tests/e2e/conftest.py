"""The whole suite, once a pytest session: its own run folder and ports, the binaries under test.

What fails leaves the run folder behind and says where. A suite that runs already can be asked
instead: TELECURA_RUN=.run pytest tests/e2e/test_consultation.py
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import visit as visits  # noqa: E402
from door import TREE, Door  # noqa: E402

UP = TREE / "deploy/local/up.py"
BIN = pathlib.Path(os.environ.get("TELECURA_BIN", TREE / "build/debug/bin")).resolve()
PORTS = os.environ.get("TELECURA_TEST_PORTS", "28000")
UP_S_MAX, DOWN_S_MAX = 900, 90      # the first start of a JVM on a busy machine


def up(run, *words, timeout=UP_S_MAX):
    """One of up.py's commands; what it printed."""
    done = subprocess.run(["/usr/bin/python3", UP, "--run", run, *words], capture_output=True,
                          text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="session")
def place(request):
    """deploy/local/place.py's view of the suite that is tested."""
    from place import Place
    running = os.environ.get("TELECURA_RUN")
    run = pathlib.Path(running) if running else pathlib.Path(tempfile.mkdtemp(prefix="tc-e2e-", dir="/tmp"))
    if running:
        yield Place(run)
        return
    run.chmod(0o755)
    sound = False
    try:
        up(run, "--ports", PORTS, "--bin", BIN, "--replicas", "messaging", "up")
        yield Place(run)
        sound = not request.session.testsfailed
    finally:
        up(run, "down", timeout=DOWN_S_MAX)
        if sound:
            shutil.rmtree(run)
        else:
            print(f"\nwhat the suite left: {run}")


@pytest.fixture(scope="session")
def door(place):
    return Door(place.run)


@pytest.fixture(scope="module")
def visit(door, place):
    return visits.Visit(door, place.bin)


@pytest.fixture(scope="session")
def telectl(place):
    def run(who, *words):
        return subprocess.run([place.bin / "telectl", "--run", place.run, *words], capture_output=True, text=True,
                              timeout=60, env={"PATH": "/usr/bin:/bin"} | ({"TELECURA_TOKEN": who.token} if who else {}))
    return run
