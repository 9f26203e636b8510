"""A patient's keys renewed under load, services killed at any point: in the end nothing names the old ones."""
import http.client
import random
import threading
import time

from canary import Canary
from peer import Peer
from telecura import ORG

KILLED = ["keyd", "keyd", "patients", "patients", "access", "prescriptions"]    # who has the keys, rows, and copies of rows
NOT_RUN = ("appointments", "audit", "billing", "messaging", "notifications", "signaling")


def naming(services, key):
    """How many rows, of any table that holds blobs, name @key."""
    tables = {"patients": ("patient", "record", "member"), "access": ("member",),
              "prescriptions": ("allergy_heard", "prescription", "member")}
    return sum(services[name].value(f"SELECT count(*) FROM {table} WHERE position(uuid_send('{key}') IN sealed) > 0")
               for name, names in tables.items() for table in names)


class Writer(threading.Thread):
    """A nurse who goes on writing; what was acknowledged."""

    def __init__(self, patient, people):
        super().__init__()
        self.patient, self.nurse, self.over, self.written = patient, people["nurse"], threading.Event(), {}

    def run(self):
        for n in range(10_000):
            if self.over.is_set():
                return
            try:
                made = self.patient.patients.post(f"/v1/patients/{self.patient.id}/allergies",
                                                  {"text": f"allergy {n}"}, who=self.nurse)
                if made.status == 201:
                    self.written[made.json["id"]] = f"allergy {n}"
            except (OSError, http.client.HTTPException):
                self.over.wait(0.05)  # it was killed just now


def test_renewed_under_load_and_killed_nothing_is_left_under_the_former_key(suite, services, people, record):
    patient, keyd, access = record(Canary()), services["keyd"], services["access"]
    former = {row["domain"]: row["id"] for row in keyd.rows(
        f"SELECT domain, id FROM dek WHERE patient = '{patient.id}'")}
    assert set(former) == {"chart", "person"}
    services["prescriptions"].wait_for(f"SELECT count(*) = 1 FROM allergy_heard WHERE patient_id = '{patient.id}'", 20)
    assert sum(naming(services, key) for key in former.values()) >= 4
    writer = Writer(patient, people)
    writer.start()
    until = time.monotonic() + 60
    while len(writer.written) < 40:
        assert time.monotonic() < until
        time.sleep(0.05)

    assert Peer(suite, "patients").post("/v1/keys/renew", org=ORG, patient=patient.id).status == 403
    assert access.post("/v1/keys/renew", {"patient_id": patient.id}, who=people["nurse"]).status == 403
    renewed = access.post("/v1/keys/renew", {"patient_id": patient.id}, who=people["admin"])
    assert (renewed.status, renewed.json) == (200, {"renewed": 2})
    for name in random.sample(KILLED, len(KILLED)):
        time.sleep(random.uniform(0, 0.8))  # at any point; no event to await
        services[name].kill()
        services[name].start()
    keyd.wait_for("SELECT bool_and(renewed_at < now() - interval '2 seconds') FROM dek_rest "
                  f"WHERE patient = '{patient.id}'", 30)
    for name in NOT_RUN:  # they have no row at all, and say so
        assert Peer(suite, name).post("/v1/keys/clean", org=ORG, patient=patient.id, domain="person",
                                      dek_id=former["person"]).status == 200
    keyd.wait_for("SELECT count(*) = 2 FROM dek WHERE state = 'retired' AND wrapped IS NULL "
                  f"AND patient = '{patient.id}'", 120)
    writer.over.set()
    writer.join()

    for domain, key in former.items():
        assert naming(services, key) == 0
        assert Peer(suite, "patients" if domain == "chart" else "notifications").open(
            domain, key, patient.id).status == 404
    assert patient.name in patient.read().body.decode()
    chart, cursor = {}, ""
    while cursor is not None:
        page = patient.patients.get(f"/v1/patients/{patient.id}/allergies?limit=200{cursor}", who=people["nurse"]).json
        chart.update({row["id"]: row["text"] for row in page["data"]})
        cursor = f"&cursor={page['next_cursor']}" if page.get("next_cursor") else None
    assert chart.items() >= writer.written.items() and chart[patient.allergy] == patient.text
    person = access.get(f"/v1/people/{patient.person}", who=people["front_desk"]).json
    assert person["display_name"] == patient.name
    assert suite.audit("access", patient=patient.id, action="key.renew")[-1]["actor"] == people["admin"].id
    for name, row in (("patients", f"record WHERE id = '{patient.allergy}'"), ("access", f"member WHERE person = '{patient.person}'")):
        acts = {done["act"] for done in suite.audit(name, patient=patient.id, action="row.reseal")}
        assert services[name].value(f"SELECT act_id FROM {row}") in acts     # who looks finds the act of each version


def test_the_log_s_keys_are_renewed_by_an_admin_and_when_they_are_named(suite, services, people):
    """What was under the former opens on. That chain and leaves go on: tests/integration/audit/test_feed.py."""
    keyd, access = services["keyd"], services["access"]

    def active():
        return {row["id"]: row["domain"] for row in keyd.rows(
            "SELECT id, domain FROM dek WHERE domain IN ('audit', 'mac') AND state = 'active'")}

    assert access.get("/v1/me", who=people["admin"]).status == 200
    keyd.wait_for("SELECT count(DISTINCT domain) = 2 FROM dek WHERE domain IN ('audit', 'mac')", 30)  # it is on record
    before = active()
    for ask, status in (({"domain": "mac"}, 403), ({"domain": "audit"}, 403)):
        assert access.post("/v1/keys/renew", ask, who=people["privacy"]).status == status
    assert access.post("/v1/keys/renew", {}, who=people["admin"]).status == 200
    assert set(before) <= set(active()), "not along with others"
    for domain in ("mac", "audit"):
        renewed = access.post("/v1/keys/renew", {"domain": domain}, who=people["admin"])
        assert renewed.status == 200 and renewed.json["renewed"] >= 1, renewed
    assert Peer(suite, "patients").post("/v1/keys/renew", org=ORG, domain="mac").status == 403
    of_nobody = Peer(suite, "access").post("/v1/keys/renew", org=ORG, patient=ORG, domain="mac")
    assert (of_nobody.status, of_nobody.at) == (422, ["/patient"])
    of_nobody = access.post("/v1/keys/renew", {"patient_id": ORG, "domain": "audit"}, who=people["admin"])
    assert (of_nobody.status, of_nobody.at) == (422, ["/patient_id"])
    assert not set(before) & set(active())
    kept = keyd.value("SELECT count(*) FROM dek WHERE state = 'decrypt_only' AND wrapped IS NOT NULL AND id IN ("
                      + ", ".join(f"'{one}'" for one in before) + ")")
    assert kept == len(before)


def test_a_key_stays_until_every_service_has_said_that_none_of_its_rows_names_it(suite, services, people, record):
    patient, keyd = record(Canary()), services["keyd"]
    services["prescriptions"].stop()  # it holds a copy of the allergy
    try:
        services["access"].post("/v1/keys/renew", {"patient_id": patient.id, "domain": "chart"}, who=people["admin"])
        keyd.wait_for("SELECT array_agg(service) = '{prescriptions}' FROM dek_rest "
                      f"WHERE patient = '{patient.id}'", 60)
        assert keyd.value(f"SELECT count(*) FROM dek WHERE patient = '{patient.id}' AND state = 'decrypt_only' "
                          "AND wrapped IS NOT NULL") == 1
        services["patients"].wait_for("SELECT count(*) = 0 FROM outbox", 30)
    finally:
        services["prescriptions"].start()
    keyd.wait_for(f"SELECT count(*) = 1 FROM dek WHERE patient = '{patient.id}' AND state = 'retired'", 60)
    assert patient.chart().json["data"][0]["text"] == patient.text
