"""The FHIR face between its two owners: patients and appointments, all real."""
import datetime
import uuid

import pytest

from telecura import ORG, rfc3339

BASE = "https://clinic.test/fhir/R4"
ALL_WEEK = [{"weekday": day, "from": "00:00", "to": "24:00"} for day in range(1, 8)]


class Face:
    def __init__(self, suite):
        self.suite = suite
        self.patients, self.appointments = suite.service("patients"), suite.service("appointments")
        self.api = suite.service("fhir", base=BASE, patients=f"127.0.0.1:{self.patients.port}",
                                 appointments=f"127.0.0.1:{self.appointments.port}")
        self.desk = suite.person("front_desk")
        today = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0)
        self.morning = int((today + datetime.timedelta(days=2, hours=8)).timestamp())

    def registered(self, **more):
        """A patient with a record, and who they are."""
        body = {"family_name": "Müller-\"O'Neil\\", "given_name": "Zoë", "birth_date": "1984-07-02",
                "gender": "female", **more}
        reply = self.patients.post("/v1/patients", body, who=self.desk)
        assert reply.status == 201, reply
        who = self.suite.person("patient", patient=reply.json["id"])
        self.suite.relation(who, who.patient, "self")
        self.suite.consent(who.patient)
        return who

    def clinician(self, org=ORG):
        who = self.suite.person("clinician", org=org)
        body = {"site_id": str(uuid.uuid4()), "time_zone": "UTC", "rules": ALL_WEEK}
        assert self.appointments.put(f"/v1/providers/{who.id}/availability", body, who=who).status == 200
        return who

    def booked(self, patient, doctor, start_s, reason="a cough"):
        reply = self.appointments.post("/v1/appointments", {
            "patient_id": patient.patient, "provider_id": doctor.id, "visit_type": "consultation",
            "starts_at": rfc3339(start_s), "reason": reason}, who=patient)
        assert reply.status == 201, reply
        return reply.json

    def get(self, path, who=None, **kw):
        return self.api.get(f"/fhir/R4{path}", who=who, **kw)


@pytest.fixture(scope="session")
def face(suite):
    return Face(suite)
