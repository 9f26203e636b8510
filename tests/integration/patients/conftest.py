"""A ward: the people who register patients and write charts, and what they do."""
import uuid

import pytest


class Ward:
    def __init__(self, suite):
        self.suite = suite
        self.api = suite.service("patients")
        self.desk, self.nurse = suite.person("front_desk"), suite.person("nurse")

    def demographics(self, **more):
        """Somebody whom no other test has: search finds them alone."""
        mark = uuid.uuid4().hex[:12]
        return {"family_name": f"Okafor-{mark}", "given_name": "Ben", "birth_date": "1984-07-02",
                "gender": "male", "mrn": f"MR {mark}", "phone": f"+1 555 {uuid.uuid4().int % 10**9}",
                "email": f"{mark}@example.org", "address": "7 Mill Lane", "language": "en", **more}

    def register(self, who=None, key=None, **more):
        return self.api.post("/v1/patients", self.demographics(**more), who=who or self.desk, key=key)

    def registered(self, **more):
        """A patient whom the ward's nurse cares for."""
        reply = self.register(**more)
        assert reply.status == 201, reply
        self.suite.relation(self.nurse, reply.json["id"], "care_team")
        return reply.json

    def own(self, patient):
        """The person whose record @patient is."""
        who = self.suite.person("patient", patient=patient["id"])
        self.suite.relation(who, patient["id"], "self")
        return who

    def clinician(self, patient=None):
        who = self.suite.person("clinician")
        if patient:
            self.suite.relation(who, patient["id"], "booked")
        return who

    def search(self, who=None, **what):
        return self.api.post("/v1/patients/search", what, who=who or self.desk, key="")

    def add(self, patient, kind="allergies", who=None, key=None, **what):
        what = what or {"text": "Penicillin", "system": "http://snomed.info/sct", "code": "764146007"}
        return self.api.post(f"/v1/patients/{patient['id']}/{kind}", what, who=who or self.nurse, key=key)

    def added(self, patient, kind="allergies", **what):
        reply = self.add(patient, kind, **what)
        assert reply.status == 201, reply
        return reply.json

    def list(self, patient, kind="allergies", who=None, more=""):
        reply = self.api.get(f"/v1/patients/{patient['id']}/{kind}{more}", who=who or self.nurse)
        assert reply.status == 200, reply
        return reply.json["data"]

    def remove(self, record, match, who=None):
        return self.api.request("DELETE", f"/v1/records/{record['id']}", who=who or self.nurse,
                                headers={} if match is None else {"If-Match": f'"{match}"'})


@pytest.fixture(scope="session")
def ward(suite):
    return Ward(suite)
