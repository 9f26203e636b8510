"""What billing and prescriptions do when they hear, over real Kafka: relay, broker, consumer.

Runs a part of the suite on ports of its own; events are what appointments and patients would put
into their outboxes. Say where the programs are:

    TELECURA_BIN=build/debug/bin pytest tests/integration/test_effects.py
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

import pytest

import pq
from sealed import message, uuid_bytes
from telecura import ORG, OTHER_ORG

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "deploy/local"))

BIN = pathlib.Path(os.environ.get("TELECURA_BIN", TREE / "build/debug/bin")).resolve()
PORTS = os.environ.get("TELECURA_EFFECT_PORTS", "26300")
PARTS = ["databases", "kafka", "topics", "keyd", "appointments", "patients", "billing", "prescriptions"]
BOOKED, CANCELLED, ENDED, NO_SHOW = 1, 4, 8, 9
VISIT_TOPIC, RECORD_TOPIC = "appointments.visits.v1", "patients.records.v1"
ALLERGY, CONDITION, REMOVED = 2, 3, 5


class Bus:
    def __init__(self, run):
        import place
        here = place.Place(run)
        self.pool = pq.Pool(f"host={run}/postgres port={here.port('postgres')} user=postgres "
                            f"password={here.secret('postgres', 'postgres')}")
        self.run = run
        self.told = {}      # payloads by key

    def sql(self, service, text):
        return [line.split("|") for line in self.pool.execute(service, text).splitlines()]

    def value(self, service, text):
        ((value,),) = self.sql(service, text)
        return value

    def wait(self, service, text, wanted, seconds=30):
        until = time.monotonic() + seconds
        while (found := self.value(service, text)) != str(wanted):
            assert time.monotonic() < until, f"{text}: {found}, not {wanted}"
            time.sleep(0.05)

    def tell(self, service, topic, key, kind, version, payload, org=ORG):
        event, self.told[key] = str(uuid.uuid4()), payload
        self.sql(service, "INSERT INTO outbox (org, id, topic, key, kind, version, at, act, payload) "
                          f"VALUES ('{org}', '{event}', '{topic}', '{key}', {kind}, {version}, "
                          f"now(), gen_random_uuid(), decode('{payload.hex()}', 'hex'))")
        return event

    def visit(self, key, kind, version, patient, visit_type="consultation", org=ORG):
        now_us = int(time.time() * 1e6)
        state = {BOOKED: "scheduled", CANCELLED: "cancelled", ENDED: "completed", NO_SHOW: "no_show"}
        ended = [(10, now_us - 1200 * 10**6), (11, now_us)] if kind == ENDED else []
        return self.tell("appointments", VISIT_TOPIC, key, kind, version, message(
            (1, kind), (2, uuid_bytes(patient)), (3, uuid_bytes(str(uuid.uuid4()))), (4, state[kind]),
            (5, now_us - 1200 * 10**6), (6, now_us), (7, visit_type), *ended), org)

    def visits_like(self, first, visits):
        """The end of @first again, under other keys, in one transaction."""
        keys = ", ".join(f"('{visit}')" for visit in visits)
        self.sql("appointments", "INSERT INTO outbox (org, id, topic, key, kind, version, at, act, payload) "
                                 f"SELECT '{ORG}', gen_random_uuid(), '{VISIT_TOPIC}', key::uuid, {ENDED}, 1, "
                                 f"now(), gen_random_uuid(), decode('{self.told[first].hex()}', 'hex') "
                                 f"FROM (VALUES {keys}) AS visit (key)")

    def pid(self, part):
        return json.loads((self.run / "state.json").read_text())["parts"][part]["pid"]

    def kill(self, part, seconds=30):
        """And the supervisor has started it again."""
        was, until = self.pid(part), time.monotonic() + seconds
        os.kill(was, signal.SIGKILL)
        while self.pid(part) in (was, None):
            assert time.monotonic() < until, f"{part} was not started again"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def bus():
    # Not pytest's own folder, which it closes to others: parts run under numbers of their own.
    run = pathlib.Path(tempfile.mkdtemp(prefix="tc-"))
    run.chmod(0o755)
    up = [sys.executable, str(TREE / "deploy/local/up.py"), "--run", str(run), "--ports", PORTS,
          "--bin", str(BIN)]
    try:
        subprocess.run([*up, "up", *PARTS], check=True, timeout=240)
        yield Bus(run)
    finally:
        subprocess.run([*up, "down"], check=True, timeout=60)
    shutil.rmtree(run)


def ids(count):
    return [str(uuid.uuid4()) for _ in range(count)]


def test_a_visit_that_ended_is_charged_once(bus):
    visit, patient = ids(2)
    for version, kind in enumerate((BOOKED, ENDED), 1):
        bus.visit(visit, kind, version, patient)
    mine = f"FROM charge WHERE visit_id = '{visit}'"
    bus.wait("billing", f"SELECT count(*) {mine}", 1)
    invoice = bus.value("billing", f"SELECT id FROM invoice WHERE visit_id = '{visit}'")
    assert bus.sql("billing", "SELECT state, amount_minor, balance_minor, currency FROM invoice_open "
                              f"WHERE id = '{invoice}'") == [["issued", "9000", "9000", "USD"]]
    assert sorted(bus.sql("billing", "SELECT account, amount_minor FROM posting "
                                     f"WHERE transaction_id = '{invoice}'")) == [
        ["receivable:patient", "9000"], ["revenue:visits", "-9000"]]

    (audited,) = bus.sql("billing", "SELECT action, role, patient FROM audit_outbox "
                                    f"WHERE resource_id = '{invoice}' AND outcome = 'done'")
    assert audited == ["charge.make", "billing", patient]

    again = bus.visit(visit, ENDED, 3, patient)     # as after a restore
    bus.wait("billing", f"SELECT count(*) FROM inbox WHERE event_id = '{again}'", 1)
    assert bus.value("billing", f"SELECT count(*) {mine}") == "1"
    assert bus.value("billing", f"SELECT count(*) FROM invoice WHERE visit_id = '{visit}'") == "1"


def test_nobody_pays_for_what_was_not_held(bus):
    visits, patient = ids(3), str(uuid.uuid4())
    for visit, kind in zip(visits, (CANCELLED, NO_SHOW, ENDED)):
        bus.visit(visit, BOOKED, 1, patient)
        bus.visit(visit, kind, 2, patient)
    bus.wait("billing", f"SELECT count(*) FROM charge WHERE visit_id = '{visits[2]}'", 1)
    bus.wait("prescriptions", "SELECT count(*) FROM visit_heard WHERE version = 2 AND id IN "
                              f"('{visits[0]}', '{visits[1]}')", 2)
    assert bus.value("billing", f"SELECT count(*) FROM charge WHERE patient_id = '{patient}'") == "1"


def test_an_organisations_own_price_goes_before_the_default(bus):
    visit, patient = ids(2)
    bus.sql("billing", f"INSERT INTO tariff VALUES ('{OTHER_ORG}', 'consultation', '[2020-01-01Z,)', "
                       "12345, 'EUR')")
    bus.visit(visit, ENDED, 1, patient, org=OTHER_ORG)
    bus.wait("billing", f"SELECT count(*) FROM invoice WHERE visit_id = '{visit}' "
                        "AND amount_minor = 12345 AND currency = 'EUR'", 1)


def test_a_visit_without_a_price_is_parked_and_holds_up_nobody(bus):
    odd, visit, patient = ids(3)
    event = bus.visit(odd, ENDED, 1, patient, "seance")
    bus.visit(visit, ENDED, 1, patient)
    bus.wait("billing", f"SELECT count(*) FROM charge WHERE visit_id = '{visit}'", 1)
    bus.wait("billing", f"SELECT count(*) FROM dead_letter WHERE event_id = '{event}'", 1)
    assert bus.value("billing", f"SELECT count(*) FROM charge WHERE visit_id = '{odd}'") == "0"


def test_killed_again_and_again_each_visit_is_charged_once(bus):
    """The group's dead member holds its partitions for some seconds: that is the time this takes."""
    first, *others = ids(150)
    bus.visit(first, ENDED, 1, str(uuid.uuid4()))
    bus.wait("billing", f"SELECT count(*) FROM charge WHERE visit_id = '{first}'", 1)
    for batch in (others[:50], others[50:100], others[100:]):
        done = bus.value("billing", "SELECT count(*) FROM charge")
        bus.visits_like(first, batch)
        bus.wait("billing", f"SELECT count(*) > {done} FROM charge", "t")
        bus.kill("billing")
    every = ", ".join(f"'{visit}'" for visit in (first, *others))
    for table in ("charge", "invoice"):
        bus.wait("billing", f"SELECT count(*) FROM {table} WHERE visit_id IN ({every})", 150, seconds=60)
    assert bus.sql("billing", "SELECT transaction_id FROM posting GROUP BY org, transaction_id, currency "
                              "HAVING sum(amount_minor) <> 0") == []


def test_allergies_as_patients_tells_them(bus):
    patient, allergy, condition = ids(3)
    blob = b"sealed elsewhere"

    def tell(key, kind, version):
        bus.tell("patients", RECORD_TOPIC, key, kind, version, message(
            (1, kind), (2, uuid_bytes(patient)), (3, "active"), (4, blob), (5, version)))

    tell(condition, CONDITION, 1)
    tell(allergy, ALLERGY, 1)
    kept = f"SELECT count(*) FROM allergy_heard WHERE patient_id = '{patient}' AND NOT removed"
    bus.wait("prescriptions", kept, 1)
    assert bus.value("prescriptions", f"SELECT sealed FROM allergy_heard WHERE id = '{allergy}'") == (
        "\\x" + blob.hex())
    tell(allergy, REMOVED, 2)
    bus.wait("prescriptions", kept, 0)
