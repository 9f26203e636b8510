"""Somebody else's things, one of each kind, made through the services themselves: what nobody may reach by
knowing its id."""
import datetime
import functools
import uuid

from telecura import ORG, rfc3339
from ws import connect

ALL_WEEK = [{"weekday": day, "from": "00:00", "to": "24:00"} for day in range(1, 8)]
CODED = {"text": "Penicillin", "system": "http://snomed.info/sct", "code": "764146007"}


class World:
    """KINDS names what it has; each is a property."""
    KINDS = ("patient", "person", "provider", "relation", "consent", "record", "visit", "channel", "grant", "guest",
             "prescription", "invoice", "audit_row", "glass", "removal", "organisation", "membership", "booked_relation",
             "note", "message", "hold", "erasure", "audit_hold", "destruction")

    def __init__(self, house):
        self.house, self.suite = house, house.suite
        self.desk, self.nurse = house.person("front_desk"), house.suite.person("nurse")   # who stands to the patient
        made = house.grants.visit()         # a patient who has agreed, and a clinician
        self.who, self.doctor, self.sitting = made.patient, made.clinician, made
        self.booked_relation = self.suite.relation(self.doctor, self.who.patient, "booked")
        self.patient, self.person, self.provider = self.who.patient, self.who.id, self.doctor.id
        self.organisation = ORG

    def post(self, service, path, body, who):
        reply = self.suite.service(service).post(path, body, who=who)
        assert reply.status == 201, (path, reply)
        return reply.json["id"]

    @functools.cached_property
    def relation(self):
        body = {"person_id": self.nurse.id, "patient_id": self.patient, "kind": "care_team", "proof": "care_plan"}
        return self.post("access", "/v1/relations", body, self.desk)

    @functools.cached_property
    def glass(self):
        body = {"patient_id": self.patient, "reason": "life", "text": "found on the floor of the ward"}
        return self.post("access", "/v1/break-glass", body, self.house.another(self.doctor, acr=2))

    @functools.cached_property
    def consent(self):
        """To research: what it is to is the same to who may not know of it."""
        body = {"patient_id": self.patient, "scope": "research", "document_version": 1}
        return self.post("access", "/v1/consents", body, self.who)

    @functools.cached_property
    def membership(self):
        return self.house.rows("access", f"SELECT id FROM member WHERE person = '{self.person}'")[0]["id"]

    @functools.cached_property
    def record(self):
        self.post("patients", "/v1/patients", {
            "patient_id": self.patient, "family_name": "Quill", "given_name": "Ida", "birth_date": "1990-01-01",
            "gender": "female"}, self.desk)
        self.suite.relation(self.nurse, self.patient, "care_team")
        return self.post("patients", f"/v1/patients/{self.patient}/allergies", CODED, self.nurse)

    @functools.cached_property
    def visit(self):
        return self.booked(8)

    def booked(self, hour):
        api = self.suite.service("appointments")
        offer = {"site_id": str(uuid.uuid4()), "time_zone": "UTC", "rules": ALL_WEEK}
        reply = api.put(f"/v1/providers/{self.doctor.id}/availability", offer, who=self.doctor)
        assert reply.status == 200, reply
        at = datetime.datetime.now(datetime.timezone.utc).replace(hour=hour, minute=0, second=0)
        return self.post("appointments", "/v1/appointments", {
            "patient_id": self.patient, "provider_id": self.doctor.id, "visit_type": "follow_up",
            "starts_at": rfc3339((at + datetime.timedelta(days=2)).timestamp()), "reason": "a cough"}, self.who)

    @functools.cached_property
    def note(self):
        """Of another visit than `visit`, which is over."""
        api, visit = self.suite.service("appointments"), self.booked(9)
        api.execute(f"UPDATE appointment SET state = 'completed' WHERE id = '{visit}'")
        assert api.put(f"/v1/appointments/{visit}/note", {"text": "rest"}, who=self.doctor).status == 200
        return self.house.rows("appointments", f"SELECT id FROM note WHERE appointment_id = '{visit}'")[0]["id"]

    @functools.cached_property
    def message(self):
        with connect(self.suite.service("messaging"), "/v1/stream") as ws:
            ws.ask("connect", token=self.who.token, grant=self.sitting.grant(self.who))
            ws.ask("send", message_id=str(uuid.uuid4()), body="good morning")
        return self.house.rows("messaging", f"SELECT id FROM message WHERE channel_id = '{self.sitting.channel}'")[0]["id"]

    @functools.cached_property
    def channel(self):
        with connect(self.suite.service("messaging"), "/v1/stream") as ws:
            ws.ask("connect", token=self.who.token, grant=self.sitting.grant(self.who))
        return self.sitting.channel

    @functools.cached_property
    def arrived(self):
        """A visit as access knows it, open."""
        now, visit = self.suite.now_s(), str(uuid.uuid4())
        self.suite.service("access").execute(
            "INSERT INTO visit (org, id, act_id, patient_id, provider_id, state, starts_at, ends_at, version, epoch) "
            f"VALUES ('{ORG}', '{visit}', '{visit}', '{self.patient}', '{self.doctor.id}', 'arrived', "
            f"'{rfc3339(now)}', '{rfc3339(now + 1800)}', 3, 0)")
        return visit

    @functools.cached_property
    def grant(self):
        return self.post("access", "/v1/grants", {"visit_id": self.arrived}, self.who)

    @functools.cached_property
    def removal(self):
        body = {"visit_id": self.arrived, "person_id": self.house.person("proxy").id}
        return self.post("access", "/v1/removals", body, self.doctor)

    @functools.cached_property
    def guest(self):
        body = {"visit_id": self.arrived, "display_name": "Bo", "birth_date": "1961-04-30"}
        return self.post("access", "/v1/guests", body, self.who)

    @functools.cached_property
    def prescription(self):
        visit = str(uuid.uuid4())
        self.suite.service("prescriptions").execute(
            "INSERT INTO visit_heard (org, id, act_id, patient_id, version, epoch) "
            f"VALUES ('{ORG}', '{visit}', '{visit}', '{self.patient}', 1, 0)")
        return self.post("prescriptions", "/v1/prescriptions", {
            "patient_id": self.patient, "visit_id": visit, "drug": "amoxicillin", "dose_micrograms": 500000,
            "doses_per_day": 3, "quantity": 21, "refills": 0, "directions": "one capsule with water"}, self.doctor)

    @functools.cached_property
    def invoice(self):
        made, charge = str(uuid.uuid4()), str(uuid.uuid4())
        self.suite.service("billing").execute(f"""
            INSERT INTO charge VALUES ('{ORG}', '{charge}', gen_random_uuid(), '{self.patient}', 'consultation',
                                       now(), now(), 9000, 'USD', gen_random_uuid());
            INSERT INTO invoice (org, id, act_id, charge_id, visit_id, visit_type, patient_id, state, amount_minor,
                                 currency, issued_at)
            SELECT org, '{made}', act_id, id, visit_id, visit_type, patient_id, 'issued', amount_minor, currency, now()
            FROM charge WHERE id = '{charge}'""")
        return made

    @property
    def privacy(self):
        return self.house.person("privacy", fresh=True)

    @functools.cached_property
    def hold(self):
        return self.post("access", "/v1/holds", {"patient_id": self.patient, "reason": "litigation"}, self.privacy)

    @functools.cached_property
    def erasure(self):
        """Of somebody else, since this one has visits."""
        return self.post("access", "/v1/erasures", {"patient_id": self.suite.patient().patient, "reason": "request"},
                         self.privacy)

    @functools.cached_property
    def audit_hold(self):
        return self.post("audit", "/v1/audit/holds", {"patient_id": self.patient, "reason": "a court asks"}, self.privacy)

    @functools.cached_property
    def destruction(self):
        """Of a half year that no log here has, since none of these is closed."""
        made = str(uuid.uuid4())
        self.suite.service("audit").execute(
            "INSERT INTO destruction (org, id, act_id, shard, state, asked_by, asked_at) VALUES "
            f"('{ORG}', '{made}', '{made}', '1999h1', 'asked', '{self.privacy.id}', now())")
        return made

    @functools.cached_property
    def audit_row(self):
        assert self.record
        return self.house.rows("patients", f"SELECT id FROM audit_outbox WHERE patient = '{self.patient}' LIMIT 1")[0]["id"]
