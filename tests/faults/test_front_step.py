"""The front step itself, as a newcomer takes it: `make up`, again, after kill -9 of everything, logs, down, reset.

`make up` builds what is not built, in the release mode; how long each kind of start took is printed. And
a suite of few parts as an ordinary user, who has the packages and no rights.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import doctor
from parts import run_up
from place import TREE, Place

PORTS = int(os.environ.get("TELECURA_FAULTS_PORTS", "24000")) + 2000
NOBODY = 65534
UP_S_MAX = 1800         # on a busy machine


@pytest.fixture(scope="module")
def run():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tc-front-step-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "run"
    run_up(folder / "run", "down")
    shutil.rmtree(folder)


def make(run, goal, *more):
    """What a recipe prints; it must end well."""
    done = subprocess.run(["make", "--no-print-directory", goal, f"RUN={run}", *more], cwd=TREE, capture_output=True,
                          text=True, timeout=UP_S_MAX, env={k: v for k, v in os.environ.items() if k != "MAKEFLAGS"})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def make_up(run, kind):
    began = time.monotonic()
    said = make(run, "up", f"PORTS={PORTS}")
    took_s = time.monotonic() - began
    print(f"make up, {kind}: {took_s:.1f} s")
    assert "Telecura is up" in said and f"https://127.0.0.1:{PORTS + 443}/" in said
    assert (run / "endpoints.json").exists()
    return said


def pids(run):
    return {name: row["pid"] for name, row in doctor.read_state(Place(run)).items() if row["pid"]}


def test_it_starts_and_holds_a_consultation(run):
    subprocess.run(["make", "-j2", "MODE=release", "all", "openapi"], cwd=TREE, check=True, capture_output=True)
    assert "one consultation, end to end" in make_up(run, "cold, built")


def test_again_it_leaves_what_runs_alone(run):
    before = pids(run)
    assert "already running" in make_up(run, "of a suite that runs")
    assert pids(run) == before
    assert "parts are well" in make(run, "doctor")


def test_the_logs_of_one_part(run):
    """`make logs` follows; what it follows is that part's alone."""
    with subprocess.Popen(["make", "--no-print-directory", "logs", "PART=audit", f"RUN={run}"], cwd=TREE, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as follower:
        try:
            line = follower.stdout.readline()
        finally:
            os.killpg(follower.pid, signal.SIGTERM)
    assert line.strip() and "==>" not in line


def test_after_kill_9_of_everything_it_goes_on(run):
    """What was booked is still there: the story's invoice, its log."""
    origin = json.loads((run / "endpoints.json").read_text())["audit_log"]["origin"]
    before = pids(run)
    os.kill(int((run / "supervisor.pid").read_text()), signal.SIGKILL)
    for pid in before.values():
        os.killpg(pid, signal.SIGKILL)
    make_up(run, "warm, after kill -9 of everything")
    assert not set(pids(run).values()) & set(before.values())
    assert json.loads((run / "endpoints.json").read_text())["audit_log"]["origin"] == origin
    make(run, "reconcile")


def test_down_and_warm(run):
    assert "The suite is down." in make(run, "down")
    assert not [pid for pid in pids(run).values() if os.path.exists(f"/proc/{pid}")]
    assert "was not running" in make(run, "down")
    make_up(run, "warm")


def test_reset_forgets_it(run):
    make(run, "reset")
    assert not run.exists()


# ---- an ordinary user ----

@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_has_the_same_suite(programs):
    """Every process is that user's, and nothing needed more."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tc-user-", dir="/tmp"))
    os.chown(folder, NOBODY, NOBODY)
    run, some = folder / "run", folder / "bin"
    some.mkdir()
    for name in ("keyd", "appointments"):       # without `topics` nobody waits for Kafka
        (some / name).symlink_to(programs / name)
    how = {"user": NOBODY, "group": NOBODY, "extra_groups": [],
           "env": {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TELECURA_CACHE": f"{folder}/cache"}}
    try:
        done = run_up(run, "--ports", str(PORTS + 1000), "--bin", some, "up", "appointments", **how)
        assert done.returncode == 0, done.stdout + done.stderr
        running = pids(run)
        assert {"postgres", "keyd", "appointments"} <= running.keys()
        for name, pid in running.items():
            assert os.stat(f"/proc/{pid}").st_uid == NOBODY, name
        assert "parts are well" in run_up(run, "doctor", **how).stdout
    finally:
        run_up(run, "down", **how)
        shutil.rmtree(folder)
