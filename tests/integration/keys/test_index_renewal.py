"""The organisation's index key renewed, the service killed at any point: search finds before, during and after."""
import random
import threading
import time
import uuid

from telecura import ORG

PATIENTS, KILLS = 60, 3


class Ward:
    def __init__(self, patients, desk):
        self.patients, self.desk = patients, desk

    def somebody(self):
        mark = uuid.uuid4().hex[:12]
        return {"family_name": f"Okafor-{mark}", "given_name": "Ben", "birth_date": "1984-07-02", "gender": "male",
                "mrn": f"MR {mark}", "phone": f"+1 555 {uuid.uuid4().int % 10**9:09}", "email": f"{mark}@example.org"}

    def register(self, about):
        return self.patients.post("/v1/patients", about, who=self.desk)

    def found(self, about, *names):
        reply = self.patients.post("/v1/patients/search", {name: about[name] for name in names}, who=self.desk, key="")
        return [row["id"] for row in reply.json["data"]] if reply.status == 200 else reply.status


BY = (("family_name", "birth_date"), ("mrn",), ("phone",), ("email",))


class Searcher(threading.Thread):
    """Looks for everybody all the time, by one thing or another; who was not found."""

    def __init__(self, ward, known):
        super().__init__()
        self.ward, self.known, self.over, self.asked, self.missed = ward, known, threading.Event(), 0, []

    def run(self):
        while not self.over.is_set():
            patient, about = random.choice(list(self.known.items()))
            by = random.choice(BY)
            try:
                found = self.ward.found(about, *by)
            except OSError:
                self.over.wait(0.05)  # it was killed just now
                continue
            if isinstance(found, list):
                self.asked += 1
                if found != [patient]:
                    self.missed.append((by, found))


def under(patients, key, is_under=True):
    return patients.value(f"SELECT count(*) FROM patient WHERE org = '{ORG}' AND index_key IS NOT NULL "
                          f"AND index_key {'=' if is_under else '<>'} '{key}'")


def current(keyd):
    return keyd.value(f"SELECT id FROM dek WHERE org = '{ORG}' AND domain = 'idx' AND state = 'active'")


def test_search_finds_before_during_and_after_a_renewal_of_the_index_key(suite, services, people):
    patients, keyd = services["patients"], services["keyd"]
    ward = Ward(patients, people["front_desk"])
    known = {ward.register(about).json["id"]: about for about in (ward.somebody() for _ in range(PATIENTS))}
    former = current(keyd)
    assert under(patients, former) >= PATIENTS
    searcher = Searcher(ward, known)
    searcher.start()

    renewed = services["access"].post("/v1/keys/renew", {"domain": "idx"}, who=people["admin"])
    assert (renewed.status, renewed.json) == (200, {"renewed": 1})
    patients.wait_for(f"SELECT count(*) > 0 FROM patient WHERE index_key <> '{former}'", 60)
    taken = next(iter(known.values()))["mrn"]   # under whichever key: it stays one patient's
    assert ward.register(ward.somebody() | {"mrn": taken}).code == "mrn_taken"
    for _ in range(KILLS):
        time.sleep(random.uniform(0, 0.5))  # at any point; no event to await
        patients.kill()
        patients.start()
    keyd.wait_for(f"SELECT state = 'retired' AND wrapped IS NULL FROM dek WHERE id = '{former}'", 120)
    asked = searcher.asked
    deadline = time.monotonic() + 20
    while searcher.asked < asked + 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    searcher.over.set()
    searcher.join()

    assert searcher.missed == [] and searcher.asked >= asked + 20
    assert current(keyd) != former and under(patients, former) == 0
    assert under(patients, current(keyd), is_under=False) == 0
    assert ward.register(ward.somebody() | {"mrn": taken}).code == "mrn_taken"
    for patient, about in list(known.items())[:5]:
        assert [ward.found(about, *by) for by in BY] == [[patient]] * len(BY)
    assert suite.audit("patients", action="row.reseal", outcome="done")
