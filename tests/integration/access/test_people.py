"""Who is who: enrolment, first sign-in, disabling, and what each role sees."""
import uuid

import pytest

from conftest import CANARY
from identity import ISSUER
from telecura import ORG, OTHER_ORG, Person


def stranger(suite):
    """Somebody whom the identity provider knows and nobody else."""
    who = Person(None, None, None, f"new-{uuid.uuid4()}")
    who.token = suite.idp.token(who.subject)
    return who


def enrol(access, who, role="patient", **more):
    return access.post("/v1/people", {"role": role, "display_name": f"Name {CANARY}", **more}, who=who)


def test_the_first_people_are_there_and_a_restart_makes_no_second(suite, access, first_people):
    who = Person(None, ORG, "admin", "first-admin", token=suite.idp.token("first-admin"))
    me = access.get("/v1/me", who=who).json
    assert (me["role"], me["org"], me["display_name"]) == ("admin", ORG, f"Ada {CANARY}")
    assert me["memberships"] == [{"org": ORG, "org_name": "Ward", "person_id": me["person_id"], "role": "admin",
                                  "idle_minutes": 0}]
    before = access.value("SELECT count(*) FROM member")
    access.stop()
    access.start()
    assert access.value("SELECT count(*) FROM member") == before
    pia = access.get("/v1/me", who=suite.idp.token("first-patient")).json
    assert pia["patient_id"] == first_people[2]["patient_id"] and pia["language"] == "de"
    assert pia["memberships"][0]["idle_minutes"] == 30      # sessions.def: when their page ends the sign-in
    assert access.get("/v1/sites", who=who).json["data"][0]["time_zone"] == "Europe/Berlin"


def test_from_enrolment_to_first_sign_in(suite, access, staff):
    made = enrol(access, staff["front_desk"], email=f"{CANARY}@example.org", phone="+4930123456", language="de")
    assert made.status == 201
    person = made.json
    assert person["role"] == "patient" and person["patient_id"] and not person["bound"]
    assert person["id"] == person["person_id"] and len(person["sign_in_code"]) == 43

    new = stranger(suite)
    assert access.get("/v1/me", who=new).json == {"memberships": []}
    assert access.get("/v1/consents", who=new).status == 403
    bound = access.post("/v1/me/bind", {"code": person["sign_in_code"]}, who=new)
    assert bound.status == 200
    assert bound.json["person_id"] == person["id"] and bound.json["patient_id"] == person["patient_id"]
    assert bound.json["display_name"] == f"Name {CANARY}"
    assert access.get("/v1/relations", who=new).json["data"][0]["kind"] == "self"
    assert access.get(f"/v1/people/{person['id']}", who=staff["front_desk"]).json["bound"]

    kinds = [(r["topic"], r["version"]) for r in suite.outbox("access", org=ORG)
             if r["key"] not in (None,)]
    assert ("access.people.v1", 2) in kinds and ("access.relations.v1", 1) in kinds
    row = suite.audit("access", patient=person["patient_id"], action="person.enrol")[-1]
    assert (row["outcome"], row["actor"], row["org"]) == ("done", staff["front_desk"].id, ORG)
    row = suite.audit("access", action="self.bind", actor=person["id"])[-1]
    assert (row["outcome"], row["org"]) == ("done", ORG)


def test_a_code_is_taken_once_and_in_time_and_only_as_it_was_issued(suite, access, staff):
    code = enrol(access, staff["front_desk"]).json["sign_in_code"]
    assert access.post("/v1/me/bind", {"code": code}, who=stranger(suite)).status == 200
    again = access.post("/v1/me/bind", {"code": code}, who=stranger(suite))
    assert (again.status, again.code) == (409, "code_invalid")

    person = enrol(access, staff["front_desk"]).json
    code = person["sign_in_code"]
    for wrong in (code[:-1] + ("A" if code[-1] != "A" else "Q"), code[:20], "x" * 43, code + "A"):
        reply = access.post("/v1/me/bind", {"code": wrong}, who=stranger(suite))
        assert (reply.status, reply.code) == (409, "code_invalid")
    suite.clock(8 * 86400)
    assert access.post("/v1/me/bind", {"code": code}, who=stranger(suite)).code == "code_invalid"
    suite.clock(0)

    fresh = access.post(f"/v1/people/{person['id']}/code", who=staff["front_desk"])
    assert fresh.status == 200
    assert access.post("/v1/me/bind", {"code": code}, who=stranger(suite)).code == "code_invalid"
    assert access.post("/v1/me/bind", {"code": fresh.json["sign_in_code"]}, who=stranger(suite)).status == 200
    assert access.post(f"/v1/people/{person['id']}/code", who=staff["front_desk"]).code == "bad_state"
    row = suite.audit("access", action="self.bind", outcome="refused")[-1]
    assert row["error"] == "code_invalid" and row["actor"] is None


@pytest.mark.family(3)
@pytest.mark.parametrize("role,new", [("admin", "nurse"), ("front_desk", "patient")])
def test_nobody_enrols_themselves(suite, access, role, new):
    """In whichever of their roles: who enrols would be everybody, one after the other."""
    issuer = suite.fresh(suite.person(role))
    made = access.post("/v1/people", {"role": new, "display_name": "Me too"}, who=issuer).json
    fresh = access.post(f"/v1/people/{made['id']}/code", who=issuer).json["sign_in_code"]
    assert access.post("/v1/me/bind", {"code": fresh}, who=issuer).code == "second_person_required"
    assert [row["role"] for row in access.get("/v1/me", who=issuer).json["memberships"]] == [role]
    assert access.post("/v1/me/bind", {"code": fresh}, who=stranger(suite)).status == 200, "not spent by it"


def test_a_sign_in_is_one_person_in_an_organisation(suite, access, staff):
    code = enrol(access, staff["front_desk"]).json["sign_in_code"]
    who = suite.patient()
    assert access.post("/v1/me/bind", {"code": code}, who=who).code == "conflict"
    assert access.post("/v1/me/bind", {"code": code}, who=stranger(suite)).status == 200, "not spent by it"


def test_on_two_devices_somebody_is_one_person(suite, access):
    """Each with a session of its own at the identity provider, which the record keeps apart."""
    who = suite.patient()
    for device in ("a telephone", "a desk"):
        said = access.get("/v1/me", who=suite.idp.token(who.subject, sid=device))
        assert (said.status, said.json["person_id"]) == (200, who.id)
    one, other = suite.audit("access", actor=who.id, action="self.read")
    assert one["sign_in"] != other["sign_in"]


def test_one_sign_in_in_two_organisations_names_the_one_it_means(suite, access, staff):
    who = stranger(suite)
    for desk in (staff["front_desk"], staff["stranger"]):
        code = enrol(access, desk).json["sign_in_code"]
        assert access.post("/v1/me/bind", {"code": code}, who=who).status == 200
    orgs = {m["org"]: m for m in access.get("/v1/me", who=who).json["memberships"]}
    assert set(orgs) == {ORG, OTHER_ORG}
    assert access.get("/v1/relations", who=who).status == 403
    for org, row in orgs.items():
        mine = access.get("/v1/relations", who=who, headers={"Telecura-Org": org}).json["data"]
        assert [r["patient_id"] for r in mine] == [row["patient_id"]]


def test_the_same_key_finds_the_same_person_and_shows_no_code_again(access, staff):
    key = str(uuid.uuid4())
    body = {"role": "patient", "display_name": "Twice"}
    first = access.post("/v1/people", body, who=staff["front_desk"], key=key)
    second = access.post("/v1/people", body, who=staff["front_desk"], key=key)
    assert (first.status, second.status) == (201, 201)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json["id"] == first.json["id"] and "sign_in_code" not in second.json
    assert access.post("/v1/people", {**body, "display_name": "Other"}, who=staff["front_desk"],
                       key=key).code == "idempotency_key_reused"


def test_a_record_has_one_person(suite, access, staff):
    patient = str(uuid.uuid4())
    assert enrol(access, staff["front_desk"], patient_id=patient).json["patient_id"] == patient
    assert enrol(access, staff["front_desk"], patient_id=patient).code == "conflict"
    assert enrol(access, suite.fresh(staff["admin"]), "nurse", patient_id=patient).at == ["/patient_id"]


def test_staff_are_enrolled_by_admins_alone(suite, access, staff):
    assert enrol(access, suite.fresh(staff["admin"]), "clinician").status == 201
    assert enrol(access, staff["admin"], "patient").status == 201
    refused = enrol(access, staff["front_desk"], "clinician")
    assert (refused.status, refused.code) == (403, "forbidden")
    row = suite.audit("access", actor=staff["front_desk"].id, action="person.enrol")[-1]
    assert (row["outcome"], row["error"]) == ("refused", "forbidden")
    for role in ("nurse", "clinician", "pharmacist", "biller", "auditor", "privacy", "proxy"):
        assert enrol(access, staff[role]).status == 403, role


@pytest.mark.family(20)
def test_who_becomes_staff_is_a_matter_of_a_fresh_second_factor(suite, access, staff):
    """And who stops being anybody is not: there the seconds count."""
    admin = staff["admin"]
    stale = {"password alone": suite.idp.token(admin.subject, acr=1),
             "six minutes ago": suite.idp.token(admin.subject, acr=2, auth_age_s=360)}
    made = enrol(access, suite.fresh(admin), "clinician").json
    for token in stale.values():
        for reply in (enrol(access, token, "clinician"), enrol(access, token, "client"),
                      access.post(f"/v1/people/{made['id']}/code", who=token)):
            assert (reply.status, reply.code) == (403, "second_factor_required")
            row = suite.audit("access", actor=admin.id, outcome="refused")[-1]
            assert row["error"] == "second_factor_required"
    assert access.post("/v1/me/bind", {"code": made["sign_in_code"]}, who=stranger(suite)).status == 200
    assert access.post(f"/v1/people/{made['id']}/disable", who=stale["password alone"]).status == 200


def test_the_others_are_told_who_stands_behind_a_member_of_staff(suite, access, staff):
    """Who enrolled them, and who enrolled those: two who must be two are not one with a puppet's puppet."""
    def comes(by, role="admin"):
        made, who = enrol(access, by, role).json, stranger(suite)
        assert access.post("/v1/me/bind", {"code": made["sign_in_code"]}, who=who).status == 200
        told = [row for row in suite.outbox("access") if row["topic"] == "access.people.v1"][-1]
        return made, suite.fresh(who), bytes.fromhex(told["payload"][2:])

    first, who, told = comes(suite.fresh(staff["admin"]))
    assert uuid.UUID(staff["admin"].id).bytes in told
    second, _, told = comes(who, "privacy")
    for one in (staff["admin"].id, first["id"], second["id"]):
        assert uuid.UUID(one).bytes in told
    assert uuid.UUID(staff["nurse"].id).bytes not in told
    patient, _, told = comes(staff["front_desk"], "patient")
    assert uuid.UUID(staff["front_desk"].id).bytes not in told, "of patients it is nobody's affair"


def test_who_is_disabled_is_nobody_at_once(suite, access, staff):
    nurse = enrol(access, suite.fresh(staff["admin"]), "nurse").json
    who = stranger(suite)
    access.post("/v1/me/bind", {"code": nurse["sign_in_code"]}, who=who)
    assert access.get("/v1/people", who=who).status == 200

    gone = access.post(f"/v1/people/{nurse['id']}/disable", who=staff["admin"])
    assert (gone.status, gone.json["state"]) == (200, "disabled")
    assert access.get("/v1/people", who=who).status in (401, 403)
    assert access.get("/v1/me", who=who).json == {"memberships": []}
    told = suite.outbox("access", key=nurse["id"])
    assert [r["topic"] for r in told] == ["access.revocations.v1", "access.revocations.v1"]
    assert told[-1]["kind"] == 2
    assert access.post(f"/v1/people/{nurse['id']}/disable", who=staff["admin"]).code == "bad_state"
    assert access.post(f"/v1/people/{nurse['id']}/code", who=suite.fresh(staff["admin"])).code == "bad_state"


def test_disabling_is_for_admins_of_the_same_organisation(access, staff):
    person = enrol(access, staff["front_desk"]).json["id"]
    unknown = access.post(f"/v1/people/{uuid.uuid4()}/disable", who=staff["admin"])
    foreign = access.post(f"/v1/people/{person}/disable", who=staff["other_admin"])
    assert (unknown.status, foreign.status) == (404, 404)
    assert {k: v for k, v in foreign.json.items() if k != "request_id"} == \
           {k: v for k, v in unknown.json.items() if k != "request_id"}
    assert access.post(f"/v1/people/{person}/disable", who=staff["front_desk"]).status == 403
    assert access.post(f"/v1/people/{staff['admin'].id}/disable", who=staff["admin"]).code == "unprocessable"
    assert access.get(f"/v1/people/{person}", who=staff["front_desk"]).json["state"] == "active"


def test_who_works_elsewhere_too_is_disabled_only_here(suite, access, staff):
    here = suite.person("nurse")
    suite.everywhere(suite._member(Person(here.id, OTHER_ORG, "nurse", here.subject), "active"))
    assert access.post(f"/v1/people/{here.id}/disable", who=staff["admin"]).status == 200
    assert [r["kind"] for r in suite.outbox("access", key=here.id)] == [2, 6], "and may come back"
    assert access.get("/v1/people", who=here, headers={"Telecura-Org": OTHER_ORG}).status == 200
    assert access.get("/v1/people", who=here, headers={"Telecura-Org": ORG}).status in (401, 403)


def test_to_choose_nothing_is_not_to_leave_the_choice(access, staff):
    """Whatever the same sign-in was answered before, and is remembered."""
    assert access.get("/v1/people", who=staff["nurse"]).status == 200
    for header, status in (("Telecura-Org", 400), ("Telecura-Role", 403)):
        assert access.get("/v1/people", who=staff["nurse"], headers={header: ""}).status == status


def test_each_sees_whom_they_may(suite, access, staff):
    patient = suite.patient()
    def ids(who, query=""):
        found, cursor = [], ""
        while cursor is not None:
            page = access.get(f"/v1/people?limit=200{query}{cursor}", who=who).json
            found += page["data"]
            cursor = f"&cursor={page['next_cursor']}" if "next_cursor" in page else None
        return {row["id"]: row for row in found}

    assert patient.id in ids(staff["front_desk"]) and staff["nurse"].id in ids(staff["front_desk"])
    assert patient.id not in ids(staff["clinician"]) and staff["nurse"].id in ids(staff["clinician"])
    suite.relation(staff["clinician"], patient.patient, "treating")
    assert patient.id in ids(staff["clinician"])
    seen = ids(patient)
    assert {r["role"] for r in seen.values()} == {"patient", "clinician"}
    assert [r["id"] for r in seen.values() if r["role"] == "patient"] == [patient.id]
    assert {r["org"] for r in ids(staff["stranger"]).values()} == {OTHER_ORG}
    assert {r["org"] for r in ids(staff["front_desk"]).values()} == {ORG}
    assert {r["role"] for r in ids(staff["front_desk"], "&role=nurse").values()} == {"nurse"}
    assert access.get(f"/v1/people/{staff['nurse'].id}", who=patient).status == 404
    assert access.get(f"/v1/people/{suite.patient().id}", who=patient).status == 404


def test_pages_follow_each_other_and_a_cursor_is_its_callers(suite, access, staff):
    suite.patients(5)
    first = access.get("/v1/people?limit=2", who=staff["front_desk"]).json
    second = access.get(f"/v1/people?limit=2&cursor={first['next_cursor']}", who=staff["front_desk"]).json
    assert len({r["id"] for r in first["data"] + second["data"]}) == 4
    stolen = access.get(f"/v1/people?limit=2&cursor={first['next_cursor']}", who=staff["nurse"])
    assert (stolen.status, stolen.code) == (400, "bad_query")


@pytest.mark.parametrize("method,path", [
    ("GET", "/v1/people"), ("POST", "/v1/people"), ("GET", f"/v1/people/{uuid.uuid4()}"),
    ("POST", f"/v1/people/{uuid.uuid4()}/disable"), ("POST", f"/v1/people/{uuid.uuid4()}/code"),
    ("GET", "/v1/me"), ("POST", "/v1/me/bind"), ("GET", "/v1/relations"), ("POST", "/v1/relations"),
    ("GET", f"/v1/relations/{uuid.uuid4()}"), ("POST", f"/v1/relations/{uuid.uuid4()}/close"),
    ("GET", "/v1/consents"), ("POST", "/v1/consents"), ("GET", "/v1/consents/documents"),
    ("GET", f"/v1/consents/{uuid.uuid4()}"), ("POST", f"/v1/consents/{uuid.uuid4()}/revoke"),
    ("POST", "/v1/grants"), ("GET", f"/v1/grants/{uuid.uuid4()}"), ("GET", "/v1/sites"),
    ("POST", f"/v1/grants/{uuid.uuid4()}/revoke"),
])
def test_without_a_token_there_is_nothing(suite, access, method, path):
    assert access.request(method, path).status == 401
    assert access.request(method, path, who="not.a.token").status == 401
    assert access.request(method, path, who=suite.idp.token("x", ttl_s=-3600)).status == 401


@pytest.mark.parametrize("path,body", [
    ("/v1/people", {"role": "patient", "display_name": "x", "admin": True}),
    ("/v1/people", {"role": "god", "display_name": "x"}),
    ("/v1/people", {"role": "patient"}),
    ("/v1/people", {"role": "patient", "display_name": 7}),
    ("/v1/people", {"role": "patient", "display_name": "x", "patient_id": "7"}),
    ("/v1/relations", {"person_id": str(uuid.uuid4()), "patient_id": str(uuid.uuid4()), "kind": "self"}),
    ("/v1/relations", {"kind": "proxy"}),
])
def test_a_body_of_another_shape_is_refused(access, staff, path, body):
    reply = access.post(path, body, who=staff["front_desk"])
    assert (reply.status, reply.code) == (400, "bad_body")


def test_unknown_queries_large_bodies_and_missing_keys_are_refused(access, staff):
    assert access.get("/v1/people?rule=nurse", who=staff["front_desk"]).code == "bad_query"
    assert access.get("/v1/people?limit=201", who=staff["front_desk"]).code == "bad_query"
    assert enrol(access, staff["front_desk"], email="x" * 300_000).status == 413
    assert access.post("/v1/people", {"role": "patient", "display_name": "x"}, who=staff["front_desk"],
                       key="").code == "idempotency_key_missing"


def test_no_name_stands_in_the_open(suite, access, staff):
    assert enrol(access, staff["front_desk"], email=f"{CANARY}@example.org").status == 201
    tables = access.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    for table in tables:
        text = access.execute(f"SELECT t::text FROM \"{table['relname']}\" AS t")
        assert CANARY not in text, table
        assert CANARY.encode().hex() not in text, table
    assert CANARY not in access.tail(100_000)
