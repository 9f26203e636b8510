"""Broken glass is heard of by all whom it concerns: the patient and each privacy officer by a mail without a word
of it, the services that hold the record by the feed."""
import uuid

import pytest

from bus import event
from sealed import message, uuid_bytes

WHY = "found unresponsive in the waiting room"
DAY_S = 86400


@pytest.fixture(scope="module")
def access(office, suite):
    made = suite.service("access", kafka=office.bus.address)
    yield made
    made.stop()     # while there is a Kafka to say good-bye to


@pytest.fixture(scope="module")
def chart(office, suite):
    made = suite.service("patients", kafka=office.bus.address)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def officers(office, suite, access, chart):
    return [office.address(suite.person("privacy"), language=language) for language in ("en", "de")]


@pytest.fixture
def glass(office, suite, access, officers):
    """Broken by a doctor for a patient, both with addresses."""
    patient = office.address(suite.patient(), language="de-AT")
    doctor = suite.fresh(office.address(suite.person("clinician")))

    def make():
        body = {"patient_id": patient.patient, "reason": "unresponsive", "text": WHY}
        made = access.post("/v1/break-glass", body, who=doctor)
        assert made.status == 201, made
        return made.json["id"]
    return patient, doctor, make


def subjects(office, who, count=1):
    office.sink.wait(lambda: len(office.sink.to(who.email)) >= count)
    return [mail.subject for mail in office.sink.to(who.email)][-count:]


def test_killed_between_opening_and_telling_all_are_told_once(office, suite, access, officers, glass):
    """The doctor has their answer, Kafka cannot be reached, and the process dies."""
    patient, doctor, make = glass
    before = {who.email: len(office.sink.to(who.email)) for who in officers}
    access.stop()
    access.settings["kafka"] = "plaintext://127.0.0.1:9"
    access.start()
    opened = make()
    assert office.api.value(f"SELECT count(*) FROM delivery WHERE patient_id = '{patient.patient}'") == 0
    access.kill()
    access.settings["kafka"] = office.bus.address
    access.start()
    assert subjects(office, patient) == ["Jemand hat Ihre Akte geöffnet"]
    assert [subjects(office, who) for who in officers] == [["Something waits for your review"],
                                                           ["Etwas wartet auf Ihre Prüfung"]]
    office.api.wait_for(f"SELECT count(*) = 3 FROM delivery WHERE patient_id = '{patient.patient}' AND state = 'sent'")
    assert len(office.sink.to(patient.email)) == 1 and office.sink.to(doctor.email) == []
    assert [len(office.sink.to(who.email)) - before[who.email] for who in officers] == [1, 1]
    for mail in office.sink.to(patient.email) + office.sink.to(officers[0].email):
        for secret in (WHY, "unresponsive", patient.patient, doctor.id, opened):
            assert secret not in mail.text and secret not in mail.subject


def test_who_reviews_is_told_again(office, suite, access, officers, glass):
    patient, doctor, make = glass
    opened = make()
    subjects(office, patient)
    suite.clock(4 * DAY_S)
    office.api.wait_for(f"SELECT count(*) = 2 FROM delivery WHERE patient_id = '{patient.patient}' "
                        "AND template = 'review_overdue' AND state = 'sent'", 30)
    suite.clock(0)
    assert subjects(office, officers[0]) == ["A review is overdue"]
    assert len(office.sink.to(patient.email)) == 1
    done = access.post(f"/v1/break-glass/{opened}/review", {"finding": "justified", "text": "the shift's notes agree"},
                       who=suite.fresh(officers[0]))
    assert done.status == 200, done


def test_who_holds_the_record_hears_of_it_and_of_its_end(suite, access, chart, officers, glass):
    patient, doctor, make = glass
    desk = suite.person("front_desk")
    body = {"family_name": "Quill", "given_name": "Ida", "birth_date": "1990-01-01", "gender": "female",
            "patient_id": patient.patient}
    assert chart.post("/v1/patients", body, who=desk).status == 201
    path = f"/v1/patients/{patient.patient}"
    assert chart.get(path, who=doctor).status == 404
    opened = make()
    chart.wait_for(f"SELECT count(*) = 1 FROM relation WHERE id = '{opened}'")
    assert chart.get(path, who=doctor).json["family_name"] == "Quill"
    read = suite.audit("patients", actor=doctor.id, outcome="done")[-1]
    assert (read["relation"], read["purpose"]) == ("break_glass", "BTG")
    assert chart.post(f"{path}/allergies", {"text": "Penicillin"}, who=doctor).status == 404
    assert access.post(f"/v1/break-glass/{opened}/end", who=doctor).status == 200
    chart.wait_for(f"SELECT ends_at IS NOT NULL AND version = 2 FROM relation WHERE id = '{opened}'")
    assert chart.get(path, who=doctor).status == 404


def test_an_alarm_of_the_log_is_told_to_privacy_alone(office, suite, officers):
    curious = office.address(suite.person("clinician"))
    noticed = str(uuid.uuid4())
    payload = message((1, 1), (2, "records"), (3, uuid_bytes(curious.id)), (4, 200))
    cause = event(office.api, "audit.alarms.v1", noticed, payload, 1)
    office.api.wait_for(f"SELECT count(*) = {len(officers)} FROM delivery WHERE cause = '{cause}' AND state = 'sent'", 30)
    assert [subjects(office, who) for who in officers] == [["Many records were opened"],
                                                           ["Viele Akten wurden geöffnet"]]
    assert office.sink.to(curious.email) == []
    for row in office.api.rows(f"SELECT id FROM delivery WHERE cause = '{cause}'"):
        (said,) = suite.audit("notifications", resource_id=row["id"])
        assert (said["action"], said["outcome"], said["patient"]) == ("notification.send", "done", None)
