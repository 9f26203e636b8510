"""What keeps the suite from starting is said at once, before anything is built: each cause, and what mends it."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from disks import small_disk
from parts import run_up
from place import PORTS, TREE

BASE = 25000            # where nothing of the suite under test listens
FUTURE_S = 3600
NOBODY = 65534


@pytest.fixture
def new_run():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tc-bad-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def problems(run, programs, command="up", **how):
    """{what: (why, fix)} as `up` says them; nothing was started."""
    done = run_up(run, "--ports", str(BASE), "--bin", programs, command, **how)
    assert done.returncode == 1, done.stdout + done.stderr
    assert not os.path.exists(run / "supervisor.pid") and not done.stderr, done.stderr
    lines, found = [line for line in done.stdout.splitlines() if not line.startswith("✓ installing")], {}
    for what, why, fix in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        assert what.startswith("✗ ") and why.startswith("    Why: ") and fix.startswith("    Fix: ")
        found[what[2:]] = (why[9:], fix[9:])
    return found


@pytest.mark.parametrize("command", ["preflight", "up"])
def test_everything_that_is_wrong_is_told_at_once(new_run, programs, command):
    """A busy port, a closed folder and a clock that lags; each with what mends it."""
    new_run.chmod(0o700)
    run = new_run / "run"
    (run / "tls").mkdir(parents=True)
    future = time.time() + FUTURE_S
    (run / "tls/ca.crt").touch()
    os.utime(run / "tls/ca.crt", (future, future))
    with socket.create_server(("127.0.0.1", BASE + PORTS["kafka"])):
        found = problems(run, programs, command)
    why, fix = found.pop(f"port {BASE + PORTS['kafka']} (kafka) is busy")
    assert f"pid {os.getpid()}" in why and "PORTS=" in fix
    _, fix = found.pop(f"{new_run} is closed to other users")
    assert fix.startswith(f"chmod o+x {new_run}")
    _, fix = found.pop("the clock is wrong")
    assert fix == "timedatectl set-ntp true"
    assert not found


@pytest.mark.parametrize("command", ["preflight", "up"])
def test_a_file_where_the_folder_should_be(new_run, programs, command):
    (new_run / "run").touch()
    (what, _), = problems(new_run / "run/.run", programs, command).items()
    assert what == f"{new_run}/run is no folder"
    down = run_up(new_run / "run", "down")
    assert (down.returncode, down.stderr) == (0, "")


@pytest.mark.parametrize("base", ["70000", "64837", "-1"])
def test_ports_that_there_are_none_of(new_run, programs, base):
    done = run_up(new_run / "run", f"--ports={base}", "--bin", programs, "preflight")
    assert done.returncode == 1 and f"PORTS={base} is no number to begin at" in done.stdout and not done.stderr
    assert "make up PORTS=18000" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_users_folder_is_told_with_the_rest(new_run, programs):
    run = new_run / "run"
    run.mkdir(mode=0o700)
    (run / "install.json").write_text("{}")
    with socket.create_server(("127.0.0.1", BASE + PORTS["kafka"])):
        found = problems(run, programs, user=NOBODY, env={"TELECURA_CACHE": f"{new_run}/none", **os.environ})
    why, fix = found.pop(f"{run} belongs to uid 0")
    assert "another user" in why and fix.endswith(f"make reset RUN={run}")
    assert f"port {BASE + PORTS['kafka']} (kafka) is busy" in found and f"{run} cannot be written" in found


@pytest.mark.parametrize("file, holds, what", [
    ("install.json", json.dumps({"data_version": 0}), "{run} holds data of version 0"),
    ("postgres/data/PG_VERSION", "14\n", "{run}/postgres is a cluster of PostgreSQL 14")])
def test_data_of_another_version(new_run, programs, file, holds, what):
    (new_run / file).parent.mkdir(parents=True, exist_ok=True)
    (new_run / file).write_text(holds)
    (new_run / "up.lock").touch()
    found = problems(new_run, programs)
    why, fix = found.pop(what.format(run=new_run))
    assert "this" in why and fix.startswith(f"make reset RUN={new_run} ") and not found
    assert run_up(new_run, "reset").returncode == 0 and not new_run.exists()
    new_run.mkdir()


def test_packages_that_cannot_be_had(new_run, programs, tmp_path):
    """Nothing is installed, and apt has no network."""
    for name, does in (("dpkg-query", "exit 1"), ("apt-get", "echo 'E: no route to host'; exit 100")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    (what, (why, fix)), = problems(new_run, programs, "packages", env={"PATH": f"{tmp_path}:/usr/bin:/bin"}).items()
    assert "no route to host" in why and "apt-get install -y" in fix


def test_a_postgresql_that_loses_entries_is_replaced(new_run, programs):
    """15.18 does (tests/integration/test_gist.py); a user who is not root is told."""
    asked = new_run / "dpkg-query"
    asked.write_text("#!/bin/sh\nshift 3\nfor name; do echo \"$name 15.18-0+deb12u1 ii \"; done\n")
    asked.chmod(0o755)
    new_run.chmod(0o777)
    found = problems(new_run / "run", programs, "preflight", user=NOBODY, env={
        "PATH": f"{new_run}:/usr/bin:/bin", "TELECURA_CACHE": f"{new_run}/none"})
    why, fix = found.pop("1 packages are missing or too old")
    assert why == "postgresql-15" and fix.endswith("postgresql-15     (as root)")


@pytest.mark.parametrize("command", ["logs", "keys", "restart", "hold", "release", "reconcile", "selftest"])
def test_a_command_that_needs_a_suite_says_so(new_run, command):
    done = run_up(new_run / "none", command)
    assert done.returncode == 1 and done.stderr.endswith(f"Fix: make up RUN={new_run}/none\n")
    assert not (new_run / "none").exists()


@pytest.mark.parametrize("goal, name", [("audit-export", "LOG=…"), ("audit-verify", "VKEY=…")])
def test_a_log_of_a_suite_that_is_not_there(new_run, programs, goal, name):
    done = subprocess.run(["make", goal, f"RUN={new_run}", f"DIR={new_run}/log", f"B={pathlib.Path(programs).parent}"],
                          cwd=TREE, capture_output=True, text=True)
    assert done.returncode == 2 and f"✗ {new_run}/endpoints.json is not there\n    Fix: make up" in done.stderr
    assert name in done.stderr and "Traceback" not in done.stderr


def test_all_busy_ports_are_one_problem(new_run, programs):
    """As when another suite has them all."""
    with socket.create_server(("127.0.0.1", BASE + PORTS["kafka"])), \
            socket.create_server(("127.0.0.1", BASE + PORTS["gateway"])):
        (what, (why, fix)), = problems(new_run, programs).items()
    assert what == "2 ports are busy" and fix.endswith(f"make up PORTS={BASE + 10000} RUN={new_run}")
    for name in ("kafka", "gateway"):
        assert f"port {BASE + PORTS[name]} ({name}) is held by pid {os.getpid()}" in why


def test_a_disk_that_is_full(new_run, programs):
    with small_disk(new_run, "16m"):
        new_run.chmod(0o755)
        (what, (_, fix)), = problems(new_run, programs).items()
    assert what == f"only 16 MB are free under {new_run}" or what.startswith("only 15 MB")
    assert fix.startswith(f"df -h {new_run}")


def test_a_service_that_is_not_built(new_run, programs, tmp_path):
    some = new_run / "bin"
    some.mkdir()
    for program in programs.iterdir():
        if program.name not in ("billing", "topics"):
            (some / program.name).symlink_to(program)
    (what, (why, fix)), = problems(new_run / "run", some).items()
    assert what == "billing, topics not built" and str(some) in why and fix.startswith("make up")
