"""kill -9 under load: what was acknowledged is there, whole, and once."""
import random
import threading
import uuid

import pytest

WRITERS, KILLS = 6, 6


class Writer(threading.Thread):
    """Books one time after another; tries each again with its key until it is answered."""

    def __init__(self, clinic, patient, doctor, stop):
        super().__init__()
        self.clinic, self.patient, self.doctor, self.stop = clinic, patient, doctor, stop
        self.acknowledged, self.replayed, self.wrong = {}, 0, []

    def run(self):
        for number in range(2000):
            if self.stop.is_set():
                return
            self.book(self.clinic.morning + number * 1800, str(uuid.uuid4()))

    def book(self, start, key):
        while True:
            try:
                reply = self.clinic.book(self.patient, self.doctor, start, key=key)
            except OSError:
                reply = None
            except Exception as trouble:  # http.client speaks of a half answer in many ways
                if type(trouble).__module__ != "http.client":
                    raise
                reply = None
            if reply is not None and reply.status == 201:
                self.acknowledged[key] = reply.json["id"]
                self.replayed += "idempotency-replayed" in reply.headers
                return
            if reply is not None and reply.status != 503 and reply.code != "idempotency_in_flight":
                self.wrong.append(reply)
                return
            if self.stop.wait(0.05):
                return


def test_s16_kill_9_under_load_loses_nothing_and_doubles_nothing(clinic, suite):
    dice, stop = random.Random(9), threading.Event()
    writers = [Writer(clinic, patient, clinic.clinician(), stop)
               for patient in suite.patients(WRITERS, consent=True)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(KILLS):
            stop.wait(dice.uniform(0.2, 0.9))
            clinic.api.kill()
            clinic.api.start()
        stop.wait(0.5)
    finally:
        stop.set()
        for writer in writers:
            writer.join()

    assert [reply for writer in writers for reply in writer.wrong] == []
    told = {visit for writer in writers for visit in writer.acknowledged.values()}
    assert len(told) == sum(len(writer.acknowledged) for writer in writers) > 50
    ids = ", ".join(f"'{writer.patient.patient}'" for writer in writers)
    rows = clinic.api.rows(f"""
        SELECT a.id,
               (SELECT count(*) FROM audit_outbox AS x WHERE x.org = a.org AND x.resource_id = a.id
                AND x.action = 'visit.book' AND x.outcome = 'done') AS audited,
               (SELECT count(*) FROM outbox AS x WHERE x.org = a.org AND x.key = a.id) AS told,
               (SELECT count(*) FROM appointment_history AS x
                WHERE x.org = a.org AND x.appointment_id = a.id) AS history,
               (SELECT count(*) FROM relation AS x WHERE x.org = a.org AND x.id = a.id) AS relation,
               (SELECT count(*) FROM idempotency AS x WHERE x.org = a.org AND x.row_id = a.id) AS keys
        FROM appointment AS a WHERE a.patient_id IN ({ids})""")
    stored = {row.pop("id"): row for row in rows}
    assert told <= set(stored)
    whole = {"audited": 1, "told": 1, "history": 1, "relation": 1, "keys": 1}
    assert [row for row in stored.values() if row != whole] == []
    # Answers may be lost, but no time was booked twice over a retry: at most one unanswered a writer.
    assert len(stored) - len(told) <= WRITERS


@pytest.mark.parametrize("table, event", [
    ("appointment_history", "INSERT"), ("outbox", "INSERT"), ("audit_outbox", "INSERT"),
    ("idempotency", "INSERT"), ("relation", "INSERT"),
])
def test_s16_a_failure_at_any_step_leaves_nothing(clinic, suite, table, event):
    """Whatever part of the transaction fails, no other part stays, and the same key works later."""
    doctor, ada, key = clinic.clinician(), suite.patient(consent=True), str(uuid.uuid4())
    clinic.api.execute(f"""
        CREATE FUNCTION fail_now() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'disk on fire'; END $$;
        CREATE TRIGGER fail_now BEFORE {event} ON {table} EXECUTE FUNCTION fail_now()""")
    try:
        assert clinic.book(ada, doctor, clinic.morning, key=key).status in (500, 503)
    finally:
        clinic.api.execute(f"DROP TRIGGER fail_now ON {table}; DROP FUNCTION fail_now()")
    assert clinic.api.value(f"SELECT count(*) FROM appointment WHERE patient_id = '{ada.patient}'") == 0
    reply = clinic.book(ada, doctor, clinic.morning, key=key)
    assert reply.status == 201 and "idempotency-replayed" not in reply.headers
    assert len(suite.outbox("appointments", key=reply.json["id"])) == 1


def test_the_first_who_ask_are_known(clinic, suite):
    """All at once and at once after a start: nobody is told to try again."""
    patients = suite.patients(16, consent=True)
    for _ in range(4):
        clinic.api.stop()
        clinic.api.start()
        together, said = threading.Barrier(len(patients)), []

        def ask(who):
            clinic.api.get("/v1/nothing")  # connects
            together.wait()
            said.append(clinic.api.get("/v1/appointments", who=who).status)
        threads = [threading.Thread(target=ask, args=(who,)) for who in patients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert said == [200] * len(patients)
