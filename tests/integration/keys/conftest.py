"""Services that hold what a patient said, a bus between them, and the people who decide on keys."""
import time
import uuid

import pytest

from bus import Bus
from telecura import ORG, Person, free_port

SERVICES = ("keyd", "access", "patients", "prescriptions")


@pytest.fixture(scope="session")
def bus():
    made = Bus()
    yield made
    made.close()


@pytest.fixture(scope="session")
def services(suite, bus):
    suite.service("keyd", dek_grace_s=2)
    more = {"kafka": bus.address, "reseal_every_s": 1}
    plain = {"access": {"http_plain": f"127.0.0.1:{free_port()}"}}
    return {name: suite.service(name, **(more if name != "keyd" else {}), **plain.get(name, {})) for name in SERVICES}


@pytest.fixture(scope="session")
def people(suite, services):
    """Each as they are for five minutes after their second factor."""
    return {role: fresh(suite, suite.person(role)) for role in ("privacy", "admin", "front_desk", "nurse", "auditor")}


@pytest.fixture(scope="session")
def twice(suite, services):
    """One human who is two members: privacy officer and admin."""
    one = fresh(suite, suite.person("privacy"))
    other = Person(str(uuid.uuid4()), ORG, "admin", one.subject, token=one.token)
    suite.everywhere(suite._member(other, "active"))
    return one


def fresh(suite, who):
    who.token = suite.idp.token(who.subject, acr=2)
    return who


def when_keyd_is_back(asks):
    """A service gives keyd 200 ms, which is little on a busy machine."""
    until = time.monotonic() + 20
    while (reply := asks()).status == 503 and time.monotonic() < until:
        time.sleep(0.1)
    return reply


class Record:
    """A patient who is known to access and to patients, by words that no other has."""

    def __init__(self, suite, services, people, canary):
        self.access, self.patients, self.people = services["access"], services["patients"], people
        self.name, self.text = canary.word(), canary.word()
        self.phone = f"+1 555 {uuid.uuid4().int % 10**9:09}"
        made = when_keyd_is_back(lambda: self.access.post("/v1/people", {
            "role": "patient", "display_name": self.name, "email": f"{self.name}@example.org"},
            who=people["front_desk"]))
        assert made.status == 201, made
        self.person, self.id = made.json["id"], made.json["patient_id"]
        self.patients.wait_for(f"SELECT count(*) = 1 FROM relation WHERE patient_id = '{self.id}'", 20)
        assert when_keyd_is_back(self.register).status == 201
        suite.relation(people["nurse"], self.id, "care_team")
        added = when_keyd_is_back(lambda: self.patients.post(
            f"/v1/patients/{self.id}/allergies", {"text": self.text}, who=people["nurse"]))
        assert added.status == 201, added
        self.allergy = added.json["id"]

    def register(self):
        return self.patients.post("/v1/patients", {
            "patient_id": self.id, "family_name": self.name, "given_name": "Ben", "birth_date": "1984-07-02",
            "gender": "male", "phone": self.phone}, who=self.people["front_desk"])

    def read(self):
        return self.patients.get(f"/v1/patients/{self.id}", who=self.people["nurse"])

    def chart(self):
        return self.patients.get(f"/v1/patients/{self.id}/allergies", who=self.people["nurse"])

    def found(self):
        reply = self.patients.post("/v1/patients/search", {"phone": self.phone}, who=self.people["front_desk"], key="")
        assert reply.status == 200, reply
        return [row["id"] for row in reply.json["data"]]


@pytest.fixture
def record(suite, services, people):
    return lambda canary: Record(suite, services, people, canary)
