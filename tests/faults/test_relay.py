"""appointments, and with it its relay, is killed twenty times while people book and cancel.

Every acknowledged booking and cancellation is heard by notifications once, and nothing else is: the
effects are counted. A client asks again with the same Idempotency-Key until it has an answer.
"""
import datetime
import http.client
import itertools
import json
import queue
import random
import threading
import uuid

from door import until
from visit import rfc3339

KILLS, ACKS_A_KILL = 20, 5
OFF, DAYS = datetime.timedelta(hours=3), 6      # what is nearer is left to those who visit
AGAIN, AGAIN_S = (503, 429), 0.05


class Clients(threading.Thread):
    """One after the other, and every third booking is cancelled."""

    def __init__(self, door, patient, doctor, times, acknowledged):
        super().__init__(daemon=True)
        self.door, self.patient, self.doctor, self.times = door, patient, doctor, times
        self.acknowledged, self.fault = acknowledged, None
        self.enough, self.given_up = threading.Event(), threading.Event()

    def run(self):
        try:
            for n in itertools.count():
                if self.enough.is_set():
                    return
                self.book(self.times.get_nowait(), cancel=n % 3 == 0)
        except BaseException as fault:      # told by the test
            self.fault = fault

    def book(self, starts_at, cancel):
        booked = self.surely("/v1/appointments", {
            "patient_id": self.patient.patient, "provider_id": self.doctor.id,
            "visit_type": "follow_up", "starts_at": starts_at, "reason": "A question"})
        self.acknowledged.append(("visit_booked", booked["id"]))
        if cancel:
            self.surely(f"/v1/appointments/{booked['id']}/cancel", {})
            self.acknowledged.append(("visit_cancelled", booked["id"]))

    def surely(self, path, body):
        """The answer to a POST, however often it takes. Only what creates is answered again in
        the same words; a cancellation that was done, and not answered, is a bad state then."""
        headers = {"Authorization": f"Bearer {self.patient.token}", "Accept": "application/json",
                   "Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        unanswered = False
        while not self.given_up.is_set():
            try:
                status, _, text = self.door.request("POST", path, headers, json.dumps(body))
            except (OSError, http.client.HTTPException):
                status = AGAIN[0]
            if status not in AGAIN:
                was_done = unanswered and path.endswith("/cancel") and b'"bad_state"' in text
                assert status < 300 or was_done, (status, text)
                return json.loads(text)
            unanswered = True
            self.given_up.wait(AGAIN_S)
        raise TimeoutError("no answer until the end")


def free_times(patient, doctor):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    times = queue.Queue()
    for slot in patient.pages("/v1/slots", provider_id=doctor.id, visit_type="follow_up",
                              **{"from": rfc3339(now + OFF),
                                 "to": rfc3339(now + datetime.timedelta(days=DAYS))}):
        times.put(slot["starts_at"])
    return times


def test_killed_under_load_every_event_arrives_once(parts, clinic):
    dice, acknowledged = random.Random(20), []
    clients = []
    for patient, doctor in ((clinic.ana, clinic.dr_lee), (clinic.ben, clinic.dr_roy)):
        times = free_times(patient, doctor)
        clients += [Clients(clinic.door, patient, doctor, times, acknowledged) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        for _ in range(KILLS):
            had = len(acknowledged)
            until(lambda: len(acknowledged) >= had + dice.randint(1, ACKS_A_KILL)
                  or any(client.fault for client in clients), "people to be served", 30)
            was = parts.kill("appointments")
            parts.again("appointments", was, 60)
    finally:
        for client in clients:
            client.enough.set()
        for client in clients:
            client.join(60)
            client.given_up.set()
    assert [client.fault for client in clients if client.fault] == []
    assert not any(client.is_alive() for client in clients)

    parts.all_arrived(120)
    seats = ("patient", "provider")
    expected = {(what, visit, seat) for what, visit in acknowledged for seat in seats}
    visits = ", ".join(f"'{visit}'" for _, visit in acknowledged)

    def told():
        return parts.rows("notifications", f"""SELECT template, visit_id, seat, count(*)
            FROM delivery WHERE visit_id IN ({visits}) GROUP BY 1, 2, 3""")
    until(lambda: len(told()) >= len(expected), "every event to be heard", 120)
    assert {tuple(row) for row in told()} == {(*one, "1") for one in expected}
    until(lambda: parts.count("notifications", "delivery", "state <> 'sent'") == 0, "mails", 120)
    stored = parts.rows("appointments", f"SELECT count(*) FROM appointment WHERE id IN ({visits})")
    assert int(stored[0][0]) == len({visit for _, visit in acknowledged}) >= KILLS
