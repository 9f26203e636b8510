"""A clinic: clinicians who offer time, patients who consented, and the steps of a visit."""
import datetime
import time
import uuid

import pytest

from telecura import ORG, rfc3339

DAY_S = 24 * 3600
ALL_WEEK = [{"weekday": day, "from": "00:00", "to": "24:00"} for day in range(1, 8)]


class Clinic:
    def __init__(self, suite):
        self.suite = suite
        self.api = suite.service("appointments")
        self.desk = suite.person("front_desk")
        self.nurse = suite.person("nurse")
        # The morning of the day after tomorrow: far from now, and the same all day long.
        today = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0)
        self.morning = int((today + datetime.timedelta(days=2, hours=8)).timestamp())

    def clinician(self, rules=None, time_zone="UTC", org=ORG):
        who = self.suite.person("clinician", org=org)
        assert self.offer(who, rules or ALL_WEEK, time_zone).status == 200
        return who

    def offer(self, who, rules, time_zone="UTC", site=None, **more):
        body = {"site_id": site or str(uuid.uuid4()), "time_zone": time_zone, "rules": rules, **more}
        return self.api.put(f"/v1/providers/{who.id}/availability", body, who=who)

    def slots(self, doctor, who, start_s, days=1, visit_type="consultation", more=""):
        return self.api.get(
            f"/v1/slots?provider_id={doctor.id}&visit_type={visit_type}&from={rfc3339(start_s)}"
            f"&to={rfc3339(start_s + days * DAY_S)}{more}", who=who)

    def booking(self, patient, doctor, start_s, visit_type="consultation", reason="a cough"):
        return {"patient_id": patient.patient, "provider_id": doctor.id, "visit_type": visit_type,
                "starts_at": rfc3339(start_s), "reason": reason}

    def book(self, patient, doctor, start_s, who=None, key=None, **more):
        return self.api.post("/v1/appointments", self.booking(patient, doctor, start_s, **more),
                             who=who or patient, key=key)

    def booked(self, patient, doctor, start_s, **more):
        reply = self.book(patient, doctor, start_s, **more)
        assert reply.status == 201, reply
        return reply.json

    def step(self, visit, name, who, body=None, match=None):
        return self.api.post(f"/v1/appointments/{visit['id']}/{name}", body, who=who, match=match)

    def place(self, visit, who, place="at home", number="+1 555 0100"):
        return self.api.put(f"/v1/appointments/{visit['id']}/place",
                            {"place": place, "call_back_number": number}, who=who)

    def note(self, visit, who, text, match=None):
        return self.api.put(f"/v1/appointments/{visit['id']}/note", {"text": text}, who=who, match=match)

    def at(self, at_s):
        """Moves the clock of every service to @at_s."""
        self.suite.clock(at_s - time.time())

    def visit_in(self, state, patient=None, doctor=None, start_s=None):
        """A visit that has come as far as @state, with its patient and clinician; the clock stands
        at its start from arrival on."""
        patient = patient or self.suite.patient(consent=True)
        doctor = doctor or self.clinician()
        start_s = start_s or self.morning
        visit = self.booked(patient, doctor, start_s)
        path = {"scheduled": [], "confirmed": ["confirm"], "cancelled": ["cancel"],
                "no_show": ["no_show"], "arrived": ["check_in"], "admitted": ["check_in", "admit"],
                "in_progress": ["check_in", "admit", "start"],
                "completed": ["check_in", "admit", "start", "end"]}[state]
        by = {"no_show": self.desk, "admit": doctor, "start": doctor, "end": doctor}
        if "no_show" in path:
            self.at(start_s + 700)
        if "check_in" in path:
            self.at(start_s)
            assert self.place(visit, patient).status == 200
        for name in path:
            if name == "end":
                assert self.note(visit, doctor, "rest and water").status == 200
            reply = self.step(visit, name, by.get(name, patient), {} if name == "end" else None)
            assert reply.status == 200, (name, reply)
            visit = reply.json
        return visit, patient, doctor


@pytest.fixture(scope="session")
def clinic(suite):
    return Clinic(suite)
