"""Lists ask twice: the statement joins the view `visible`, and what is about to be shown is asked of
again. Here the view is made to lie, as a statement without it would: nothing may come out."""
import contextlib
import time
import uuid

import pytest

from telecura import ORG

MADE_UP = "gen_random_uuid(), gen_random_uuid()"


@pytest.fixture(scope="module")
def ward(suite):
    for name in ("patients", "access", "appointments", "billing", "prescriptions"):
        suite.service(name)
    return suite


@contextlib.contextmanager
def everybody_visible(service):
    """The view forgets who asks: whom anybody may see, everybody sees."""
    true = service.value("SELECT pg_get_viewdef('visible'::regclass)")
    service.execute("CREATE OR REPLACE VIEW visible AS SELECT DISTINCT org, patient_id, 0::int8 AS hidden "
                    "FROM relation")
    try:
        yield
    finally:
        service.execute(f"CREATE OR REPLACE VIEW visible AS {true}")


def registered(suite):
    """A record with a name that is searched for, of a patient whom only the desk knows."""
    family = f"Quill{uuid.uuid4().hex[:8]}"
    body = {"family_name": family, "given_name": "Ida", "birth_date": "1990-01-01", "gender": "female"}
    made = suite.service("patients").post("/v1/patients", body, who=suite.person("front_desk"))
    assert made.status == 201, made
    return made.json["id"], {"family_name": family, "birth_date": "1990-01-01"}


def given_a_visit(suite, patient, doctor):
    """One that waits in the room, as far as the tables say."""
    suite.service("appointments").execute(f"""
        INSERT INTO appointment (org, id, act_id, patient_id, provider_id, site_id, time_zone, visit_type,
                                 target_minutes, state, during, starts_at, ends_at, local_start, sealed,
                                 arrived_at, deadline)
        VALUES ('{ORG}', {MADE_UP}, '{patient}', '{doctor}', gen_random_uuid(), 'UTC', 'consultation',
                15, 'arrived', tstzrange(now(), now() + interval '15 minutes'), now(),
                now() + interval '15 minutes', '2031-05-05T09:00:00', '', now(), now())""")


def given_an_invoice(suite, patient):
    suite.service("billing").execute(f"""
        INSERT INTO charge VALUES ('{ORG}', '{uuid.uuid4()}', gen_random_uuid(), '{patient}', 'consultation',
                                   now(), now(), 9000, 'USD', gen_random_uuid());
        INSERT INTO invoice (org, id, act_id, charge_id, visit_id, visit_type, patient_id, state, amount_minor,
                             currency, issued_at)
        SELECT org, gen_random_uuid(), act_id, id, visit_id, visit_type, patient_id, 'issued', amount_minor, currency,
               now() FROM charge WHERE patient_id = '{patient}'""")


def given_a_draft(suite, patient, doctor):
    rx, visit = suite.service("prescriptions"), str(uuid.uuid4())
    rx.execute("INSERT INTO visit_heard (org, id, act_id, patient_id, version, epoch) "
               f"VALUES ('{ORG}', '{visit}', '{visit}', '{patient}', 1, 0)")
    suite.relation(doctor, patient, "booked")
    body = {"patient_id": patient, "visit_id": visit, "drug": "amoxicillin", "dose_micrograms": 500000,
            "doses_per_day": 3, "quantity": 21, "refills": 0, "directions": "one capsule with water"}
    made = rx.post("/v1/prescriptions", body, who=doctor)
    assert made.status == 201, made


LISTS = [
    ("patients", "GET", "/v1/patients", "clinician"),
    ("patients", "POST", "/v1/patients/search", "clinician"),
    ("access", "GET", "/v1/people", "clinician"),
    ("access", "GET", "/v1/relations", "clinician"),
    ("access", "GET", "/v1/consents", "clinician"),
    ("appointments", "GET", "/v1/appointments", "clinician"),
    ("appointments", "GET", "/v1/queue", "nobody's patient"),
    ("billing", "GET", "/v1/invoices", "nobody's patient"),
    ("prescriptions", "GET", "/v1/prescriptions", "clinician"),
]


@pytest.fixture(scope="module")
def victim(ward):
    """Somebody of whom every list could tell, and what a search must name to find them."""
    patient, search = registered(ward)
    person = ward.person("patient", patient=patient)
    ward.relation(person, patient, "self")
    ward.consent(patient)
    doctor = ward.person("clinician")
    given_a_visit(ward, patient, doctor.id)
    given_an_invoice(ward, patient)
    given_a_draft(ward, patient, doctor)
    return patient, search, doctor


def asked(suite, name, method, path, who, search):
    service = suite.service(name)
    return service.post(path, search, who=who) if method == "POST" else service.get(path, who=who)


@pytest.mark.family(4)
@pytest.mark.parametrize("name,method,path,role", LISTS, ids=[f"{row[1]} {row[2]}" for row in LISTS])
def test_a_list_that_would_show_somebody_else_shows_nobody(ward, victim, name, method, path, role):
    patient, search, doctor = victim
    service = ward.service(name)
    mallory = ward.person("clinician") if role == "clinician" else ward.patient()

    true = asked(ward, name, method, path, mallory, search)
    assert true.status == 200 and patient.encode() not in true.body, "the view has the first word"
    with everybody_visible(service):
        reply = asked(ward, name, method, path, mallory, search)
    assert (reply.status, reply.code) == (500, "not_visible")
    assert patient.encode() not in reply.body and b"data" not in reply.body

    rows = ward.audit(name, actor=mallory.id, outcome="refused")
    assert {(row["error"], row["relation"]) for row in rows} == {("not_visible", None)}
    assert all(row["patient"] for row in rows), "whom it would have shown"
    said = [line for line in service.tail().splitlines() if f"{path} shows patients" in line]
    assert said and not any(patient in line for line in said)
    assert asked(ward, name, method, path, mallory, search).status == 200, "once the view is right"


@pytest.mark.family(4)
def test_each_row_of_a_list_names_its_own_relation(ward, victim):
    access, doctor, nurse = ward.service("access"), ward.person("clinician"), ward.person("nurse")
    known = {ward.patient().patient: kind for kind in ("covering", "care_team", "treating")}
    for patient, kind in known.items():
        ward.relation(doctor, patient, kind)

    for who in (doctor, nurse):
        assert access.get("/v1/relations?limit=200", who=who).status == 200
    named = {row["patient"]: row["relation"] for row in ward.audit("access", actor=doctor.id)}
    assert named == known
    named = {row["patient"]: row["relation"] for row in ward.audit("access", actor=nurse.id)}
    assert {named[patient] for patient in known} == {"site"}, "a nurse sees whom the organisation has"


@pytest.mark.family(4)
def test_a_page_of_many_is_asked_in_one_flush(ward):
    """The second question travels with COMMIT."""
    access, doctor = ward.service("access"), ward.person("clinician")
    patients = ward.patients(60)
    for who in patients:
        ward.relation(doctor, who.patient, "treating")
    began = time.monotonic()
    page = access.get("/v1/relations?limit=200", who=doctor)
    assert page.status == 200 and len(page.json["data"]) >= 60
    assert time.monotonic() - began < 2
    rows = ward.audit("access", actor=doctor.id)
    assert len(rows) == 60 and {row["relation"] for row in rows} == {"treating"}


# A cursor goes on with the list that it came from, and no other.

@pytest.fixture(scope="module")
def paged(ward):
    """A clinician with three patients in care; (who, a patient's id)."""
    doctor = ward.person("clinician")
    for who in ward.patients(3):
        ward.relation(doctor, who.patient, "treating")
    return doctor, who.patient


@pytest.mark.family(4)
@pytest.mark.parametrize("more,status", [
    ("&limit=1", 200), ("&limit=2", 200),                       # how long a page is may change
    ("&patient_id={patient}", 400), ("&person_id={doctor}", 400),
    ("&limit=1&patient_id={patient}&person_id={doctor}", 400),
])
def test_a_cursor_is_bound_to_its_filters(ward, paged, more, status):
    (doctor, patient), access = paged, ward.service("access")
    more = more.format(patient=patient, doctor=doctor.id)
    first = access.get("/v1/relations?limit=1", who=doctor).json
    reply = access.get(f"/v1/relations?cursor={first['next_cursor']}{more}", who=doctor)
    assert reply.status == status, reply
    if status == 400:
        assert reply.code == "bad_query"


@pytest.mark.family(4)
def test_a_cursor_of_filters_serves_these_and_not_none(ward, paged):
    (doctor, patient), access = paged, ward.service("access")
    path = f"/v1/relations?person_id={doctor.id}&limit=1"
    first = access.get(path, who=doctor).json
    assert access.get(f"{path}&cursor={first['next_cursor']}", who=doctor).json["data"] != first["data"]
    assert access.get(f"/v1/relations?limit=1&cursor={first['next_cursor']}", who=doctor).status == 400


@pytest.mark.family(4)
def test_a_cursor_of_one_patients_chart_opens_no_others(ward):
    """The path is part of what was asked."""
    patients, nurse, coded = ward.service("patients"), ward.person("nurse"), {"text": "Latex"}
    one, other = registered(ward)[0], registered(ward)[0]
    for patient in (one, other):
        ward.relation(nurse, patient, "care_team")
    for patient in (one, one, other):
        made = patients.post(f"/v1/patients/{patient}/allergies", coded, who=nurse)
        assert made.status == 201, made
    page = patients.get(f"/v1/patients/{one}/allergies?limit=1", who=nurse).json
    follow = f"allergies?limit=1&cursor={page['next_cursor']}"
    assert patients.get(f"/v1/patients/{one}/{follow}", who=nurse).status == 200
    assert patients.get(f"/v1/patients/{other}/{follow}", who=nurse).status == 400
