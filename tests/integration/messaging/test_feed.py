"""Two replicas with a Kafka between them: revocations end sockets, messages cross over."""
import time
import uuid

import pytest

from bus import Bus, event
from sealed import message, uuid_bytes
from visits import patiently, until
from ws import Refused, connect

PERSON_DISABLED, GRANT_REVOKED, CONSENT_REVOKED, VISIT_CLOSED, MEMBER_CHANGED, EXPIRED = 2, 3, 4, 5, 6, 8
ENDED, RESEALED = 8, 12
ADOL = 4  # labels.def: a bit each


@pytest.fixture(scope="module")
def bus():
    bus = Bus()
    yield bus
    bus.close()


@pytest.fixture(scope="module")
def replicas(suite, messaging, bus):
    made = [suite.replica("messaging", kafka=bus.address) for _ in range(2)]
    yield made
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def access(suite, bus):
    """Whose word it is."""
    service = suite.service("access", kafka=bus.address)
    yield service
    service.stop()


def revoke(access, kind, *members):
    event(access, "access.revocations.v1", str(uuid.uuid4()), message((1, kind), *members), kind)


def say(ws, body):
    return ws.ask("send", message_id=str(uuid.uuid4()), body=body)


def given_in_access(access, visit):
    access.execute(
        "INSERT INTO visit (org, id, act_id, patient_id, provider_id, state, starts_at, ends_at, version, epoch) VALUES "
        f"('{visit.org}', '{visit.id}', gen_random_uuid(), '{visit.patient.patient}', '{visit.clinician.id}', "
        "'in_progress', now(), now() + interval '30 minutes', 3, 0); "
        f"INSERT INTO visit_channel (org, visit_id, channel_id) VALUES ('{visit.org}', '{visit.id}', '{visit.channel}')")


def closings_on_record(suite, *people):
    """Each of these connections has left its row."""
    for who in set(people):
        until(lambda: len(suite.audit("messaging", action="channel.close", actor=who)) == people.count(who), 20)


def revocations(visit, grant):
    return {
        "the person is disabled": (PERSON_DISABLED, (2, uuid_bytes(visit.patient.id))),
        "the grant is revoked": (GRANT_REVOKED, (3, uuid_bytes(grant))),
        "consent is revoked": (CONSENT_REVOKED, (4, uuid_bytes(visit.patient.patient)), (5, "telehealth")),
        "the visit is closed": (VISIT_CLOSED, (6, uuid_bytes(visit.id))),
        "the role is another": (MEMBER_CHANGED, (2, uuid_bytes(visit.patient.id))),
    }


@pytest.mark.family(7)
def test_the_end_of_a_visit_closes_its_channel(suite, messaging, replicas, visit, enter):
    """By messaging's own hearing: the first test, before access runs and says it as well."""
    doctor, _ = patiently(lambda: enter(visit, visit.clinician, service=replicas[0]))
    patient, _ = patiently(lambda: enter(visit, visit.patient, service=replicas[1]))
    say(patient, "thank you")
    event(messaging, "appointments.visits.v1", visit.id, message((1, ENDED), (4, "completed")), ENDED)
    assert doctor.closed(10) == patient.closed(10) == (4503, "visit closed")
    page = messaging.get(f"/v1/channels/{visit.channel}/messages", who=visit.patient)
    assert [m["body"] for m in page.json["data"]] == ["thank you"]
    closings_on_record(suite, visit.clinician.id, visit.patient.id)


@pytest.mark.family(6)
def test_labels_that_came_before_the_channel_are_its_labels(suite, messaging, replicas, visit, enter):
    """Grants of before the label open it: the guardian's does not show it, nor does the patient's make it open."""
    guardian, channel = suite.person("proxy"), f"/v1/channels/{visit.channel}/messages"
    suite.relation(guardian, visit.patient.patient, "proxy")
    old = visit.grant(guardian)
    last = message((1, RESEALED), (14, ADOL))   # the topic is compacted: what was told behind the label, too
    event(messaging, "appointments.visits.v1", visit.id, last, RESEALED)
    until(lambda: messaging.rows(f"SELECT FROM visit_labelled WHERE id = '{visit.id}'"))

    def refused():
        with connect(replicas[0], "/v1/stream") as ws:
            with pytest.raises(Refused) as caught:
                ws.ask("connect", token=guardian.token, grant=old)
            return caught.value.code

    until(lambda: refused() != "unavailable")
    assert refused() == "not_found"
    patient, _ = enter(visit, visit.patient, service=replicas[0])
    say(patient, "do not tell them")
    assert refused() == messaging.get(channel, who=guardian).code == "not_found"
    assert len(messaging.get(channel, who=visit.patient).json["data"]) == 1


@pytest.mark.family(7)
@pytest.mark.parametrize("why", ("the person is disabled", "the grant is revoked", "consent is revoked",
                                 "the visit is closed", "the role is another"))
def test_s7_live_sockets_end_within_two_seconds_when(why, suite, access, replicas, grants, enter):
    """S7: nothing was looked at again after connect. The first word after a start is as quick as any."""
    visit, bystanders, grant_id = grants.visit(), grants.visit(), str(uuid.uuid4())
    grant = visit.grant(visit.patient, id=grant_id)
    for one in replicas:
        patiently(lambda: enter(bystanders, bystanders.clinician, service=one))
    sockets = [enter(visit, visit.patient, service=one, grant=grant)[0] for one in replicas]
    others = [enter(bystanders, bystanders.patient, service=one)[0] for one in replicas]

    began = time.monotonic()
    revoke(access, *revocations(visit, grant_id)[why])
    assert [ws.closed(5) for ws in sockets] == [(4503, "revoked")] * 2
    assert time.monotonic() - began < 2

    with connect(replicas[1], "/v1/stream") as again:
        with pytest.raises(Refused) as caught:
            again.ask("connect", token=visit.patient.token, grant=grant)
        assert caught.value.code in ("grant_revoked", "unauthenticated")
        if caught.value.code == "grant_revoked":
            assert again.closed()[0] == 4503
            refused = suite.audit("messaging", action="channel.open", actor=visit.patient.id)[-1]
            assert (refused["outcome"], refused["error"]) == ("refused", "grant_revoked")
    for ws in others:
        say(ws, "still here")
    closings_on_record(suite, visit.patient.id, visit.patient.id)


LEFT = {"telehealth": ["phone", "in_person", "note"], "recording": ["call", "chat", "note"],
        "data_sharing": ["call", "chat", "note"], "research": None}


@pytest.mark.family(7)
@pytest.mark.parametrize("scope,kind", [*((scope, "revoked") for scope in LEFT), ("recording", "expired")])
def test_the_clinician_is_told_what_is_left_of_the_visit(scope, kind, access, replicas, grants, enter):
    """Without telehealth that is the last frame; of the rest the visit goes on. No visit rests on research. A consent
    that has come to its end is told in the same way."""
    visit = grants.visit()
    doctor, _ = patiently(lambda: enter(visit, visit.clinician, service=replicas[0]))
    patient, _ = patiently(lambda: enter(visit, visit.patient, service=replicas[1]))
    revoke(access, {"revoked": CONSENT_REVOKED, "expired": EXPIRED}[kind], (4, uuid_bytes(visit.patient.patient)), (5, scope))
    if LEFT[scope]:
        assert doctor.push("consent") == {"scope": scope, "state": kind, "left": LEFT[scope]}
    if scope == "telehealth":
        assert doctor.closed(5) == patient.closed(5) == (4503, "revoked")
    else:
        say(patient, "go on")
        assert doctor.push("message")["body"] == "go on"
        patient.silent("consent", 0.1)
        assert not any("consent" in pushed for pushed in doctor.pushes), "once"
        time.sleep(1.01)  # a grant's time is in seconds
        again, _ = enter(visit, visit.clinician, service=replicas[0])
        again.silent("consent", 0.1)


@pytest.mark.family(7)
def test_a_relation_that_the_desk_closes_ends_its_sockets(suite, access, replicas, grants, enter):
    """Within two seconds, and of that person to that patient alone."""
    visit, proxy, desk = grants.visit(), suite.person("proxy"), suite.person("front_desk")
    relation = suite.relation(proxy, visit.patient.patient, "proxy")
    grant_id = str(uuid.uuid4())
    given_in_access(access, visit)
    access.execute(
        "INSERT INTO visit_grant (org, id, act_id, visit_id, person, seat, minted_at, ends_at) VALUES "
        f"('{visit.org}', '{grant_id}', gen_random_uuid(), '{visit.id}', '{proxy.id}', 'patient', now(), "
        "now() + interval '10 minutes')")
    theirs, _ = patiently(lambda: enter(visit, proxy, service=replicas[0], grant=visit.grant(proxy, id=grant_id)))
    patient, _ = enter(visit, visit.patient, service=replicas[1])
    began = time.monotonic()
    assert access.post(f"/v1/relations/{relation}/close", who=desk).status == 200
    assert theirs.closed(5) == (4503, "revoked")
    assert time.monotonic() - began < 2
    say(patient, "still here")
    closings_on_record(suite, proxy.id)


@pytest.mark.family(7)
def test_who_is_taken_out_of_a_visit_reads_on_nowhere(suite, messaging, access, replicas, grants, enter):
    """Neither live nor by REST, until they are let in again; the patient after the visit, for the record is theirs."""
    visit, proxy, stays = grants.visit(), suite.person("proxy"), suite.person("proxy")
    for one in (proxy, stays):
        suite.relation(one, visit.patient.patient, "proxy")
    suite.relation(visit.clinician, visit.patient.patient, "booked")
    given_in_access(access, visit)
    patient, _ = patiently(lambda: enter(visit, visit.patient, service=replicas[0]))
    say(patient, "not for everybody")

    def read(who):
        return messaging.get(f"/v1/channels/{visit.channel}/messages", who=who).status

    def remove(who):
        gone = access.post("/v1/removals", {"visit_id": visit.id, "person_id": who.id}, who=visit.clinician)
        assert gone.status == 201, gone
        return gone.json["id"]

    assert (read(proxy), read(stays)) == (200, 200)
    gone = remove(proxy)
    until(lambda: read(proxy) == 404)
    with connect(replicas[1], "/v1/stream") as ws:      # by a grant that access has not given and cannot revoke
        with pytest.raises(Refused) as caught:
            ws.ask("connect", token=proxy.token, grant=visit.grant(proxy))
        assert caught.value.code == "not_found"
    assert (read(stays), read(visit.patient), read(visit.clinician)) == (200, 200, 200)
    assert access.post(f"/v1/removals/{gone}/readmit", who=visit.clinician).status == 200
    until(lambda: read(proxy) == 200)
    for who in (proxy, visit.patient):
        remove(who)
        until(lambda: read(who) == 404)
    event(messaging, "appointments.visits.v1", visit.id, message((1, ENDED), (4, "completed")), ENDED)
    until(lambda: read(visit.patient) == 200)
    assert read(proxy) == 404


@pytest.mark.family(7)
def test_without_kafka_a_no_is_heard_when_it_is_back_and_a_grant_bounds_what_lives_till_then(
        suite, bus, access, replicas, grants, enter):
    """Design section 8: a consent made or taken back meanwhile is seen elsewhere when Kafka returns. That
    access is killed between its answer and its telling changes nothing."""
    visit, other = grants.visit(), grants.visit()
    for it in (visit, other):
        it.consent = access.value(f"SELECT id FROM consent WHERE patient_id = '{it.patient.patient}'")
    short, _ = patiently(lambda: enter(visit, visit.patient, service=replicas[0],
                                       grant=visit.grant(visit.patient, ttl_s=6)))
    long, _ = patiently(lambda: enter(other, other.patient, service=replicas[1]))
    bus.down()
    try:
        for it in (visit, other):
            assert access.post(f"/v1/consents/{it.consent}/revoke", who=it.patient).status == 200
        say(long, "nobody here knows yet")
        assert short.closed(10) == (4504, "grant ended")
        access.kill()
        say(long, "nor now")
        access.start()
    finally:
        bus.up()
    assert long.closed(20) == (4503, "revoked")
    closings_on_record(suite, visit.patient.id, other.patient.id)


@pytest.mark.family(7)
def test_who_changed_role_comes_back_with_a_grant_of_now(access, replicas, grants, enter):
    visit = grants.visit()
    ws, _ = patiently(lambda: enter(visit, visit.clinician, service=replicas[0]))
    revoke(access, MEMBER_CHANGED, (2, uuid_bytes(visit.clinician.id)))
    assert ws.closed(5) == (4503, "revoked")
    time.sleep(1.01)  # a grant's time is in seconds
    ws, _ = enter(visit, visit.clinician, service=replicas[0])
    say(ws, "in my new role")


def test_messages_cross_in_far_less_than_the_poll(replicas, visit, enter):
    doctor, _ = patiently(lambda: enter(visit, visit.clinician, service=replicas[0]))
    patient, _ = patiently(lambda: enter(visit, visit.patient, service=replicas[1]))
    waits = []
    for n in range(12):
        acked = say(doctor, str(n))["offset"]
        began = time.monotonic()
        assert patient.push("message")["offset"] == acked
        waits.append(time.monotonic() - began)
    assert sum(sorted(waits)[:8]) / 8 < 0.25, waits


@pytest.mark.family(7)
def test_a_replica_that_has_not_read_the_revocations_trusts_only_new_grants(suite, visit, grants):
    old = visit.grant(visit.patient)
    time.sleep(1.1)  # a grant's time is in seconds
    deaf = suite.replica("messaging", kafka="plaintext://127.0.0.1:1")
    with connect(deaf, "/v1/stream") as ws:
        with pytest.raises(Refused) as caught:
            ws.ask("connect", token=visit.patient.token, grant=old)
        assert (caught.value.code, caught.value.retryable) == ("unavailable", True)
        assert ws.closed()[0] == 4011
    time.sleep(1.1)
    with connect(deaf, "/v1/stream") as ws:
        ws.ask("connect", token=visit.patient.token, grant=visit.grant(visit.patient))
        assert say(ws, "without Kafka")["offset"] == 1
    deaf.stop()


@pytest.mark.family(7)
def test_who_is_disabled_here_and_stays_elsewhere_loses_the_socket_here(access, replicas, grants, enter):
    """access says both in one breath; the second word must not save the socket from the first."""
    for _ in range(8):
        visit = grants.visit()
        time.sleep(1.01)  # a grant's time is in seconds, and must lie before the word
        ws, _ = patiently(lambda: enter(visit, visit.patient, service=replicas[0]))
        person = uuid_bytes(visit.patient.id)
        access.execute("BEGIN; " + "; ".join(
            "INSERT INTO outbox (org, id, topic, key, kind, version, at, act, payload) VALUES "
            f"('{visit.org}', '{uuid.uuid4()}', 'access.revocations.v1', '{visit.patient.id}', {kind}, "
            f"{version}, now(), gen_random_uuid(), decode('{message((1, kind), (2, person)).hex()}', 'hex'))"
            for version, kind in ((1, PERSON_DISABLED), (2, MEMBER_CHANGED))) + "; COMMIT")
        assert ws.closed(5) == (4503, "revoked")
