"""What is told of a patient in one visit and around it: every text that a route or a frame marks as
PHI is a word of its own, taken by the service that owns it.

    told = Told(place, door)
    told.everything()       # the story
    told.left_out()         # texts that the story has not filled: a new one cannot be forgotten
    told.canary             # the words, and the secrets that the services have answered
"""
import json
import secrets
import uuid

import visit as visits
from canary import Canary
from door import Refused, heard, until

NOT_OURS = {
    ("POST /v1/me/bind", "code"): "answered by access; it is looked for as it was answered",
    ("POST /v1/guests/enter", "link"): "answered by access; it is looked for as it was answered",
    ("POST /v1/prescriptions", "drug"): "a name of the formulary",
}
WORD_BYTES = 32


class Told:
    def __init__(self, place, door):
        self.canary, self.said, self.refusals = Canary(), set(), []
        self.place, self.door = place, door
        self.texts = dict(texts(json.loads((place.bin.parent / "describe.json").read_text())))

    def left_out(self):
        known = {(where, field) for where, fields in self.texts.items() for field in fields}
        return known - self.said - NOT_OURS.keys()

    def word(self, field):
        if not {"phone", "number"} & set(field.split("_")):
            return self.canary.word(size=WORD_BYTES)
        self.canary.words.append(str(10**29 + secrets.randbelow(9 * 10**29)))
        return self.canary.words[-1]

    def worded(self, where, **given):
        """The body: what is given, and a word in every other text."""
        return given | {field: self.word(field) for field in self.texts[where] if field not in given}

    def taken(self, where, body):
        self.said |= {(where, field) for field in self.texts[where] if body.get(field) in self.canary.words}

    def say(self, who, where, id=None, **given):
        """Asks for it; the answer."""
        method, path = where.split()
        body = self.worded(where, **given)
        answer = getattr(who, method.lower())(path.replace("{id}", id or ""), **body)
        self.taken(where, body)
        return answer

    def refused(self, who, where, id=None, **given):
        try:
            self.say(who, where, id, **given)
        except Refused as refusal:
            self.refusals.append(str(refusal).encode())
        else:
            raise AssertionError(f"{where} was not refused")

    # ---- the story ----

    def everything(self):
        patient = self.a_record()
        self.a_chart(patient)
        self.a_visit()
        self.around_it()

    def a_record(self):
        fay, dr_roy = self.door.person("fay"), self.door.person("dr.roy")
        plain = {"birth_date": "1971-03-04", "gender": "female"}
        patient = self.say(fay, "POST /v1/patients", **plain)["id"]
        self.say(fay, "PUT /v1/patients/{id}", patient, if_match=1, **plain)
        assert self.say(fay, "POST /v1/patients/search", birth_date="1971-03-04")["data"] == []
        person = self.say(fay, "POST /v1/people", role="patient", patient_id=patient)
        self.canary.words.append(person["sign_in_code"])
        self.refused(dr_roy, "POST /v1/patients", **plain)
        self.refused(fay, "POST /v1/patients", **plain, surprise=self.word("surprise"))
        self.refused(fay, "POST /v1/patients", gender="female", birth_date=self.word("birth_date"))
        return patient

    def a_chart(self, patient):
        nia = self.door.person("nia")
        visits.care(self.door.person("fay"), nia, patient)
        for kind in ("allergies", "conditions", "medicines"):
            record = self.say(nia, f"POST /v1/patients/{{id}}/{kind}", patient)
        self.say(nia, "PUT /v1/records/{id}", record["id"], if_match=1)
        self.refused(nia, "PUT /v1/records/{id}", record["id"], if_match=1)

    def a_visit(self):
        ben, dr_roy = self.door.person("ben"), self.door.person("dr.roy")
        visits.offer_hours(dr_roy)
        visits.consent(ben)
        time = ben.get("/v1/slots", provider_id=dr_roy.id, visit_type="follow_up",
                       **visits.next_minutes(visits.CHECK_IN_MINUTES))["data"][0]["starts_at"]
        visit = self.say(ben, "POST /v1/appointments", patient_id=ben.patient, starts_at=time,
                         provider_id=dr_roy.id, visit_type="follow_up")["id"]
        path = f"/v1/appointments/{visit}"
        self.say(ben, "PUT /v1/appointments/{id}/place", visit)
        hers = ben.post(f"{path}/check_in")["visit_pass"]
        his = dr_roy.post(f"{path}/admit")["visit_pass"]
        dr_roy.post(f"{path}/start")
        grants = [ben.post("/v1/grants", **{"pass": hers}), dr_roy.post("/v1/grants", **{"pass": his})]

        self.a_chat(ben, grants[0])
        self.a_call(ben, dr_roy, *grants)
        self.a_guest(ben, visit)
        self.say(dr_roy, "PUT /v1/appointments/{id}/note", visit)
        self.say(dr_roy, "PUT /v1/appointments/{id}/psychotherapy_note", visit)
        self.say(dr_roy, "POST /v1/appointments/{id}/end", visit)
        self.a_prescription(ben, dr_roy, visit)

    def a_chat(self, who, grant):
        said = self.worded("send", message_id=str(uuid.uuid4()))
        with who.stream(grant) as chat:
            chat.ask("send", **said)
        self.taken("send", said)

    def a_call(self, who, other, her_grant, his_grant):
        said = self.worded("signal", to=who.id, type="offer", gen=0, seq=1)
        with who.call(her_grant) as hers, other.call(his_grant) as his:
            his.send("signal", **said)
            assert hers.push("signal")["data"] == said["data"]
        self.taken("signal", said)

    def a_guest(self, who, visit):
        phone, enter = self.word("phone"), "POST /v1/guests/enter"
        guest = self.say(who, "POST /v1/guests", visit_id=visit, phone=phone)
        self.canary.words.append(guest["link"])
        said = self.worded(enter, link=guest["link"], phone=phone)
        status, _, answer = self.door.request(*enter.split(), {"Content-Type": "application/json"},
                                              json.dumps(said))
        assert status == 201, answer
        self.taken(enter, said)

    def a_prescription(self, patient, clinician, visit):
        """Of too much; the signer says why."""
        much = {"drug": "amoxicillin", "dose_micrograms": 100_000_000, "doses_per_day": 24,
                "quantity": 6, "refills": 0, "patient_id": patient.patient, "visit_id": visit}
        draft = until(lambda: heard(lambda: self.say(clinician, "POST /v1/prescriptions", **much)),
                      "the visit known there")
        assert draft["findings"]
        self.say(clinician.sign_in(), "POST /v1/prescriptions/{id}/sign", draft["id"],
                 if_match=draft["version"])

    def around_it(self):
        """Who looked in an emergency, and what was said of it; what must be kept."""
        dr_lee, ben, pri = (self.door.person(name) for name in ("dr.lee", "ben", "pri"))
        glass = self.say(dr_lee.sign_in(), "POST /v1/break-glass", patient_id=ben.patient, reason="life")
        self.say(pri.sign_in(), "POST /v1/break-glass/{id}/review", glass["id"], finding="justified")
        hold = self.say(pri, "POST /v1/audit/holds", patient_id=ben.patient)
        self.say(pri, "POST /v1/audit/holds/{id}/lift", hold["id"])


def texts(described):
    """("POST /v1/patients", {"family_name", ...}) of each route; of a frame by its type."""
    for tables in described.values():
        asked = [(f"{route['method']} {route['path']}", route["body"]) for route in tables["routes"]
                 if "body" in route]
        asked += [(frame["type"], frame["body"]) for frame in tables["frames"] if "body" in frame]
        for where, shape in asked:
            fields = {name for name, schema in tables["schemas"][shape]["properties"].items()
                      if is_free_text(schema)}
            if fields:
                yield where, fields


def is_free_text(schema):
    """Marked, and with room for a word; a day or one of a few words cannot be told from chance."""
    return (schema.get("x-phi") and schema.get("type") == "string"
            and not {"format", "enum"} & schema.keys())
