"""What happened is told by mail: to whom, in which language, once, and without saying what."""
import re
import time
import uuid

import pytest

from bus import event
from canary import Canary
from conftest import BOOKED, CANCELLED, DAY_S, ENDED, HOUR_S, RESCHEDULED
from sealed import message, uuid_bytes
from telecura import OTHER_ORG

LINK = "https://portal.clinic.test/"


def one_mail(office, who):
    office.sink.wait(lambda: office.sink.to(who.email))
    (mail,) = office.sink.to(who.email)
    return mail


def settled(office, visit, state="sent", count=2):
    office.api.wait_for(f"SELECT count(*) = {count} FROM delivery WHERE visit_id = '{visit}' "
                        f"AND state = '{state}'", 20)


def test_a_booking_is_told_to_both_and_goes_on_record(office, suite):
    ada, doctor = office.people()
    visit = office.visit(BOOKED, ada, doctor)
    for who in (ada, doctor):
        mail = one_mail(office, who)
        assert mail.subject == "Your appointment is booked" and LINK in mail.text
        assert mail.parsed["From"] == "Telecura <no-reply@clinic.test>"
        assert mail.parsed["Auto-Submitted"] == "auto-generated"
    settled(office, visit)
    rows = office.states(visit)
    assert rows["patient"]["person"] == ada.id and rows["provider"]["person"] == doctor.id
    for row in rows.values():
        assert f"<{row['id']}@clinic.test>" in {m.id for m in office.sink.mails}
        (audit,) = suite.audit("notifications", resource_id=row["id"])
        assert (audit["action"], audit["outcome"], audit["patient"]) == (
            "notification.send", "done", ada.patient)
        assert audit["resource_version"] == row["version"]
        (told,) = office.api.rows(f"SELECT topic, kind, version FROM told WHERE key = '{row['id']}'")
        assert told == {"topic": "notifications.deliveries.v1", "kind": 1, "version": row["version"]}


def test_whom_somebody_has_invited_the_patient_is_told_of(office, suite):
    ada, guest, relation = office.address(suite.patient()), str(uuid.uuid4()), str(uuid.uuid4())
    for kind in ("treating", "guest", "proxy"):
        payload = message((1, 1), (2, uuid_bytes(guest)), (3, uuid_bytes(ada.patient)), (4, kind), (5, 1))
        event(office.api, "access.relations.v1", str(uuid.uuid4()) if kind != "guest" else relation, payload, 1, 1)
    assert one_mail(office, ada).subject == "Somebody was invited to your appointment"
    office.api.wait_for(f"SELECT count(*) = 4 FROM relation WHERE patient_id = '{ada.patient}'")
    assert len(office.sink.to(ada.email)) == 1, "and of nobody else"


@pytest.mark.parametrize("language, subject", [
    ("en", "Your appointment has changed"), ("en-GB", "Your appointment has changed"),
    ("de", "Ihr Termin hat sich geändert"), ("de-AT", "Ihr Termin hat sich geändert"),
    ("fr", "Your appointment has changed"), ("den", "Your appointment has changed"),
])
def test_in_the_persons_language(office, language, subject):
    ada, doctor = office.people(language=language)
    office.visit(RESCHEDULED, ada, doctor)
    mail = one_mail(office, ada)
    assert mail.subject == subject
    assert mail.parsed["Content-Language"] == ("de" if language[:3] in ("de", "de-") else "en")
    assert all(line == line.rstrip("\r") and len(line) <= 76 for line in mail.raw.decode("ascii").split("\r\n"))


def test_what_else_is_told(office):
    ada, doctor = office.people()
    office.visit(CANCELLED, ada, doctor)
    assert one_mail(office, ada).subject == "Your appointment is cancelled"
    assert one_mail(office, doctor).subject == "Your appointment is cancelled"

    for topic, kind in (("prescriptions.prescriptions.v1", 3), ("billing.invoices.v1", 1)):
        bea, visit = office.address(office.suite.patient()), str(uuid.uuid4())
        payload = message((1, kind), (2, uuid_bytes(bea.patient)), (3, uuid_bytes(visit)))
        event(office.api, topic, str(uuid.uuid4()), payload, kind)
        assert one_mail(office, bea).subject.startswith("There is ")
        settled(office, visit, count=1)


def test_a_fill_or_a_payment_is_told_to_nobody(office):
    ada, _ = office.people()
    for topic, kind in (("prescriptions.prescriptions.v1", 4), ("billing.invoices.v1", 2)):
        event(office.api, topic, str(uuid.uuid4()), message((1, kind), (2, uuid_bytes(ada.patient))), kind)
    heard = office.visit(ENDED, ada, ada)  # the last of three; partitions may differ, so ask the inbox
    office.api.wait_for("SELECT count(*) = 0 FROM outbox WHERE topic NOT LIKE 'notifications%'")
    office.api.wait_for(f"SELECT count(*) = 1 FROM reminder WHERE visit_id = '{heard}'")
    assert office.api.value(f"SELECT count(*) FROM delivery WHERE patient_id = '{ada.patient}'") == 0


def test_s22_no_mail_holds_anything_of_anybody(office, suite):
    """Names, reasons and times are what strangers' servers would read: none is in any mail, table, log
    or topic, and mails differ by nothing but their template, address, id and date."""
    canary = Canary()
    ada = office.address(suite.patient(), name=canary.word())
    doctor = office.address(suite.person("clinician"), name=canary.word(), language="de")
    starts = time.time() + 9 * DAY_S
    visit = office.visit(BOOKED, ada, doctor, starts_s=starts)
    office.visit(RESCHEDULED, ada, doctor, visit, 2, starts + HOUR_S)
    office.visit(CANCELLED, ada, doctor, visit, 3)
    office.sink.wait(lambda: len(office.sink.to(ada.email)) == len(office.sink.to(doctor.email)) == 3)
    settled(office, visit, count=6)

    for who in (ada, doctor):
        for mail in office.sink.to(who.email):
            seen = mail.raw.decode() + mail.text + mail.subject
            for secret in (ada.patient, ada.id, doctor.id, visit, time.strftime("%H:%M", time.gmtime(starts)),
                           time.strftime("%Y-%m-%d", time.gmtime(starts)), "consultation"):
                assert secret not in mail.text and secret not in mail.subject
            assert canary.found_in(seen.encode()) == []
            bare = re.sub(r"^(To|Date|Message-ID): .*$", "", mail.raw.decode(), flags=re.M)
            assert not re.search(r"\d{2}:\d{2}|\d{4}-\d{2}|\bDr\b", bare)
    assert canary.found_in(suite.folder) == []
    # An address is PHI too: it rests sealed and stands in no log.
    for who in (ada, doctor):
        with open(office.api.log) as log:
            assert who.email not in log.read()
        dump = "".join(str(office.api.rows(f"SELECT * FROM {table}"))
                       for table in ("delivery", "reminder", "outbox", "audit_outbox"))
        assert who.email not in dump


def test_who_is_heard_of_later_is_told_later(office, suite):
    """The word of a visit may come before the word of who the patient is."""
    doctor = office.address(suite.person("clinician"))
    patient, person, member = (str(uuid.uuid4()) for _ in range(3))

    class Late:
        pass

    late = Late()
    late.id, late.org, late.patient, late.email = person, doctor.org, patient, f"{uuid.uuid4().hex}@mail.test"
    visit = office.visit(BOOKED, late, doctor)
    office.api.wait_for(f"SELECT count(*) = 1 FROM delivery WHERE visit_id = '{visit}' AND seat = 'patient' "
                        "AND state = 'pending' AND attempts > 0", 20)
    payload = message((1, 1), (2, uuid_bytes(person)), (3, "patient"), (4, "active"),
                      (7, uuid_bytes(patient)), (8, "de"), (9, office.person_sealed(late, member, late.email)))
    event(office.api, "access.people.v1", member, payload, 1)
    office.api.wait_for(f"SELECT count(*) = 1 FROM member WHERE id = '{member}'")
    suite.clock(HOUR_S)
    assert one_mail(office, late).subject == "Ihr Termin ist gebucht"
    settled(office, visit)


def test_old_news_and_other_organisations(office, suite):
    ada, doctor = office.people()
    old = office.visit(BOOKED, ada, doctor, age_s=2 * DAY_S)
    office.api.wait_for(f"SELECT count(*) = 1 FROM reminder WHERE visit_id = '{old}'")
    assert office.states(old) == {}  # a feed heard from its beginning mails nobody
    strange = office.visit(BOOKED, ada, doctor, org=OTHER_ORG)
    office.api.wait_for(f"SELECT count(*) = 2 FROM delivery WHERE visit_id = '{strange}' AND attempts > 0", 20)
    assert office.sink.to(ada.email) == [] and {r["state"] for r in office.states(strange).values()} == {"pending"}


# ---- reminders ----

def test_a_reminder_a_day_before(office, suite):
    ada, doctor = office.people()
    starts = time.time() + 5 * DAY_S
    visit = office.visit(BOOKED, ada, doctor, starts_s=starts)
    settled(office, visit)
    suite.clock(4 * DAY_S - HOUR_S)
    time.sleep(6)  # two rounds of the timer: nothing may come of them
    assert len(office.states(visit)) == len(office.sink.to(ada.email)) + 1 == 2
    suite.clock(4 * DAY_S + 60)
    office.sink.wait(lambda: len(office.sink.to(ada.email)) == len(office.sink.to(doctor.email)) == 2, 30)
    assert office.sink.to(ada.email)[1].subject == "You have an appointment soon"
    settled(office, visit, count=4)
    assert office.api.value(f"SELECT state FROM reminder WHERE visit_id = '{visit}'") == "done"


@pytest.mark.parametrize("then, state", [(CANCELLED, "dropped"), (ENDED, "dropped"), (RESCHEDULED, "waiting")])
def test_the_last_word_decides_about_the_reminder(office, suite, then, state):
    ada, doctor = office.people()
    visit = office.visit(BOOKED, ada, doctor)
    office.visit(then, ada, doctor, visit, version=2, starts_s=time.time() + 20 * DAY_S)
    office.api.wait_for(f"SELECT count(*) = 1 FROM reminder WHERE visit_id = '{visit}' AND version = 2 "
                        f"AND state = '{state}' AND starts_at > now() + interval '19 days'")


def test_no_reminder_of_what_is_near_or_has_begun(office, suite):
    ada, doctor = office.people()
    near = office.visit(BOOKED, ada, doctor, starts_s=time.time() + HOUR_S)
    far = office.visit(BOOKED, ada, doctor)
    office.api.wait_for(f"SELECT count(*) = 1 FROM reminder WHERE visit_id = '{near}' AND state = 'dropped'")
    settled(office, far)
    suite.clock(8 * DAY_S)  # as after a week's standstill
    office.api.wait_for(f"SELECT state = 'dropped' FROM reminder WHERE visit_id = '{far}'", 30)
    assert len(office.states(far)) == 2


# ---- a mail server in trouble ----

def test_what_the_server_refuses_for_good(office):
    ada, doctor = office.people()
    office.sink.answers[ada.email] = "550 no such mailbox"
    visit = office.visit(BOOKED, ada, doctor)
    office.api.wait_for(f"SELECT count(*) = 1 FROM delivery WHERE visit_id = '{visit}' AND state = 'failed'", 20)
    settled(office, visit, count=1)
    row = office.states(visit)["patient"]
    assert row["attempts"] == 1 and office.sink.to(ada.email) == []
    assert office.api.value(f"SELECT kind FROM told WHERE key = '{row['id']}'") == 2  # FAILED


def test_what_the_server_puts_off(office, suite):
    ada, doctor = office.people()
    office.sink.answers[ada.email] = "451 try again"
    visit = office.visit(BOOKED, ada, doctor)
    office.api.wait_for(f"SELECT count(*) = 1 FROM delivery WHERE visit_id = '{visit}' AND seat = 'patient' "
                        "AND state = 'pending' AND attempts = 1", 20)
    office.sink.answers.clear()
    suite.clock(60)
    one_mail(office, ada)
    settled(office, visit)


def test_a_server_that_is_away(office, suite):
    ada, doctor = office.people()
    office.sink.down()
    visit = office.visit(BOOKED, ada, doctor)
    office.api.wait_for(f"SELECT count(*) = 2 FROM delivery WHERE visit_id = '{visit}' AND state = 'pending' "
                        "AND attempts = 1", 20)
    office.sink.up()
    suite.clock(60)
    settled(office, visit)
    one_mail(office, ada), one_mail(office, doctor)


@pytest.mark.parametrize("email", ["nobody", "a@b.test\r\nBcc: x@y.test", "<a@b.test>", "a@b@c.test", "ä@b.test", ""])
def test_an_address_that_is_none_gets_nothing(office, suite, email):
    ada, doctor = office.address(suite.patient(), email=email or " "), office.address(suite.person("clinician"))
    before = len(office.sink.mails)
    visit = office.visit(BOOKED, ada, doctor)
    office.api.wait_for(f"SELECT count(*) = 1 FROM delivery WHERE visit_id = '{visit}' AND seat = 'patient' "
                        "AND attempts = 1 AND state = 'pending'", 20)
    settled(office, visit, count=1)
    assert {mail.to for mail in office.sink.mails[before:]} == {doctor.email}
