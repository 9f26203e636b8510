"""A suite of its own, with two replicas of what calls and chats go through; then two browsers.

A suite that runs already can be asked instead (it needs `--replicas messaging,signaling`):
TELECURA_RUN=… pytest tests/browser. TELECURA_SHOTS=folder keeps a picture of each screen.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TREE / folder) for folder in ("tests/e2e", "tests/browser", "deploy/local")]

from browser import Browser     # noqa: E402
from door import Door           # noqa: E402

UP = ["/usr/bin/python3", TREE / "deploy/local/up.py", "--run"]
BIN = pathlib.Path(os.environ.get("TELECURA_BIN", TREE / "build/debug/bin")).resolve()
PORTS = os.environ.get("TELECURA_BROWSER_PORTS", "31000")
UP_S_MAX, DOWN_S_MAX = 600, 90


@pytest.fixture(scope="session")
def run(request):
    """The run folder of the suite that is tested."""
    running = os.environ.get("TELECURA_RUN")
    if running:
        yield pathlib.Path(running)
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tc-browsers-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        subprocess.run([*UP, folder, "--ports", PORTS, "--bin", BIN, "--replicas", "messaging,signaling",
                        "up", *parts_without_mainjob()], check=True, timeout=UP_S_MAX)
        yield folder
    finally:
        subprocess.run([*UP, folder, "down"], timeout=DOWN_S_MAX)
        if request.session.testsfailed:
            print(f"\nwhat the suite left: {folder}")
        else:
            shutil.rmtree(folder)


def parts_without_mainjob():
    """Parts by name: then `up` tells no story of its own, and this one begins with an empty house."""
    return ["access", "patients", "appointments", "messaging", "messaging-2", "signaling", "signaling-2",
            "prescriptions", "billing", "audit", "turn", "mail", "gateway"]


@pytest.fixture(scope="session")
def door(run):
    return Door(run)


def browser_of(name):
    """A fixture: the browser in which they sign in."""
    @pytest.fixture(scope="module")
    def opened(door):
        browser = Browser(door, name)
        yield browser
        browser.close()
    return opened


ana, dr_lee = browser_of("ana"), browser_of("dr.lee")


@pytest.fixture(autouse=True)
def pictures(request, ana, dr_lee):
    yield
    for browser in (ana, dr_lee):
        browser.shot(request.node.name.removeprefix("test_"))
