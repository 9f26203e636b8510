"""A relation is proven, serves a role and ends: at its date, on the day of majority, with one visit."""
import concurrent.futures
import uuid

import pytest

from telecura import ORG, rfc3339

DAY_S = 24 * 3600


def opened(access, staff, patient, kind, proof, who=None, **more):
    role = {"proxy": "proxy", "guardian": "proxy", "guest": "guest"}.get(kind, "clinician")
    body = {"person_id": (who or staff[role]).id, "patient_id": patient, "kind": kind, "proof": proof, **more}
    return access.post("/v1/relations", body, who=staff["front_desk"])


@pytest.mark.parametrize("kind,proof", [
    ("treating", "rota"), ("covering", "referral"), ("proxy", "birth_certificate"), ("care_team", "invitation"),
    ("proxy", "power"), ("proxy", "power_of_attorney court_order"), ("proxy", " ")])
def test_what_proves_another_kind_proves_nothing(suite, access, staff, kind, proof):
    reply = opened(access, staff, suite.patient().patient, kind, proof)
    assert (reply.code, reply.at) == ("unprocessable", ["/proof"])


@pytest.mark.parametrize("kind,proof,days", [
    ("treating", "referral", 366), ("covering", "rota", 31), ("care_team", "care_plan", 366),
    ("proxy", "court_order", 1830)])
def test_a_relation_has_an_end(suite, access, staff, kind, proof, days):
    patient, now = suite.patient().patient, suite.now_s()
    late = opened(access, staff, patient, kind, proof, ends_at=rfc3339(now + (days + 1) * DAY_S))
    assert (late.code, late.at) == ("unprocessable", ["/ends_at"])
    made = opened(access, staff, patient, kind, proof)
    assert made.status == 201 and made.json["opened_by"] == staff["front_desk"].id
    lasts = access.value(f"SELECT extract(epoch FROM ends_at - starts_at) FROM relation "
                         f"WHERE id = '{made.json['id']}'")
    assert float(lasts) == days * DAY_S and made.json["proof"] == proof


def test_a_relation_opens_nothing_after_its_end(suite, access, staff):
    patient, doctor, now = suite.patient().patient, suite.person("clinician"), suite.now_s()
    made = opened(access, staff, patient, "covering", "rota", doctor, ends_at=rfc3339(now + DAY_S))
    assert made.status == 201
    path = f"/v1/relations/{made.json['id']}"
    assert access.get(path, who=doctor).status == 200
    suite.clock(DAY_S + 60)
    doctor.token = suite.idp.token(doctor.subject)
    assert access.get(path, who=doctor).status == 404


def ago(suite, days):
    return rfc3339(suite.now_s() - days * DAY_S)


@pytest.mark.parametrize("kind,proof,days,field", [
    ("treating", "referral", {"starts_at": 400}, "/starts_at"),     # it would have ended by itself
    ("treating", "referral", {"starts_at": 2, "ends_at": 1}, "/ends_at"),
    ("treating", "referral", {"starts_at": 1, "ends_at": 2}, "/ends_at"),
    ("guardian", "court_order", {"starts_at": -19 * 365}, "/starts_at")])
def test_a_relation_that_would_be_over_says_which_field_it_is(suite, access, staff, kind, proof, days, field):
    more = {"birth_date": ago(suite, 365)[:10]} if kind == "guardian" else {}
    dates = {name: ago(suite, n) for name, n in days.items()}
    reply = opened(access, staff, suite.patient().patient, kind, proof, **more, **dates)
    assert (reply.status, reply.code, reply.at) == (422, "unprocessable", [field])
    assert not any(said.encode() in reply.body for said in [*dates.values(), *more.values()])


# ---- guardians: until the patient comes of age ----

def born(years, days=0):
    """Who will be 18 in @years years and @days days."""
    return f"(now() - interval '{18 - years} years' + interval '{days} days')::date"


def majority(access, birth_date):
    """As PostgreSQL reckons the age, at the organisation's only site (Europe/Berlin)."""
    return access.value(f"SELECT ('{birth_date}'::date + interval '18 years') AT TIME ZONE 'Europe/Berlin'")


def test_a_guardian_s_relation_ends_on_the_day_of_majority(suite, access, staff):
    child, guardian = suite.patient(consent=True), suite.person("proxy")
    birth_date = access.value(f"SELECT {born(2)}")
    missing = opened(access, staff, child.patient, "guardian", "birth_certificate", guardian)
    assert (missing.code, missing.at) == ("unprocessable", ["/birth_date"])
    made = opened(access, staff, child.patient, "guardian", "birth_certificate", guardian, birth_date=birth_date)
    assert made.status == 201, made
    row = f"FROM relation WHERE id = '{made.json['id']}'"
    assert access.value(f"SELECT ends_at {row}") == majority(access, birth_date)
    assert access.get(f"/v1/consents?patient_id={child.patient}", who=guardian).json["data"]
    away = access.value(f"SELECT extract(epoch FROM ends_at - now()) {row}")
    for shift, seen in ((float(away) - 3600, True), (float(away) + 3600, False)):
        suite.clock(shift)
        guardian.token = suite.idp.token(guardian.subject)
        listed = access.get(f"/v1/consents?patient_id={child.patient}", who=guardian).json["data"]
        assert bool(listed) == seen


def test_nobody_is_guardian_of_an_adult(suite, access, staff):
    for birth_date in (access.value(f"SELECT {born(0)}"), "1970-01-01"):
        made = opened(access, staff, suite.patient().patient, "guardian", "court_order", birth_date=birth_date)
        assert (made.code, made.at) == ("unprocessable", ["/birth_date"])
    other = opened(access, staff, suite.patient().patient, "treating", "referral", birth_date="2015-01-01")
    assert (other.code, other.at) == ("unprocessable", ["/birth_date"]), "a birth date is asked for where it decides, and nowhere else"


def test_the_law_of_the_day_decides_and_an_early_end_stands(suite, access, staff):
    """From a day on it is 21: who is 18 before it is of age, who is not waits for 21."""
    access.execute(f"INSERT INTO majority VALUES ('{ORG}', '1900-01-01', 18), "
                   f"('{ORG}', (now() + interval '1 year')::date, 21)")
    try:
        for wait, years in ((0, 18), (2, 21)):
            birth_date = access.value(f"SELECT {born(wait, 30)}")
            ends = access.value(f"SELECT (majority_at('{ORG}', '{birth_date}') AT TIME ZONE 'Europe/Berlin')::date "
                                f"= ('{birth_date}'::date + interval '{years} years')::date")
            assert ends is True, (wait, years)
    finally:
        access.execute(f"DELETE FROM majority WHERE org = '{ORG}'")
    soon = rfc3339(suite.now_s() + DAY_S)
    made = opened(access, staff, suite.patient().patient, "guardian", "court_order",
                  birth_date="2020-02-29", ends_at=soon)
    assert made.json["ends_at"][:19] == soon[:19]


def test_a_new_law_is_reckoned_for_who_is_a_guardian_already(suite, access, staff):
    """In force from next year on: who is 18 before is of age, who would be 18 later waits for 21; the birth date is
    not kept. An end that was asked for stands, whoever comes of age when; what has ended does not come back."""
    made = {}
    for name, days, more in (("soon", 30, {}), ("later", 800, {}), ("asked", 800, {"ends_at": rfc3339(suite.now_s() + DAY_S)})):
        birth_date = access.value(f"SELECT {born(0, days)}")
        made[name] = opened(access, staff, suite.patient().patient, "guardian", "court_order",
                            suite.person("proxy"), birth_date=birth_date, **more).json | {"born": birth_date}

    def row(name):
        return access.rows(f"SELECT ends_at, version, (ends_at AT TIME ZONE 'Europe/Berlin')::date::text AS day "
                           f"FROM relation WHERE id = '{made[name]['id']}'")[0]

    before = {name: row(name) for name in made}
    access.stop()
    access.execute(f"INSERT INTO majority VALUES ('{ORG}', '1900-01-01', 18), ('{ORG}', (now() + interval '1 year')::date, 21)")
    try:
        access.start()
        access.wait_for(f"SELECT version = 2 FROM relation WHERE id = '{made['later']['id']}'", 40)
        day = access.value(f"SELECT ('{made['later']['born']}'::date + interval '21 years')::date::text")
        assert row("later")["day"] == day and row("soon") == before["soon"]
        access.wait_for(f"SELECT version = 2 FROM relation WHERE id = '{made['asked']['id']}'", 40)
        assert row("asked")["ends_at"] == before["asked"]["ends_at"]
        told = suite.outbox("access", key=made["later"]["id"])[-1]
        assert (told["topic"], told["kind"], told["version"]) == ("access.relations.v1", 1, 2)
        (audited,) = suite.audit("access", action="relation.age", resource_id=made["later"]["id"])
        assert (audited["outcome"], audited["patient"]) == ("done", made["later"]["patient_id"])
        columns = access.execute(f"SELECT t::text FROM relation AS t WHERE id = '{made['later']['id']}'")
        assert made["later"]["born"] not in columns
    finally:
        access.execute(f"DELETE FROM majority WHERE org = '{ORG}'")


def test_a_law_by_which_somebody_is_of_age_already_ends_the_grants_of_their_guardian(suite, access, staff, visit):
    it, guardian = visit("in_progress"), suite.person("proxy")
    made = opened(access, staff, it.patient.patient, "guardian", "court_order", guardian,
                  birth_date=access.value(f"SELECT {born(0, 30)}"))
    grants = [access.post("/v1/grants", {"visit_id": it.id}, who=who).json["id"] for who in (guardian, it.patient)]
    access.stop()
    access.execute(f"INSERT INTO majority VALUES ('{ORG}', '1900-01-01', 16)")
    try:
        access.start()
        access.wait_for(f"SELECT version = 2 FROM relation WHERE id = '{made.json['id']}'", 40)
    finally:
        access.execute(f"DELETE FROM majority WHERE org = '{ORG}'")
    told = [[(row["topic"], row["kind"]) for row in suite.outbox("access", key=one)] for one in grants]
    assert told == [[("access.revocations.v1", 3)], []]


def test_what_a_minor_keeps_to_themselves_a_guardian_neither_enters_nor_opens_to_others(suite, access, staff, visit):
    it, guardian = visit("in_progress"), suite.person("proxy")
    made = opened(access, staff, it.patient.patient, "guardian", "birth_certificate", guardian,
                  birth_date=access.value(f"SELECT {born(4)}"))
    assert made.status == 201
    invitation = {"visit_id": it.id, "display_name": "Aunt", "birth_date": "1961-04-30"}
    assert access.post("/v1/grants", {"visit_id": it.id}, who=guardian).status == 201
    asked = access.post("/v1/guests", invitation, who=guardian)
    assert asked.status == 201
    access.execute(f"UPDATE visit SET labels = 4 WHERE id = '{it.id}'")
    assert access.post("/v1/grants", {"visit_id": it.id}, who=guardian).status == 404
    assert access.post("/v1/guests", invitation, who=guardian).status == 404
    assert access.get(f"/v1/guests/{asked.json['id']}", who=guardian).status == 404
    assert access.get(f"/v1/guests?visit_id={it.id}", who=guardian).json["data"] == []
    listed = access.get(f"/v1/guests?visit_id={it.id}", who=it.patient).json["data"]
    assert [one["id"] for one in listed] == [asked.json["id"]], "the patient sees whom somebody has asked"
    refused = suite.audit("access", actor=guardian.id, outcome="refused")
    assert {(row["labels"], row["relation"]) for row in refused} == {("ADOL", None)}


@pytest.mark.family(6)
@pytest.mark.parametrize("labels,hidden_from", [(4, "proxy"), (1, "nurse")])
def test_the_relation_that_a_sensitive_visit_makes_is_as_sensitive(suite, access, staff, visit_pass, labels, hidden_from):
    """It tells that there is a visit, with whom and when."""
    child, proxy, nurse = suite.patient(consent=True), suite.person("proxy"), suite.person("nurse")
    suite.relation(proxy, child.patient, "proxy")
    visit, token = visit_pass(child, staff["clinician"], labels=labels)
    assert access.post("/v1/grants", {"pass": token}, who=child).status == 201
    for who in (child, proxy, nurse, staff["front_desk"]):
        listed = {row["id"] for row in access.get(f"/v1/relations?patient_id={child.patient}", who=who).json["data"]}
        one = access.get(f"/v1/relations/{visit}", who=who)
        if who.role == hidden_from:
            assert listed and visit not in listed and one.code == "not_found"
        else:
            assert visit in listed and one.status == 200


def test_guardians_of_before_the_law_of_the_day_are_reckoned_too(suite, access, staff):
    """Migration 0117 on rows that 0115 found: the age that an end was made of is found; an end that was asked for is
    nobody's age, and stands."""
    def guardian(**more):
        made = opened(access, staff, suite.patient().patient, "guardian", "court_order", suite.person("proxy"),
                      birth_date=access.value(f"SELECT {born(3)}"), **more)
        assert made.status == 201, made
        return made.json["id"]

    def reckoned(row):
        return access.rows(f"SELECT of_age_on::text AS day, of_age_years FROM relation WHERE id = '{row}'")[0]

    theirs, asked = guardian(), guardian(ends_at=rfc3339(suite.now_s() + DAY_S + 4321))
    before = reckoned(theirs)
    access.execute(f"UPDATE relation SET of_age_on = NULL, of_age_years = NULL WHERE id IN ('{theirs}', '{asked}')")
    access.execute(open("services/access/sql/migrations/0117_guardians_before_the_law.sql").read())
    assert reckoned(theirs) == before and before["of_age_years"]
    assert reckoned(asked) == {"day": None, "of_age_years": None}


# ---- what the desk closes ends at once ----

def closed(access, staff, row):
    return access.post(f"/v1/relations/{row}/close", who=staff["front_desk"])


def test_a_grant_lasts_no_longer_than_the_relation_that_lasts_longest(suite, access, staff, visit):
    it, proxy = visit("in_progress"), suite.person("proxy")
    for seconds, bound in ((120, True), (240, True), (7200, False)):
        ends = rfc3339(suite.now_s() + seconds)
        opened(access, staff, it.patient.patient, "proxy", "court_order", proxy, ends_at=ends)
        until = access.post("/v1/grants", {"visit_id": it.id}, who=proxy).json["expires_at"]
        assert (until[:19] == ends[:19]) is bound and until <= ends


def test_grants_end_with_the_last_relation_that_they_rest_on(suite, access, staff, visit):
    it, proxy = visit("in_progress"), suite.person("proxy")
    first, second = (opened(access, staff, it.patient.patient, "proxy", "court_order", proxy).json["id"] for _ in range(2))
    grants = [access.post("/v1/grants", {"visit_id": it.id}, who=proxy).json["id"] for _ in range(2)]
    theirs = access.post("/v1/grants", {"visit_id": it.id}, who=it.patient).json["id"]

    def told():
        return [(row["topic"], row["kind"]) for one in grants for row in suite.outbox("access", key=one)]

    assert closed(access, staff, first).status == 200
    assert told() == [] and access.get(f"/v1/grants/{grants[0]}", who=proxy).status == 200, "another one holds"
    assert closed(access, staff, second).status == 200
    assert told() == [("access.revocations.v1", 3)] * 2
    assert access.post("/v1/grants", {"visit_id": it.id}, who=proxy).status == 404
    assert suite.outbox("access", key=theirs) == [], "nobody else's"
    assert closed(access, staff, second).code == "bad_state"


def test_of_two_that_are_closed_at_once_one_sees_the_other(suite, access, staff, visit):
    for _ in range(5):
        it, proxy = visit("in_progress"), suite.person("proxy")
        rows = [opened(access, staff, it.patient.patient, "proxy", "court_order", proxy).json["id"] for _ in range(2)]
        grant = access.post("/v1/grants", {"visit_id": it.id}, who=proxy).json["id"]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            assert [reply.status for reply in pool.map(lambda row: closed(access, staff, row), rows)] == [200, 200]
        assert len(suite.outbox("access", key=grant)) == 1


# ---- guests: of one visit ----

def test_a_guest_comes_to_the_one_visit_and_goes_with_it(suite, access, staff, visit):
    it, guest = visit("in_progress"), suite.person("guest")
    another = str(uuid.uuid4())
    access.execute(f"INSERT INTO visit SELECT org, '{another}', patient_id, provider_id, state, starts_at, ends_at, "
                   f"version, epoch, labels, act_id FROM visit WHERE id = '{it.id}'")
    patient = it.patient.patient
    assert opened(access, staff, patient, "guest", "invitation", guest).at == ["/visit_id"]
    stranger = opened(access, staff, suite.patient().patient, "guest", "invitation", guest, visit_id=it.id)
    assert (stranger.code, stranger.at) == ("unprocessable", ["/visit_id"]), "another patient's visit"
    made = opened(access, staff, patient, "guest", "invitation", guest, visit_id=it.id)
    assert made.status == 201 and made.json["visit_id"] == it.id, made

    def grant(visit_id):
        return access.post("/v1/grants", {"visit_id": visit_id}, who=guest)

    assert grant(it.id).status == 201 and grant(another).code == "consent_required"
    for path in (f"/v1/consents?patient_id={patient}", f"/v1/relations?patient_id={patient}"):
        assert access.get(path, who=guest).status == 403
    ends = access.value(f"SELECT r.ends_at = v.ends_at + interval '1 hour' FROM relation AS r, visit AS v "
                        f"WHERE r.id = '{made.json['id']}' AND v.id = '{it.id}'")
    assert ends is True, "and with the visit itself: test_visit_heard.c"


# ---- why may they? ----

def why(access, who, person, action, patient, label=None):
    return access.get(f"/v1/policy/decision?person_id={person.id}&action={action}&patient_id={patient}"
                      + (f"&label={label}" if label else ""), who=who)


def test_a_decision_names_what_decided(suite, access, staff):
    child, guardian, doctor = suite.patient(consent=True), suite.person("proxy"), suite.person("clinician")
    for who in (staff["privacy"], staff["auditor"]):
        said = why(access, who, doctor, "READ_CHART", child.patient).json
        assert (said["decision"], said["cell"], "relation" in said) == ("no_relation", "care+glass", False)
    made = opened(access, staff, child.patient, "treating", "referral", doctor).json
    said = why(access, staff["privacy"], doctor, "READ_CHART", child.patient).json
    assert (said["decision"], said["relation"], said["relation_id"], said["proof"], said["purpose"]) == (
        "allow", "treating", made["id"], "referral", "TREAT")
    said = why(access, staff["privacy"], doctor, "START_VISIT", child.patient).json
    assert said["decision"] == "allow" and said["consent"] == "telehealth" and said["consent_id"]
    assert why(access, staff["privacy"], doctor, "SIGN_RX", child.patient).json["second_factor"] is True

    opened(access, staff, child.patient, "guardian", "court_order", guardian, birth_date="2020-01-01")
    assert why(access, staff["privacy"], guardian, "READ_VISIT", child.patient).json["decision"] == "allow"
    said = why(access, staff["privacy"], guardian, "READ_VISIT", child.patient, "ADOL").json
    assert (said["decision"], said["label"]) == ("no_label", "ADOL")

    access.post(f"/v1/relations/{made['id']}/close", who=staff["front_desk"])
    said = why(access, staff["privacy"], doctor, "READ_CHART", child.patient).json
    assert (said["decision"], said["relation_id"]) == ("no_relation", made["id"]), "what has ended is named"
    rows = suite.audit("access", actor=staff["privacy"].id, action="policy.explain", patient=child.patient)
    assert {(row["outcome"], row["purpose"]) for row in rows} == {("done", "HCOMPL")}


def test_who_asks_why_must_be_one_who_reviews(suite, access, staff):
    ada = suite.patient()
    for role in ("front_desk", "nurse", "clinician", "pharmacist", "biller", "admin", "proxy"):
        assert why(access, staff[role], staff["nurse"], "READ_CHART", ada.patient).status == 403
    assert why(access, ada, staff["nurse"], "READ_CHART", ada.patient).status == 403
    other = suite.person("privacy", org=staff["stranger"].org)
    assert why(access, other, staff["nurse"], "READ_CHART", ada.patient).status == 404
    stranger = suite.person("nurse", org=other.org)
    assert why(access, staff["privacy"], stranger, "READ_CHART", ada.patient).status == 404
    assert why(access, staff["privacy"], staff["nurse"], "READ_ALL", ada.patient).at == ["/action"]
    assert why(access, staff["privacy"], staff["nurse"], "READ_CHART", str(uuid.uuid4())).status == 404
