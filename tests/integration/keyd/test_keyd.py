"""keyd from outside: who gets which key, one key for all who ask first, and erasure."""
import base64
import concurrent.futures
import hashlib
import json
import os
import stat
import uuid

import pytest

from peer import Peer
from telecura import ORG, OTHER_ORG

ZEROS = str(uuid.UUID(int=0))


@pytest.fixture(scope="module")
def keyd(suite):
    return suite.service("keyd")


@pytest.fixture
def peer(suite, keyd):
    return lambda name: Peer(suite, name)


@pytest.fixture
def patient():
    return str(uuid.uuid4())


def destroy(peer, patient, org=ORG):
    """As two people had it decided."""
    erasure, asked, approved = (str(uuid.uuid4()) for _ in range(3))
    return peer.post("/v1/keys/destroy", org=org, patient=patient, erasure=erasure, asked_by=asked,
                     approved_by=approved)


def producer(name):
    return str(uuid.UUID(bytes=hashlib.sha256(b"producer:" + name.encode()).digest()[:16]))


def test_the_key_to_seal_with_is_the_key_to_open_with(suite, peer, patient):
    sealed = peer("appointments").seal("visit", patient)
    assert sealed.status == 200 and len(sealed.json["key"]) == 43
    again = peer("appointments").seal("visit", patient)
    opened = peer("appointments").open("visit", sealed.json["dek_id"], patient)
    assert again.json == opened.json == sealed.json
    rows = suite.audit("keyd", patient=patient)
    assert [(r["action"], r["outcome"], r["role"], r["org"]) for r in rows] == [
        ("key.make", "done", "appointments", ORG), ("key.make", "done", "appointments", ORG),
        ("key.use", "done", "appointments", ORG)]
    assert rows[0]["resource_id"] == sealed.json["dek_id"]


def test_every_org_patient_and_domain_has_its_own(peer, patient):
    keys = [peer("access").seal("person", patient).json["key"],
            peer("access").seal("person", str(uuid.uuid4())).json["key"],
            peer("access").seal("person").json["key"],
            peer("access").seal("person", patient, OTHER_ORG).json["key"],
            peer("patients").seal("chart", patient).json["key"]]
    assert len(set(keys)) == len(keys)


@pytest.mark.family(23)
def test_who_is_not_in_the_table_is_refused_and_on_record(suite, peer, patient):
    dek = peer("appointments").seal("visit", patient).json["dek_id"]
    for name, use in (("billing", "open"), ("billing", "seal"), ("audit", "open"), ("access", "open")):
        ask = peer(name)
        reply = ask.open("visit", dek, patient) if use == "open" else ask.seal("visit", patient)
        assert (reply.status, reply.code) == (403, "forbidden")
        assert "key" not in reply.json
        last = suite.audit("keyd", patient=patient, role=name)[-1]
        assert (last["outcome"], last["error"]) == ("refused", "forbidden")


@pytest.mark.family(23)
def test_another_organisations_or_patients_key_is_the_same_404_as_an_unknown_one(peer, patient):
    dek = peer("appointments").seal("visit", patient).json["dek_id"]
    asks = [peer("appointments").open("visit", dek, patient, OTHER_ORG),
            peer("appointments").open("visit", dek, str(uuid.uuid4())),
            peer("appointments").open("visit", str(uuid.uuid4()), patient)]
    for reply in asks:
        assert (reply.status, reply.code) == (404, "not_found")


@pytest.mark.family(23)
def test_a_row_that_was_moved_opens_nothing(keyd, peer, patient):
    dek = peer("appointments").seal("visit", patient).json["dek_id"]
    thief = str(uuid.uuid4())
    keyd.execute("INSERT INTO dek (org, patient, domain, id, state, kek, wrapped, created_at, changed_at) "
                 f"SELECT org, '{thief}', domain, id, state, kek, wrapped, created_at, changed_at "
                 f"FROM dek WHERE id = '{dek}'")
    assert peer("appointments").open("visit", dek, thief).status == 500
    keyd.execute(f"DELETE FROM dek WHERE patient = '{thief}'")


def test_32_who_ask_first_get_one_key(keyd, peer, patient):
    ask = peer("messaging")
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        replies = list(pool.map(lambda _: ask.seal("message", patient), range(32)))
    assert {r.status for r in replies} == {200}
    assert len({r.json["key"] for r in replies}) == 1
    assert keyd.value(f"SELECT count(*) FROM dek WHERE patient = '{patient}'") == 1


def test_audit_leaves_are_sealed_by_all_and_opened_by_audit(peer):
    sealed = peer("billing").seal("audit").json
    assert peer("messaging").seal("audit").json == sealed
    assert peer("audit").open("audit", sealed["dek_id"]).json == sealed
    assert peer("billing").open("audit", sealed["dek_id"]).status == 403


def half_year(name):
    return str(uuid.UUID(bytes=hashlib.sha256(b"shard:" + name.encode()).digest()[:16]))


def test_a_half_year_of_the_log_has_a_key_that_audit_alone_destroys(peer, keyd):
    org = str(uuid.uuid4())
    first, then = (peer("billing").seal("audit", half_year(name), org).json for name in ("2026h2", "2027h1"))
    assert first["key"] != then["key"]
    assert peer("audit").open("audit", first["dek_id"], half_year("2026h2"), org).json == first
    assert peer("audit").open("audit", first["dek_id"], half_year("2027h1"), org).status == 404
    for other in (str(uuid.uuid4()), half_year("2026h3"), half_year("1999h1")):     # no half year's
        assert peer("billing").seal("audit", other, org).status == 403
    for name in ("access", "billing", "gateway"):
        assert peer(name).post("/v1/keys/destroy_shard", org=org, shard=half_year("2026h2")).status in (401, 403)
    none = peer("audit").post("/v1/keys/destroy_shard", org=org, shard=ZEROS)
    assert (none.status, none.at) == (422, ["/shard"])
    for _ in range(2):      # again is fine
        assert peer("audit").post("/v1/keys/destroy_shard", org=org, shard=half_year("2026h2")).json == {"destroyed": 1}
    assert peer("audit").open("audit", first["dek_id"], half_year("2026h2"), org).status == 404
    assert peer("audit").open("audit", then["dek_id"], half_year("2027h1"), org).json == then
    assert keyd.value(f"SELECT count(*) FROM dek WHERE org = '{org}' AND wrapped IS NULL") == 1


def test_a_mac_key_is_its_producers_own(peer):
    mine = producer("billing")
    sealed = peer("billing").seal("mac", mine, ZEROS)
    assert sealed.status == 200
    assert peer("audit").seal("mac", mine, ZEROS).json == sealed.json
    assert peer("messaging").seal("mac", mine, ZEROS).status == 403


@pytest.mark.family(23)
@pytest.mark.parametrize("name", ("gateway", "topics", "admin", "greetings", "keyd2"))
def test_a_certificate_that_is_no_services_gets_no_key(peer, name):
    """Our CA signs others too: the gateway, the tool that makes topics, people's tools."""
    for use in ("seal", "open"):
        for domain, patient, org in (("audit", None, ORG), ("mac", producer(name), ZEROS)):
            ask = peer(name)
            reply = ask.seal(domain, patient, org) if use == "seal" else \
                ask.open(domain, str(uuid.uuid4()), patient, org)
            assert reply.status in (401, 403) and "key" not in reply.json, (name, use, domain)


SERVICES = ("access appointments audit billing fhir keyd messaging notifications patients prescriptions "
            "signaling").split()
STRANGERS = ["gateway", "topics", "admin", "reconcile"]     # of our CA, too
PERSONS = set(SERVICES) - {"fhir", "keyd"}                  # in whose rows names and addresses rest
ANY = {"org": ORG, "domain": "person", "patient": str(uuid.UUID(int=1)), "dek_id": str(uuid.UUID(int=2))}
TO = {      # route: who may, and what is asked
    "seal": ({"access"}, {"org": ORG, "domain": "person"}),
    "open": ({"access", "notifications"}, ANY),
    "destroy": ({"access"}, {"org": ORG, "patient": str(uuid.UUID(int=3)), "erasure": ORG, "asked_by": ORG,
                             "approved_by": OTHER_ORG}),
    "destroy_shard": ({"audit"}, {"org": ORG, "shard": ZEROS}),
    "status": ({"access"}, {}),
    "rotate": ({"access"}, {}),     # which test_turn.py sees do it, and no test before
    "renew": ({"access"}, {"org": ORG, "patient": str(uuid.UUID(int=4))}),
    "renewed": ({*SERVICES, *STRANGERS} - {"gateway"}, {}),     # of what is its own: a stranger has nothing
    "clean": (PERSONS, ANY),
}


@pytest.mark.family(23)
def test_every_route_answers_whom_it_is_for_and_no_other_certificate(keyd, peer):
    routes = {route["path"].rpartition("/")[2] for route in json.loads(keyd.command("--describe").stdout)["routes"]}
    assert routes == TO.keys()
    for name in SERVICES + STRANGERS:
        ask = peer(name)
        for route, (who, body) in TO.items():
            if (name, route) == ("access", "rotate"):
                continue
            reply = ask.post(f"/v1/keys/{route}", **body)
            assert (reply.status not in (401, 403)) == (name in who), (name, route, reply)


@pytest.mark.family(23)
def test_no_service_retires_a_key_that_nobody_has_asked_it_about(peer):
    """A former key of the log opens for as long as there is the log, whatever a service says."""
    org, shard, mine = str(uuid.uuid4()), half_year("2026h2"), producer("billing")
    log = peer("billing").seal("audit", shard, org).json
    chain = peer("billing").seal("mac", mine, ZEROS).json
    for domain in ("audit", "mac"):
        assert peer("access").post("/v1/keys/renew", org=org, domain=domain).json["renewed"] >= 1
    for name in SERVICES + STRANGERS:
        for domain, patient, whose, key in (("audit", shard, org, log), ("mac", mine, ZEROS, chain)):
            said = peer(name).post("/v1/keys/clean", org=whose, patient=patient, domain=domain, dek_id=key["dek_id"])
            assert said.status in (401, 403), (name, said)
    assert peer("audit").open("audit", log["dek_id"], shard, org).json == log
    assert peer("billing").open("mac", chain["dek_id"], mine, ZEROS).json == chain


@pytest.mark.family(23)
def test_what_is_destroyed_is_gone_for_ever(suite, keyd, peer, patient):
    visit = peer("appointments").seal("visit", patient).json["dek_id"]
    chart = peer("patients").seal("chart", patient).json["dek_id"]
    other = peer("patients").seal("chart", patient, OTHER_ORG).json["dek_id"]

    assert destroy(peer("patients"), patient).status == 403
    gone = destroy(peer("access"), patient)
    assert (gone.status, gone.json["destroyed"]) == (200, 2)
    assert peer("appointments").open("visit", visit, patient).status == 404
    assert peer("patients").open("chart", chart, patient).status == 404
    assert peer("patients").seal("chart", patient).status == 404, "an erased patient gets no new key"
    assert peer("patients").open("chart", other, patient, OTHER_ORG).status == 200
    assert keyd.value(f"SELECT count(*) FROM dek WHERE patient = '{patient}' AND org = '{ORG}' "
                      "AND wrapped IS NOT NULL") == 0
    assert suite.audit("keyd", patient=patient, action="key.destroy")[-1]["outcome"] == "done"


def test_who_never_had_a_key_gets_none_after_an_erasure(peer, patient):
    assert destroy(peer("access"), patient).json["destroyed"] == 0
    assert peer("patients").seal("chart", patient).status == 404


def test_the_key_that_certifies_is_nobodys(peer):
    for name in ("access", "audit", "keyd", "patients"):
        assert peer(name).seal("certificate").status == 403


@pytest.mark.family(23)
def test_the_audit_trails_keys_survive_an_erasure(peer):
    mine = producer("fhir")
    sealed = peer("fhir").seal("mac", mine).json
    assert destroy(peer("access"), mine, ZEROS).status == 200
    assert peer("fhir").seal("mac", mine).json == sealed


@pytest.mark.family(23)
@pytest.mark.parametrize("body,status", [
    (b'{"org":"%s","domain":"audit","more":1}' % ORG.encode(), 400),
    (b'{"org":7,"domain":"audit"}', 400),
    (b'{"org":"%s"}' % ORG.encode(), 400),
    (b"[]", 400),
    (b'{"org":"%s","domain":"%s"}' % (ORG.encode(), b"x" * 300_000), 413),
])
def test_a_body_of_another_shape_is_refused(peer, body, status):
    assert peer("billing").post("/v1/keys/seal", raw=body).status == status


@pytest.mark.family(23)
def test_without_a_certificate_nothing_is_answered(peer):
    with pytest.raises(OSError):
        peer(None).seal("audit")
    assert peer("gateway").seal("audit").status in (401, 403)


@pytest.mark.family(23)
def test_the_database_and_the_log_hold_no_key(suite, keyd, peer, patient):
    key = peer("appointments").seal("visit", patient).json["key"]
    raw = base64.urlsafe_b64decode(key + "=")
    dump = keyd.execute("SELECT encode(wrapped, 'hex') FROM dek") + keyd.tail(10_000)
    assert raw.hex() not in dump and key not in dump
    assert stat.S_IMODE(os.stat(f"{suite.folder}/kek").st_mode) == 0o600


@pytest.mark.family(23)
def test_a_restart_opens_the_same_keys_and_a_lost_kek_is_not_replaced(suite, keyd, peer, patient):
    sealed = peer("appointments").seal("visit", patient).json
    keyd.stop()
    os.rename(f"{suite.folder}/kek", f"{suite.folder}/kek.away")
    try:
        refused = keyd.command("--config", keyd.config)
        assert refused.returncode == 69 and "kek" in refused.stderr
        assert not os.path.exists(f"{suite.folder}/kek")
    finally:
        os.rename(f"{suite.folder}/kek.away", f"{suite.folder}/kek")
        keyd.start()
    assert peer("appointments").open("visit", sealed["dek_id"], patient).json == sealed


def test_its_statements_fit_its_tables(keyd):
    done = keyd.command("--config", keyd.config, "--verify")
    assert done.returncode == 0, done.stderr
