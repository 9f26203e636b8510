"""What keeps a service from starting is said at once: each cause, and what mends it."""
import socket
import subprocess

import pytest

BASE = 25000            # where nothing of the suite under test listens
MISSING, SETTINGS, USAGE = 69, 78, 64


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
    with socket.create_server(("127.0.0.1", BASE)):
        code, said = start(programs, settings_of(place), tmp_path)
    assert code == MISSING and f"127.0.0.1:{BASE}" in said and "in use" in said


def test_no_database(place, programs, tmp_path):
    code, said = start(programs, settings_of(place, db="host=/nowhere dbname=billing"), tmp_path)
    assert code == MISSING and "PostgreSQL at /nowhere" in said and "is db right?" in said


def test_all_that_is_in_the_way_is_told_at_once(place, programs, tmp_path):
    """No database, neither certificate nor key, and a port that somebody has."""
    lines = settings_of(place, db="host=/nowhere dbname=billing", tls_cert=tmp_path / "none.crt",
                        tls_key=tmp_path / "none.key")
    with socket.create_server(("127.0.0.1", BASE + 1)):
        code, said = start(programs, lines, tmp_path)
    assert code == MISSING
    for cause in ("PostgreSQL at /nowhere", "none.crt", "none.key", f"127.0.0.1:{BASE + 1}"):
        assert cause in said, said


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
