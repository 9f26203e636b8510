"""The reconciler finds nothing where nothing is wrong, under load too, and names each fault that is planted.

A fault is planted in the suite that runs, or in a copy of one source that the reconciler is given
instead; either way it is gone at the end of its test, and the next run finds nothing again. What needs
no gateway is in tests/integration/audit/test_reconcile.py.
"""
import contextlib
import datetime
import http.client
import json
import os
import re
import ssl
import subprocess
import threading
import time
import uuid

import pytest

import database
import forging
import reconciler as deployed
from door import TREE, until
from visit import book

NOBODY = "00000000-0000-0000-0000-000000000000"
FOUND = re.compile(r"^(.+): (\d+), the first: (.*)$", re.M)


class Reconciler:
    """Of what is done from now on: the tests before this file have spoken to services past the gateway."""

    def __init__(self, place, folder):
        self.place, self.folder = place, folder
        self.forget()

    def forget(self):
        """Acts are asked about from the next second on."""
        at = int(time.time()) + 1
        time.sleep(at - time.time())
        self.since = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat()

    def settings(self, **changed):
        known = json.loads(deployed.write_settings(self.place).read_text())
        for name, value in changed.items():
            known[name] = {**known[name], **value} if isinstance(value, dict) else value
        file = self.folder / "settings.json"
        file.write_text(json.dumps(known, default=str))
        return file

    def run(self, **changed):
        """({kind: (how often, the first)}, the last line)."""
        words = [deployed.PYTHON, f"{TREE}/clients/audit-reconcile/reconcile.py", self.settings(**changed)]
        done = subprocess.run([*words, "--from", self.since], capture_output=True, text=True)
        found = {kind: (int(count), first) for kind, count, first in FOUND.findall(done.stdout)}
        assert done.returncode == (1 if found else 0), done.stdout + done.stderr
        return found, done.stdout.splitlines()[-1]

    def with_database(self, service, name):
        """With that one in place of the service's own."""
        known = json.loads(self.settings().read_text())["databases"][service]
        return self.run(databases={service: {**known, "dbname": name}})[0]


@pytest.fixture(scope="module")
def made(place, parts, clinic, tmp_path_factory):
    return Reconciler(place, tmp_path_factory.mktemp("reconcile"))


@pytest.fixture
def reconciler(made, parts):
    parts.all_arrived()
    yield made
    parts.all_arrived()
    assert made.run()[0] == {}


@contextlib.contextmanager
def load(clinic):
    """People who book, read and cancel as fast as they can; what they did."""
    done, enough = [], threading.Event()

    def work(patient, doctor):
        while not enough.is_set():
            path = book(patient, doctor)
            doctor.get(path)
            patient.post(f"{path}/cancel")
            done.append(path)

    threads = [threading.Thread(target=work, args=pair)
               for pair in ((clinic.ana, clinic.dr_lee), (clinic.ben, clinic.dr_roy))]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def test_nothing_is_wrong_under_load(clinic, reconciler):
    with load(clinic) as done:
        lines = [reconciler.run() for _ in range(3)]
        assert len(done) > 4
    assert [found for found, _ in lines] == [{}] * 3
    print("\n".join(line for _, line in lines))


# ---- in the suite that runs ----

@pytest.mark.parametrize("change, kind", [
    ("act_id = '{act}'", "a row without its act"),
    (f"act_id = '{NOBODY}'", "a row that nobody made"),
    ("version = version + 1", "a row at another version than its act has left it"),
    ("state = 'completed'", "a row that its history does not tell of"),
])
def test_a_row_changed_by_hand(parts, clinic, reconciler, change, kind):
    path = book(clinic.ana, clinic.dr_lee)
    where = f"WHERE id = '{path.rpartition('/')[2]}'"
    parts.all_arrived()
    act_id, version, state = parts.rows("appointments", f"SELECT act_id, version, state FROM appointment {where}")[0]
    parts.rows("appointments", f"UPDATE appointment SET {change.format(act=uuid.uuid4())} {where}")
    found = reconciler.run()[0]
    parts.rows("appointments", f"UPDATE appointment SET act_id = '{act_id}', version = {version}, state = '{state}' "
               f"{where}")
    assert found.keys() == {kind, "a row that its history does not tell of"}
    assert found[kind][0] == 1 and "appointments.appointment" in found[kind][1]
    clinic.ana.post(f"{path}/cancel")


def test_a_note_written_by_hand(parts, clinic, reconciler):
    """A version that no act has made, beside the others."""
    act = uuid.uuid4()
    parts.rows("patients", "INSERT INTO patient (org, patient_id, act_id, created_at, sealed) "
               f"VALUES ('{clinic.org}', '{act}', '{act}', now(), '')")
    found = reconciler.run()[0]
    parts.rows("patients", f"DELETE FROM patient WHERE patient_id = '{act}'")
    assert found == {"a row without its act": (1, f"patients.patient in organisation {clinic.org}: act {act}")}


def test_an_act_past_the_gateway(place, clinic, reconciler):
    """Somebody who holds the gateway's key asks a service at its own door."""
    context = ssl.create_default_context(cafile=place.ca_file)
    context.load_cert_chain(place.run / "tls/gateway.crt", place.run / "tls/gateway.key")
    made_up = str(uuid.uuid4())
    for more in ({}, {"X-Request-Id": made_up}):
        connection = http.client.HTTPSConnection("127.0.0.1", place.port("patients"), context=context, timeout=20)
        connection.request("GET", f"/v1/patients/{clinic.patient}", headers={
            "Authorization": f"Bearer {clinic.fay.token}", **more})
        assert connection.getresponse().status == 200
        connection.close()
    found = until(lambda: len(found := reconciler.run(patience_s=0)[0]) == 2 and found, "both", 120)
    assert found["an act past the gateway"][0] == 1
    assert made_up in found["an act without a request"][1]
    reconciler.forget()


def test_a_producer_without_its_key(place, parts, clinic, reconciler):
    """Somebody who holds billing's certificate, knows where the chain of appointments stands and speaks in its
    name. On audit.events.v1 every service may write (tests/hostile/real/test_records.py has the others); but keyd
    gives billing no such key, and what is chained by another is not believed."""
    status, answer = forging.asked_for_key(place, "billing", "appointments")
    assert status == 403 and "key" not in answer, answer
    seq, mac = parts.rows("appointments", f"SELECT seq + 1, encode(mac, 'hex') FROM audit_chain WHERE org = '{clinic.org}'")[0]
    name = uuid.UUID(bytes=forging.producer_id("appointments"))
    key_id = parts.rows("keyd", f"SELECT id FROM dek WHERE domain = 'mac' AND patient = '{name}'")[0][0]
    event, record = forging.record(clinic.org, "appointments", int(seq), bytes.fromhex(mac), os.urandom(32), key_id)
    sent = forging.send(place, "billing", "audit.events.v1", clinic.org, event, name.bytes, record, seq)
    assert sent.returncode == 0, sent.stderr
    incident = f"FROM incident WHERE org = '{clinic.org}' AND producer = 'appointments' AND kind = 'bad_mac'"
    until(lambda: parts.rows("audit", f"SELECT seq {incident}"), "the incident", 60)
    found = reconciler.run()[0]
    parts.rows("audit", f"DELETE {incident}")
    assert found == {"audit did not believe what it heard (bad_mac)": (
        1, f"appointments {seq} in log {clinic.org}, 1 times")}


# ---- in a copy of one source ----

def test_a_line_of_the_gateway(place, clinic, reconciler, tmp_path):
    """One that no service has an act of, with and without a name for it, and one that is missing."""
    clinic.fay.get(f"/v1/patients/{clinic.patient}")
    act = clinic.fay.acts[-1][3]
    until(lambda: act in (place.run / "log/gateway.log").read_text(), "the line")
    text = (place.run / "log/gateway.log").read_text()
    line = next(line for line in text.splitlines() if act in line)
    other = [word if word != act else str(uuid.uuid4()) for word in line.split()]
    other[2] = str(uuid.uuid4())
    for forged, kind in ((f"{text}{' '.join(other)}\n", "a request without its act"),
                         (f"{text}{' '.join('-' if i == 7 else word for i, word in enumerate(other))}\n",
                          "a request without an act"),
                         (f"{text}{line.replace(line.split()[2], other[2])}\n", "a request answered with another's act"),
                         (text.replace(f"{line}\n", ""), "an act without a request")):
        (tmp_path / "gateway.log").write_text(forged)
        found = reconciler.run(gateway_logs=[tmp_path / "gateway.log"], patience_s=0)[0]
        assert found.keys() == {kind} and found[kind][0] == 1, kind


@contextlib.contextmanager
def older(parts, service):
    """A copy of the service's database, as a backup of now would bring it back later."""
    copy = f"{service}_older"
    with parts.without(service):
        database.psql(parts.place, f"CREATE DATABASE {copy} TEMPLATE {service}")
    try:
        yield copy
    finally:
        database.psql(parts.place, f"DROP DATABASE {copy}")


def test_a_service_of_an_older_backup(parts, clinic, reconciler):
    with older(parts, "appointments") as copy:
        clinic.ana.post(f"{book(clinic.ana, clinic.dr_lee)}/cancel")
        parts.all_arrived()
        found = reconciler.with_database("appointments", copy)
    assert found.keys() == {"the log has more than its producer has said"}
    assert found.popitem()[1][1].startswith("appointments stands at ")


def test_an_audit_of_an_older_backup(parts, clinic, reconciler):
    with older(parts, "audit") as copy:
        clinic.fay.get(f"/v1/patients/{clinic.patient}")
        parts.all_arrived()
        found = reconciler.with_database("audit", copy)
    assert {"audit does not know what it has published",
            "the published tree is not the one that audit has signed"} <= found.keys()
