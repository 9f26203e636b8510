"""kill -9 at any moment: every mail goes out, and under one Message-ID."""
import collections
import random
import threading
import time

from conftest import BOOKED, HOUR_S

MAILS, KILLS = 24, 8


def all_sent(office, patients, seconds=60):
    ids = ", ".join(f"'{who.patient}'" for who in patients)
    office.api.wait_for(f"SELECT count(*) = {2 * len(patients)} FROM delivery "
                        f"WHERE patient_id IN ({ids}) AND state = 'sent'", seconds)


def test_killed_at_random_nothing_is_lost_and_nothing_said_twice(office, suite):
    dice, caught = random.Random(22), 0
    doctor = office.address(suite.person("clinician"))
    patients = suite.patients(MAILS)
    for who in patients:
        office.address(who)
    office.sink.down()
    for who in patients:
        office.visit(BOOKED, who, doctor)
    office.api.wait_for(f"SELECT count(*) = {2 * MAILS} FROM delivery WHERE attempts = 1 AND state = 'pending' "
                        f"AND visit_id IN (SELECT visit_id FROM delivery WHERE person = '{doctor.id}')", 60)
    # Everything waits now. Slower than life, so that the kills fall into sends.
    office.sink.before_answer = lambda mail: time.sleep(0.02)
    office.sink.up()
    suite.clock(HOUR_S)
    for _ in range(KILLS):
        had = len(office.sink.mails)
        office.sink.wait(lambda: len(office.sink.mails) >= had + 3)
        time.sleep(dice.uniform(0.0, 0.04))
        office.api.kill()
        caught += office.api.value("SELECT count(*) FROM delivery WHERE state = 'sending' AND due_at > now()")
        office.api.start()
    suite.clock(2 * HOUR_S)  # what died as `sending` is free again
    all_sent(office, patients)

    told = collections.defaultdict(list)
    for mail in office.sink.mails:
        told[mail.to].append(mail.id)
    expected = {row["id"] for row in office.api.rows(
        f"SELECT '<' || id || '@clinic.test>' AS id FROM delivery WHERE person = '{doctor.id}'")}
    assert set(told[doctor.email]) == expected and len(expected) == MAILS
    for who in patients:
        assert len(set(told[who.email])) == 1, told[who.email]
    copies = sum(len(told[who.email]) - 1 for who in patients) + len(told[doctor.email]) - MAILS
    assert caught > 0 and 0 <= copies <= KILLS  # one a kill at most: one mail is under way at a time
    rows = office.api.rows(f"""
        SELECT d.id, (SELECT count(*) FROM audit_outbox AS a WHERE a.resource_id = d.id) AS audited
        FROM delivery AS d WHERE person = '{doctor.id}'""")
    assert {row["audited"] for row in rows} == {1}


def test_killed_before_the_server_has_it_the_mail_comes_once(office, suite):
    ada, doctor = office.people()
    office.sink.down()
    office.visit(BOOKED, ada, doctor)
    office.api.wait_for(f"SELECT count(*) > 0 FROM delivery WHERE patient_id = '{ada.patient}' AND attempts > 0", 20)
    office.api.kill()
    office.sink.up()
    office.api.start()
    suite.clock(HOUR_S)
    all_sent(office, [ada])
    assert len(office.sink.to(ada.email)) == len(office.sink.to(doctor.email)) == 1


def test_killed_between_the_servers_word_and_the_record_the_copy_has_the_same_id(office, suite):
    """The one window that SMTP leaves; stores drop the copy by its Message-ID."""
    ada, doctor = office.people()
    held, go = threading.Event(), threading.Event()

    def hold(mail):
        if mail.to == ada.email and not held.is_set():
            held.set()
            go.wait(20)

    office.sink.before_answer = hold
    office.visit(BOOKED, ada, doctor)
    assert held.wait(20)
    row = office.api.rows(f"SELECT * FROM delivery WHERE patient_id = '{ada.patient}' AND seat = 'patient'")[0]
    assert row["state"] == "sending"
    office.api.kill()
    go.set()
    office.api.start()
    suite.clock(HOUR_S)
    all_sent(office, [ada])
    copies = office.sink.to(ada.email)
    assert len(copies) == 2 and len({mail.id for mail in copies}) == 1
    assert len(office.sink.to(doctor.email)) == 1


def test_after_the_record_a_kill_changes_nothing(office, suite):
    ada, doctor = office.people()
    bea, other = office.people()  # whose mail comes last: then everything due has been gone through
    office.sink.answers[bea.email] = "451 later"
    office.visit(BOOKED, ada, doctor)
    office.visit(BOOKED, bea, other)
    all_sent(office, [ada])
    office.api.wait_for(f"SELECT count(*) = 1 FROM delivery WHERE patient_id = '{bea.patient}' "
                        "AND state = 'pending' AND attempts = 1", 20)
    office.api.kill()
    office.api.start()
    office.sink.answers.clear()
    suite.clock(HOUR_S)
    all_sent(office, [bea])
    assert len(office.sink.to(ada.email)) == len(office.sink.to(doctor.email)) == 1


def test_postgresql_away_while_a_mail_is_under_way(office, suite):
    """What was sent is put on record when PostgreSQL is back; it isn't sent again."""
    ada, doctor = office.people()
    held, go = threading.Event(), threading.Event()

    def hold(mail):
        if mail.to == ada.email and not held.is_set():
            held.set()
            go.wait(20)

    office.sink.before_answer = hold
    office.visit(BOOKED, ada, doctor)
    assert held.wait(20)
    suite.postgres.stop()
    go.set()
    suite.postgres.start()
    all_sent(office, [ada])
    assert len(office.sink.to(ada.email)) == 1
