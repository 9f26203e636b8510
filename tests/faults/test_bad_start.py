"""What keeps a service or the suite from starting is said at once: each cause, and what mends it."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from parts import run_up
from place import PORTS

BASE = 25000            # where nothing of the suite under test listens
MISSING, SETTINGS, USAGE = 69, 78, 64
FUTURE_S = 3600


# ---- one service ----

def start(programs, settings, tmp_path, service="billing"):
    """What a service with these settings says, and its exit code; it must not stay up."""
    file = tmp_path / f"{service}.conf"
    file.write_text("".join(f"{line}\n" for line in settings))
    done = subprocess.run([programs / service, "--config", file], capture_output=True, text=True,
                          timeout=30)
    return done.returncode, done.stderr


def settings_of(place, **changed):
    """Billing's own, for an instance beside it."""
    lines = dict(line.split(" = ", 1) for line in
                 (place.run / "etc/billing.conf").read_text().splitlines())
    lines |= {"listen": f"127.0.0.1:{BASE}", "inner": f"127.0.0.1:{BASE + 1}", **changed}
    return [f"{key} = {value}" for key, value in lines.items()]


@pytest.fixture
def programs(place):
    return place.bin


def test_all_bad_settings_are_told_at_once(place, programs, tmp_path):
    lines = settings_of(place, workers="many") + ["colour = blue", "nonsense", "workers = 3"]
    code, said = start(programs, lines, tmp_path)
    assert code == SETTINGS
    for n, word in ((len(lines) - 2, "colour: unknown key: --describe"),
                    (len(lines) - 1, "not a setting: write `key = value`"), (len(lines), "set before")):
        assert f"billing.conf:{n}: " in said and word in said, said
    assert "workers: not a whole number in 1..64" in said


def test_no_settings_at_all(programs, tmp_path):
    done = subprocess.run([programs / "billing"], capture_output=True, text=True, timeout=10)
    assert done.returncode == USAGE and "--config FILE" in done.stderr
    done = subprocess.run([programs / "billing", "--config", tmp_path / "none.conf"],
                          capture_output=True, text=True, timeout=10)
    assert done.returncode == SETTINGS and "none.conf: cannot be read" in done.stderr


def test_a_port_that_is_taken(place, programs, tmp_path):
    with listener(BASE):
        code, said = start(programs, settings_of(place), tmp_path)
    assert code == MISSING and f"127.0.0.1:{BASE}" in said and "in use" in said


def test_no_database(place, programs, tmp_path):
    code, said = start(programs, settings_of(place, db="host=/nowhere dbname=billing"), tmp_path)
    assert code == MISSING and "PostgreSQL at /nowhere" in said and "is db right?" in said


def test_a_certificate_that_is_not_there(place, programs, tmp_path):
    code, said = start(programs, settings_of(place, tls_cert=tmp_path / "none.crt"), tmp_path)
    assert code == MISSING and "none.crt" in said


def test_a_database_that_is_too_old(place, parts, programs, tmp_path):
    parts.rows("postgres", "CREATE DATABASE too_old OWNER billing_owner")
    try:
        parts.rows("postgres", "GRANT CONNECT ON DATABASE too_old TO billing")
        (db,) = [line for line in settings_of(place) if line.startswith("db = ")]
        code, said = start(programs, settings_of(place, db=db.partition(" = ")[2].replace(
            "dbname=billing", "dbname=too_old")), tmp_path)
        assert code == MISSING and "lacks migration" in said and "--migrate" in said
        assert "password" not in said
    finally:
        parts.rows("postgres", "DROP DATABASE too_old WITH (FORCE)")


# ---- the suite ----

@pytest.fixture
def new_run():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tc-bad-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def listener(port):
    with socket.create_server(("127.0.0.1", port)):
        yield


@contextlib.contextmanager
def small_disk(folder, megabytes):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", folder],
                   check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def problems(run, programs, *options):
    """{what: (why, fix)} as `up` says them; nothing was started."""
    done = run_up(run, "--ports", str(BASE), "--bin", programs, *options, "up")
    assert done.returncode == 1, done.stdout + done.stderr
    assert not (run / "supervisor.pid").exists() and "Traceback" not in done.stderr, done.stderr
    lines, found = done.stdout.splitlines(), {}
    for what, why, fix in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        assert what.startswith("✗ ") and why.startswith("    Why: ") and fix.startswith("    Fix: ")
        found[what[2:]] = (why[9:], fix[9:])
    return found


def test_everything_that_is_wrong_is_told_at_once(new_run, programs):
    """A busy port, a closed folder and a clock that lags; each with what mends it."""
    new_run.chmod(0o700)
    run = new_run / "run"
    (run / "tls").mkdir(parents=True)
    future = time.time() + FUTURE_S
    (run / "tls/ca.crt").touch()
    os.utime(run / "tls/ca.crt", (future, future))
    with listener(BASE + PORTS["kafka"]):
        found = problems(run, programs)
    why, fix = found.pop(f"port {BASE + PORTS['kafka']} (kafka) is busy")
    assert f"pid {os.getpid()}" in why and "PORTS=" in fix
    _, fix = found.pop(f"{new_run} is closed to other users")
    assert fix.startswith(f"chmod o+x {new_run}")
    _, fix = found.pop("the clock is wrong")
    assert fix == "timedatectl set-ntp true"
    assert not found


def test_a_disk_that_is_full(new_run, programs):
    with small_disk(new_run, 16):
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
