"""Who the patients are: registered, read, changed, listed, found."""
import concurrent.futures
import uuid

import pytest

from telecura import ORG, OTHER_ORG


def test_the_front_desk_registers_and_sees_at_once(ward, suite):
    given = ward.demographics()
    reply = ward.api.post("/v1/patients", given, who=ward.desk)
    assert reply.status == 201 and reply.headers["etag"] == '"1"'
    made = reply.json
    assert uuid.UUID(made["id"]).version == 4 and made["version"] == 1
    assert {name: made[name] for name in given} == given

    for who in (ward.desk, ward.nurse, ward.own(made), ward.clinician(made)):
        seen = ward.api.get(f"/v1/patients/{made['id']}", who=who)
        assert seen.status == 200 and seen.json == made

    (row,) = suite.audit("patients", patient=made["id"], action="patient.register")
    assert (row["outcome"], row["actor"], row["resource_id"]) == ("done", ward.desk.id, made["id"])
    (event,) = suite.outbox("patients", key=made["id"])
    assert (event["topic"], event["kind"], event["version"]) == ("patients.records.v1", 1, 1)


def test_what_is_left_out_is_not_there(ward):
    made = ward.api.post("/v1/patients", {"family_name": "Lo", "given_name": "Mi", "gender": "unknown",
                                          "birth_date": "2001-02-03"}, who=ward.desk).json
    assert set(made) == {"id", "version", "created_at", "family_name", "given_name", "gender", "birth_date"}


def test_the_same_key_is_the_same_patient(ward):
    key, given = str(uuid.uuid4()), ward.demographics()
    first = ward.api.post("/v1/patients", given, who=ward.desk, key=key)
    again = ward.api.post("/v1/patients", given, who=ward.desk, key=key)
    assert (first.status, again.status) == (201, 201) and again.json == first.json
    assert again.headers["idempotency-replayed"] == "true"
    other = ward.api.post("/v1/patients", {**given, "given_name": "X"}, who=ward.desk, key=key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert ward.api.post("/v1/patients", given, who=ward.desk, key="").status == 400


def test_a_record_for_somebody_enrolled_before(ward, suite):
    who = suite.patient()
    made = ward.registered(patient_id=who.patient)
    assert made["id"] == who.patient
    assert ward.api.get(f"/v1/patients/{who.patient}", who=who).json == made
    again = ward.register(patient_id=who.patient)
    assert (again.status, again.code) == (409, "conflict")


def test_nobody_registers_under_an_id_that_is_not_theirs_to_see(ward, suite):
    foreign = suite.patient(org=OTHER_ORG)
    for patient_id in (foreign.patient, str(uuid.uuid4())):
        reply = ward.register(patient_id=patient_id)
        assert (reply.status, reply.code) == (404, "not_found")
    assert ward.api.value(f"SELECT count(*) FROM patient WHERE patient_id = '{foreign.patient}'") == 0


def test_a_record_number_belongs_to_one_patient(ward):
    first = ward.registered()
    taken = ward.register(mrn=first["mrn"].lower().replace(" ", "-"))
    assert (taken.status, taken.code) == (409, "mrn_taken")
    assert first["mrn"] not in taken.body.decode()

    second = ward.registered()
    moved = ward.api.put(f"/v1/patients/{second['id']}", ward.demographics(mrn=first["mrn"]),
                         who=ward.desk, match=1)
    assert (moved.status, moved.code) == (409, "mrn_taken")


def test_the_same_number_in_another_organisation_is_another_matter(ward, suite):
    first = ward.registered()
    stranger = suite.person("front_desk", org=OTHER_ORG)
    assert ward.register(who=stranger, mrn=first["mrn"]).status == 201
    rows = ward.api.rows(f"SELECT mrn_index FROM patient WHERE org = '{OTHER_ORG}' UNION ALL "
                         f"SELECT mrn_index FROM patient WHERE org = '{ORG}' AND patient_id = '{first['id']}'")
    assert len({row["mrn_index"] for row in rows}) == len(rows)     # each organisation has its own key


def test_a_change_replaces_the_whole(ward, suite):
    made, after = ward.registered(), ward.demographics(address="9 New Road")
    del after["phone"]
    path = f"/v1/patients/{made['id']}"
    reply = ward.api.put(path, after, who=ward.own(made), match=1)
    assert reply.status == 200 and reply.headers["etag"] == '"2"'
    assert reply.json == {**after, "id": made["id"], "version": 2, "created_at": made["created_at"]}
    assert ward.api.get(path, who=ward.desk).json == reply.json

    assert ward.search(phone=made["phone"]).json["data"] == []
    assert [p["id"] for p in ward.search(mrn=after["mrn"]).json["data"]] == [made["id"]]
    assert [e["version"] for e in suite.outbox("patients", key=made["id"])] == [1, 2]
    (row,) = suite.audit("patients", patient=made["id"], action="patient.change")
    assert (row["outcome"], row["resource_version"]) == ("done", 2)


def test_a_change_needs_the_last_version(ward, suite):
    made = ward.registered()
    path, body = f"/v1/patients/{made['id']}", ward.demographics()
    assert ward.api.put(path, body, who=ward.desk).status == 428
    assert ward.api.put(path, body, who=ward.desk, match=1).status == 200
    stale = ward.api.put(path, body, who=ward.desk, match=1)
    assert (stale.status, stale.code) == (412, "stale")
    early = ward.api.put(path, body, who=ward.desk, match=3)
    assert (early.status, early.code) == (412, "stale")
    assert suite.audit("patients", patient=made["id"])[-1]["error"] == "stale"


def test_of_two_changes_at_once_one_wins(ward):
    made = ward.registered()
    bodies = [ward.demographics(address=f"{n} Race Street") for n in range(12)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda body: ward.api.put(f"/v1/patients/{made['id']}", body,
                                                          who=ward.desk, match=1), bodies))
    assert sorted(r.status for r in replies) == [200] + [412] * 11
    (won,) = [body for body, reply in zip(bodies, replies) if reply.status == 200]
    assert ward.api.get(f"/v1/patients/{made['id']}", who=ward.desk).json["address"] == won["address"]


# ---- lists ----

def pages(ward, who, limit):
    seen, cursor = [], ""
    while True:
        reply = ward.api.get(f"/v1/patients?limit={limit}{cursor}", who=who)
        assert reply.status == 200, reply
        seen += reply.json["data"]
        if "next_cursor" not in reply.json:
            return seen
        cursor = f"&cursor={reply.json['next_cursor']}"


def test_each_sees_their_own(ward, suite):
    made = [ward.registered() for _ in range(5)]
    ids = [p["id"] for p in made]
    assert pages(ward, ward.own(made[0]), 10) == made[:1]
    doctor = ward.clinician(made[1])
    suite.relation(doctor, ids[3], "treating")
    assert pages(ward, doctor, 10) == [made[1], made[3]]
    assert pages(ward, ward.clinician(), 10) == []
    listed = [p["id"] for p in pages(ward, ward.desk, 3)]
    assert listed[-5:] == ids and len(set(listed)) == len(listed)

    rows = suite.audit("patients", actor=doctor.id, action="patient.list")
    assert {row["patient"] for row in rows} == {ids[1], ids[3]}     # one row a patient shown


def test_s25_one_relation_decides_what_a_nurse_reads_and_what_she_writes(ward, suite):
    """Whom the house has she finds; the chart is of those whom she cares for, while she does."""
    made, stranger, nurse = ward.registered(), ward.registered(), suite.person("nurse")
    known = ward.added(made)
    suite.relation(nurse, stranger["id"], "care_team")
    path, record = f"/v1/patients/{made['id']}", f"/v1/records/{known['id']}"

    def statuses():
        return [ward.api.get(path, who=nurse).status, ward.api.get(f"{path}/allergies", who=nurse).status,
                ward.api.get(record, who=nurse).status, ward.add(made, who=nurse).status,
                ward.api.put(record, {"text": "Latex"}, who=nurse, match=known["version"]).status]

    assert statuses() == [200, 404, 404, 404, 404]
    refused = suite.audit("patients", actor=nurse.id, patient=made["id"], outcome="refused")
    assert [row["error"] for row in refused] == ["not_found"] * 4
    relation = suite.relation(nurse, made["id"], "care_team")
    assert statuses() == [200, 200, 200, 201, 200]
    suite.everywhere(f"UPDATE relation SET ends_at = now() WHERE id = '{relation}'")
    assert statuses() == [200, 404, 404, 404, 404]


def test_a_proxy_sees_the_patient_they_act_for(ward, suite):
    made = ward.registered()
    proxy = suite.person("proxy")
    assert ward.api.get(f"/v1/patients/{made['id']}", who=proxy).status == 404
    suite.relation(proxy, made["id"], "proxy")
    assert ward.api.get(f"/v1/patients/{made['id']}", who=proxy).status == 200


def test_a_relation_that_has_ended_opens_nothing(ward, suite):
    made, doctor = ward.registered(), ward.clinician()
    suite.relation(doctor, made["id"], "booked", ends="2024-01-01Z")
    assert ward.api.get(f"/v1/patients/{made['id']}", who=doctor).status == 404


def test_a_cursor_is_the_askers_own(ward, suite):
    for _ in range(2):
        ward.registered()
    cursor = ward.api.get("/v1/patients?limit=1", who=ward.desk).json["next_cursor"]
    for who, text in ((ward.nurse, cursor), (ward.desk, cursor[:-2] + "AA"), (ward.desk, "x")):
        assert ward.api.get(f"/v1/patients?limit=1&cursor={text}", who=who).status == 400


# ---- search ----

def test_search_finds_what_means_the_same(ward):
    made = ward.registered(family_name="O'Müller-" + uuid.uuid4().hex, phone=f"(555) {uuid.uuid4().int % 10**12}")
    asks = [
        {"family_name": made["family_name"], "birth_date": "1984-07-02"},
        {"family_name": made["family_name"].upper().replace("'", " "), "birth_date": "1984-07-02"},
        {"mrn": made["mrn"].lower()}, {"mrn": made["mrn"].replace(" ", "")},
        {"phone": made["phone"].replace(" ", "-")}, {"email": made["email"].upper()},
        {"mrn": made["mrn"], "email": made["email"]},
    ]
    for ask in asks:
        reply = ward.search(**ask)
        assert reply.status == 200 and reply.json["data"] == [made], ask


def test_the_longest_name_is_found_in_any_script(ward):
    """A letter is a letter, of however many bytes; small as it is, it finds the capital."""
    capital, small = "\U00010400", "\U00010428"
    mark = "".join(chr(ord(capital) + int(c, 16)) for c in uuid.uuid4().hex)
    made = ward.registered(family_name=mark.ljust(200, capital))
    ask = {"family_name": mark.lower().ljust(200, small), "birth_date": "1984-07-02"}
    assert ward.search(**ask).json["data"] == [made]
    assert ward.register(family_name=made["family_name"] + capital).at == ["/family_name"]


def test_everything_named_must_fit(ward):
    made, other = ward.registered(), ward.registered()
    for ask in ({"family_name": made["family_name"], "birth_date": "1984-07-03"},
                {"mrn": made["mrn"], "email": other["email"]},
                {"phone": "".join(c for c in made["mrn"] if c.isdigit()) + "555"},
                {"mrn": made["phone"]}):
        assert ward.search(**ask).json["data"] == [], ask


@pytest.mark.parametrize("ask,field", [
    ({}, []), ({"family_name": "Okafor"}, ["/birth_date"]), ({"birth_date": "1984-07-02"}, ["/family_name"]),
    ({"phone": "call me"}, ["/phone"]), ({"mrn": "---"}, ["/mrn"]), ({"email": "\u2003" * 3}, ["/email"]),
    ({"email": "ab@example.org", "phone": "none"}, ["/phone"]),
    ({"family_name": "'", "birth_date": "1984-07-02"}, ["/family_name"])])
def test_what_cannot_be_searched_by_widens_nothing(ward, ask, field):
    reply = ward.search(**ask)
    assert (reply.status, reply.code, reply.at) == (422, "unprocessable", field)
    assert not any(word.encode() in reply.body for word in ask.values() if len(word) > 1), "never its value"


def test_search_shows_whom_one_may_see(ward, suite):
    made = ward.registered()
    by = {"mrn": made["mrn"]}
    assert ward.search(who=ward.clinician(made), **by).json["data"] == [made]
    assert ward.search(who=ward.clinician(), **by).json["data"] == []
    assert ward.search(who=suite.person("front_desk", org=OTHER_ORG), **by).json["data"] == []
    rows = suite.audit("patients", patient=made["id"], action="patient.search")
    assert len(rows) == 1 and rows[0]["outcome"] == "done"


# ---- trouble ----

def test_without_keys_nothing_is_said_or_half_done(ward, suite):
    """keyd away: a patient whose key is not cached cannot be registered, and it says so."""
    ward.registered()
    count = ward.api.value("SELECT count(*) FROM patient")
    keyd = suite.service("keyd")
    keyd.stop()
    try:
        reply = ward.register()
        assert (reply.status, reply.code) == (503, "key_unavailable")
        assert ward.api.value("SELECT count(*) FROM patient") == count
    finally:
        keyd.start()
    assert ward.register().status == 201


def test_every_statement_fits_the_database(ward):
    done = ward.api.command("--config", ward.api.config, "--verify")
    assert done.returncode == 0, done.stderr
