"""A surgery: who prescribes, for whom, at which visit, and who hands out."""
import uuid

import pytest

from sealed import ALLERGY, message, seal
from telecura import NO_ACT, ORG

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


class Surgery:
    def __init__(self, suite):
        self.suite = suite
        self.api = suite.service("prescriptions")
        self.doctor, self.nurse = suite.person("clinician"), suite.person("nurse")
        self.pharmacist = suite.person("pharmacist")

    def patient(self, org=ORG, doctor=None):
        """A patient with a visit; the doctor has the relation `booked`."""
        who = self.suite.patient(org=org)
        self.suite.relation(doctor or self.doctor, who.patient, "booked")
        who.visit = str(uuid.uuid4())
        self.api.execute("INSERT INTO visit_heard (org, id, act_id, patient_id, version, epoch) "
                         f"VALUES ('{org}', '{who.visit}', '{NO_ACT}', '{who.patient}', 1, 0)")
        return who

    def allergy(self, patient, code, system=RXNORM, text="an allergy", status="active", blob=None):
        """As patients.records brings it."""
        row = str(uuid.uuid4())
        blob = blob or seal(self.suite, "patients", ORG, patient.patient, ALLERGY, row,
                            message((1, system), (2, code), (3, text), (6, status)))
        self.api.execute("INSERT INTO allergy_heard (org, id, act_id, patient_id, sealed, version, epoch) VALUES "
                         f"('{ORG}', '{row}', '{NO_ACT}', '{patient.patient}', decode('{blob.hex()}', 'hex'), 1, 0)")
        return row

    def body(self, patient, **more):
        return {"patient_id": patient.patient, "visit_id": patient.visit, "drug": "amoxicillin",
                "dose_micrograms": 500000, "doses_per_day": 3, "quantity": 21, "refills": 0,
                "directions": "one capsule with water", **more}

    def draft(self, patient, who=None, key=None, **more):
        return self.api.post("/v1/prescriptions", self.body(patient, **more), who=who or self.doctor,
                             key=key)

    def drafted(self, patient, **more):
        reply = self.draft(patient, **more)
        assert reply.status == 201, reply
        return reply.json

    def fresh(self, who=None):
        """The token of somebody who has just shown the second factor."""
        return self.suite.idp.token((who or self.doctor).subject, acr=2)

    def step(self, rx, name, who=None, body=None, match=None, key=None):
        return self.api.post(f"/v1/prescriptions/{rx['id']}/{name}", body, who=who or self.doctor,
                             match=match, key=key)

    def sign(self, rx, who=None, match=None, **body):
        return self.step(rx, "sign", who or self.fresh(), body, match or rx["version"])

    def signed(self, patient, **more):
        reply = self.sign(self.drafted(patient, **more))
        assert reply.status == 200, reply
        return reply.json

    def sent(self, patient, **more):
        reply = self.step(self.signed(patient, **more), "send")
        assert reply.status == 200, reply
        return reply.json

    def fill(self, rx, who=None, key=None):
        return self.step(rx, "fills", who or self.pharmacist, key=key)

    def read(self, rx, who=None):
        return self.api.get(f"/v1/prescriptions/{rx['id']}", who=who or self.doctor)


@pytest.fixture(scope="session")
def surgery(suite):
    return Surgery(suite)
