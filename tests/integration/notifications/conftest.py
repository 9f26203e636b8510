"""The running service between a mock Kafka and a mail server, and people with addresses."""
import time
import uuid

import pytest

from bus import Bus, event
from mail import Sink
from sealed import message, seal, uuid_bytes
from telecura import ORG, free_port

PERSON = (8, "person")
BOOKED, RESCHEDULED, CANCELLED, ENDED = 1, 3, 4, 8
HOUR_S, DAY_S = 3600, 86400


class Office:
    def __init__(self, suite):
        self.suite, self.bus, self.sink = suite, Bus(), Sink(free_port())
        self.api = suite.service(
            "notifications", kafka=self.bus.address, smtp=f"127.0.0.1:{self.sink.port}",
            mail_from="Telecura <no-reply@clinic.test>", portal="https://portal.clinic.test/")
        # The outbox is emptied by the relay; what went through it stays here.
        self.api.execute("""
            CREATE TABLE told (topic text, key uuid, kind int, version bigint);
            GRANT INSERT ON told TO notifications;
            CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO told VALUES (NEW.topic, NEW.key, NEW.kind, NEW.version); RETURN NEW; END $$;
            CREATE TRIGGER keep BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION keep()""")

    def close(self):
        self.api.stop()
        self.sink.down()
        self.bus.close()

    def address(self, who, language="en", email=None, name="Ada"):
        """Gives @who an address, sealed as access seals it."""
        email = email or f"u{uuid.uuid4().hex[:12]}@mail.test"
        member = self.api.value(f"SELECT id FROM member WHERE person = '{who.id}'")
        self.api.execute(f"UPDATE member SET language = '{language}', "
                         f"sealed = decode('{self.person_sealed(who, member, email, name).hex()}', 'hex') "
                         f"WHERE id = '{member}'")
        who.email = email
        return who

    def person_sealed(self, who, member, email, name="Ada"):
        return seal(self.suite, "access", who.org, who.patient or str(uuid.UUID(int=0)), PERSON, member,
                    message((1, name), (2, email), (3, "+1 555 0100")))

    def people(self, **kw):
        """A patient and a clinician who can be written to."""
        return self.address(self.suite.patient(), **kw), self.address(self.suite.person("clinician"))

    def visit(self, kind, patient, doctor, visit=None, version=1, starts_s=None, org=ORG, **kw):
        visit = visit or str(uuid.uuid4())
        starts_us = int((starts_s or time.time() + 7 * DAY_S) * 1e6)
        payload = message((1, kind), (2, uuid_bytes(patient.patient)), (3, uuid_bytes(doctor.id)),
                          (4, "scheduled"), (5, starts_us), (6, starts_us + 1800 * 10**6),
                          (7, "consultation"), (9, "UTC"))
        event(self.api, "appointments.visits.v1", visit, payload, kind, version, org, **kw)
        return visit

    def states(self, visit):
        return {row["seat"]: row for row in
                self.api.rows(f"SELECT * FROM delivery WHERE visit_id = '{visit}'")}


@pytest.fixture(scope="session")
def office(suite):
    made = Office(suite)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def calm(office):
    yield
    office.sink.answers.clear()
    office.sink.before_answer = lambda mail: None
