"""API clients: a machine's own token is for who is enrolled as a client, its scopes open no more than the
role has, and what a person must answer for it cannot do."""
import time
import uuid

import pytest

from telecura import ORG, Person

MAY = "may:read_demographics may:read_chart may:read_self"


@pytest.fixture(scope="module")
def access(suite):
    suite.service("patients")
    suite.service("prescriptions")
    return suite.service("access")


@pytest.fixture(scope="module")
def patients(suite, access):
    return suite.service("patients")


def token(suite, subject, scope=MAY, **claims):
    return suite.idp.token(subject, **{"machine": True, "scope": f"telecura-machine {scope}", "sid": None, **claims})


def enrolled(suite, access, role, subject=None, **claims):
    """Somebody whom an admin enrols, and who binds their sign-in by the code."""
    made = access.post("/v1/people", {"role": role, "display_name": "A lab's feed"}, who=suite.fresh(suite.person("admin")))
    assert made.status == 201, made
    subject = subject or f"service-account-{uuid.uuid4()}"
    who = token(suite, subject, **claims) if role == "client" or claims else suite.idp.token(subject)
    reply = access.post("/v1/me/bind", {"code": made.json["sign_in_code"]}, who=who, key="")
    return made.json, subject, reply


def machine(suite, scope=MAY, org=ORG, **claims):
    """As the feed of access would have told it everywhere."""
    who = suite.person("client", org=org)
    return Person(**{**who.__dict__, "token": token(suite, who.subject, scope, **claims)})


@pytest.fixture(scope="module")
def patient(suite, patients):
    who = suite.patient()
    body = {"patient_id": who.patient, "family_name": "Quill", "given_name": "Ida", "birth_date": "1990-01-01",
            "gender": "female"}
    assert patients.post("/v1/patients", body, who=suite.person("front_desk")).status == 201
    return who.patient


def test_a_machine_is_enrolled_as_a_client_and_is_nothing_else(suite, access):
    made, subject, bound = enrolled(suite, access, "client")
    assert bound.status == 200, bound
    assert [(one["role"], one["person_id"]) for one in bound.json["memberships"]] == [("client", made["id"])]
    assert access.get("/v1/sites", who=token(suite, subject)).status == 200
    assert access.get("/v1/sites", who=suite.idp.token(subject)).status == 403, "a person's sign-in is no machine's"
    assert enrolled(suite, access, "clinician", machine=True)[2].code == "code_invalid"
    person = access.post("/v1/people", {"role": "client", "display_name": "x"}, who=suite.fresh(suite.person("admin"))).json
    reply = access.post("/v1/me/bind", {"code": person["sign_in_code"]}, who=suite.idp.token("somebody"), key="")
    assert reply.code == "code_invalid"


def test_scopes_open_what_the_role_has_and_no_more(suite, patients, patient):
    demographics, chart = f"/v1/patients/{patient}", f"/v1/patients/{patient}/allergies"
    for scope, opens in ((MAY, (200, 200)), ("may:read_demographics", (200, 403)), ("may:read_chart", (403, 200)),
                         ("", (403, 403)), ("openid profile", (403, 403)), ("may:*", (403, 403)),
                         ("may:READ_CHART", (403, 403)), ("may:write_chart", (403, 403)), ("may:read", (403, 403))):
        who = machine(suite, scope)
        assert (patients.get(demographics, who=who).status, patients.get(chart, who=who).status) == opens, scope
    coded = {"text": "Penicillin", "system": "http://snomed.info/sct", "code": "764146007"}
    who = machine(suite, "may:write_chart may:read_chart")
    refused = patients.post(chart, coded, who=who)
    assert (refused.status, refused.code) == (403, "forbidden"), "in the scope, and not in the role"
    row = suite.audit("patients", actor=who.id)[-1]
    assert (row["outcome"], row["error"], row["role"], row["purpose"], row["acr"]) == (
        "refused", "forbidden", "client", "HOPERAT", 0)


def test_a_person_s_scopes_narrow_too(suite, patients, patient):
    nurse = suite.person("nurse")
    suite.relation(nurse, patient, "care_team")
    for scope, status in ((None, 200), ("openid", 200), ("openid may:read_visit", 403), ("may:read_chart", 200)):
        who = suite.idp.token(nurse.subject, scope=scope)
        assert patients.get(f"/v1/patients/{patient}/allergies", who=who).status == status, scope


def test_a_machine_has_no_second_factor_whatever_its_token_says(suite, access, patients, patient):
    """And no person's role, whoever wrote the membership."""
    every = "may:sign_rx may:break_glass may:erase_record may:turn_keys may:read_chart"
    asks = [("access", "/v1/break-glass", {"patient_id": patient, "reason": "life", "text": "a faint in the street"}),
            ("access", "/v1/erasures", {"patient_id": patient, "reason": "request"}),
            ("access", "/v1/keys/rotate", None),
            ("prescriptions", f"/v1/prescriptions/{uuid.uuid4()}/sign", {})]
    who = machine(suite, every, acr="2", auth_time=int(time.time()))
    for service, path, body in asks:
        reply = suite.service(service).post(path, body, who=who, match=1)
        assert (reply.status, reply.code) == (403, "forbidden"), (path, reply)
    for role in ("clinician", "admin", "privacy", "nurse"):
        person = suite.person(role)
        as_machine = token(suite, person.subject, every, acr="2")
        for service, path, body in asks:
            reply = suite.service(service).post(path, body, who=as_machine, match=1)
            assert (reply.status, reply.code) == (403, "forbidden"), (role, path, reply)
        assert patients.get(f"/v1/patients/{patient}/allergies", who=as_machine).status == 403


def test_a_row_with_a_label_is_no_row_to_a_machine(suite, patients, patient):
    path, doctor = f"/v1/patients/{patient}/conditions", suite.person("clinician")
    suite.relation(doctor, patient, "treating")
    made = [patients.post(path, {"text": "a cough", "labels": labels}, who=doctor).json["id"]
            for labels in ([], ["ETH"], ["ADOL"])]
    suite.consent(patient, "data_sharing")
    who = machine(suite)
    assert [row["id"] for row in patients.get(path, who=who).json["data"]] == made[:1]
    assert [patients.get(f"/v1/records/{row}", who=who).status for row in made] == [200, 404, 404]


def test_a_machine_whom_an_admin_ends_is_ended(suite, access):
    made, subject, _ = enrolled(suite, access, "client")
    assert access.post(f"/v1/people/{made['id']}/disable", who=suite.person("admin")).status == 200
    assert access.get("/v1/sites", who=token(suite, subject)).status in (401, 403)
