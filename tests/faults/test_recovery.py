"""kill -9 of each part: doctor names it, and it is well again within the promised time.

The promise is for a machine that has nothing else to do; TELECURA_PATIENCE=3 gives three times
as long where it has.
"""
import os
import subprocess

import pytest

from door import until
from parts import WELL_S_MAX
from place import SERVICES

PATIENCE = float(os.environ.get("TELECURA_PATIENCE", 1))
WITHIN_S = {name: 10 for name in (*SERVICES, "messaging-2", "postgres", "redis", "gateway", "turn",
                                  "mail")} | {"kafka": 30, "keycloak": 45}


@pytest.mark.parametrize("name", WITHIN_S)
def test_killed_it_is_well_again(parts, clinic, name):
    if name not in parts.table or not parts.row(name)["pid"]:
        pytest.fail(f"{name} does not run: the suite needs --replicas messaging")
    was = parts.kill(name)
    took_s = parts.again(name, was, WITHIN_S[name] * PATIENCE)
    assert clinic.fay.get(f"/v1/patients/{clinic.patient}")["family_name"] == "Reyes"
    print(f"{name}: well again after {took_s:.1f} s")


def telectl_status(place):
    """What it says of each service; that not all are well is its exit status, too."""
    done = subprocess.run([place.bin / "telectl", "--run", place.run, "status"], capture_output=True, text=True)
    assert done.returncode == 1 and "make doctor" in done.stderr, done
    return dict(line.split()[:2] for line in done.stdout.splitlines())


# Without these nobody else misses anything.
MISSED_BY_NOBODY = {"kafka", "redis", "mail", "turn"} | set(SERVICES) - {"keyd"}


@pytest.mark.parametrize("name", WITHIN_S)
def test_doctor_names_what_is_down(parts, name):
    with parts.without(name):
        lines = parts.doctor().splitlines()
        sick = {line.split()[1]: lines[i + 1:i + 3] for i, line in enumerate(lines)
                if line.startswith("✗")}
        why, fix = sick[name]
        assert sick.keys() - {"only"} == {name} or name not in MISSED_BY_NOBODY
        assert why.strip().startswith("Why: ") and f"make release PART={name}" in fix
        assert lines[-1].endswith("need attention") and lines[-1].split()[0] == str(len(sick))
        assert name not in SERVICES or telectl_status(parts.place)[name] == "down"
    until(parts.all_well, "who missed it to be well again", WELL_S_MAX)
    assert "parts are well" in parts.doctor()
