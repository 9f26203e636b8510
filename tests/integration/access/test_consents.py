"""Consents and relations: what was shown, who said yes, and what ends with a no."""
import hashlib
import uuid

import pytest

import paseto
from telecura import ORG, rfc3339
from visits import until

SCOPES = {"telehealth", "recording", "data_sharing", "research"}


def give(access, who, patient, scope="telehealth", version=1, **more):
    return access.post("/v1/consents", {"patient_id": patient, "scope": scope, "document_version": version,
                                        **more}, who=who)


@pytest.fixture
def newer_text(access):
    """A second wording of `research`, taken back afterwards."""
    access.execute("INSERT INTO consent_document (org, scope, version, language, text) "
                   f"VALUES ('{ORG}', 'research', 2, 'en', 'A newer wording.')")
    yield
    access.execute("DELETE FROM consent_document WHERE version = 2")


def test_every_scope_has_a_text_in_each_language_and_its_hash(suite, access, staff):
    rows = access.get("/v1/consents/documents", who=suite.patient()).json["data"]
    assert {(r["scope"], r["language"]) for r in rows} == {(s, l) for s in SCOPES for l in ("en", "de")}
    for row in rows:
        assert row["hash"] == hashlib.sha256(row["text"].encode()).hexdigest()
    german = access.get("/v1/consents/documents?scope=telehealth&language=de", who=staff["nurse"]).json["data"]
    assert len(german) == 1 and german[0]["version"] == 1 and "Einwilligung" in german[0]["text"]


def test_a_consent_says_which_text_was_shown(suite, access):
    ada = suite.patient()
    shown = access.get("/v1/consents/documents?scope=telehealth&language=de", who=ada).json["data"][0]
    given = give(access, ada, ada.patient, language="de")
    assert given.status == 201
    assert given.json["state"] == "active" and given.json["given_by"] == ada.id
    assert (given.json["document_version"], given.json["document_hash"]) == (1, shown["hash"])
    assert access.get("/v1/consents", who=ada).json["data"] == [given.json]
    assert access.get(f"/v1/consents/{given.json['id']}", who=ada).json == given.json
    (told,) = suite.outbox("access", key=given.json["id"])
    assert (told["topic"], told["version"], told["kind"]) == ("access.consents.v1", 1, 1)
    row = suite.audit("access", patient=ada.patient, action="consent.give")[-1]
    assert (row["outcome"], row["actor"], row["resource_id"]) == ("done", ada.id, given.json["id"])


def test_only_the_current_text_can_be_agreed_to(suite, access, newer_text):
    ada = suite.patient()
    assert give(access, ada, ada.patient, "research", version=1).code == "conflict"
    assert give(access, ada, ada.patient, "research", version=2).status == 201
    for field, other in (("/document_version", {"version": 9}), ("/language", {"language": "fr"})):
        reply = give(access, ada, ada.patient, "recording", **other)
        assert (reply.code, reply.at) == ("unprocessable", [field])


def test_one_consent_of_a_scope_is_active_and_a_newer_text_takes_its_place(suite, access, request):
    ada = suite.patient()
    first = give(access, ada, ada.patient, "research").json
    assert give(access, ada, ada.patient, "research").code == "conflict"
    request.getfixturevalue("newer_text")
    second = give(access, ada, ada.patient, "research", version=2)
    assert second.status == 201
    states = {r["id"]: r["state"] for r in access.get("/v1/consents?scope=research", who=ada).json["data"]}
    assert states == {first["id"]: "expired", second.json["id"]: "active"}
    assert [r["version"] for r in suite.outbox("access", key=first["id"])] == [1, 2]


def test_a_no_is_told_to_those_who_only_listen(suite, access):
    ada = suite.patient()
    row = give(access, ada, ada.patient).json
    revoked = access.post(f"/v1/consents/{row['id']}/revoke", who=ada)
    assert (revoked.status, revoked.json["state"], revoked.json["version"]) == (200, "revoked", 2)
    assert revoked.json["revoked_at"]
    assert [(r["kind"], r["version"]) for r in suite.outbox("access", key=row["id"])] == [(1, 1), (2, 2)]
    (told,) = suite.outbox("access", key=ada.patient)
    assert (told["topic"], told["kind"]) == ("access.revocations.v1", 4)
    assert access.post(f"/v1/consents/{row['id']}/revoke", who=ada).code == "bad_state"
    assert give(access, ada, ada.patient).status == 201, "and may be given anew"


def test_a_consent_ends_by_itself(suite, access):
    ada = suite.patient()
    row = give(access, ada, ada.patient, ends_at=rfc3339(suite.now_s() + 3600)).json
    assert give(access, ada, ada.patient, "recording", ends_at=rfc3339(suite.now_s() - 1)).at == ["/ends_at"]
    suite.clock(7200)
    again = give(access, ada, ada.patient)
    assert again.status == 201, "the ended one is no obstacle before the timer has seen it"
    assert access.get(f"/v1/consents/{row['id']}", who=ada).json["state"] == "expired"


def test_its_end_in_a_visit_is_told_as_a_no_is(suite, access, visit):
    """The last grant says that it is: the session tells the clinician (messaging/test_sessions.py). What no grant
    rests on is told by the feed as it ends."""
    it = visit("in_progress", consent=False)
    ends = rfc3339(suite.now_s() + 300)
    give(access, it.patient, it.patient.patient, ends_at=ends)
    grant = access.post("/v1/grants", {"visit_id": it.id}, who=it.clinician).json
    inside = paseto.verify(grant["grant"], f"{suite.folder}/access.public", "grant")
    assert inside["last"] is True and inside["ends_at"][:19] == ends[:19]
    other = visit("in_progress")
    inside = paseto.verify(access.post("/v1/grants", {"visit_id": other.id}, who=other.clinician).json["grant"],
                           f"{suite.folder}/access.public", "grant")
    assert not inside.get("last"), "of a consent without an end another grant follows"

    row = give(access, it.patient, it.patient.patient, "recording", ends_at=rfc3339(suite.now_s() + 1)).json
    until(lambda: suite.outbox("access", key=it.patient.patient), what="the word of its end")
    (told,) = suite.outbox("access", key=it.patient.patient)
    assert (told["topic"], told["kind"]) == ("access.revocations.v1", 8) and b"recording".hex() in told["payload"]
    assert access.get(f"/v1/consents/{row['id']}", who=it.patient).json["state"] == "expired"


def test_it_is_on_record_what_was_shown_how_and_by_whom(suite, access, staff):
    ada = suite.patient()
    text = access.get("/v1/consents/documents?scope=research&language=en", who=ada).json["data"][0]["text"]
    shown = rfc3339(suite.now_s() - 60)
    proof = {"document_hash": hashlib.sha256(text.encode()).hexdigest(), "shown_at": shown}
    row = give(access, ada, ada.patient, "research", **proof).json
    assert (row["method"], row["shown_at"][:19], row["given_as"]) == ("screen", shown[:19], "patient")
    other = {**proof, "document_hash": hashlib.sha256(b"a text that was never there").hexdigest()}
    assert give(access, ada, ada.patient, "recording", **other).code == "conflict"
    for wrong in ({"shown_at": rfc3339(suite.now_s() + 60)}, {"method": "paper"}):
        reply = give(access, ada, ada.patient, "recording", **wrong)
        assert (reply.code, reply.at) == ("unprocessable", [f"/{field}" for field in wrong])

    desk, nurse = staff["front_desk"], staff["nurse"]
    assert give(access, desk, ada.patient, "recording").json["method"] == "paper"
    spoken = {"method": "spoken"}
    for witness in ({}, {"witness_id": desk.id}, {"witness_id": ada.id}, {"witness_id": str(uuid.uuid4())}):
        reply = give(access, desk, ada.patient, **spoken, **witness)
        assert (reply.code, reply.at) == ("unprocessable", ["/witness_id"])
    row = give(access, desk, ada.patient, **spoken, witness_id=nurse.id).json
    assert (row["method"], row["witness_id"], row["given_as"]) == ("spoken", nurse.id, "front_desk")


def test_who_records_what_was_spoken_is_no_witness_in_another_role_either(suite, access):
    ada, desk, nurse = suite.patient(), suite.person("front_desk"), suite.person("nurse")
    access.execute(f"UPDATE member SET subject = '{desk.subject}' WHERE person = '{nurse.id}'")
    said = {"patient_id": ada.patient, "scope": "telehealth", "document_version": 1, "method": "spoken"}
    for witness, answer in ((nurse, "unprocessable"), (suite.person("nurse"), None)):
        reply = access.post("/v1/consents", {**said, "witness_id": witness.id}, who=desk,
                            headers={"Telecura-Role": "front_desk"})
        assert reply.code == answer, reply


def test_a_consent_may_be_to_one_recipient_and_for_one_purpose(suite, access, staff):
    ada, one = suite.patient(), staff["pharmacist"].id
    parts = [{}, {"recipient_id": one}, {"recipient_id": ORG}, {"purpose": "TREAT"},
             {"recipient_id": one, "purpose": "TREAT"}]
    for part in parts:
        made = give(access, ada, ada.patient, "data_sharing", **part)
        assert made.status == 201 and part.items() <= made.json.items()
        assert give(access, ada, ada.patient, "data_sharing", **part).code == "conflict"
    for part in parts[1:4]:
        reply = give(access, ada, ada.patient, "telehealth", **part)
        assert (reply.code, reply.at) == ("unprocessable", ["/scope"])
    for nobody in (str(uuid.uuid4()), staff["stranger"].id):
        reply = give(access, ada, ada.patient, "research", recipient_id=nobody)
        assert (reply.code, reply.at) == ("unprocessable", ["/recipient_id"])
    assert give(access, ada, ada.patient, "research", purpose="FUN").code == "bad_body"
    nurse = staff["nurse"]
    assert give(access, nurse, ada.patient, "data_sharing", recipient_id=nurse.id).code == "forbidden"
    assert give(access, staff["front_desk"], ada.patient, "data_sharing", recipient_id=nurse.id).status == 201
    told = suite.outbox("access", key=made.json["id"])[0]["payload"]
    assert uuid.UUID(one).bytes.hex() in told and b"TREAT".hex() in told


def test_a_page_says_what_was_agreed_to_and_what_it_does(suite, access, staff):
    ada = suite.patient()
    page = f"/v1/consents/standing?patient_id={ada.patient}"
    rows = access.get(page, who=ada).json["data"]
    assert [(r["scope"], r["state"], r.get("actions")) for r in rows] == [
        (scope, "none", None) for scope in ("telehealth", "recording", "data_sharing", "research")]

    given = give(access, ada, ada.patient, language="de").json
    part = give(access, ada, ada.patient, "data_sharing", recipient_id=ORG, purpose="TREAT").json
    gone = give(access, staff["front_desk"], ada.patient, "research").json
    access.post(f"/v1/consents/{gone['id']}/revoke", who=ada)
    soon = give(access, ada, ada.patient, "recording", ends_at=rfc3339(suite.now_s() + 60)).json
    rows = access.get(page, who=ada).json["data"]
    assert [r["state"] for r in rows if r["scope"] == "data_sharing"] == ["active", "none"], "a part, and not the whole"
    rows = {r["scope"]: r for r in rows if r["state"] != "none"}
    first = rows["telehealth"]
    assert (first["consent_id"], first["state"], first["since"], first["given_by"], first["given_as"]) == (
        given["id"], "active", given["starts_at"], ada.id, "patient")
    assert {"BOOK_VISIT", "CHECK_IN", "START_VISIT", "MINT_GRANT", "SEND_MESSAGE"} <= set(first["actions"])
    assert hashlib.sha256(first["text"].encode()).hexdigest() == first["document_hash"] == given["document_hash"]
    assert (first["language"], first["document_version"], first["method"]) == ("de", 1, "screen")
    shared = rows["data_sharing"]
    assert (shared["consent_id"], shared["recipient"], shared["purpose"]) == (part["id"], "Ward", "TREAT")
    assert shared["sensitive_to"] == ["pharmacist"]
    assert (rows["research"]["state"], rows["research"].get("actions")) == ("revoked", None)
    assert rows["research"]["given_as"] == "front_desk" and rows["research"]["revoked_at"]
    assert (rows["recording"]["state"], rows["recording"]["consent_id"]) == ("active", soon["id"])
    suite.clock(120)
    try:
        now = {r["scope"]: r["state"] for r in access.get(page, who=ada).json["data"]}
    finally:
        suite.clock(0)
    assert now["recording"] == "expired", "at once, before the timer has seen it"

    for who in (suite.patient(), staff["clinician"], staff["stranger"]):
        assert access.get(page, who=who).status == 404
    for role, status in (("privacy", 200), ("front_desk", 200), ("biller", 403)):
        assert access.get(page, who=staff[role]).status == status
    read = suite.audit("access", patient=ada.patient, actor=ada.id, action="consent.read")
    assert read and {r["outcome"] for r in read} == {"done"}


def test_what_a_guardian_agreed_to_ends_when_the_patient_comes_of_age(suite, access, staff):
    child, guardian = suite.patient(), suite.person("proxy")
    born = rfc3339(suite.now_s() - (18 * 365.25 - 30) * 86400)[:10]
    opened = access.post("/v1/relations", {"person_id": guardian.id, "patient_id": child.patient, "kind": "guardian",
                                           "proof": "birth_certificate", "birth_date": born}, who=staff["front_desk"])
    row = give(access, guardian, child.patient).json
    assert (row["given_by"], row["given_as"], row["ends_at"]) == (guardian.id, "proxy", opened.json["ends_at"])
    sooner = rfc3339(suite.now_s() + 3600)
    assert give(access, guardian, child.patient, "recording", ends_at=sooner).json["ends_at"][:19] == sooner[:19]
    assert "ends_at" not in give(access, child, child.patient, "research").json


def test_every_version_stays(suite, access):
    ada = suite.patient()
    row = give(access, ada, ada.patient).json
    access.post(f"/v1/consents/{row['id']}/revoke", who=ada)
    kept = access.rows(f"SELECT version, state, act_id, revoked_by FROM consent_version WHERE id = '{row['id']}' "
                       "ORDER BY version")
    assert [(v["version"], v["state"], v["revoked_by"]) for v in kept] == [(1, "active", None), (2, "revoked", ada.id)]
    acts = [suite.audit("access", resource_id=row["id"], action=f"consent.{what}")[0]["act"]
            for what in ("give", "revoke")]
    assert [v["act_id"] for v in kept] == acts
    with pytest.raises(RuntimeError, match="only ends"):
        access.execute(f"UPDATE consent SET state = 'active', version = 3 WHERE id = '{row['id']}'")


def test_staff_record_and_strangers_see_nothing(suite, access, staff):
    ada, bob = suite.patient(), suite.patient()
    row = give(access, staff["front_desk"], ada.patient)
    assert row.status == 201 and row.json["given_by"] == staff["front_desk"].id
    path = f"/v1/consents/{row.json['id']}"
    for who in (bob, staff["clinician"], staff["stranger"]):
        assert access.get(path, who=who).status == 404
        assert access.post(f"{path}/revoke", who=who).status == 404
        assert give(access, who, ada.patient, "recording").status == 404
        assert row.json["id"] not in [r["id"] for r in access.get("/v1/consents", who=who).json["data"]]
    for role in ("pharmacist", "biller", "auditor", "admin"):
        assert access.get(path, who=staff[role]).status == (200 if role == "auditor" else 403)
        assert give(access, staff[role], ada.patient, "recording").status == 403
    assert access.get(path, who=staff["privacy"]).status == 200
    refused = suite.audit("access", patient=ada.patient, actor=bob.id)
    assert {r["outcome"] for r in refused} == {"refused"} and {r["error"] for r in refused} == {"not_found"}


def test_relations_open_and_close(suite, access, staff):
    ada = suite.patient()
    body = {"person_id": staff["clinician"].id, "patient_id": ada.patient, "kind": "treating",
            "proof": "referral"}
    assert access.get(f"/v1/relations?patient_id={ada.patient}", who=staff["clinician"]).json["data"] == []
    row = access.post("/v1/relations", body, who=staff["front_desk"])
    assert row.status == 201 and row.json["kind"] == "treating"
    seen = access.get(f"/v1/relations?patient_id={ada.patient}", who=staff["clinician"]).json["data"]
    assert {r["kind"] for r in seen} == {"self", "treating"}
    path = f"/v1/relations/{row.json['id']}"
    assert access.get(path, who=ada).json == row.json
    assert access.get(path, who=suite.patient()).status == 404
    assert access.get(path, who=staff["stranger"]).status == 404

    assert access.post(f"{path}/close", who=staff["clinician"]).status == 403
    assert access.post(f"{path}/close", who=staff["stranger"]).status == 404
    closed = access.post(f"{path}/close", who=staff["front_desk"])
    assert closed.status == 200 and closed.json["ends_at"]
    assert access.post(f"{path}/close", who=staff["front_desk"]).code == "bad_state"
    assert [r["kind"] for r in suite.outbox("access", key=row.json["id"])] == [1, 2]
    assert access.get(path, who=staff["clinician"]).status == 404
    rows = suite.audit("access", patient=ada.patient, action="relation.close")
    assert [r["outcome"] for r in rows if r["actor"] == staff["front_desk"].id] == ["done", "refused"]


def test_a_relation_serves_a_role(suite, access, staff):
    ada = suite.patient()
    for person, kind in ((staff["proxy"], "treating"), (staff["clinician"], "proxy"), (suite.patient(), "proxy")):
        body = {"person_id": person.id, "patient_id": ada.patient, "kind": kind,
                "proof": "referral" if kind == "treating" else "court_order"}
        reply = access.post("/v1/relations", body, who=staff["front_desk"])
        assert (reply.code, reply.at) == ("unprocessable", ["/person_id"])
    body = {"person_id": staff["proxy"].id, "patient_id": ada.patient, "kind": "proxy", "proof": "court_order"}
    assert access.post("/v1/relations", body, who=staff["front_desk"]).status == 201
    assert give(access, staff["proxy"], ada.patient).status == 201
    unknown = {**body, "patient_id": str(uuid.uuid4())}
    assert access.post("/v1/relations", unknown, who=staff["front_desk"]).status == 404
    backwards = {**body, "kind": "proxy", "starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}
    assert access.post("/v1/relations", backwards, who=staff["front_desk"]).at == ["/ends_at"]


def test_what_one_is_to_oneself_does_not_end(access, staff):
    made = access.post("/v1/people", {"role": "patient", "display_name": "x"}, who=staff["front_desk"]).json
    (own,) = access.get(f"/v1/relations?patient_id={made['patient_id']}", who=staff["front_desk"]).json["data"]
    assert access.post(f"/v1/relations/{own['id']}/close", who=staff["front_desk"]).code == "bad_state"


@pytest.mark.parametrize("body", [
    {"scope": "telehealth", "document_version": 1}, {"patient_id": "x", "scope": "telehealth", "document_version": 1},
    {"patient_id": str(uuid.uuid4()), "scope": "all", "document_version": 1},
    {"patient_id": str(uuid.uuid4()), "scope": "telehealth"},
    {"patient_id": str(uuid.uuid4()), "scope": "telehealth", "document_version": 1, "signed": True},
])
def test_a_body_of_another_shape_is_refused(access, staff, body):
    assert access.post("/v1/consents", body, who=staff["front_desk"]).code == "bad_body"
