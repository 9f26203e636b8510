"""Offering, finding, booking, moving and leaving a time."""
import concurrent.futures
import datetime
import itertools
import random
import threading
import uuid

import pytest

from telecura import ORG, OTHER_ORG, rfc3339

MINUTE = 60


def parse(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(
        tzinfo=datetime.timezone.utc).timestamp()


def test_a_patient_finds_a_time_and_books_it(clinic, suite):
    doctor, ada = clinic.clinician(time_zone="America/New_York"), suite.patient(consent=True)
    first = clinic.slots(doctor, ada, clinic.morning).json["data"][0]

    reply = clinic.book(ada, doctor, parse(first["starts_at"]))

    assert reply.status == 201 and reply.headers["etag"] == '"1"'
    visit = reply.json
    assert (visit["state"], visit["local_start"]) == ("scheduled", first["local_start"])
    assert visit["time_zone"] == "America/New_York"
    assert clinic.api.get(f"/v1/appointments/{visit['id']}", who=ada).json["reason"] == "a cough"
    assert clinic.api.get(f"/v1/appointments/{visit['id']}", who=doctor).status == 200
    assert first not in clinic.slots(doctor, ada, clinic.morning).json["data"]
    (event,) = suite.outbox("appointments", key=visit["id"])
    assert (event["topic"], event["version"]) == ("appointments.visits.v1", 1)
    (row,) = suite.audit("appointments", resource_id=visit["id"], action="visit.book")
    assert (row["outcome"], row["actor"], row["patient"]) == ("done", ada.id, ada.patient)
    assert row["relation"] == "self" and row["consent"]


@pytest.mark.family(22)
def test_s15_two_hundred_want_one_slot(clinic, suite):
    doctor, patients = clinic.clinician(), suite.patients(200, consent=True)
    everybody = threading.Barrier(len(patients))

    def want(patient):
        everybody.wait()
        return clinic.book(patient, doctor, clinic.morning)

    with concurrent.futures.ThreadPoolExecutor(len(patients)) as pool:
        replies = list(pool.map(want, patients))

    statuses = [reply.status for reply in replies]
    assert statuses.count(201) == 1 and statuses.count(409) == 199, sorted(statuses)
    assert {reply.code for reply in replies if reply.status == 409} == {"slot_taken"}
    assert clinic.api.value(f"SELECT count(*) FROM appointment WHERE provider_id = '{doctor.id}'") == 1
    refused = suite.audit("appointments", action="visit.book", error="slot_taken")
    assert len({row["actor"] for row in refused} & {p.id for p in patients}) == 199


def test_s14_no_overlap_in_any_five_minutes(clinic, suite):
    """Every start of a grid around a booked half hour: refused exactly where it would overlap."""
    doctor, ada = clinic.clinician(), suite.patient(consent=True)
    clinic.booked(ada, doctor, clinic.morning)
    for offset in range(-45, 50, 5):
        for visit_type, minutes in (("consultation", 30), ("follow_up", 15)):
            other = suite.patient(consent=True)
            reply = clinic.book(other, doctor, clinic.morning + offset * MINUTE, visit_type=visit_type)
            overlaps = offset < 30 and offset + minutes > 0
            assert reply.status == (409 if overlaps else 201), (offset, visit_type, reply)
            if reply.status == 201:
                assert clinic.step(reply.json, "cancel", other).status == 200


@pytest.mark.family(22)
def test_s15_a_patient_is_in_one_place_at_a_time(clinic, suite):
    ada = suite.patient(consent=True)
    clinic.booked(ada, clinic.clinician(), clinic.morning)
    reply = clinic.book(ada, clinic.clinician(), clinic.morning + 15 * MINUTE)
    assert (reply.status, reply.code) == (409, "slot_taken")


@pytest.mark.family(22)
def test_s15_the_past_and_unoffered_times_cannot_be_booked(clinic, suite):
    rules = [{"weekday": d, "from": "09:00", "to": "12:00"} for d in range(1, 8)]
    doctor, ada = clinic.clinician(rules), suite.patient(consent=True)
    nine = clinic.morning + 3600
    for start in (nine - 15 * MINUTE, nine + 165 * MINUTE, nine - 5 * 24 * 3600):
        reply = clinic.book(ada, doctor, start)
        assert (reply.status, reply.code) == (409, "outside_availability")
    reply = clinic.book(ada, doctor, nine, visit_type="seance")
    assert (reply.status, reply.code, reply.at) == (422, "unprocessable", ["/visit_type"])
    for start in (nine + 1, nine + 59):
        reply = clinic.book(ada, doctor, start)
        assert (reply.status, reply.code, reply.at) == (422, "unprocessable", ["/starts_at"])
    assert clinic.book(ada, doctor, nine + 150 * MINUTE).status == 201


def test_what_a_visit_can_be(clinic, suite):
    """An organisation's own length goes before everybody's, and what is over is no longer offered."""
    ada, doctor = suite.patient(consent=True), clinic.clinician()
    usual = {one["code"]: one["minutes"] for one in clinic.api.get("/v1/visit_types", who=ada).json["data"]}
    assert usual == {"consultation": 30, "follow_up": 15}
    clinic.api.execute(f"INSERT INTO visit_type (org, code, valid, minutes, target_minutes) VALUES "
                       f"('{ORG}', 'follow_up', '[2020-01-01Z,)', 20, 30), "
                       f"('{ORG}', 'seance', '[2020-01-01Z,2021-01-01Z)', 20, 30)")
    try:
        own = {one["code"]: one["minutes"] for one in clinic.api.get("/v1/visit_types", who=doctor).json["data"]}
        assert own == {"consultation": 30, "follow_up": 20}
    finally:
        clinic.api.execute(f"DELETE FROM visit_type WHERE org = '{ORG}'")


@pytest.mark.family(22)
def test_s16_the_same_key_finds_the_same_booking(clinic, suite):
    doctor, ada = clinic.clinician(), suite.patient(consent=True)
    key = str(uuid.uuid4())
    first = clinic.book(ada, doctor, clinic.morning, key=key)
    again = clinic.book(ada, doctor, clinic.morning, key=key)
    other = clinic.book(ada, doctor, clinic.morning + 3600, key=key)
    without = clinic.book(ada, doctor, clinic.morning + 3600, key="")

    assert (first.status, again.status) == (201, 201)
    assert again.json["id"] == first.json["id"]
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert (without.status, without.code) == (400, "idempotency_key_missing")
    assert len(suite.outbox("appointments", key=first.json["id"])) == 1


@pytest.mark.family(22)
def test_parallel_bookings_moves_and_cancellations_never_overlap(clinic, suite):
    """Patients and clinicians at random, on a grid that makes them meet: never a 5xx, never an
    overlap, and whoever is told 201 or 200 has it."""
    doctors, patients = [clinic.clinician() for _ in range(3)], suite.patients(8, consent=True)

    def act(seed):
        dice, mine, statuses = random.Random(seed), [], []
        patient = patients[seed % len(patients)]
        for _ in range(25):
            start = clinic.morning + 900 * dice.randrange(12)
            what = dice.choice(["book", "book", "move", "cancel"]) if mine else "book"
            if what == "book":
                reply = clinic.book(patient, dice.choice(doctors), start,
                                    visit_type=dice.choice(["consultation", "follow_up"]))
                mine += [reply.json] if reply.status == 201 else []
            elif what == "move":
                visit = mine.pop(dice.randrange(len(mine)))
                reply = clinic.step(visit, "reschedule", patient, {"starts_at": rfc3339(start)},
                                    match=visit["version"])
                mine.append(reply.json if reply.status == 200 else visit)
            else:
                reply = clinic.step(mine.pop(dice.randrange(len(mine))), "cancel", patient)
            statuses.append(reply.status)
        return statuses, {visit["id"]: visit["starts_at"] for visit in mine}

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        results = list(pool.map(act, range(16)))
    assert {status for statuses, _ in results for status in statuses} <= {200, 201, 409}
    ids = ", ".join(f"'{doctor.id}'" for doctor in doctors)
    live = clinic.api.rows("SELECT id, provider_id, patient_id, extract(epoch FROM starts_at) AS a, "
                           "extract(epoch FROM ends_at) AS b FROM appointment "
                           f"WHERE state = 'scheduled' AND provider_id IN ({ids})")
    told = {visit: starts for _, mine in results for visit, starts in mine.items()}
    assert {row["id"]: row["a"] for row in live} == {v: parse(starts) for v, starts in told.items()}
    for one, two in itertools.combinations(live, 2):
        if one["provider_id"] == two["provider_id"] or one["patient_id"] == two["patient_id"]:
            assert one["b"] <= two["a"] or two["b"] <= one["a"], (one, two)


def test_an_organisations_own_visit_type_goes_before_the_default(clinic, suite):
    doctor, ada = clinic.clinician(org=OTHER_ORG), suite.patient(org=OTHER_ORG, consent=True)
    clinic.api.execute("INSERT INTO visit_type (org, code, valid, minutes, target_minutes) "
                       f"VALUES ('{OTHER_ORG}', 'follow_up', '[2020-01-01Z,)', 45, 30)")
    slots = clinic.slots(doctor, ada, clinic.morning, visit_type="follow_up").json["data"]
    assert len({slot["starts_at"] for slot in slots}) == len(slots)
    assert parse(slots[0]["ends_at"]) - parse(slots[0]["starts_at"]) == 45 * MINUTE
    visit = clinic.booked(ada, doctor, clinic.morning, visit_type="follow_up")
    assert parse(visit["ends_at"]) - parse(visit["starts_at"]) == 45 * MINUTE


def test_without_consent_nothing_is_booked_and_with_it_at_once(clinic, suite):
    doctor, ada = clinic.clinician(), suite.patient()
    suite.consent(ada.patient, scope="research")
    suite.consent(ada.patient, state="revoked")
    suite.consent(ada.patient, ends="2021-01-01Z")
    reply = clinic.book(ada, doctor, clinic.morning)
    assert (reply.status, reply.code) == (403, "consent_required")
    (row,) = suite.audit("appointments", actor=ada.id, outcome="refused")
    assert (row["error"], row["patient"]) == ("consent_required", ada.patient)
    suite.consent(ada.patient)
    assert clinic.book(ada, doctor, clinic.morning).status == 201


def test_staff_book_for_patients_and_clinicians_in_their_own_calendar(clinic, suite):
    doctor, other, ada = clinic.clinician(), clinic.clinician(), suite.patient(consent=True)
    visit = clinic.booked(ada, doctor, clinic.morning, who=clinic.desk)
    (row,) = suite.audit("appointments", resource_id=visit["id"], action="visit.book")
    assert (row["actor"], row["role"], row["patient"]) == (clinic.desk.id, "front_desk", ada.patient)
    assert clinic.book(ada, doctor, clinic.morning + 3600, who=doctor).status == 201
    assert clinic.book(ada, other, clinic.morning + 7200, who=doctor).status == 403
    assert clinic.book(ada, other, clinic.morning + 7200, who=other).status == 404


def test_a_cancelled_time_is_free_at_once_and_ends_the_relation(clinic, suite):
    visit, ada, doctor = clinic.visit_in("confirmed")
    clinic.api.execute(f"UPDATE relation SET epoch = 7 WHERE id = '{visit['id']}'")     # access has told of it
    assert clinic.step(visit, "cancel", ada).json["state"] == "cancelled"
    assert clinic.api.get(f"/v1/appointments/{visit['id']}", who=doctor).status == 404
    assert clinic.book(suite.patient(consent=True), doctor, clinic.morning).status == 201


def test_what_access_tells_late_does_not_bring_a_cancelled_visits_relation_back(clinic, suite):
    visit, ada, doctor = clinic.visit_in("confirmed")
    assert clinic.step(visit, "cancel", ada).status == 200
    told = clinic.api.rows(f"""
        UPDATE relation SET ends_at = now() + interval '1 day' WHERE id = '{visit['id']}'
            AND (epoch, version) < (7, 1) RETURNING id""")       # relation_upsert's condition
    assert told == []
    assert clinic.api.get(f"/v1/appointments/{visit['id']}", who=doctor).status == 404


def test_reschedule_needs_the_version_and_frees_the_old_time(clinic, suite):
    visit, ada, doctor = clinic.visit_in("scheduled")
    later = {"starts_at": rfc3339(clinic.morning + 3600)}
    taken = clinic.booked(suite.patient(consent=True), doctor, clinic.morning + 7200)

    assert clinic.step(visit, "reschedule", ada, later).status == 428
    assert clinic.step(visit, "reschedule", ada, later, match=7).status == 412
    odd = clinic.step(visit, "reschedule", ada, {"starts_at": rfc3339(clinic.morning + 1)}, match=1)
    assert (odd.status, odd.at) == (422, ["/starts_at"])
    reply = clinic.step(visit, "reschedule", ada, {"starts_at": taken["starts_at"]}, match=1)
    assert (reply.status, reply.code) == (409, "slot_taken")
    moved = clinic.step(visit, "reschedule", ada, later, match=1)
    assert moved.status == 200 and moved.json["version"] == 2
    assert parse(moved.json["starts_at"]) == clinic.morning + 3600
    assert clinic.book(suite.patient(consent=True), doctor, clinic.morning).status == 201


def test_lists_show_only_whom_one_may_see_page_by_page(clinic, suite):
    doctor, ada, bob = clinic.clinician(), *suite.patients(2, consent=True)
    visits = [clinic.booked(ada, doctor, clinic.morning + i * 1800)["id"] for i in range(5)]
    clinic.booked(bob, doctor, clinic.morning + 5 * 1800)

    seen, cursor = [], ""
    while cursor is not None:
        page = clinic.api.get(f"/v1/appointments?limit=2{cursor}", who=ada).json
        seen += [row["id"] for row in page["data"]]
        assert all("reason" not in row for row in page["data"])
        cursor = f"&cursor={page['next_cursor']}" if page.get("next_cursor") else None
    assert seen == visits
    assert len(clinic.api.get("/v1/appointments", who=doctor).json["data"]) == 6
    mine = clinic.api.get(f"/v1/appointments?patient_id={bob.patient}", who=ada)
    assert mine.json["data"] == []
    page = clinic.api.get("/v1/appointments?limit=2", who=ada).json
    assert clinic.api.get(f"/v1/appointments?limit=2&cursor={page['next_cursor']}", who=bob).status == 400
    rows = suite.audit("appointments", action="visit.list", actor=doctor.id)
    assert {ada.patient, bob.patient} <= {row["patient"] for row in rows}


def test_slots_come_page_by_page_and_never_from_the_past(clinic, suite):
    doctor, ada = clinic.clinician(), suite.patient()
    clinic.at(clinic.morning + 60)
    page = clinic.slots(doctor, ada, clinic.morning, more="&limit=10").json
    rest = clinic.slots(doctor, ada, clinic.morning, more=f"&limit=10&cursor={page['next_cursor']}").json
    starts = [parse(slot["starts_at"]) for slot in page["data"] + rest["data"]]
    assert starts == [clinic.morning + 900 * n for n in range(1, 21)]
    assert clinic.slots(doctor, ada, clinic.morning, days=31).status == 200
    for days in (32, -1):
        reply = clinic.slots(doctor, ada, clinic.morning, days=days)
        assert (reply.status, reply.at) == (422, ["/to"])


@pytest.mark.parametrize("change, status", [
    ({"time_zone": "Mars/Olympus"}, 422), ({"time_zone": "EST5EDT"}, 422),
    ({"rules": [{"weekday": 1, "from": "12:00", "to": "09:00"}]}, 422),
    ({"rules": [{"weekday": 1, "from": "09:01", "to": "10:00"}]}, 422),
    ({"rules": [{"weekday": 1, "from": "09:00", "to": "24:05"}]}, 422),
    ({"rules": [{"weekday": 1, "from": "9h:00", "to": "10:00"}]}, 422),
    ({"rules": [{"weekday": 1, "from": "09:00", "to": "11:00"},
                {"weekday": 1, "from": "10:00", "to": "12:00"}]}, 422),
    ({"rules": [{"weekday": 8, "from": "09:00", "to": "10:00"}]}, 400),
    ({"weeks": 27}, 400), ({"rules": []}, 200),
])
def test_hours_must_make_sense(clinic, suite, change, status):
    doctor = suite.person("clinician")
    body = {"site_id": str(uuid.uuid4()), "time_zone": "UTC",
            "rules": [{"weekday": 1, "from": "09:00", "to": "10:00"}], **change}
    reply = clinic.api.put(f"/v1/providers/{doctor.id}/availability", body, who=doctor)
    assert reply.status == status
    assert status != 422 or reply.at == [f"/{field}" for field in change]


def test_hours_are_replaced_whole_and_booked_visits_stay(clinic, suite):
    site, doctor, ada = str(uuid.uuid4()), suite.person("clinician"), suite.patient(consent=True)
    every_day = [{"weekday": d, "from": "00:00", "to": "24:00"} for d in range(1, 8)]
    assert clinic.offer(doctor, every_day, site=site).json["version"] == 1
    visit = clinic.booked(ada, doctor, clinic.morning)
    assert clinic.offer(doctor, [], site=site).json["version"] == 2
    assert clinic.slots(doctor, ada, clinic.morning).json["data"] == []
    assert clinic.api.get(f"/v1/appointments/{visit['id']}", who=ada).json["state"] == "scheduled"


def test_hours_belong_to_a_clinician_of_the_organisation(clinic, suite):
    doctor, stranger = suite.person("clinician"), suite.person("clinician", org=OTHER_ORG)
    body = {"site_id": str(uuid.uuid4()), "time_zone": "UTC", "rules": []}
    for path_id in (stranger.id, clinic.nurse.id, str(uuid.uuid4())):
        for who in (clinic.desk, doctor):
            path = f"/v1/providers/{path_id}/availability"
            assert clinic.api.put(path, body, who=who).status == 404
    assert clinic.api.put(f"/v1/providers/{doctor.id}/availability", body, who=clinic.desk).status == 200
