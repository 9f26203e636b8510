"""The waiting room and the consultation."""
import datetime
import random

import pytest

from telecura import rfc3339

MINUTE = 60
TARGET = {"consultation": 15 * MINUTE, "follow_up": 30 * MINUTE}
LENGTH = {"consultation": 30 * MINUTE, "follow_up": 15 * MINUTE}


def test_a_visit_from_check_in_to_summary(clinic, suite):
    visit, ada, doctor = clinic.visit_in("confirmed")
    clinic.at(clinic.morning - 10 * MINUTE)

    assert clinic.place(visit, ada, "Elm Street 1", "+1 555 0199").json["version"] == 3
    here = clinic.step(visit, "check_in", ada).json
    assert here["state"] == "arrived" and here["queue"] == {"position": 1, "wait_minutes": "0-5"}
    assert here["visit_pass"].startswith("v4.public.")
    (mine,) = clinic.api.get("/v1/queue", who=ada).json["data"]
    assert mine["position"] == 1 and "visit_pass" not in mine
    admitted = clinic.step(visit, "admit", doctor).json
    assert admitted["visit_pass"].startswith("v4.public.") and admitted["admitted_at"]
    (mine,) = clinic.api.get("/v1/queue", who=ada).json["data"]
    assert mine["position"] == 0 and mine["visit_pass"].startswith("v4.public.")
    assert clinic.step(visit, "start", doctor).json["state"] == "in_progress"
    seen = clinic.api.get(f"/v1/appointments/{visit['id']}", who=doctor).json
    assert (seen["place"], seen["call_back_number"]) == ("Elm Street 1", "+1 555 0199")
    assert clinic.note(visit, doctor, "viral; rest").json["version"] == 1
    over = clinic.step(visit, "end", doctor, {"summary": "Rest for a week."}).json
    assert over["state"] == "completed" and over["ended_at"]
    summary = clinic.api.get(f"/v1/appointments/{visit['id']}/summary", who=ada).json
    assert summary["text"] == "Rest for a week." and summary["prescriptions"] == []
    assert clinic.api.get(f"/v1/appointments/{visit['id']}/note", who=ada).status == 403
    assert clinic.api.get(f"/v1/appointments/{visit['id']}/note", who=doctor).json["text"] == "viral; rest"

    history = clinic.api.rows("SELECT event, version, actor FROM appointment_history "
                              f"WHERE appointment_id = '{visit['id']}' ORDER BY version")
    assert [row["event"] for row in history] == ["book", "confirm", "set_place", "check_in", "admit",
                                                 "start", "end"]
    assert [row["version"] for row in history] == [1, 2, 3, 4, 5, 6, 7]
    assert [e["version"] for e in suite.outbox("appointments", key=visit["id"])] == [1, 2, 3, 4, 5, 6, 7]


def test_check_in_asks_for_place_consent_and_time(clinic, suite):
    doctor, ada = clinic.clinician(), suite.patient()
    consent = suite.consent(ada.patient)
    visit = clinic.booked(ada, doctor, clinic.morning)
    clinic.at(clinic.morning - 5 * MINUTE)
    assert clinic.step(visit, "check_in", ada).code == "place_missing"
    clinic.place(visit, ada)
    for early_or_late in (-31 * MINUTE, 30 * MINUTE):
        clinic.at(clinic.morning + early_or_late)
        assert clinic.step(visit, "check_in", ada).code == "check_in_closed"
    clinic.at(clinic.morning - 30 * MINUTE)
    suite.revoke(consent)
    assert clinic.step(visit, "check_in", ada).code == "consent_required"
    suite.consent(ada.patient)
    assert clinic.step(visit, "check_in", ada).status == 200


def test_start_asks_for_consent_once_more(clinic, suite):
    doctor, ada = clinic.clinician(), suite.patient()
    consent = suite.consent(ada.patient)
    visit, _, _ = clinic.visit_in("admitted", ada, doctor)
    suite.revoke(consent)
    assert clinic.step(visit, "start", doctor).code == "consent_required"


def test_a_visit_shows_what_its_patient_agrees_to_as_far_as_it_covers_who_reads(clinic, suite):
    doctor, ada = clinic.clinician(), suite.patient()
    consent = suite.consent(ada.patient)
    visit, _, _ = clinic.visit_in("in_progress", ada, doctor)

    def shown(who):
        return clinic.api.get(f"/v1/appointments/{visit['id']}", who=who).json.get("consents")
    assert shown(doctor) == ["telehealth"]
    suite.consent(ada.patient, "recording")
    suite.consent(ada.patient, "data_sharing", recipient=doctor.id)
    assert (shown(doctor), shown(ada)) == (["telehealth", "recording", "data_sharing"], ["telehealth", "recording"])
    suite.revoke(consent)
    assert shown(doctor) == ["recording", "data_sharing"]


@pytest.mark.parametrize("seed", range(3))
def test_the_room_serves_by_deadline(clinic, suite, seed):
    """Random arrivals and admissions against the published rule: served by (ready + target), ready
    being the check-in, but not before ten minutes ahead of the start; then by check-in, then by id."""
    dice = random.Random(seed)
    doctor, patients = clinic.clinician(), suite.patients(10, consent=True)
    at, events, waiting, inside = clinic.morning, [], [], 0
    for patient in patients:
        visit_type = dice.choice(list(TARGET))
        visit = clinic.booked(patient, doctor, at, visit_type=visit_type)
        assert clinic.place(visit, patient).status == 200
        arrives = dice.randint(at - 30 * MINUTE, at + LENGTH[visit_type] - 1)
        events.append((arrives, "arrive", visit, patient, at, visit_type))
        at += LENGTH[visit_type]
    for _ in range(6):
        events.append((dice.randint(clinic.morning, at), "admit"))

    for when, what, *more in sorted(events, key=lambda event: event[0]):
        clinic.at(when)
        if what == "arrive":
            visit, patient, start, visit_type = more
            reply = clinic.step(visit, "check_in", patient)
            assert reply.status == 200, reply
            ready = max(when, start - 10 * MINUTE)
            waiting.append((ready + TARGET[visit_type], when, visit["id"], patient))
            waiting.sort(key=lambda entry: entry[:3])
            place = 1 + [entry[2] for entry in waiting].index(visit["id"])
            minutes = (place - 1 + inside) * 20
            band = next(b for limit, b in ((5, "0-5"), (15, "5-15"), (30, "15-30"), (1e9, "30+"))
                        if minutes <= limit)
            assert reply.json["queue"] == {"position": place, "wait_minutes": band}
        elif waiting:
            for entry in waiting[1:]:
                assert clinic.step({"id": entry[2]}, "admit", doctor).code == "not_next"
            assert clinic.step({"id": waiting.pop(0)[2]}, "admit", doctor).status == 200
            inside += 1
        queue = clinic.api.get("/v1/queue", who=doctor).json["data"]
        assert [e["appointment_id"] for e in queue if e["position"]] == [e[2] for e in waiting]
        assert [e["position"] for e in queue if e["position"]] == list(range(1, len(waiting) + 1))
        for place, (_, _, visit_id, patient) in enumerate(waiting, 1):
            (own,) = clinic.api.get("/v1/queue", who=patient).json["data"]
            assert (own["appointment_id"], own["position"]) == (visit_id, place)


def test_the_wait_is_told_from_the_last_visits(clinic, suite):
    doctor = clinic.clinician()
    visit, ada, _ = clinic.visit_in("in_progress", doctor=doctor)
    clinic.at(clinic.morning + 4 * MINUTE)
    clinic.note(visit, doctor, "short")
    assert clinic.step(visit, "end", doctor, {}).status == 200
    waits = []
    for n, patient in enumerate(suite.patients(3, consent=True)):
        later = clinic.booked(patient, doctor, clinic.morning + 15 * MINUTE * (n + 2), visit_type="follow_up")
        clinic.at(clinic.morning + 35 * MINUTE)
        clinic.place(later, patient)
        waits.append(clinic.step(later, "check_in", patient).json["queue"]["wait_minutes"])
    assert waits == ["0-5", "0-5", "5-15"]


ILLEGAL = [
    ("scheduled", "admit"), ("scheduled", "start"), ("scheduled", "end"), ("confirmed", "confirm"),
    ("arrived", "start"), ("arrived", "end"), ("arrived", "confirm"), ("admitted", "admit"),
    ("in_progress", "admit"), ("in_progress", "start"), ("completed", "end"), ("completed", "start"),
    ("completed", "cancel"), ("no_show", "check_in"), ("no_show", "cancel"),
]


@pytest.mark.parametrize("state, event", ILLEGAL)
def test_s18_what_the_table_does_not_say_is_refused(clinic, state, event):
    visit, patient, doctor = clinic.visit_in(state)
    who = doctor if event in ("admit", "start", "end") else patient
    reply = clinic.step(visit, event, who, {} if event == "end" else None)
    assert (reply.status, reply.code) == (409, "bad_state")
    stored = clinic.api.rows(f"SELECT state, version FROM appointment WHERE id = '{visit['id']}'")
    assert stored == [{"state": visit["state"], "version": visit["version"]}]


@pytest.mark.parametrize("state, takes", [
    ("scheduled", True), ("confirmed", True), ("arrived", True), ("admitted", True), ("in_progress", True),
    ("completed", False), ("cancelled", False), ("no_show", False),
])
def test_a_visit_takes_its_time_of_two_calendars_until_it_is_over(clinic, state, takes):
    visit, _, _ = clinic.visit_in(state)
    during = "during = tstzrange(starts_at, ends_at)" if takes else "during IS NULL"
    assert clinic.api.value(f"SELECT {during} FROM appointment WHERE id = '{visit['id']}'") is True


def test_s18_only_the_visits_own_clinician_or_a_cover_runs_it(clinic, suite):
    visit, ada, doctor = clinic.visit_in("arrived")
    other = clinic.clinician()
    assert clinic.step(visit, "admit", other).status == 404
    relation = suite.relation(other, ada.patient, "treating")
    assert clinic.step(visit, "admit", other).status == 403
    assert clinic.step(visit, "admit", clinic.nurse).status == 403
    assert clinic.step(visit, "admit", ada).status == 403
    suite.everywhere(f"UPDATE relation SET kind = 'covering' WHERE id = '{relation}'")
    assert clinic.step(visit, "admit", other).status == 200


@pytest.mark.parametrize("event", ["confirm", "reschedule", "cancel", "no_show"])
def test_a_clinician_moves_visits_of_their_own_calendar_or_that_of_whom_they_cover(clinic, suite, event):
    """Another clinician of the same patient reads the visit, and changes nothing of it."""
    visit, ada, doctor = clinic.visit_in("scheduled")
    if event == "no_show":
        clinic.at(clinic.morning + 10 * MINUTE)
    body = {"starts_at": rfc3339(clinic.morning + 3600)} if event == "reschedule" else None
    other = clinic.clinician()
    relation = suite.relation(other, ada.patient, "treating")
    suite.relation(other, suite.patient().patient, "covering")  # of somebody else's patient
    assert clinic.api.get(f"/v1/appointments/{visit['id']}", who=other).status == 200

    reply = clinic.step(visit, event, other, body, match=1)
    assert (reply.status, reply.code) == (403, "forbidden")
    (refused,) = [row for row in suite.audit("appointments", actor=other.id, resource_id=visit["id"])
                  if row["outcome"] == "refused"]
    assert refused["error"] == "forbidden"
    stored = clinic.api.rows(f"SELECT state, version FROM appointment WHERE id = '{visit['id']}'")
    assert stored == [{"state": "scheduled", "version": 1}]

    suite.everywhere(f"UPDATE relation SET kind = 'covering' WHERE id = '{relation}'")
    assert clinic.step(visit, event, other, body, match=1).status == 200


def test_a_visit_s_note_is_its_clinician_s_or_theirs_who_covers(clinic, suite):
    """Another clinician of the same patient reads it, and puts no word into it."""
    visit, ada, doctor = clinic.visit_in("in_progress")
    clinic.note(visit, doctor, "viral; rest")
    other = clinic.clinician()
    relation = suite.relation(other, ada.patient, "treating")
    path = f"/v1/appointments/{visit['id']}/note"
    assert clinic.api.get(path, who=other).json["text"] == "viral; rest"
    for book in ("note", "psychotherapy_note"):
        reply = clinic.api.put(f"/v1/appointments/{visit['id']}/{book}", {"text": "bacterial"}, who=other, match=1)
        assert reply.status in (403, 404), reply
    assert suite.audit("appointments", actor=other.id, action="note.write")[0]["error"] == "forbidden"
    assert clinic.api.get(path, who=doctor).json["text"] == "viral; rest"

    suite.everywhere(f"UPDATE relation SET kind = 'covering' WHERE id = '{relation}'")
    assert clinic.note(visit, other, "viral; rest; came back", match=1).status == 200
    assert clinic.api.rows("SELECT version, author FROM note WHERE kind = 'note' AND appointment_id = "
                           f"'{visit['id']}' ORDER BY version") == [
        {"version": 1, "author": doctor.id}, {"version": 2, "author": other.id}]


def test_why_somebody_comes_is_for_nurses_who_care_for_them(clinic, suite):
    visit, ada, doctor = clinic.visit_in("scheduled")
    path, nurse = f"/v1/appointments/{visit['id']}", suite.person("nurse")
    for who in (ada, doctor):
        assert clinic.api.get(path, who=who).json["reason"] == "a cough"

    def told():
        return [reply.json.get("reason") for reply in (clinic.api.get(path, who=nurse), clinic.place(visit, nurse))
                if reply.status == 200]
    assert told() == [None, None]
    assert clinic.api.get(path, who=doctor).json["reason"] == "a cough"      # the place took nothing of it
    suite.relation(nurse, ada.patient, "care_team")
    assert told() == ["a cough"] * 2


def test_s18_concurrent_edits_meet_a_version(clinic):
    visit, ada, doctor = clinic.visit_in("scheduled")
    assert clinic.step(visit, "confirm", ada, match=2).status == 412
    assert clinic.step(visit, "confirm", ada, match=1).status == 200
    assert clinic.step(visit, "cancel", doctor, match=1).status == 412


def test_s18_notes_are_only_ever_added(clinic):
    visit, _, doctor = clinic.visit_in("in_progress")
    assert clinic.step(visit, "end", doctor, {}).code == "note_missing"
    assert clinic.note(visit, doctor, "first").json["version"] == 1
    assert clinic.note(visit, doctor, "lost update").status == 428
    assert clinic.note(visit, doctor, "second", match=1).json["version"] == 2
    assert clinic.note(visit, doctor, "lost update", match=1).status == 412
    assert clinic.step(visit, "end", doctor, {}).status == 200
    assert clinic.note(visit, doctor, "addendum", match=2).json["version"] == 3
    assert clinic.api.value("SELECT count(*) FROM note WHERE kind = 'note' "
                            f"AND appointment_id = '{visit['id']}'") == 3
    for change in ("UPDATE note SET version = 9", "DELETE FROM note", "DELETE FROM appointment_history",
                   "UPDATE appointment_history SET actor = NULL", "DELETE FROM appointment"):
        with pytest.raises(RuntimeError, match="permission denied"):
            clinic.api.execute(f"SET ROLE appointments; {change}")


def test_a_note_is_written_at_the_visit_and_not_before(clinic):
    visit, _, doctor = clinic.visit_in("admitted")
    assert clinic.note(visit, doctor, "too soon").code == "bad_state"


def test_s19_who_did_it_is_who_stands_there(clinic, suite):
    """The actor is whoever acted, never the visit's patient or clinician by default."""
    visit, ada, doctor = clinic.visit_in("scheduled")
    clinic.step(visit, "confirm", clinic.desk)
    clinic.at(clinic.morning)
    clinic.place(visit, clinic.nurse)
    clinic.step(visit, "check_in", clinic.nurse)
    clinic.step(visit, "start", clinic.nurse)
    rows = {row["action"]: row for row in suite.audit("appointments", patient=ada.patient)}
    assert (rows["visit.confirm"]["actor"], rows["visit.confirm"]["role"]) == (clinic.desk.id, "front_desk")
    assert (rows["visit.check_in"]["actor"], rows["visit.check_in"]["role"]) == (clinic.nurse.id, "nurse")
    (refused,) = suite.audit("appointments", action="visit.start", actor=clinic.nurse.id,
                             resource_id=visit["id"])
    assert (refused["outcome"], refused["error"]) == ("refused", "forbidden")
    actors = clinic.api.rows("SELECT event, actor FROM appointment_history "
                             f"WHERE appointment_id = '{visit['id']}' ORDER BY version")
    assert [row["actor"] for row in actors] == [ada.id, clinic.desk.id, clinic.nurse.id, clinic.nurse.id]


def test_nobody_is_missed_before_ten_minutes_or_when_seen(clinic, suite):
    visit, ada, doctor = clinic.visit_in("scheduled")
    clinic.at(clinic.morning + 9 * MINUTE)
    assert clinic.step(visit, "no_show", clinic.desk).code == "bad_state"
    clinic.at(clinic.morning + 10 * MINUTE)
    assert clinic.step(visit, "no_show", ada).status == 403
    org = clinic.api.value(f"SELECT org FROM appointment WHERE id = '{visit['id']}'")
    clinic.api.execute("INSERT INTO presence_heard (org, visit_id, person, seen_at) "
                       f"VALUES ('{org}', '{visit['id']}', '{ada.id}', now())")
    assert clinic.step(visit, "no_show", clinic.desk).code == "bad_state"
    clinic.api.execute(f"DELETE FROM presence_heard WHERE visit_id = '{visit['id']}'")
    assert clinic.step(visit, "no_show", clinic.desk).json["state"] == "no_show"


def test_s21_hours_are_wall_time_and_instants_are_utc(clinic, suite):
    """New York springs forward on 14 March 2027 and falls back on 7 November 2027."""
    utc = datetime.timezone.utc
    ada = suite.patient()

    def day(doctor, year, month, number):
        start = datetime.datetime(year, month, number, 4, tzinfo=utc).timestamp()
        slots = clinic.slots(doctor, ada, start, visit_type="follow_up").json["data"]
        return [slot["starts_at"][11:16] for slot in slots], [slot["local_start"][11:16] for slot in slots]

    clinic.at(datetime.datetime(2027, 3, 10, tzinfo=utc).timestamp())
    doctor = clinic.clinician([{"weekday": d, "from": "01:30", "to": "03:30"} for d in range(1, 8)],
                              "America/New_York")
    assert day(doctor, 2027, 3, 13)[0][0] == "06:30" and len(day(doctor, 2027, 3, 13)[0]) == 8
    utc_starts, local_starts = day(doctor, 2027, 3, 14)
    assert utc_starts == ["06:30", "06:45", "07:00", "07:15"]
    assert local_starts == ["01:30", "01:45", "03:00", "03:15"]
    assert day(doctor, 2027, 3, 15)[0][0] == "05:30"

    clinic.at(datetime.datetime(2027, 11, 1, tzinfo=utc).timestamp())
    night = clinic.clinician([{"weekday": d, "from": "01:00", "to": "02:00"} for d in range(1, 8)],
                             "America/New_York")
    # From the first 01:00 to the one 02:00: two hours, every instant once.
    utc_starts, _ = day(night, 2027, 11, 7)
    assert utc_starts == ["05:00", "05:15", "05:30", "05:45", "06:00", "06:15", "06:30", "06:45"]


def test_s21_time_comes_from_one_clock_and_order_from_versions(clinic, suite):
    visit, ada, _ = clinic.visit_in("scheduled")
    clinic.at(clinic.morning - 24 * 3600)
    clinic.step(visit, "confirm", ada)
    clinic.at(clinic.morning - 48 * 3600)  # the clock steps back
    clinic.step(visit, "cancel", ada)
    rows = clinic.api.rows("SELECT event, version FROM appointment_history "
                           f"WHERE appointment_id = '{visit['id']}' ORDER BY version")
    assert [row["event"] for row in rows] == ["book", "confirm", "cancel"]


def test_who_was_forgotten_does_not_stand_before_the_others(clinic, suite):
    """The one who came yesterday and was never admitted is let go by a timer."""
    visit, _, doctor = clinic.visit_in("arrived")
    bob = suite.patient(consent=True)
    later = clinic.booked(bob, doctor, clinic.morning + 5 * 3600)
    clinic.at(clinic.morning + 5 * 3600)
    assert clinic.place(later, bob).status == 200
    assert clinic.step(later, "check_in", bob).status == 200
    clinic.api.wait_for(f"SELECT state = 'cancelled' FROM appointment WHERE id = '{visit['id']}'", 25)
    assert clinic.step(later, "admit", doctor).status == 200


def test_the_horizon_moves_on(clinic, suite):
    """A timer offers the days that come into reach; those that were offered stay as they are."""
    doctor = suite.person("clinician")
    hours = [{"weekday": d, "from": "09:00", "to": "10:00"} for d in range(1, 8)]
    assert clinic.offer(doctor, hours, weeks=1).status == 200
    offered = f"FROM availability WHERE provider_id = '{doctor.id}'"
    assert clinic.api.value(f"SELECT count(*) {offered}") == 7
    clinic.suite.clock(3 * 24 * 3600)
    clinic.api.wait_for(f"SELECT count(*) = 10 {offered}", 25)
    assert clinic.api.value(f"SELECT count(DISTINCT during) {offered}") == 10


def test_what_is_written_may_be_as_long_in_any_script(clinic):
    longest = "\U0001d11e" * 20000      # 80 000 bytes
    visit, ada, doctor = clinic.visit_in("in_progress")
    reply = clinic.note(visit, doctor, longest + "x")
    assert (reply.status, reply.at) == (400, ["/text"])
    assert clinic.note(visit, doctor, longest).status == 200
    assert clinic.api.get(f"/v1/appointments/{visit['id']}/note", who=doctor).json["text"] == longest
    assert clinic.step(visit, "end", doctor, {"summary": longest}).status == 200
    assert clinic.api.get(f"/v1/appointments/{visit['id']}/summary", who=ada).json["text"] == longest


def test_the_summary_lists_what_was_prescribed(clinic):
    visit, ada, _ = clinic.visit_in("completed")
    org = clinic.api.value(f"SELECT org FROM appointment WHERE id = '{visit['id']}'")
    clinic.api.execute("INSERT INTO prescription_heard (org, id, act_id, visit_id, state, version, epoch) "
                       f"VALUES ('{org}', '{org}', '{org}', '{visit['id']}', 'signed', 1, 0)")
    summary = clinic.api.get(f"/v1/appointments/{visit['id']}/summary", who=ada).json
    assert summary["prescriptions"] == [{"id": org, "state": "signed"}]
    assert summary["text"] == "rest and water"


def test_nobody_came(clinic, suite):
    """The timer marks what is over; nobody asks for it."""
    visit, ada, _ = clinic.visit_in("scheduled")
    clinic.at(clinic.morning + 31 * MINUTE)
    clinic.api.wait_for(f"SELECT state = 'no_show' FROM appointment WHERE id = '{visit['id']}'", 25)
    (row,) = suite.audit("appointments", action="visit.no_show", resource_id=visit["id"])
    assert (row["actor"], row["patient"]) == (None, ada.patient)
