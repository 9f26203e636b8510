"""From a service's audit row to a leaf and its receipt, over Kafka (librdkafka's mock cluster):
appointments is the producer, its relay numbers, seals and chains."""
import base64
import hashlib
import hmac
import os
import random
import shutil
import struct
import sys
import time
import uuid

import pytest

import sealed
import telecura
from conftest import EVERY, Feed, Kafka, Log, new_feed
from peer import Peer
from postgres import quote
from telecura import ORG, OTHER_ORG, ROOT, rfc3339

sys.path.append(f"{ROOT}/tests/e2e")
import paper        # noqa: E402

UNKNOWN = "00000000-0000-4000-8000-00000000dead"
NIL = str(uuid.UUID(int=0))  # the suite itself


@pytest.fixture(scope="module")
def feed():
    yield from new_feed()


def producer_id(service):
    """Its key in the topic, and whose its MAC key is."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"producer:{service}".encode()).digest()[:16]))


def mac_key_of(suite, service):
    """(id, key) by which @service chains, as keyd gives it to that service."""
    answer = Peer(suite, service).post("/v1/keys/seal", patient=producer_id(service), domain="mac").json
    return answer["dek_id"], base64.urlsafe_b64decode(answer["key"] + "==")


def leaf_of(seq, dek=None, sealed=None):
    """A leaf by docs/reference/audit-log.md whose body is noise."""
    sealed = sealed or os.urandom(90)
    return (b"\x01" + bytes([36]) + ORG.encode() + bytes([12]) + b"appointments"
            + struct.pack(">QQB", seq, int(time.time() * 1000), 1)
            + (dek or uuid.uuid4()).bytes + os.urandom(32) + struct.pack(">H", len(sealed)) + sealed)


def leaf_key(leaf):
    """Under which key it is sealed: of a record of appointments."""
    return leaf[68:84]


def forge(feed, seq, leaf, prev, mac, key_id, row=None):
    """A row that the relay sends as it stands."""
    row = row or str(uuid.uuid4())
    feed.producer.execute(
        "INSERT INTO audit_outbox (org, id, act, at, action, outcome, role, acr, resource, "
        "resource_version, epoch, seq, prev_mac, leaf, mac, mac_key) VALUES "
        f"({quote(ORG)}, {quote(row)}, {quote(row)}, now(), 'visit.read', 'done', 'clinician', 1, "
        f"'forged', 0, 1, {seq}, '\\x{prev.hex()}', '\\x{leaf.hex()}', '\\x{mac.hex()}', {quote(key_id)})")
    return row


def forget(feed, row):
    feed.producer.execute(f"DELETE FROM audit_outbox WHERE id = {quote(row)}")


def test_a_row_becomes_a_leaf_and_comes_back_as_a_receipt(feed, go_reader):
    feed.act(300)
    feed.act(2, org=OTHER_ORG)
    feed.receipted()
    assert feed.verified(go_reader) == 300
    assert feed.api.rows("SELECT * FROM incident") == []
    assert feed.api.value(f"SELECT seq FROM producer WHERE org = {quote(ORG)} AND name = 'appointments'") == 300


def accesses(feed, patient):
    """(action, outcome, actor) of all that the log knows about a patient; audit's own rows too."""
    feed.indexed()
    rows = feed.api.get(f"/v1/audit/patients/{patient}/events", who=feed.suite.person("privacy")).json["data"]
    return [(row["action"], row["outcome"], row.get("actor")) for row in rows]


def test_what_stands_in_an_event(feed):
    ada = feed.suite.patient()
    (event,) = feed.act(patient=ada.patient)
    feed.act()
    feed.indexed()
    auditor = feed.suite.person("auditor")
    reply = feed.api.get(f"/v1/audit/events/{event}", who=auditor)
    assert reply.status == 200, reply
    said = reply.json
    assert (said["id"], said["patient_id"], said["action"]) == (event, ada.patient, "visit.read")
    assert (said["service"], said["role"], said["relation"]) == ("appointments", "clinician", "booked")
    assert said["remote"] == "192.0.2.7" and said["acr"] == 2 and said["resource_version"] == 3

    for who in (ada, auditor, feed.suite.person("privacy")):
        reply = feed.api.get(f"/v1/audit/patients/{ada.patient}/events", who=who)
        assert reply.status == 200, reply
        assert event in [row["id"] for row in reply.json["data"]]
        assert all(row["patient_id"] == ada.patient and "remote" not in row for row in reply.json["data"])
    assert ("audit.read", "done", ada.id) in accesses(feed, ada.patient)


READS = """tile/entries/000.p/1 {org}/tile/entries/000.p/1 {org}/{shard}/tile/entries/000.p/1 proof?event={event}
events?patient={patient} events/{event} patients/{patient}/events patients/{patient}/disclosures access-review
browsing incidents holds holds/{hold} destructions breach?person={event}&from={day}&to={day}""".split()


def test_reading_the_log_is_itself_in_the_log(feed):
    """Each way to read what is sealed, or made of it: the log has that very request, and who it was."""
    ada, privacy = feed.suite.patient(), feed.suite.person("privacy")
    privacy.token = feed.suite.idp.token(privacy.subject, acr=2)
    (event,) = feed.act(patient=ada.patient)
    feed.indexed()
    hold = feed.api.post("/v1/audit/holds", {"patient_id": ada.patient, "reason": "a lawsuit"}, who=privacy)
    names = {"org": ORG, "shard": feed.shards()[-1], "event": event, "patient": ada.patient, "hold": hold.json["id"],
             "day": "2026-03-05T00:00:00Z"}
    asked = {hold.headers["request-id"]: "holds"}
    for read in READS:
        reply = feed.api.get("/v1/audit/" + read.format(**names), who=privacy)
        assert reply.status == 200, (read, reply)
        asked[reply.headers["request-id"]] = read
    assert len(asked) == len(READS) + 1
    feed.indexed()
    rows = feed.api.get(f"/v1/audit/events?person={privacy.id}&limit=200", who=privacy).json["data"]
    told = {row["act"]: row for row in rows}
    assert [read for act, read in asked.items() if act not in told] == []
    for act in asked:
        assert (told[act]["outcome"], told[act]["role"], told[act]["purpose"]) == ("done", "privacy", "HCOMPL")


@pytest.fixture(scope="module")
def with_keyd():
    """A log that hears keyd, too."""
    kafka, suite = Kafka(), telecura.Suite()
    keyd = suite.service("keyd", kafka=kafka.address)
    yield keyd, Feed(suite, kafka)
    suite.close()
    kafka.stop()


def test_what_concerns_no_organisation_is_in_the_suites_own_log(with_keyd, go_reader):
    """keyd's rows of the installation's keys; and no organisation's auditor reads them."""
    keyd, feed = with_keyd
    feed.act()
    feed.indexed()      # which asks for keys of its own
    keyd.wait_for("SELECT count(*) = 0 FROM audit_outbox", 30)
    own = Log(feed.suite, org=NIL)
    own.settle()
    assert own.vkey().startswith("audit.suite/")
    told = "SELECT seq FROM producer WHERE name = 'keyd' AND org"
    assert own.verified(go_reader) == feed.api.value(f"{told} = {quote(NIL)}") > 0
    assert feed.api.value(f"{told} = {quote(ORG)}") > 0, "an organisation's own keys"
    assert feed.api.rows("SELECT * FROM incident") == []
    assert feed.api.get(f"/v1/audit/{NIL}/checkpoint").status == 200
    auditor = feed.suite.person("auditor")
    assert feed.api.get(f"/v1/audit/{NIL}/tile/entries/000", who=auditor).status == 404


def test_a_key_that_leaked_has_reached_its_patient_whenever_it_was_fetched(with_keyd):
    """keyd's own row is of before the hour that is asked about: the service had the key at hand then."""
    keyd, feed = with_keyd
    ada, bea = feed.suite.patient(), feed.suite.patient()
    keys = [sealed.key_to_seal(feed.suite, "appointments", ORG, who.patient, "visit")[0] for who in (ada, bea)]
    keyd.wait_for("SELECT count(*) = 0 FROM audit_outbox", 30)
    feed.indexed()
    privacy = feed.suite.person("privacy")
    privacy.token = feed.suite.idp.token(privacy.subject, acr=2)
    hour = f"from={rfc3339(time.time() + 600)}&to={rfc3339(time.time() + 4200)}"
    for who, key in zip((ada, bea), keys):
        reply = feed.api.get(f"/v1/audit/breach?key={key}&{hour}", who=privacy)
        assert [row["patient_id"] for row in reply.json["data"]] == [who.patient]


def test_pages_newest_first(feed):
    bea = feed.suite.patient()
    ids = feed.act(7, patient=bea.patient)
    feed.indexed()
    auditor, seen, cursor = feed.suite.person("auditor"), [], ""
    for _ in range(10):
        page = feed.api.get(f"/v1/audit/patients/{bea.patient}/events?limit=3{cursor}", who=auditor).json
        seen += page["data"]
        if "next_cursor" not in page:
            break
        cursor = f"&cursor={page['next_cursor']}"
    # The pages themselves are accesses to the record and may come first.
    assert sorted(row["id"] for row in seen if row["service"] == "appointments") == sorted(ids)
    times = [row["at"] for row in seen]
    assert times == sorted(times, reverse=True)


def test_a_proof_holds(feed):
    """Folded here by RFC 6962, from the leaf and the path to the root of the signed checkpoint."""
    (event,) = feed.act()
    feed.act(5)
    feed.receipted()
    auditor = feed.suite.person("auditor")
    reply = feed.api.get(f"/v1/audit/proof?event={event}", who=auditor)
    assert reply.status == 200, reply
    head, note = reply.body.decode().split("\n\n", 1)
    magic, extra, index, *path = head.split("\n")
    assert magic == "c2sp.org/tlog-proof@v1" and index.startswith("index ")
    index = int(index.split()[1])
    origin, size, root = note.split("\n")[:3]
    assert origin == feed.vkey().split("+")[0]
    bundle = feed.api.get(f"/v1/audit/{ORG}/tile/entries/{index // 256:03}"
                          + (f".p/{int(size) % 256}" if index // 256 == int(size) // 256 else ""), who=auditor)
    assert bundle.status == 200
    rest = bundle.body
    for _ in range(index % 256 + 1):
        n = struct.unpack(">H", rest[:2])[0]
        leaf, rest = rest[2:2 + n], rest[2 + n:]
    assert base64.b64decode(extra.removeprefix("extra ")) == leaf
    h, at, last = hashlib.sha256(b"\0" + leaf).digest(), index, int(size) - 1
    for step in path:
        other = base64.b64decode(step)
        if at % 2 or at == last:
            h = hashlib.sha256(b"\x01" + other + h).digest()
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        else:
            h = hashlib.sha256(b"\x01" + h + other).digest()
        at, last = at // 2, last // 2
    assert last == 0 and base64.b64encode(h).decode() == root


def test_the_public_log_needs_no_token(feed):
    for path in (f"/v1/audit/{ORG}/checkpoint", f"/v1/audit/{ORG}/tile/0/000"):
        assert feed.api.get(path).status == 200
    with open(f"{feed.folder}/tile/0/000", "rb") as f:
        whole = f.read()
    assert feed.api.get(f"/v1/audit/{ORG}/tile/0/000").body == whole
    # A width that an older checkpoint had is the beginning of what is there.
    assert feed.api.get(f"/v1/audit/{ORG}/tile/0/000.p/17").body == whole[:17 * 32]
    # Two logs, and no default is set.
    assert feed.api.get("/v1/audit/checkpoint").status == 404


@pytest.mark.family(25)
@pytest.mark.parametrize("path", [
    f"/v1/audit/{UNKNOWN}/checkpoint", f"/v1/audit/{UNKNOWN}/tile/0/000", f"/v1/audit/{ORG}/tile/0/999",
    f"/v1/audit/{ORG}/tile/0/1", f"/v1/audit/{ORG}/tile/9/000.p/256", f"/v1/audit/{ORG}/tile/x/000",
    f"/v1/audit/{ORG}/tile/entries", f"/v1/audit/{ORG}/vkey", f"/v1/audit/{ORG}/staging",
    "/v1/audit/not-an-id/checkpoint"])
def test_what_is_no_public_file_is_404(feed, path):
    assert feed.api.get(path).status == 404


def routes_of(feed):
    (event,) = feed.act()
    patient = feed.suite.patient()
    feed.receipted()
    return patient, [f"/v1/audit/proof?event={event}", f"/v1/audit/events/{event}",
                     f"/v1/audit/patients/{patient.patient}/events", f"/v1/audit/{ORG}/tile/entries/000",
                     "/v1/audit/tile/entries/000"]


@pytest.mark.family(4)
def test_strangers_wrong_roles_and_foreign_organisations(feed):
    patient, routes = routes_of(feed)
    clinician, stranger = feed.suite.person("clinician"), feed.suite.person("auditor", org=OTHER_ORG)
    for path in routes:
        assert feed.api.get(path).status == 401, path
        assert feed.api.get(path, who="nonsense").status == 401, path
        assert feed.api.get(path, who=clinician).status == 403, path
        if path != "/v1/audit/tile/entries/000":
            assert feed.api.get(path, who=stranger).status == 404, path
        assert feed.api.get(path + ("&" if "?" in path else "?") + "x=1",
                            who=feed.suite.person("auditor")).status == 400, path
        assert feed.api.post(path.split("?")[0], {}, who=clinician).status == 405, path
        assert feed.api.get(path, who=stranger, raw=b"x" * 300000).status == 413, path
    # A stranger's own bundles are those of their own log, where these refusals stand.
    feed.api.wait_for(f"SELECT EXISTS (SELECT FROM published WHERE org = {quote(OTHER_ORG)} AND size >= 2)", 30)
    mine = feed.api.get("/v1/audit/tile/entries/000.p/2", who=stranger)
    assert mine.status == 200 and ORG.encode() not in mine.body and OTHER_ORG.encode() in mine.body


@pytest.mark.family(4)
def test_unknown_and_foreign_look_alike(feed):
    auditor, bob = feed.suite.person("auditor"), feed.suite.patient()
    other = feed.suite.patient()
    for path in (f"/v1/audit/events/{UNKNOWN}", f"/v1/audit/proof?event={UNKNOWN}",
                 f"/v1/audit/patients/{UNKNOWN}/events", f"/v1/audit/{OTHER_ORG}/tile/entries/000"):
        reply = feed.api.get(path, who=auditor)
        assert (reply.status, reply.code) == (404, "not_found"), path
    reply = feed.api.get(f"/v1/audit/patients/{other.patient}/events", who=bob)
    assert (reply.status, reply.code) == (404, "not_found")
    assert ("audit.read", "refused", bob.id) in accesses(feed, other.patient)


def test_a_lost_receipt_is_given_again(feed):
    size = feed.size()
    (event,) = feed.act()
    feed.receipted()
    row = feed.api.rows(f"SELECT seq, encode(mac, 'hex') AS mac FROM entry WHERE event_id = {quote(event)}")[0]
    with open(f"{feed.folder}/checkpoint") as f:
        size = int(f.read().split("\n")[1])
    # The producer as it stands when the receipt never came: the same row with the same bytes.
    leaf = last_leaf(feed, event)
    key_id, _ = mac_key_of(feed.suite, "appointments")
    prev = feed.api.value(f"SELECT encode(mac, 'hex') FROM entry WHERE org = {quote(ORG)} AND "
                          f"producer = 'appointments' AND seq = {row['seq'] - 1}")
    again = forge(feed, row["seq"], leaf, bytes.fromhex(prev), bytes.fromhex(row["mac"]), key_id)
    feed.producer.execute(f"UPDATE audit_outbox SET id = {quote(event)} WHERE id = {quote(again)}")
    feed.receipted()
    assert feed.api.value(f"SELECT count(*) FROM entry WHERE event_id = {quote(event)}") == 1
    assert feed.size() >= size


def last_leaf(feed, event):
    index = feed.api.value(f"SELECT leaf_index FROM entry WHERE event_id = {quote(event)}")
    folder = f"{feed.folder}/tile/entries/{index // 256:03}"
    if not os.path.exists(folder):
        folder += ".p/" + max(os.listdir(folder + ".p"), key=int)
    with open(folder, "rb") as f:
        rest = f.read()
    for _ in range(index % 256 + 1):
        n = struct.unpack(">H", rest[:2])[0]
        leaf, rest = rest[2:2 + n], rest[2 + n:]
    return leaf


def test_new_keys_in_the_middle_of_a_chain(feed, go_reader):
    """Each record and leaf names its key: what was chained and sealed under the former stays good, the chain goes on.
    By whom: tests/integration/keys/test_renew.py."""
    (old,) = feed.act()
    feed.receipted()
    size, manager = feed.size(), Peer(feed.suite, "access")
    former, _ = mac_key_of(feed.suite, "appointments")
    audits, _ = mac_key_of(feed.suite, "audit")
    sealed_under = leaf_key(last_leaf(feed, old))
    assert manager.post("/v1/keys/renew", org=ORG, domain="mac").json["renewed"] >= 1
    assert manager.post("/v1/keys/renew", org=ORG, domain="audit").json["renewed"] >= 1
    assert mac_key_of(feed.suite, "audit")[0] == audits, "by which the index has its words"
    feed.producer.stop()    # it has the former ones cached
    feed.producer.start()
    *_, event = feed.act(2)
    feed.receipted()
    new, key = mac_key_of(feed.suite, "appointments")
    row = feed.api.rows("SELECT e.seq, encode(e.mac, 'hex') AS mac, encode(f.mac, 'hex') AS prev FROM entry AS e "
                        "JOIN entry AS f ON (f.org, f.producer, f.seq) = (e.org, e.producer, e.seq - 1) "
                        f"WHERE e.event_id = {quote(event)}")[0]
    assert new != former and leaf_key(last_leaf(feed, event)) != sealed_under
    assert hmac.new(key, bytes.fromhex(row["prev"]) + last_leaf(feed, event), "sha256").hexdigest() == row["mac"]
    assert feed.api.rows("SELECT * FROM incident") == [] and feed.verified(go_reader) >= size + 2


@pytest.mark.family(16)
def test_forged_records_are_incidents_and_no_leaves(feed, go_reader):
    feed.act()
    feed.receipted()
    tail, before = feed.tail(), feed.size()
    key_id, key = mac_key_of(feed.suite, "appointments")
    zero, prev = bytes(32), bytes.fromhex(tail["mac"])

    def signed(leaf, after):
        return hmac.new(key, after + leaf, hashlib.sha256).digest()

    leaf = leaf_of(tail["seq"] + 1)
    dek = uuid.UUID(bytes=last_leaf(feed, feed.api.value(
        "SELECT event_id FROM entry WHERE leaf_index = 0 AND org = " + quote(ORG)))[68:84])
    shut = leaf_of(tail["seq"] + 1, dek=dek)
    old = leaf_of(1)
    far = leaf_of(tail["seq"] + 5)
    fork = leaf_of(tail["seq"] + 1)
    for kind, seq, text, after, mac in (
            ("bad_mac", tail["seq"] + 1, leaf, prev, os.urandom(32)),
            ("fork", tail["seq"] + 1, fork, zero, signed(fork, zero)),
            ("gap", tail["seq"] + 5, far, zero, signed(far, zero)),
            ("conflict", 1, old, zero, signed(old, zero)),
            ("bad_leaf", tail["seq"] + 1, shut, prev, signed(shut, prev))):
        row = forge(feed, seq, text, after, mac, key_id)
        feed.wait_incident(kind)
        forget(feed, row)
    assert feed.size() == before
    # The producer itself goes on as if nothing had been.
    feed.act(3)
    feed.receipted()
    feed.verified(go_reader)
    gap = feed.incidents("gap")[0]
    assert gap["seq"] == tail["seq"] + 1 and gap["closed_at"]


@pytest.mark.family(16)
def test_nobody_speaks_in_anothers_name(feed, go_reader):
    """All is right but what readers would be told: whose act it was, which one, or when."""
    key_id, key = mac_key_of(feed.suite, "appointments")
    for changed in ({"service": "patients"}, {"service": ""}, {"event": uuid.uuid4().bytes}, {"event": b""},
                    {"at_us": 1_700_000_000_000_000}, {}):
        feed.act()
        feed.receipted()
        tail = feed.tail()
        seq, prev = tail["seq"] + 1, bytes.fromhex(tail["mac"])
        event, leaf = feed.sealed_leaf(seq, **changed)
        row = forge(feed, seq, leaf, prev, hmac.digest(key, prev + leaf, "sha256"), key_id, event)
        if changed:
            feed.api.wait_for("SELECT count(*) > 0 FROM incident WHERE kind = 'bad_leaf' AND "
                              f"event_id = {quote(event)}", 30)
            forget(feed, row)
            assert feed.api.value(f"SELECT count(*) FROM entry WHERE event_id = {quote(event)}") == 0
    mac = hmac.digest(key, prev + leaf, "sha256").hex()     # nothing was changed in the last one
    feed.producer.execute(f"UPDATE audit_chain SET seq = seq + 1, mac = '\\x{mac}' WHERE org = {quote(ORG)}")
    feed.receipted()
    feed.indexed()
    read = feed.api.get(f"/v1/audit/events/{event}", who=feed.suite.person("auditor"))
    assert (read.json["service"], read.json["action"]) == ("appointments", "chart.read")
    feed.api.wait_for("SELECT count(*) = 0 FROM audit_outbox", 30)      # that reading, too
    feed.settle()
    feed.verified(go_reader)


def test_what_waited_is_heard_together(feed, go_reader):
    """Records that wait come in one transaction. An event that is there twice, under two numbers, spoils
    it for none but itself, nor does a forged one in the middle."""
    feed.receipted()
    feed.settle()
    feed.api.stop()
    key_id, key = mac_key_of(feed.suite, "appointments")
    tail, ids = feed.tail(), []

    def sent():
        feed.producer.wait_for("SELECT count(*) = 0 FROM audit_outbox WHERE sent_at IS NULL", 30)

    def signed(leaf, after):
        return hmac.new(key, after + leaf, hashlib.sha256).digest()

    leaf, twice, prev = leaf_of(tail["seq"] + 1), leaf_of(tail["seq"] + 2), bytes.fromhex(tail["mac"])
    mac = signed(leaf, prev)
    event = forge(feed, tail["seq"] + 1, leaf, prev, mac, key_id)
    sent()
    forget(feed, event)
    feed.producer.execute(f"UPDATE audit_chain SET seq = seq + 1, mac = '\\x{mac.hex()}' WHERE org = {quote(ORG)}")
    forge(feed, tail["seq"] + 2, twice, mac, signed(twice, mac), key_id, event)
    sent()
    forget(feed, event)
    ids += feed.act(20)
    sent()
    row = forge(feed, tail["seq"] + 1000, leaf_of(tail["seq"] + 1000), prev, os.urandom(32), key_id)
    sent()
    forget(feed, row)
    ids += feed.act(20)
    sent()
    feed.api.start()
    feed.receipted()
    listed = ", ".join(map(quote, [event, *ids]))
    assert feed.api.value(f"SELECT count(*) FROM entry WHERE event_id IN ({listed})") == 41
    kinds = {row["kind"] for row in feed.api.rows(f"SELECT kind FROM incident WHERE seq > {tail['seq']}")}
    assert kinds == {"reused", "bad_mac"}
    feed.settle()
    feed.verified(go_reader)


def test_auditors_see_the_incidents(feed):
    """All of them, newest first, a page at a time; and only the open ones if they ask for those."""
    auditor, seen, cursor = feed.suite.person("auditor"), [], ""
    while cursor is not None:
        page = feed.api.get(f"/v1/audit/incidents?limit=2{cursor}", who=auditor)
        assert page.status == 200, page
        seen += page.json["data"]
        cursor = page.json.get("next_cursor") and f"&cursor={page.json['next_cursor']}"
    rows = feed.api.rows(f"SELECT id, closed_at IS NULL AS open FROM incident WHERE org = {quote(ORG)} "
                         "ORDER BY first_at DESC, id DESC")
    assert [row["id"] for row in seen] == [row["id"] for row in rows]
    assert {"gap", "bad_mac", "fork", "conflict"} <= {row["kind"] for row in seen}
    for state in ("open", "closed"):
        data = feed.api.get(f"/v1/audit/incidents?state={state}&limit=200", who=auditor).json["data"]
        assert [row["id"] for row in data] == [row["id"] for row in rows if row["open"] == (state == "open")]
        assert data and all(("closed_at" in row) == (state == "closed") for row in data)
    other = feed.api.get("/v1/audit/incidents", who=feed.suite.person("auditor", org=OTHER_ORG))
    assert other.json["data"] == []
    assert feed.api.get("/v1/audit/incidents", who=feed.suite.person("clinician")).status == 403


@pytest.mark.family(16)
@pytest.mark.parametrize("epoch", ["epoch", "1"])
def test_a_chain_that_was_cut_shows_at_a_heartbeat(feed, epoch):
    """And where its lease is of the same older day: as soon as nobody else can have told for a minute."""
    feed.producer.execute("UPDATE lease SET epoch = epoch + 10 WHERE name = 'relay'")
    assert feed.producer.stop() == 0
    feed.producer.start()
    feed.act(3)
    feed.receipted()
    assert feed.producer.stop() == 0
    feed.producer.execute(f"UPDATE audit_chain SET seq = seq - 2 WHERE org = {quote(ORG)}; "
                          f"UPDATE lease SET epoch = {epoch} WHERE name = 'relay'")
    feed.api.execute("UPDATE producer SET told_at = told_at - interval '1 minute' WHERE name = 'appointments'")
    feed.producer.start()
    last = feed.tail()["seq"]
    feed.api.wait_for(f"SELECT count(*) > 0 FROM incident WHERE kind = 'cut' AND seq = {last}", 30)
    assert feed.producer.stop() == 0
    feed.producer.execute(f"UPDATE audit_chain SET seq = seq + 2 WHERE org = {quote(ORG)}")
    feed.producer.start()
    feed.act()
    feed.receipted()


@pytest.mark.family(17)
def test_no_patient_stands_in_clear(feed):
    """Ids link visits, which is itself PHI: neither tables nor files name a patient."""
    eve = feed.suite.patient()
    feed.act(patient=eve.patient)
    feed.receipted()
    for table in ("entry", "incident", "producer", "outbox", "inbox"):
        assert feed.api.value(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%{eve.patient}%'") == 0
    raw = uuid.UUID(eve.patient).bytes
    for folder, _, files in os.walk(feed.folder):
        for name in files:
            with open(f"{folder}/{name}", "rb") as f:
                text = f.read()
            assert raw not in text and eve.patient.encode() not in text


def test_what_kafka_lost_is_sent_again(feed, go_reader):
    """Records that were deleted before they were heard: the mock keeps the last 5 MiB."""
    junk = "0c000000-0000-4000-8000-00000000000c"
    assert feed.api.stop() == 0
    feed.act(20)
    feed.act(2500, org=junk, action="x" * 2200)
    feed.producer.wait_for("SELECT count(*) = 0 FROM audit_outbox WHERE sent_at IS NULL", 30)
    feed.producer.execute(f"DELETE FROM audit_outbox WHERE org = {quote(junk)}")
    feed.api.start()
    feed.receipted(60)
    feed.verified(go_reader)
    assert feed.api.value(f"SELECT count(*) FROM incident WHERE org = {quote(ORG)} AND closed_at IS NULL "
                          "AND kind = 'gap'") == 0


def logged(feed):
    """Every leaf, as an export has it."""
    folder = feed.export()
    leaves = paper.read_export(folder)
    shutil.rmtree(folder)
    return leaves


def test_rows_are_made_again_from_the_log(feed, go_reader):
    """Every leaf opens, so fsck knows event and patient of it; a record that its producer repeats is
    then known by its leaf."""
    cal = feed.suite.patient()
    ids = feed.act(5, patient=cal.patient)
    feed.receipted()
    feed.settle()
    assert feed.producer.stop() == 0 and feed.api.stop() == 0
    columns = "org, producer, seq, event_id, leaf_index"
    of_these = f"event_id IN ({', '.join(map(quote, ids))})"
    rows = f"SELECT {columns} FROM entry ORDER BY org, leaf_index"
    before = feed.api.rows(rows)
    prev, again = feed.api.rows(f"SELECT seq, encode(mac, 'hex') AS mac, leaf_index FROM entry WHERE org = "
                                f"{quote(ORG)} AND producer = 'appointments' ORDER BY seq DESC LIMIT 2")[::-1]
    feed.api.execute(f"DELETE FROM entry WHERE {of_these} AND leaf_index % 2 = 0; "
                     f"UPDATE entry SET event_id = gen_random_uuid() WHERE {of_these}")
    code, said = feed.fsck()
    assert code == 1 and sum("table entry: leaf" in line for line in said) == 5, said
    assert feed.api.rows(rows) != before
    code, said = feed.fsck("--repair")
    assert code == 0 and sum("repaired: row made again from the leaf" in line for line in said) == 5, said
    assert feed.api.rows(rows) == before
    feed.api.start()
    feed.producer.start()
    conflicts = feed.incidents("conflict")
    feed.api.execute(f"UPDATE entry SET mac = '' WHERE org = {quote(ORG)} AND seq = {again['seq']} "
                     "AND producer = 'appointments'")
    forge(feed, again["seq"], logged(feed)[again["leaf_index"]], bytes.fromhex(prev["mac"]),
          bytes.fromhex(again["mac"]), mac_key_of(feed.suite, "appointments")[0])
    feed.receipted()
    assert feed.incidents("conflict") == conflicts
    feed.settle()
    feed.verified(go_reader)
    assert feed.api.get(f"/v1/audit/events/{ids[0]}", who=feed.suite.person("auditor")).status == 200


@pytest.mark.family(16)
def test_a_repeated_record_whose_row_is_gone_is_a_conflict(feed):
    """It can be compared with nothing; the next records are still heard."""
    feed.act(2)
    feed.receipted()
    feed.settle()
    feed.indexed()      # or it passes the row that is gone
    prev, again = feed.api.rows(f"SELECT seq, encode(mac, 'hex') AS mac, leaf_index FROM entry WHERE org = "
                                f"{quote(ORG)} AND producer = 'appointments' ORDER BY seq DESC LIMIT 2")[::-1]
    this = f"org = {quote(ORG)} AND producer = 'appointments' AND seq = {again['seq']}"
    leaf = logged(feed)[again["leaf_index"]]
    feed.api.execute(f"CREATE TABLE gone AS SELECT * FROM entry WHERE {this}; DELETE FROM entry WHERE {this}")
    forge(feed, again["seq"], leaf, bytes.fromhex(prev["mac"]), bytes.fromhex(again["mac"]),
          mac_key_of(feed.suite, "appointments")[0])
    feed.api.wait_for(f"SELECT count(*) = 1 FROM incident WHERE kind = 'conflict' AND seq = {again['seq']}", 20)
    feed.api.execute("INSERT INTO entry SELECT * FROM gone; DROP TABLE gone")
    feed.act(1)
    feed.receipted()


def test_the_index_is_compared_and_filled_again(feed):
    """What patients and privacy officers are told: the service's role cannot take a row back, what is
    missing comes again from the log, and what was put there instead is named."""
    dan = feed.suite.patient()
    ids = feed.act(3, patient=dan.patient)
    feed.indexed()
    for statement in ("DELETE FROM event_index", "UPDATE event_index SET action = 'x'", "DELETE FROM event_index_end"):
        with pytest.raises(RuntimeError, match="permission denied"):
            feed.api.execute(f"SET ROLE audit; {statement}")
    assert feed.producer.stop() == 0 and feed.api.stop() == 0
    before = feed.api.rows("SELECT * FROM event_index ORDER BY event_id")
    feed.api.execute(f"DELETE FROM event_index WHERE event_id = {quote(ids[1])}")
    code, said = feed.fsck()
    assert code == 1 and [line.split(": ")[1] for line in said[:-1]] == ["table event_index"], said
    assert said[0].endswith(" has no row")
    code, said = feed.fsck("--repair")
    assert code == 0 and said[1].endswith("repaired: the index is filled again from that leaf on"), said
    feed.api.execute(f"DELETE FROM entry WHERE event_id = {quote(ids[0])}; "
                     f"DELETE FROM event_index WHERE event_id = {quote(ids[0])}; "
                     "UPDATE event_index_end SET next = next + 1000000")
    assert feed.fsck("--repair")[0] == 0
    feed.api.start()
    feed.producer.start()
    feed.indexed()
    feed.api.wait_for(f"SELECT count(*) = {len(before)} FROM event_index")
    assert feed.api.rows("SELECT * FROM event_index ORDER BY event_id") == before
    assert feed.producer.stop() == 0 and feed.api.stop() == 0
    feed.api.execute(f"UPDATE event_index SET patient = gen_random_uuid() WHERE event_id = {quote(ids[2])}")
    code, said = feed.fsck("--repair")
    assert code == 1 and " has another row: " in said[0], said
    feed.api.execute("TRUNCATE event_index, event_index_end")
    assert feed.fsck()[0] == 0
    feed.api.start()
    feed.producer.start()
    feed.indexed()


def test_killed_at_random_under_a_stream(feed, go_reader):
    """500 events at a time, the service killed while they come: none missing, none twice."""
    random.seed(os.environ.get("SEED", "audit"))
    before, ids = feed.size(), []
    for _ in range(4 if EVERY else 2):
        had = feed.api.value("SELECT count(*) FROM entry")
        ids += feed.act(500)
        feed.api.wait_for(f"SELECT count(*) > {had} FROM entry", 30)
        time.sleep(random.random() / 5)     # anywhere in what follows: this is the fault, not a wait
        feed.api.kill()
        feed.api.start()
    feed.receipted(60)
    feed.settle()
    listed = ", ".join(map(quote, ids))
    assert feed.api.value(f"SELECT count(*) FROM entry WHERE event_id IN ({listed})") == len(ids)
    assert feed.verified(go_reader) >= before + len(ids)
