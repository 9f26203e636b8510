"""The whole suite, once a pytest session, and the means to take its parts away.

A suite that runs already can be asked instead: TELECURA_RUN=.run pytest tests/faults (it is left
as it was found). What fails leaves the run folder behind and says where.
"""
import contextlib
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TREE / folder) for folder in ("tests/faults", "tests/e2e", "deploy/local")]

import mainjob                      # noqa: E402
import parts as all_parts           # noqa: E402
import visit as visits              # noqa: E402
from door import Door, Refused, until   # noqa: E402
from place import Place             # noqa: E402

BIN = pathlib.Path(os.environ.get("TELECURA_BIN", TREE / "build/debug/bin")).resolve()
PORTS = os.environ.get("TELECURA_FAULTS_PORTS", "24000")
PORTS_FEW = str(int(PORTS) + 1000)


@pytest.fixture(scope="session")
def programs():
    return BIN


@contextlib.contextmanager
def suite(request, ports, *names):
    """Of these parts and what they need; without names the whole one."""
    running = os.environ.get("TELECURA_RUN")
    run = pathlib.Path(running or tempfile.mkdtemp(prefix="tc-faults-", dir="/tmp"))
    if running:
        yield Place(run)
        return
    run.chmod(0o755)
    try:
        all_parts.up(run, "--ports", ports, "--bin", BIN, "--replicas", "messaging", "up", *names)
        yield Place(run)
    finally:
        all_parts.up(run, "down")
        if request.session.testsfailed:
            print(f"\nwhat the suite left: {run}")
        else:
            shutil.rmtree(run)


@pytest.fixture(scope="session")
def place(request):
    with suite(request, PORTS) as made:
        yield made


@pytest.fixture(scope="module")
def few(request):
    """A producer and the log, in a suite of their own: what a test leaves in that log stays there."""
    with suite(request, PORTS_FEW, "kafka", "appointments", "audit") as made:
        yield all_parts.Parts(made)


@pytest.fixture(scope="session")
def parts(place):
    return all_parts.Parts(place)


def open_clinic(place, door):
    """Everybody has signed in, Ana and Ben are registered and have agreed, both doctors have hours."""
    made = visits.Visit(door, place.bin)
    made.ben, made.dr_roy = made.door.person("ben"), made.door.person("dr.roy")
    made.people += [made.ben, made.dr_roy]
    for person in made.people:
        all_parts.patiently(lambda: person.get("/v1/me"))
    mainjob.close_what_is_open(made)    # Dr Lee has time now
    for doctor in (made.dr_lee, made.dr_roy):
        visits.offer_hours(doctor)
    for patient in (made.ana, made.ben):
        try:
            made.fay.get(f"/v1/patients/{patient.patient}")
        except Refused:
            made.fay.post("/v1/patients", patient_id=patient.patient, **made.demographics | {
                "mrn": f"faults-{patient.patient[:8]}", "email": patient.email})
        visits.consent(patient)
    return made


@pytest.fixture(scope="session")
def clinic(place, parts):
    return open_clinic(place, Door(place.run))


@pytest.fixture(autouse=True)
def well(request):
    """Each test begins and ends with a suite that is well."""
    yield
    if "parts" in request.fixturenames:
        made = request.getfixturevalue("parts")
        until(made.all_well, "a suite that is well", all_parts.WELL_S_MAX)
