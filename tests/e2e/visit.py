"""What the steps of the story (test_consultation.py) know of each other and of the suite."""
import collections
import datetime
import pathlib
import secrets
import subprocess
import time

import door as doors
import synthea

TREE = doors.TREE
SYNTHEA = TREE / "tests/data/synthea"
CAST = {"ana": "ana", "dr_lee": "dr.lee", "fay": "fay", "nia": "nia", "pia": "pia", "bob": "bob",
        "aud": "aud"}
A_CHART = "6d2eba67-5b4a-403f-a29f-e6da3f1ea963.json"       # the one of the three with most in it
ABOUT_NOBODY = {"self.read", "slots.read", "availability.set"}      # they name no patient
Step = collections.namedtuple("Step", "who action outcome act what")


CHECK_IN_MINUTES = 29       # it opens half an hour before the visit
ALL_DAY = [{"weekday": day, "from": "00:00", "to": "24:00"} for day in range(1, 8)]


def offer_hours(clinician):
    site = clinician.get("/v1/sites")["data"][0]
    clinician.put(f"/v1/providers/{clinician.id}/availability", site_id=site["id"],
                  time_zone=site["time_zone"], weeks=2, rules=ALL_DAY)


def consent(patient):
    """To telehealth; the consent's id."""
    given = patient.get("/v1/consents", patient_id=patient.patient, scope="telehealth")["data"]
    active = [one["id"] for one in given if one["state"] == "active"]
    return active[0] if active else patient.post(
        "/v1/consents", patient_id=patient.patient, scope="telehealth", document_version=1)["id"]


def care(desk, nurse, patient):
    """The desk puts the nurse on the patient's care team; the chart opens a moment later."""
    team = desk.get("/v1/relations", patient_id=patient, person_id=nurse.id)["data"]
    if not any(one["kind"] == "care_team" and one["ends_at"] > now() for one in team):
        desk.post("/v1/relations", patient_id=patient, person_id=nurse.id, kind="care_team", proof="care_plan")
    doors.until(lambda: doors.heard(lambda: nurse.get(f"/v1/patients/{patient}/allergies"), "not_found"),
                "the care team heard of")


def book(patient, clinician, reason="A question", minutes=(60, 7 * 24 * 60)):
    """The first free time so far from now; the path of the visit. The next hour is left to who enters."""
    first, last = minutes
    slot = patient.get("/v1/slots", provider_id=clinician.id, visit_type="follow_up",
                       **{"from": now(first), "to": now(last)})["data"][0]
    booked = patient.post("/v1/appointments", patient_id=patient.patient, provider_id=clinician.id,
                          visit_type="follow_up", starts_at=slot["starts_at"], reason=reason)
    return f"/v1/appointments/{booked['id']}"


def enter(patient, clinician, reason="A question"):
    """From the booking to the consultation; each one's grant."""
    path = book(patient, clinician, reason, minutes=(0, CHECK_IN_MINUTES))
    patient.put(f"{path}/place", place="At home", call_back_number="+1 555 0101")
    hers = patient.post(f"{path}/check_in")["visit_pass"]
    his = clinician.post(f"{path}/admit")["visit_pass"]
    clinician.post(f"{path}/start")
    return path, [patient.post("/v1/grants", **{"pass": hers}),
                  clinician.post("/v1/grants", **{"pass": his})]


def synthea_patient(file):
    (patient,) = synthea.read(SYNTHEA / file).patients
    return patient


def next_minutes(n):
    return {"from": now(), "to": now(n)}


def now(more_minutes=0):
    return rfc3339(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=more_minutes))


def rfc3339(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class Visit:
    def __init__(self, door, programs, canary=None):
        self.door, self.programs = door, pathlib.Path(programs)
        self.canary = canary or "canary" + secrets.token_hex(13)
        self.people = [door.person(name) for name in CAST.values()]
        for name, person in zip(CAST, self.people):
            setattr(self, name, person)
        self.patient, self.org = self.ana.patient, self.ana.known["org"]
        self.log = door.run / "audit/log" / self.org
        self.openapi = door.openapi()

    @property
    def demographics(self):
        """Of a Synthea patient; the name, the record number and the address for mails are Ana's."""
        return synthea_patient(A_CHART).body | {
            "family_name": "Reyes", "given_name": "Ana", "mrn": f"demo-{self.patient[:8]}",
            "email": self.ana.email, "language": self.ana.known["language"]}

    @property
    def chart(self):
        """The same patient's conditions and medicines; allergies, which no patient of Synthea's set
        has, from the made-up sample."""
        sample = synthea_patient("made-up-allergies.json").records
        return synthea_patient(A_CHART).records + [one for one in sample if one.path == "allergies"]

    # The log.

    def audited_steps(self):
        """What the people have asked for so far about Ana, as the log ought to have it."""
        for person in self.people:
            for method, path, refusal, act in person.acts:
                action = self.action_of(method, path)
                # Who may not do a thing at all is refused before it is known about whom.
                if action and action not in ABOUT_NOBODY and refusal != "forbidden":
                    yield Step(person.id, action, "refused" if refusal else "done", act,
                               f"{method} {path}")

    def action_of(self, method, path):
        segments = path.split("/")
        for known, operations in self.openapi["paths"].items():
            parts = known.split("/")
            if len(parts) == len(segments) and method.lower() in operations and all(
                    part == segment or part.startswith("{") for part, segment in zip(parts, segments)):
                return operations[method.lower()]["x-audit"]
        raise AssertionError(f"OpenAPI does not know {method} {path}")

    def logged(self, **query):
        """{act: event} of all that the log has about Ana, or of what is asked for."""
        return {event["act"]: event for event in self.aud.pages(
            f"/v1/audit/patients/{self.patient}/events", limit=200, **query)}

    def logged_when(self, steps, seconds=60):
        """The log, once it has all @steps. Each look is itself logged, as a read about Ana: so there
        are few of them."""
        end = time.monotonic() + seconds
        while missing := [step for act, step in steps.items() if act not in (log := self.logged())]:
            assert time.monotonic() < end, f"not in the log after {seconds} s: {missing}"
            time.sleep(1)
        return log

    @property
    def vkey(self):
        return sorted(self.log.glob("*h[12]/vkey"))[-1].read_text().strip()

    def export_log(self, folder):
        """As `make audit-export` and `make audit-verify` do."""
        subprocess.run([self.programs / "audit-export", self.log, folder], check=True,
                       stdout=subprocess.DEVNULL)
        checked = subprocess.run([self.programs / "audit-verify", folder, "--vkey", self.vkey],
                                 capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout
