"""What the log answers to auditors, privacy officers and patients: searches, scopes, reports."""
import time
import uuid

import pytest

from postgres import quote
from telecura import ORG, OTHER_ORG, rfc3339


def person():
    return str(uuid.uuid4())


def found(feed, who=None, path="events", **query):
    """The ids of a search, newest first, over all its pages."""
    feed.indexed()
    who = who or feed.suite.person("auditor")
    rows, cursor = [], {}
    while True:
        text = "&".join(f"{k}={v}" for k, v in {**query, **cursor}.items())
        reply = feed.api.get(f"/v1/audit/{path}?{text}", who=who)
        assert reply.status == 200, reply
        rows += reply.json["data"]
        if "next_cursor" not in reply.json:
            return rows
        cursor = {"cursor": reply.json["next_cursor"]}


def ids(rows):
    return sorted(row["id"] for row in rows)


def test_found_by_person_patient_action_outcome_address_and_thing(feed):
    doctor, nurse, ada = person(), person(), feed.suite.patient()
    chart, thing = person(), person()
    read = feed.act(3, patient=ada.patient, actor=doctor, remote="192.0.2.33")
    sent = feed.act(2, patient=ada.patient, actor=doctor, action="message.send", resource_id=thing)
    refused = feed.act(1, patient=ada.patient, actor=nurse, outcome="refused", error="forbidden")
    feed.act(4, patient=chart, actor=nurse)
    assert ids(found(feed, person=doctor)) == sorted(read + sent)
    assert ids(found(feed, person=doctor, limit=2)) == sorted(read + sent)
    assert ids(found(feed, person=doctor, action="message.send")) == sorted(sent)
    assert ids(found(feed, person=doctor, not_action="message.send")) == sorted(read)
    assert ids(found(feed, address="192.0.2.33")) == sorted(read)
    assert ids(found(feed, resource_id=thing)) == sorted(sent)
    assert ids(found(feed, outcome="refused", person=nurse)) == refused
    assert ids(found(feed, patient=ada.patient, not_action="audit.search")) == sorted(read + sent + refused)
    assert found(feed, person=person()) == []


def test_found_by_period(feed):
    doctor = person()
    old = feed.act(2, actor=doctor, at="2026-01-05 10:00Z")
    older = feed.act(1, actor=doctor, at="2026-01-04 10:00Z")
    feed.act(1, actor=doctor)
    assert ids(found(feed, person=doctor, **{"from": "2026-01-04T00:00:00Z", "to": "2026-01-06T00:00:00Z"})) == sorted(old + older)
    assert ids(found(feed, person=doctor, **{"from": "2026-01-05T10:00:00Z", "to": "2026-01-05T10:00:01Z"})) == sorted(old)
    assert ids(found(feed, person=doctor, to="2026-01-05T10:00:00Z")) == sorted(older)


def test_a_search_is_itself_on_record(feed):
    auditor, ada, doctor = feed.suite.person("auditor"), feed.suite.patient(), person()
    feed.act(2, patient=ada.patient, actor=doctor)
    assert len(found(feed, who=auditor, person=doctor)) == 2
    searches = [row for row in found(feed, person=auditor.id) if row["action"] == "audit.search"]
    assert [row["patient_id"] for row in searches] == [ada.patient]
    assert searches[0]["resource_id"] == doctor and searches[0]["role"] == "auditor"


def test_an_emptied_index_fills_again(feed):
    doctor = person()
    done = feed.act(300, actor=doctor)
    feed.indexed()
    feed.api.execute("DELETE FROM event_index; DELETE FROM event_index_end")
    assert ids(found(feed, person=doctor, limit=200)) == sorted(done)


def test_the_index_waits_while_more_waits_for_the_log_than_a_step(feed):
    doctor = person()
    done = feed.act(actor=doctor)
    feed.act(org=OTHER_ORG)
    feed.indexed()
    feed.api.execute(f"DELETE FROM event_index; DELETE FROM event_index_end; "
                     f"UPDATE log_end SET next = next + 5000 WHERE org = {quote(ORG)}")
    feed.api.wait_for(f"SELECT EXISTS (SELECT FROM event_index_end WHERE org = {quote(OTHER_ORG)})", 30)
    reached = feed.api.value(f"SELECT count(*) FROM event_index_end WHERE org = {quote(ORG)}")
    feed.api.execute(f"UPDATE log_end SET next = next - 5000 WHERE org = {quote(ORG)}")
    assert reached == 0
    assert ids(found(feed, person=doctor)) == done


def test_the_index_names_nobody(feed):
    doctor, ada, thing = person(), feed.suite.patient(), person()
    feed.act(patient=ada.patient, actor=doctor, resource_id=thing, remote="198.51.100.77")
    feed.indexed()
    for word in (doctor, ada.patient, ada.id, thing, "198.51.100.77"):
        assert feed.api.value(f"SELECT count(*) FROM event_index AS t WHERE t::text LIKE '%{word}%'") == 0


def fresh(feed, role="privacy"):
    """Who has just given a second factor."""
    who = feed.suite.person(role)
    who.token = feed.suite.idp.token(who.subject, acr=2)
    return who


DAY = {"from": rfc3339(time.time() - 86400), "to": rfc3339(time.time() + 86400)}


@pytest.mark.parametrize("by", ["person", "address", "key", "token", "sign_in"])
def test_whose_data_did_this_touch(feed, by):
    ada, bea, cem = (feed.suite.patient().patient for _ in range(3))
    value = f"203.0.113.{uuid.uuid4().int % 250}" if by == "address" else person()
    column = {"person": "actor", "address": "remote", "key": "resource_id"}.get(by, by)
    feed.act(3, patient=ada, **{column: value})
    feed.act(1, patient=bea, **{column: value})
    feed.act(2, **{column: value})                                          # about nobody
    feed.act(1, patient=cem, outcome="refused", **{column: value})          # got nothing
    dot = feed.suite.patient().patient
    feed.act(1, patient=dot, at="2026-01-05 10:00Z", **{column: value})     # before the period
    feed.act(5, patient=cem)
    privacy = fresh(feed)
    rows = found(feed, who=privacy, path="breach", limit=1, **{by: value}, **DAY)
    touched = [(ada, 3), (bea, 1)] + [(dot, 1)] * (by == "key")     # a key opens what it opened before, too
    assert sorted((row["patient_id"], row["events"]) for row in rows) == sorted(touched)
    assert all(row["first_at"] <= row["last_at"] for row in rows)
    told = [row["patient_id"] for row in found(feed, person=privacy.id, action="audit.breach_scope")
            if "patient_id" in row]
    assert sorted(told) == sorted(patient for patient, _ in touched)


def test_a_breach_is_scoped_by_privacy_officers_with_a_fresh_second_factor(feed):
    path = f"/v1/audit/breach?person={person()}&from={DAY['from']}&to={DAY['to']}"
    assert feed.api.get(path, who=feed.suite.person("auditor")).status == 403
    plain = feed.suite.person("privacy")
    plain.token = feed.suite.idp.token(plain.subject, acr=1)
    assert feed.api.get(path, who=plain).code == "second_factor_required"
    assert feed.api.get(path, who=fresh(feed)).json == {"data": []}
    nobody = f"/v1/audit/breach?from={DAY['from']}&to={DAY['to']}"
    assert feed.api.get(nobody, who=fresh(feed)).code == "bad_query"


def test_another_organisation_finds_nothing(feed):
    doctor = person()
    feed.act(2, actor=doctor)
    stranger = feed.suite.person("auditor", org=OTHER_ORG)
    assert found(feed, who=stranger, person=doctor) == []


def test_disclosures_are_those_to_outsiders_and_no_other(feed):
    ada, bea, pharmacist = feed.suite.patient(), feed.suite.patient(), person()
    sent = feed.act(1, patient=ada.patient, action="prescription.send")
    read = feed.act(2, patient=ada.patient, action="prescription.read", role="pharmacist", actor=pharmacist)
    guest = feed.act(1, patient=ada.patient, action="call.join", role="guest")
    guest += feed.act(2, patient=ada.patient, action="chart.read", role="client")
    feed.act(60, patient=ada.patient, action="prescription.read", role="nurse")         # inside
    feed.act(1, patient=ada.patient, action="call.join", role="patient")                # their own
    feed.act(1, patient=ada.patient, action="prescription.fill", role="pharmacist", outcome="refused")
    feed.act(1, patient=ada.patient, action="prescription.send", at="2025-01-05 10:00Z")
    feed.act(1, patient=bea.patient, action="prescription.send")
    path = f"patients/{ada.patient}/disclosures"
    for who in (ada, feed.suite.person("privacy")):
        rows = found(feed, who=who, path=path, limit=20, **DAY)
        assert ids(rows) == sorted(sent + read + guest)
        assert {(row["recipient"], row["purpose"]) for row in rows} == {
            ("pharmacy", "treatment"), ("guest of the visit", "treatment"), ("registered program", "as registered")}
    assert feed.api.get(f"/v1/audit/{path}", who=bea).status == 404
    told = {(row["action"], row["actor"]) for row in found(feed, patient=ada.patient) if row["service"] == "audit"}
    assert ("audit.disclosures", ada.id) in told


def test_who_has_which_role_and_when_they_last_used_it(feed):
    doctor, nurse, clerk = (feed.suite.person(role) for role in ("clinician", "nurse", "front_desk"))
    ada, bea = feed.suite.patient(), feed.suite.patient()
    feed.suite.relation(doctor, ada.patient, "treating")
    feed.suite.relation(doctor, bea.patient, "booked")
    feed.suite.relation(nurse, bea.patient, "care_team", ends="2021-01-01Z")
    feed.api.execute("UPDATE relation SET starts_at = now() - days * interval '1 day' FROM (VALUES "
                     + ", ".join(f"('{feed.suite.relation(nurse, ada.patient, 'break_glass')}'::uuid, {days})"
                                 for days in (1, 89, 91)) + ") AS broken (row, days) WHERE id = row")
    feed.act(1, actor=doctor.id, at="2026-02-03 10:00Z")
    feed.act(1, actor=doctor.id, at="2026-01-03 10:00Z")
    for role in ("auditor", "privacy", "admin"):
        rows = {row["person"]: row for row in found(feed, who=feed.suite.person(role), path="access-review", limit=3)}
        assert (rows[doctor.id]["role"], rows[doctor.id]["state"], rows[doctor.id]["relations"]) == ("clinician", "active", 2)
        assert rows[doctor.id]["last_used_at"].startswith("2026-02-03T10:00:00")
        assert (rows[nurse.id]["glass_broken"], rows[doctor.id]["glass_broken"]) == (2, 0)
        assert rows[nurse.id]["relations"] == 1 and "last_used_at" not in rows[clerk.id]
        assert ada.id not in rows
    assert feed.api.get("/v1/audit/access-review", who=doctor).status == 403


def test_the_patients_own_list_says_who_what_when_and_why(feed):
    ada, doctor = feed.suite.patient(), person()
    (event,) = feed.act(patient=ada.patient, actor=doctor, consent=person(), purpose="TREAT")
    row = next(row for row in found(feed, who=ada, path=f"patients/{ada.patient}/events") if row["id"] == event)
    assert (row["actor"], row["role"], row["action"]) == (doctor, "clinician", "visit.read")
    assert row["at"] and row["relation"] == "booked" and row["consent_id"] and "remote" not in row
    assert row["purpose"] == "TREAT"


@pytest.mark.family(6)
def test_what_is_on_record_of_a_sensitive_row_is_for_those_for_whom_the_row_is(feed):
    """As if it were not there: no page is short of it, so no cursor names it."""
    child, guardian = feed.suite.patient(), feed.suite.person("proxy")
    feed.suite.relation(guardian, child.patient, "proxy")
    shown = feed.act(3, patient=child.patient)
    theirs = feed.act(4, patient=child.patient, labels="ETH,ADOL", action="call.join", role="guest")
    theirs += feed.act(1, patient=child.patient, action="grant.revoke")
    notes = feed.act(2, patient=child.patient, labels="PSYTHPN", action="note.read")

    def listed(who, path=f"patients/{child.patient}/events", **query):
        return ids(row for row in found(feed, who=who, path=path, **query) if row["service"] == "appointments")

    for limit in (1, 2, 50):
        assert listed(guardian, limit=limit) == sorted(shown)
    page = feed.api.get(f"/v1/audit/patients/{child.patient}/events?limit=3", who=guardian).json["data"]
    assert len(page) == 3 and not set(ids(page)) & {*theirs, *notes}
    assert listed(child) == sorted(shown + theirs)
    disclosed = f"patients/{child.patient}/disclosures"
    assert (listed(guardian, disclosed), len(listed(child, disclosed))) == ([], 4)
    assert listed(feed.suite.person("auditor"), "events", patient=child.patient) == sorted(shown + theirs + notes)
