"""Grants: one visit, one person, ten minutes, on a consent and a relation that hold."""
import concurrent.futures
import datetime
import time
import uuid

import pytest

import paseto
from telecura import ORG, OTHER_ORG, rfc3339
from ws import connect

STEPS, STEP_S = 40, 50     # two thirds of an hour, by grants that live for a minute


def grant(access, who, **body):
    return access.post("/v1/grants", body, who=who)


def claims(suite, reply):
    return paseto.verify(reply.json["grant"], f"{suite.folder}/access.public", "grant")


def test_both_sides_of_a_visit_get_a_grant_for_its_one_channel(suite, access, visit):
    it = visit()
    theirs, ours = grant(access, it.patient, visit_id=it.id), grant(access, it.clinician, visit_id=it.id)
    assert (theirs.status, ours.status) == (201, 201)
    assert theirs.json["channel_id"] == ours.json["channel_id"]
    assert (theirs.json["seat"], ours.json["seat"]) == ("patient", "clinician")
    inside = claims(suite, theirs)
    assert inside == {
        "id": theirs.json["grant_id"], "org": ORG, "person": it.patient.id, "patient": it.patient.patient,
        "provider": it.clinician.id, "visit": it.id, "channel": theirs.json["channel_id"],
        "role": "patient", "as": "patient", "rights": "chat call", "minted_at": inside["minted_at"],
        "ends_at": theirs.json["expires_at"], "labels": 0, "alone": False, "last": False}
    assert paseto.verify(theirs.json["grant"], f"{suite.folder}/access.public", "pass") is None
    row = suite.audit("access", patient=it.patient.patient, action="grant.mint", actor=it.clinician.id)[-1]
    assert (row["outcome"], row["relation"], row["resource_id"]) == ("done", "booked", ours.json["id"])
    assert row["consent"] is not None


def test_settings_let_a_grant_live_as_long_as_the_ceiling_and_no_longer(suite, access, visit):
    it, most = visit(), {"grant_minutes": 30, "staff_grant_minutes": 60}
    long = suite.replica("access", **most)
    try:
        for who, minutes in zip((it.patient, it.clinician), most.values()):
            inside = claims(suite, grant(long, who, visit_id=it.id))
            minted, ends = (datetime.datetime.fromisoformat(inside[name]) for name in ("minted_at", "ends_at"))
            assert ends - minted == datetime.timedelta(minutes=minutes)
    finally:
        long.stop()
    for name, minutes in most.items():
        with open(f"{access.config}.long", "w") as f:
            f.write(open(access.config).read() + f"\n{name} = {minutes + 1}\n")
        done = access.command("--config", f"{access.config}.long", "--health")
        assert done.returncode == 78 and f"{name}: not a whole number in 1..{minutes}" in done.stderr


@pytest.mark.parametrize("state", ["scheduled", "confirmed", "completed", "cancelled", "no_show"])
def test_a_visit_that_is_not_open_opens_nothing(access, visit, state):
    it = visit(state)
    assert grant(access, it.patient, visit_id=it.id).code == "bad_state"
    assert grant(access, it.clinician, visit_id=it.id).code == "bad_state"


def test_without_consent_there_is_no_grant(suite, access, visit, visit_pass):
    it = visit(consent=False)
    refused = grant(access, it.patient, visit_id=it.id)
    assert (refused.status, refused.code) == (403, "consent_required")
    assert grant(access, it.clinician, visit_id=it.id).code == "consent_required"
    given = access.post("/v1/consents", {"patient_id": it.patient.patient, "scope": "telehealth",
                                         "document_version": 1}, who=it.patient).json
    assert grant(access, it.patient, visit_id=it.id).status == 201
    access.post(f"/v1/consents/{given['id']}/revoke", who=it.patient)
    assert grant(access, it.patient, visit_id=it.id).code == "consent_required"
    ada = suite.patient()
    _, token = visit_pass(ada, it.clinician)
    assert grant(access, ada, **{"pass": token}).code == "consent_required"
    assert suite.audit("access", patient=ada.patient, action="grant.mint")[-1]["error"] == "consent_required"


@pytest.mark.family(22)
def test_a_consent_that_is_taken_back_takes_each_grant_by_its_id(suite, access, visit):
    """Whoever mints meanwhile has nothing afterwards, whichever of the two began first."""
    it = visit()
    given = access.value(f"SELECT id FROM consent WHERE patient_id = '{it.patient.patient}'")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        minted = [pool.submit(grant, access, it.patient, visit_id=it.id) for _ in range(5)]
        minted[0].result()
        assert pool.submit(access.post, f"/v1/consents/{given}/revoke", who=it.clinician).result().status == 200
    replies = [reply.result() for reply in minted]
    assert {reply.code for reply in replies if reply.status != 201} <= {"consent_required"}
    for reply in replies:
        if reply.status == 201:
            told = suite.outbox("access", key=reply.json["id"])
            assert [(row["topic"], row["kind"]) for row in told] == [("access.revocations.v1", 3)]


def test_a_pass_opens_a_visit_that_the_feed_has_not_told_yet(suite, access, staff, visit_pass):
    ada = suite.patient(consent=True)
    visit, token = visit_pass(ada, staff["clinician"])
    ours = grant(access, staff["clinician"], **{"pass": token})
    theirs = grant(access, ada, **{"pass": token})
    assert (ours.status, theirs.status) == (201, 201)
    assert ours.json["visit_id"] == visit and ours.json["channel_id"] == theirs.json["channel_id"]
    assert grant(access, ada, visit_id=visit).status == 201
    (told,) = suite.outbox("access", key=visit)
    assert (told["topic"], told["version"]) == ("access.relations.v1", 1)
    row = access.rows(f"SELECT person, kind, ends_at - starts_at > interval '30 days' AS month "
                      f"FROM relation WHERE id = '{visit}'")
    assert row == [{"person": staff["clinician"].id, "kind": "booked", "month": True}]


def test_an_old_pass_does_not_bring_back_what_is_over(suite, access, staff, visit_pass):
    ada = suite.patient(consent=True)
    visit, token = visit_pass(ada, staff["clinician"])
    assert grant(access, ada, **{"pass": token}).status == 201
    access.execute(f"UPDATE visit SET state = 'completed', version = 9 WHERE id = '{visit}'")
    assert grant(access, ada, **{"pass": token}).code == "bad_state"
    assert access.value(f"SELECT state FROM visit WHERE id = '{visit}'") == "completed"


@pytest.mark.family(22)
def test_new_labels_end_the_grants_of_those_for_whom_the_visit_is_not(suite, access, staff, visit_pass):
    """Minted before the visit became the minor's own; a proxy who mints meanwhile has nothing afterwards either."""
    child, guardian, doctor = suite.patient(consent=True), suite.person("proxy"), staff["clinician"]
    suite.relation(guardian, child.patient, "proxy")
    visit, before = visit_pass(child, doctor)
    _, labelled = visit_pass(child, doctor, version=4, visit=visit, labels=4)
    old = {who.id: grant(access, who, **{"pass": before}).json["id"] for who in (guardian, child, doctor)}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        meanwhile = [pool.submit(grant, access, guardian, visit_id=visit) for _ in range(3)]
        assert pool.submit(grant, access, doctor, **{"pass": labelled}).result().status == 201
    minted = [reply.result().json["id"] for reply in meanwhile if reply.result().status == 201]
    for ended in (old[guardian.id], *minted):
        assert [(row["topic"], row["kind"]) for row in suite.outbox("access", key=ended)] == [("access.revocations.v1", 3)]
    assert grant(access, guardian, visit_id=visit).status == 404
    for who in (child, doctor):
        assert suite.outbox("access", key=old[who.id]) == [] and access.get(f"/v1/grants/{old[who.id]}", who=who).status == 200


def test_a_pass_that_is_not_sound_is_none(suite, access, staff, visit_pass, appointments_key):
    ada = suite.patient(consent=True)
    _, sound = visit_pass(ada, staff["clinician"])
    _, stale = visit_pass(ada, staff["clinician"], age_s=1000)
    body = sound.split(".")
    forged = ".".join(body[:2] + [body[2][:-2] + ("AA" if body[2][-2:] != "AA" else "BB"), body[3]])
    other = paseto.Signer().sign({"org": ORG}, "pass")
    as_grant = appointments_key.sign({"org": ORG, "visit": str(uuid.uuid4())}, "grant")
    for token in (stale, forged, other, as_grant, "v4.public.", sound + "A"):
        reply = grant(access, ada, **{"pass": token})
        assert (reply.status, reply.code) == (403, "grant_required")
    assert grant(access, ada, **{"pass": sound}).status == 201


def test_others_get_the_404_of_an_unknown_visit(suite, access, staff, visit, visit_pass):
    it = visit()
    another = suite.person("clinician")
    suite.relation(another, it.patient.patient, "treating")
    others = (suite.patient(consent=True), another, suite.person("clinician"),
              suite.patient(org=OTHER_ORG), suite.person("clinician", org=OTHER_ORG))
    for who in others:
        assert grant(access, who, visit_id=it.id).status == 404
    assert grant(access, it.patient, visit_id=str(uuid.uuid4())).status == 404
    _, foreign = visit_pass(it.patient, it.clinician, org=OTHER_ORG)
    assert grant(access, it.patient, **{"pass": foreign}).status == 404
    for role in ("front_desk", "nurse", "pharmacist", "biller", "auditor", "privacy", "admin"):
        assert grant(access, staff[role], visit_id=it.id).status == 403, role


def test_the_same_key_answers_the_same_grant(suite, access, visit):
    it, key = visit(), str(uuid.uuid4())
    first = access.post("/v1/grants", {"visit_id": it.id}, who=it.patient, key=key)
    second = access.post("/v1/grants", {"visit_id": it.id}, who=it.patient, key=key)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json == first.json
    path = f"/v1/grants/{first.json['id']}"
    assert access.get(path, who=it.patient).json == first.json
    assert access.get(path, who=it.clinician).status == 404, "not theirs"
    suite.clock(601)
    assert access.get(path, who=it.patient).code == "bad_state"


def test_hours_on_one_connection_by_grants_of_a_minute(suite, access, visit):
    """Asked from access each time and refreshed in band, on the test clock; a day by grants of the test's own is `make soak`."""
    brief, messaging, began = suite.replica("access", staff_grant_minutes=1), suite.service("messaging"), suite.now_s()
    it = visit(clinician=suite.person("clinician"))

    def minted():
        reply = grant(brief, it.clinician, visit_id=it.id)
        assert reply.status == 201, reply
        return reply.json["grant"]

    try:
        with connect(messaging, "/v1/stream") as chat:
            ends = [chat.ask("connect", token=it.clinician.token, grant=minted())["ends_at"]]
            for n in range(1, STEPS + 1):
                suite.clock(began + n * STEP_S - time.time())
                chat.send("active")
                ends.append(chat.ask("refresh", grant=minted())["ends_at"])
            assert ends[0] < rfc3339(began + 90) and ends == sorted(set(ends))
            assert chat.ask("send", message_id=str(uuid.uuid4()), body="still here")["offset"] == 1
        rows = suite.audit("access", patient=it.patient.patient, action="grant.mint", outcome="done")
        assert len({row["resource_id"] for row in rows}) == STEPS + 1
    finally:
        brief.stop()
        messaging.stop()


def test_a_grant_that_was_revoked_is_told_and_not_shown_again(suite, access, staff, visit):
    it = visit()
    made = grant(access, it.patient, visit_id=it.id).json
    path = f"/v1/grants/{made['id']}"
    assert access.post(f"{path}/revoke", who=suite.patient()).status == 404
    assert access.post(f"{path}/revoke", who=staff["stranger"]).status == 403
    ended = access.post(f"{path}/revoke", who=it.clinician)
    assert ended.status == 200 and ended.json["revoked_at"]
    (told,) = suite.outbox("access", key=made["id"])
    assert (told["topic"], told["kind"]) == ("access.revocations.v1", 3)
    assert access.post(f"{path}/revoke", who=it.clinician).code == "bad_state"
    assert access.get(path, who=it.patient).code == "bad_state"


def test_who_is_disabled_keeps_no_grant(suite, access, staff, visit):
    it = visit()
    made = grant(access, it.patient, visit_id=it.id).json
    assert access.post(f"/v1/people/{it.patient.id}/disable", who=staff["admin"]).status == 200
    assert access.value(f"SELECT revoked_at IS NOT NULL FROM visit_grant WHERE id = '{made['id']}'")
    assert grant(access, it.patient, visit_id=it.id).status in (401, 403)


def test_a_revocation_under_way_is_waited_for(access, visit):
    """Consent is read FOR SHARE: a no that is about to commit comes before the grant."""
    it = visit()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ending = pool.submit(access.execute, "BEGIN; UPDATE consent SET state = 'revoked', version = version + 1 WHERE patient_id = "
                             f"'{it.patient.patient}'; SELECT pg_sleep(1.5); COMMIT")
        while not access.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
            assert not ending.done()
        assert grant(access, it.patient, visit_id=it.id).code == "consent_required"
        ending.result()


def test_a_grant_ends_with_the_consent_that_it_rests_on(suite, access, visit):
    it = visit(consent=False)
    until = rfc3339(suite.now_s() + 120)
    given = access.post("/v1/consents", {"patient_id": it.patient.patient, "scope": "telehealth",
                                         "document_version": 1, "ends_at": until}, who=it.patient)
    assert given.status == 201
    for who in (it.patient, it.clinician):
        assert grant(access, who, visit_id=it.id).json["expires_at"][:19] == until[:19]


def test_a_revoked_consent_ends_all_grants_to_visits_of_the_patient(access, visit):
    it, other = visit(consent=False), visit()
    given = access.post("/v1/consents", {"patient_id": it.patient.patient, "scope": "telehealth",
                                         "document_version": 1}, who=it.patient).json
    made = [grant(access, who, visit_id=it.id).json["id"] for who in (it.patient, it.clinician)]
    kept = grant(access, other.patient, visit_id=other.id).json["id"]
    assert access.post(f"/v1/consents/{given['id']}/revoke", who=it.patient).status == 200
    ended = access.rows("SELECT id, revoked_at IS NOT NULL AS ended FROM visit_grant WHERE revoked_at IS NOT NULL")
    assert {row["id"] for row in ended} >= set(made) and kept not in {row["id"] for row in ended}


def test_grants_and_a_revocation_at_once(access, visit):
    it = visit(consent=False)
    given = access.post("/v1/consents", {"patient_id": it.patient.patient, "scope": "telehealth",
                                         "document_version": 1}, who=it.patient).json
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(grant, access, who, visit_id=it.id) for who in (it.patient, it.clinician) * 4]
        ended = pool.submit(access.post, f"/v1/consents/{given['id']}/revoke", None, it.patient)
        replies = [a.result() for a in asked]
    assert ended.result().status == 200
    assert {r.status for r in replies} <= {201, 403}
    assert grant(access, it.patient, visit_id=it.id).code == "consent_required"
    left = access.value(f"SELECT count(*) FROM visit_grant WHERE visit_id = '{it.id}' AND revoked_at IS NULL")
    assert left == 0, "none was minted behind the no, and none before it lives"
    assert len({r.json["channel_id"] for r in replies if r.status == 201}) <= 1
    assert grant(access, it.patient, visit_id=it.id).code == "consent_required"


@pytest.mark.parametrize("body,code,field", [
    ({}, "unprocessable", "/visit_id"),
    ({"pass": "x", "visit_id": str(uuid.uuid4())}, "unprocessable", "/visit_id"),
    ({"visit_id": "x"}, "bad_body", "/visit_id"), ({"visit": str(uuid.uuid4())}, "bad_body", ""),
    ({"pass": "x" * 5000}, "bad_body", "/pass"),
])
def test_a_body_of_another_shape_is_refused(suite, access, body, code, field):
    reply = grant(access, suite.patient(), **body)
    assert (reply.code, reply.at) == (code, [field])


def test_no_grant_stands_in_a_table_or_a_log(access, visit):
    it = visit()
    token = grant(access, it.patient, visit_id=it.id).json["grant"]
    for table in ("visit_grant", "outbox", "audit_outbox", "idempotency"):
        assert token not in access.execute(f"SELECT t::text FROM {table} AS t")
    assert token not in access.tail(100_000)
