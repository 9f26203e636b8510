"""No byte about a patient leaves without its committed audit row, whatever has failed.

Every byte that clients get passes a recorder before the gateway (tests/harness/recording.py). Under
each fault people ask for everything that they ask for all day (scene.py); then the tape is held
against what PostgreSQL says has committed, and when (witness.py, tests/harness/on_record.py). What
must go on goes on, what cannot says so as documented, and afterwards all is there and in the log.
"""
import collections
import datetime
import json
import ssl

import pytest

import breaking
import on_record
from conftest import open_clinic
from door import Door, until
from gateway import errors
from recording import Recorder
from scene import Scene
from visit import rfc3339
from witness import Witness

Fault = collections.namedtuple("Fault", "broken refused")
ACTS = [kind for kind in Scene.KINDS if kind != "signal"]     # a signal is relayed, and is no act


def refused(kinds, *codes):
    """FHIR's face says no more than its owner's status."""
    return {kind: {503} if kind == "fhir" else set(codes) for kind in kinds}


# What is refused, by which codes; all else is done.
FAULTS = {
    "the audit tables are locked": Fault(breaking.audit_locked, refused(ACTS, "deadline", "busy")),
    "no COMMIT comes back": Fault(breaking.commits_hang, refused(ACTS, "deadline", "busy")),
    "the audit tables' disk is full": Fault(breaking.audit_disk_full, refused(ACTS, "unavailable")),
    "the log's disk is full": Fault(breaking.log_disk_full, {}),
    "PostgreSQL is away": Fault(breaking.without("postgres"), refused(ACTS, "unavailable")),
    # Each replica of messaging has keys of its own: one may lack what the other has.
    "keyd is away": Fault(breaking.without("keyd"), {kind: {"done", "key_unavailable"}
                                                    for kind in ("history", "send", "connect")}),
    "Kafka is away": Fault(breaking.without("kafka"), {}),
    "the log is away": Fault(breaking.without("audit"), refused(["own_audit"], "unavailable")),
}


@pytest.fixture(scope="module")
def tape(place):
    near, far = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=place.ca_file)
    near.load_cert_chain(place.run / "tls/gateway.pem")
    with Recorder(near, place.port("gateway"), far) as made:
        yield made


@pytest.fixture(scope="module")
def witness(parts):
    with Witness(parts) as made:
        yield made


@pytest.fixture(scope="module")
def scene(place, parts, tape, witness):
    made = Scene(open_clinic(place, Door(place.run, tape.port)))
    yield made
    made.end()


@pytest.fixture(scope="module")
def marks(place, scene):
    described = json.loads((place.bin.parent / "describe.json").read_text())
    return on_record.Marks(
        words={word: patient for patient, word in scene.word.items()}, openapi=scene.clinic.openapi,
        frames={frame["type"]: frame["audit"] for tables in described.values() for frame in tables["frames"]},
        people={person.known["sub"]: person.id for person in scene.clinic.people})


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_told_that_is_not_on_record(parts, scene, tape, witness, marks, fault):
    broken, expected = FAULTS[fault]
    began = datetime.datetime.now(datetime.timezone.utc)
    tape.clear()
    witness.clear()
    scene.begin()
    assert set(scene.ask_all().values()) == {"done"}
    with broken(parts):
        said = scene.ask_all()
    until(parts.all_well, "a suite that is well", 60)
    wrong = {kind: code for kind, code in said.items() if code not in expected.get(kind, {"done"})}
    assert not wrong, f"while {fault}"

    scene.open_sockets()
    assert set(scene.ask_all().values()) == {"done"}
    scene.nothing_is_lost()
    parts.all_arrived()
    links, rows = tape.links(), witness.rows()
    found, seen = on_record.check(links, rows, marks)
    assert found == []
    assert all(seen[kind] for kind in TOLD), seen
    assert [why for link in links for answer in link.answers if (why := undocumented(answer))] == []
    about_ana = {row.act for row in rows if row.patient == scene.clinic.patient}
    since = {"from": rfc3339(began)}
    until(lambda: about_ana <= scene.clinic.logged(**since).keys(), "every act about Ana in the log", 30)


# Everything that may tell of a patient has been heard: the check is not of an empty tape.
TOLD = ["get /v1/patients", "get /v1/patients/{id}", "get /v1/patients/{id}/allergies", "get /v1/appointments",
        "post /v1/appointments", "post /v1/prescriptions", "get /v1/prescriptions/{id}",
        "get /fhir/R4/Patient/{id}", "get /v1/audit/patients/{id}/events", "get /v1/channels/{id}/messages",
        "connect", "message", "send", "signal"]


def undocumented(answer):
    """Of an answer by which something failed: what is wrong with it."""
    if answer.status < 500:
        return None
    what = f"{answer.method} {answer.path} -> {answer.status} {answer.body[:200]}"
    if answer.status != 503 or "retry-after" not in answer.headers:
        return what
    said = json.loads(answer.body)
    is_outcome = said.get("resourceType") == "OperationOutcome"
    return None if is_outcome or errors()[said["code"]] == (503, said["title"]) else what


def test_a_row_that_is_missing_is_missed(scene, tape, witness, marks):
    """The check can fail: of what was told, one row after the other is taken away."""
    tape.clear()
    witness.clear()
    scene.begin()
    scene.ask_all()
    links, rows = tape.links(), witness.rows()
    assert on_record.check(links, rows, marks)[0] == []
    told = {answer.headers["request-id"] for link in links for answer in link.answers
            if answer.status < 300 and "request-id" in answer.headers}
    needed = [row for row in rows if row.act in told]
    assert len(needed) >= len(ACTS) - 3     # all but FHIR's, and those of frames
    for act in {row.act for row in needed}:
        found, _ = on_record.check(links, [row for row in rows if row.act != act], marks)
        assert [why for why in found if act in why], act
    late = [row._replace(committed=row.committed + 10) for row in rows]
    assert len(on_record.check(links, late, marks)[0]) >= len(ACTS)
