"""Guests: a link for one visit, and what its holder must type besides."""
import concurrent.futures
import uuid

import pytest

import paseto
from telecura import ORG, OTHER_ORG
from visits import until
from ws import Closed, Refused, connect

BORN, PHONE = "1961-04-30", "+49 170 123 45 67"


@pytest.fixture(scope="module")
def signaling(suite, access):
    return suite.service("signaling", turn_uri="turn:127.0.0.1:19478?transport=udp",
                         turn_secret=suite.secret("turn.secret", "a turn secret"))


@pytest.fixture
def visit(signaling, visit):
    """Of which signaling hears too."""
    return visit


def invite(access, who, it, name="Uncle Bo", **more):
    body = {"visit_id": it.id, "display_name": name, **(more or {"birth_date": BORN})}
    return access.post("/v1/guests", body, who=who)


def enter(access, link, device=None, **proof):
    """As the gateway passes it on from somebody who is not signed in."""
    return access.post("/v1/guests/enter", {"link": link, "device": device or uuid.uuid4().hex,
                                            **({"birth_date": BORN} if not proof else proof)}, key="")


def call(service, entered):
    ws = connect(service, f"/v1/calls/{entered.json['channel_id']}")
    return ws, ws.ask("connect", grant=entered.json["grant"])


def test_a_guest_comes_to_the_call_by_link_and_birth_date(suite, access, signaling, visit):
    it = visit("in_progress")
    made = invite(access, it.patient, it)
    assert made.status == 201 and len(made.json["link"]) == 43, made
    assert (made.json["proof"], made.json["tries_left"], made.json["invited_by"]) == ("birth_date", 3, it.patient.id)
    entered = enter(access, made.json["link"])
    assert entered.status == 201 and entered.json["seat"] == "patient", entered
    inside = paseto.verify(entered.json["grant"], f"{suite.folder}/access.public", "grant")
    assert (inside["person"], inside["as"], inside["rights"], inside["alone"], inside["visit"]) == (
        made.json["id"], "guest", "call", True, it.id)
    ws, answer = call(signaling, entered)
    assert answer["call"] == entered.json["channel_id"] and answer["ice_servers"]
    ws.drop()
    listed = access.get(f"/v1/guests?visit_id={it.id}", who=it.clinician)
    assert listed.status == 200, (listed, access.tail(3))
    seen = listed.json["data"]
    assert [(one["display_name"], "link" in one, one["entered_at"] is not None) for one in seen] == [("Uncle Bo", False, True)]
    rows = {row["action"]: row for row in suite.audit("access", patient=it.patient.patient)}
    assert {"guest.invite", "guest.enter", "guest.read"} <= rows.keys()
    entry = rows["guest.enter"]
    assert (entry["actor"], entry["role"], entry["relation"], entry["outcome"]) == (
        made.json["id"], "guest", "guest", "done")
    joined = suite.audit("signaling", actor=made.json["id"], action="call.join")
    assert [(row["role"], row["relation"]) for row in joined] == [("guest", "guest")]
    (told,) = [e for e in suite.outbox("access", key=made.json["id"]) if e["topic"] == "access.relations.v1"]
    assert told["kind"] == 1, "from which the patient is told"


@pytest.mark.parametrize("typed,opens", [
    ({"phone": "0170 1234567"}, True), ({"phone": "0049-170-1234567"}, True), ({"phone": "0170 1234568"}, False),
    ({"birth_date": BORN}, False)])
def test_a_phone_is_known_by_its_last_digits(access, visit, typed, opens):
    it = visit()
    link = invite(access, it.clinician, it, phone=PHONE).json["link"]
    reply = enter(access, link, **typed)
    assert (reply.status, reply.status >= 400 and reply.code) == ((201, False) if opens else (403, "proof_wrong"))


def test_three_wrong_tries_end_the_link_whoever_is_right_afterwards(suite, access, visit):
    it = visit()
    made = invite(access, it.patient, it).json
    for left in (2, 1, 0):
        assert enter(access, made["link"], birth_date=f"1961-05-0{left + 1}").code == "proof_wrong"
        assert access.get(f"/v1/guests/{made['id']}", who=it.patient).json["tries_left"] == left
    assert enter(access, made["link"]).status == 404
    rows = suite.audit("access", actor=made["id"], action="guest.enter")
    assert [(row["outcome"], row["error"], row["patient"]) for row in rows] == (
        [("refused", "proof_wrong", it.patient.patient)] * 3 + [("refused", "not_found", it.patient.patient)])
    assert access.value(f"SELECT ends_at <= now() FROM relation WHERE id = '{made['id']}'")


def test_many_at_once_get_no_more_tries(access, visit):
    it = visit()
    made = invite(access, it.patient, it).json
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda n: enter(access, made["link"], birth_date=f"1950-01-{n + 1:02}"), range(12)))
    assert sorted(reply.status for reply in asked) == [403] * 3 + [404] * 9
    assert access.value(f"SELECT tries FROM guest_link WHERE id = '{made['id']}'") == 3


def test_a_link_is_taken_by_one_page_that_may_come_back(access, visit):
    it = visit()
    link, device = invite(access, it.patient, it).json["link"], uuid.uuid4().hex
    first = enter(access, link, device)
    assert first.status == 201
    assert enter(access, link).status == 404, "another page"
    again = access.post("/v1/guests/enter", {"link": link, "device": device}, key="")
    assert again.status == 201 and again.json["id"] != first.json["id"], "nothing to type twice"


def test_of_two_pages_at_once_one_gets_in(access, visit):
    it = visit()
    link = invite(access, it.patient, it).json["link"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        asked = list(pool.map(lambda _: enter(access, link), range(6)))
    assert sorted(reply.status for reply in asked) == [201] + [404] * 5


def test_a_link_lives_for_the_minutes_that_were_asked_for(suite, access, visit):
    it = visit()
    for minutes in (0, 31):
        refused = access.post("/v1/guests", {"visit_id": it.id, "display_name": "x", "birth_date": BORN,
                                             "minutes": minutes}, who=it.patient)
        assert refused.code == "bad_body"
    short = invite(access, it.patient, it, birth_date=BORN, minutes=1).json
    taken = invite(access, it.patient, it, birth_date=BORN, minutes=1).json
    device = uuid.uuid4().hex
    assert enter(access, taken["link"], device).status == 201
    suite.clock(61)
    assert enter(access, short["link"]).status == 404
    assert enter(access, taken["link"], device).status == 201, "who is in stays as long as the visit"


def test_before_the_visit_is_open_the_link_is_not_used_up(access, visit):
    it = visit("confirmed")
    link = invite(access, it.patient, it).json["link"]
    assert enter(access, link).code == "bad_state"
    access.execute(f"UPDATE visit SET state = 'arrived', version = 4 WHERE id = '{it.id}'")
    assert enter(access, link).status == 201


@pytest.mark.parametrize("state", ["completed", "cancelled", "no_show"])
def test_nobody_is_asked_to_what_is_over(access, visit, state):
    it = visit(state)
    assert invite(access, it.patient, it).code == "bad_state"


def test_without_the_patients_consent_a_link_opens_nothing(access, visit):
    it = visit(consent=False)
    link = invite(access, it.patient, it).json["link"]
    assert enter(access, link).code == "consent_required"


def test_who_may_ask_somebody(suite, access, staff, visit):
    it = visit()
    proxy, colleague = suite.person("proxy"), suite.person("clinician")
    suite.relation(proxy, it.patient.patient, "proxy")
    suite.relation(colleague, it.patient.patient, "treating")
    made = [invite(access, who, it) for who in (it.patient, proxy, it.clinician, staff["front_desk"])]
    assert [reply.status for reply in made] == [201] * 4, made
    full = invite(access, it.patient, it)
    assert (full.status, full.code) == (409, "guests_full")
    path = f"/v1/guests/{made[0].json['id']}"
    others = (colleague, suite.patient(), suite.person("clinician"), staff["stranger"],
              suite.patient(org=OTHER_ORG), suite.person("proxy"))
    for who in others:
        assert invite(access, who, it).status == 404
        assert access.get(path, who=who).status == access.post(f"{path}/end", who=who).status == 404
        assert access.get(f"/v1/guests?visit_id={it.id}", who=who).json["data"] == []
    for role in ("nurse", "pharmacist", "biller", "auditor", "privacy", "admin"):
        assert invite(access, staff[role], it).status == access.get(path, who=staff[role]).status == 403, role


def test_a_visit_that_is_not_for_guests_takes_none(access, visit):
    it = visit()
    link = invite(access, it.patient, it).json["link"]
    access.execute(f"UPDATE visit SET labels = 4 WHERE id = '{it.id}'")
    assert enter(access, link).status == 404
    assert invite(access, it.patient, it).code == "bad_state"


def test_a_guest_who_is_sent_away_is_out_and_stays_out(suite, access, signaling, visit):
    it = visit("in_progress")
    made, device = invite(access, it.clinician, it).json, uuid.uuid4().hex
    entered = enter(access, made["link"], device)
    ws, _ = call(signaling, entered)
    ended = access.post(f"/v1/guests/{made['id']}/end", who=it.patient)
    assert ended.status == 200 and ended.json["ended_at"], ended
    assert access.post(f"/v1/guests/{made['id']}/end", who=it.patient).code == "bad_state"
    assert enter(access, made["link"], device).status == 404
    told = {(e["topic"], e["kind"]) for e in suite.outbox("access", key=made["id"])}
    assert ("access.revocations.v1", 2) in told and ("access.relations.v1", 2) in told
    assert access.value(f"SELECT bool_and(revoked_at IS NOT NULL) FROM visit_grant WHERE person = '{made['id']}'")
    ws.drop()   # how the feed ends it on every replica: tests/integration/signaling/test_feed.py


def test_it_is_explained_what_a_guest_may(access, staff, visit):
    it = visit("in_progress")
    guest = invite(access, it.patient, it).json["id"]

    def explained(action, patient=it.patient.patient):
        reply = access.get(f"/v1/policy/decision?person_id={guest}&action={action}&patient_id={patient}",
                           who=staff["privacy"])
        assert reply.status == 200, reply
        return reply.json["role"], reply.json["decision"], reply.json.get("relation")

    assert explained("CALL") == ("guest", "allow", "guest")
    assert explained("CHAT") == ("guest", "no_role", None)
    assert explained("CALL", visit().patient.patient) == ("guest", "no_relation", None)
    assert access.post(f"/v1/guests/{guest}/end", who=it.patient).status == 200
    assert explained("CALL") == ("guest", "no_member", "guest"), "who has gone"


def test_with_the_visit_its_guests_go(suite, access, visit, visit_pass):
    it = visit("in_progress")
    made, device = invite(access, it.patient, it).json, uuid.uuid4().hex
    assert enter(access, made["link"], device).status == 201
    access.execute(f"UPDATE visit SET state = 'completed', version = 9 WHERE id = '{it.id}'")
    assert enter(access, made["link"], device).code == "bad_state"


def test_what_stands_alone_stands_for_one_guest_of_one_visit(suite, access, signaling, visit):
    """A guest's grant needs no token; nobody else's goes without."""
    it, other = visit("in_progress"), visit("in_progress")
    entered = enter(access, invite(access, it.patient, it).json["link"])
    theirs = access.post("/v1/grants", {"visit_id": other.id}, who=other.patient).json
    with connect(signaling, f"/v1/calls/{theirs['channel_id']}") as ws:
        with pytest.raises(Refused) as refused:
            ws.ask("connect", grant=entered.json["grant"])
        assert refused.value.code == "grant_required"
    with connect(signaling, f"/v1/calls/{theirs['channel_id']}") as ws:
        with pytest.raises((Refused, Closed)) as refused:
            ws.ask("connect", grant=theirs["grant"])
        assert getattr(refused.value, "code") in ("unauthenticated", 4500)
    ws, _ = call(signaling, entered)
    with pytest.raises(Refused) as refused:
        ws.ask("refresh", grant=theirs["grant"])
    assert refused.value.code == "grant_required", "a connection never changes its subject"
    ws.drop()
    # By its grant a guest is nobody over HTTP, neither here nor at the owners of records.
    for path in ("/v1/me", f"/v1/guests/{uuid.uuid4()}", f"/v1/consents?patient_id={it.patient.patient}"):
        assert access.get(path, who=entered.json["grant"]).status == 401


@pytest.mark.parametrize("link", ["", "x", "A" * 43, "A" * 44, "/" * 43, "é" * 43])
def test_a_made_up_link_is_counted_and_leaves_no_row(suite, access, link):
    before = access.value("SELECT count(*) FROM audit_outbox")
    reply = enter(access, link)
    assert (reply.status, reply.code) in ((404, "not_found"), (400, "bad_body"))
    assert access.value("SELECT count(*) FROM audit_outbox") == before


@pytest.mark.parametrize("typed,code,field", [
    ({"birth_date": BORN, "phone": PHONE}, "unprocessable", "/birth_date"),     # one or the other
    ({"phone": "+++---+++---"}, "unprocessable", "/phone"), ({"phone": "1234-567"}, "unprocessable", "/phone"),
    ({"birth_date": "1961-02-30"}, "bad_body", "/birth_date"),
    ({"birth_date": BORN, "token": "x"}, "bad_body", "")])     # a name that is not ours is not said again
def test_one_of_two_is_typed_and_is_what_it_says(access, visit, typed, code, field):
    it = visit()
    made = invite(access, it.patient, it).json
    for reply in (invite(access, it.patient, it, **typed), enter(access, made["link"], **typed)):
        assert (reply.code, reply.at) == (code, [field])
        assert not any(word.encode() in reply.body for word in typed.values() if len(word) > 1), "never its value"
    assert enter(access, made["link"]).status == 201, "and no try is lost"


def test_neither_link_nor_name_nor_what_is_typed_is_kept_in_the_open(suite, access, visit):
    it = visit()
    made = invite(access, it.patient, it, name="Zaphod Quux", phone="+1 555 987 65 43").json
    device = uuid.uuid4().hex
    enter(access, made["link"], device, phone="5559876544")
    entered = enter(access, made["link"], device, phone="5559876543")
    assert entered.status == 201
    words = (made["link"], "Zaphod", "59876543", device, entered.json["grant"])
    for table in ("guest_link", "relation", "outbox", "audit_outbox", "idempotency", "visit_grant"):
        text = access.execute(f"SELECT t::text FROM {table} AS t")
        assert not [word for word in words if word in text], table
    assert not [word for word in words if word in access.tail(100_000)]


def test_a_wrong_try_counts_though_the_process_dies_behind_it(suite, access, visit):
    it = visit()
    made = invite(access, it.patient, it).json
    enter(access, made["link"], birth_date="1990-01-01")
    access.kill()
    access.start()
    assert access.get(f"/v1/guests/{made['id']}", who=it.patient).json["tries_left"] == 2
    assert enter(access, made["link"]).status == 201


def test_the_same_key_asks_once_and_shows_the_link_once(access, visit):
    it, key = visit(), str(uuid.uuid4())
    body = {"visit_id": it.id, "display_name": "Bo", "birth_date": BORN}
    first = access.post("/v1/guests", body, who=it.patient, key=key)
    second = access.post("/v1/guests", body, who=it.patient, key=key)
    assert second.headers["idempotency-replayed"] == "true" and second.json["id"] == first.json["id"]
    assert "link" not in second.json and ORG == access.value(f"SELECT org FROM guest_link WHERE id = '{first.json['id']}'")
