"""What people do all day, kind by kind, with a planted word wherever something is said about a patient.

Ben is with Dr Roy: their chat and their call are open. Ana has a visit with Dr Lee before her and an
old one behind her. Each ask is made by somebody who may, and ends "done" or with the code that says
why not.
"""
import collections
import concurrent.futures
import contextlib
import http.client
import secrets
import time
import uuid

import ws
from door import Refused, heard, until
from parts import patiently
from visit import book, enter

DRUG = {"drug": "amoxicillin", "dose_micrograms": 500_000, "doses_per_day": 3, "quantity": 6, "refills": 0}
STAY_S = 120     # a fault, and what comes of it
GRANT_S = 600


class Scene(contextlib.ExitStack):
    def __init__(self, clinic):
        super().__init__()
        self.clinic = clinic
        self.word = {person.patient: "canary" + secrets.token_hex(8) for person in (clinic.ana, clinic.ben)}
        self.ana_word, self.ben_word = self.word.values()
        self.acknowledged = collections.defaultdict(list)
        self.enter_visit()
        self.path = book(clinic.ana, clinic.dr_lee, reason=self.ana_word)

    def enter_visit(self):
        self.entered_at = time.monotonic()
        self.visit, self.grants = enter(self.clinic.ben, self.clinic.dr_roy, self.ben_word)
        self.rx = until(lambda: heard(self.prescribe), "the visit known to prescriptions", 30)

    def begin(self):
        """Everybody is signed in, with a grant that lasts; sockets are opened anew: who does not read
        answers no ping, and is given up after half a minute."""
        for person in self.clinic.people:
            patiently(lambda: person.stay(STAY_S))
        if time.monotonic() - self.entered_at > GRANT_S - STAY_S:
            self.end()
            self.enter_visit()
        self.acknowledged.clear()
        self.open_sockets()

    def open_sockets(self):
        self.close()
        ben, roy = self.clinic.ben, self.clinic.dr_roy
        self.chat = {ben: self.enter_context(ben.stream(self.grants[0])),
                     roy: self.enter_context(roy.stream(self.grants[1]))}
        self.seats = {ben: self.enter_context(ben.call(self.grants[0])),
                      roy: self.enter_context(roy.call(self.grants[1]))}
        self.seq = 0

    def end(self):
        self.close()
        self.clinic.dr_roy.put(f"{self.visit}/note", text=self.ben_word)
        self.clinic.dr_roy.post(f"{self.visit}/end")

    # What is asked.

    def read(self):
        self.clinic.fay.get(f"/v1/patients/{self.clinic.patient}")

    def read_chart(self):
        self.clinic.dr_roy.get(f"/v1/patients/{self.clinic.ben.patient}/allergies")

    def list_patients(self):
        self.clinic.nia.get("/v1/patients")

    def list_visits(self):
        self.clinic.dr_lee.get("/v1/appointments", patient_id=self.clinic.patient)

    def book(self):
        self.acknowledged["book"].append(book(self.clinic.ana, self.clinic.dr_lee, reason=self.ana_word))

    def prescribe(self):
        made = self.clinic.dr_roy.post("/v1/prescriptions", patient_id=self.clinic.ben.patient,
                                       visit_id=self.visit.rpartition("/")[2], directions=self.ben_word, **DRUG)
        self.acknowledged["prescribe"].append(made["id"])
        return made["id"]

    def read_prescription(self):
        self.clinic.dr_roy.get(f"/v1/prescriptions/{self.rx}")

    def fhir(self):
        self.clinic.ana.get(f"/fhir/R4/Patient/{self.clinic.patient}")

    def own_audit(self):
        self.clinic.ana.get(f"/v1/audit/patients/{self.clinic.patient}/events", limit=20)

    def history(self):
        self.clinic.ben.get(f"/v1/channels/{self.grants[0]['channel_id']}/messages")

    def send(self):
        """Acknowledged, and heard by the other."""
        body = f"{self.ben_word} {uuid.uuid4()}"
        self.chat[self.clinic.ben].ask("send", message_id=str(uuid.uuid4()), body=body)
        self.acknowledged["send"].append(body)
        self.hears(body)

    def hears(self, body):
        end = time.monotonic() + 10
        while self.chat[self.clinic.dr_roy].push("message", end - time.monotonic())["body"] != body:
            pass

    def connect(self):
        with self.clinic.dr_roy.stream(self.grants[1]):
            pass

    def signal(self):
        """What the one says the other gets, through a seat that was taken before."""
        self.seq += 1
        data = f"v=0 {self.ben_word} {self.seq}"
        ben, roy = self.clinic.ben, self.clinic.dr_roy
        self.seats[roy].send("signal", to=ben.id, type="offer", gen=0, seq=self.seq, data=data)
        end = time.monotonic() + 10
        while self.seats[ben].push("signal", end - time.monotonic())["data"] != data:
            pass

    KINDS = ["read", "read_chart", "list_patients", "list_visits", "book", "prescribe", "read_prescription",
             "fhir", "own_audit", "history", "send", "connect", "signal"]

    def ask_all(self, kinds=KINDS):
        """{kind: "done", or the code by which it was refused}, all at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
            return dict(zip(kinds, pool.map(self.ask, kinds)))

    def ask(self, kind):
        try:
            getattr(self, kind)()
        except (Refused, ws.Refused) as refused:
            return refused.code or refused.status
        except ws.Closed as closed:
            return f"closed {closed.code}"
        except (OSError, http.client.HTTPException) as lost:
            return type(lost).__name__
        return "done"

    def nothing_is_lost(self):
        """What was acknowledged is there."""
        ana, roy = self.clinic.ana, self.clinic.dr_roy
        for path in self.acknowledged["book"]:
            assert ana.get(path)["reason"] == self.ana_word
        for rx in self.acknowledged["prescribe"]:
            assert roy.get(f"/v1/prescriptions/{rx}")["directions"] == self.ben_word
        kept = {said["body"] for said in roy.pages(f"/v1/channels/{self.grants[1]['channel_id']}/messages")}
        assert set(self.acknowledged["send"]) <= kept
