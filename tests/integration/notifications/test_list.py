"""GET /v1/notifications: one's own and nobody else's."""
import uuid

import pytest

from conftest import BOOKED, CANCELLED, RESCHEDULED
from telecura import OTHER_ORG

PATH = "/v1/notifications"


@pytest.fixture(scope="module")
def told(office):
    """Three mails each to a patient and a clinician."""
    class Told:
        pass

    made = Told()
    made.ada, made.doctor = office.people()
    made.visit = office.visit(BOOKED, made.ada, made.doctor)
    office.visit(RESCHEDULED, made.ada, made.doctor, made.visit, 2)
    office.visit(CANCELLED, made.ada, made.doctor, made.visit, 3)
    office.api.wait_for(f"SELECT count(*) = 6 FROM delivery WHERE visit_id = '{made.visit}' AND state = 'sent'", 30)
    return made


def test_own_the_latest_first(office, suite, told):
    for who in (told.ada, told.doctor):
        reply = office.api.get(PATH, who=who)
        assert reply.status == 200
        rows = reply.json["data"]
        assert [row["template"] for row in rows] == ["visit_cancelled", "visit_moved", "visit_booked"]
        assert {row["state"] for row in rows} == {"sent"} and {row["appointment_id"] for row in rows} == {told.visit}
        assert set(rows[0]) == {"id", "version", "template", "appointment_id", "state", "created_at", "sent_at"}
        row = suite.audit("notifications", actor=who.id)[-1]
        assert (row["action"], row["outcome"]) == ("notification.read", "done")


def test_page_by_page(office, told):
    seen, more = [], ""
    for _ in range(4):
        page = office.api.get(f"{PATH}?limit=1{more}", who=told.ada).json
        seen += [row["template"] for row in page["data"]]
        if "next_cursor" not in page:
            break
        more = f"&cursor={page['next_cursor']}"
    assert seen == ["visit_cancelled", "visit_moved", "visit_booked"]
    assert office.api.get(f"{PATH}?limit=1{more}", who=told.doctor).status == 400  # a cursor is one's own


def test_nobody_sees_anothers(office, suite, told):
    stranger = suite.patient(org=OTHER_ORG)
    # Even who has the same record id, in another organisation.
    namesake = suite.person("patient", org=OTHER_ORG, patient=told.ada.patient)
    for who in (suite.patient(), suite.person("clinician"), suite.person("front_desk"), stranger, namesake):
        assert office.api.get(PATH, who=who).json["data"] == []


def test_no_token_or_a_bad_one(office, suite, told):
    token = told.ada.token
    forged = token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB")
    for bad in (None, "", "nonsense", forged, suite.idp.token(told.ada.subject, iat=1, exp=1000)):
        assert office.api.get(PATH, who=bad).status == 401
    assert office.api.get(PATH, who=suite.idp.token("nobody-known")).status == 403


@pytest.mark.parametrize("role", ["guest", "auditor", "privacy", "admin"])
def test_the_wrong_role(office, suite, told, role):
    who = suite.person(role)
    reply = office.api.get(PATH, who=who)
    assert (reply.status, reply.code) == (403, "forbidden")
    row = suite.audit("notifications", actor=who.id)[-1]
    assert (row["outcome"], row["error"]) == ("refused", "forbidden")


@pytest.mark.parametrize("query", ["surprise=1", "limit=0", "limit=201", "limit=x", "cursor=zzz", "limit=1&limit=2",
                                   f"cursor={uuid.uuid4()}"])
def test_parameters_are_strict(office, told, query):
    assert office.api.get(f"{PATH}?{query}", who=told.ada).status == 400


def test_no_body_and_no_other_method(office, told):
    assert office.api.request("GET", PATH, {"a": 1}, who=told.ada).status == 400
    huge = office.api.request("GET", PATH, raw=b"x" * (300 * 1024), who=told.ada)
    assert huge.status == 413
    assert office.api.post(PATH, {}, who=told.ada).status == 405
    assert office.api.get(f"{PATH}/{uuid.uuid4()}", who=told.ada).status == 404


def test_every_statement_fits_the_database(office):
    done = office.api.command("--config", office.api.config, "--verify")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("key, value", [("smtp", "mail.example.org"), ("mail_from", "Telecura"),
                                        ("mail_from", "Telecura <no reply@x>")])
def test_settings_that_no_mail_can_leave_with(office, suite, key, value):
    path = f"{suite.folder}/bad-notifications.conf"
    with open(path, "w") as f:
        f.writelines(f"{k} = {v}\n" for k, v in {**office.api.settings, key: value}.items())
    done = office.api.command("--config", path)
    assert done.returncode not in (0, -6) and f"{key}: name the" in done.stdout + done.stderr
