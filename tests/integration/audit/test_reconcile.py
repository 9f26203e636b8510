"""The reconciler on one producer and its log; tests/faults/test_reconcile.py has the whole suite, and the gateway."""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import second
from conftest import new_feed
from postgres import quote
from telecura import ORG, OTHER_ORG, ROOT, bin_folder

sys.path.append(f"{ROOT}/clients/audit-reconcile")
from reconcile import READS        # noqa: E402

SERVICES = sorted(path.parent.name for path in pathlib.Path(ROOT, "services").glob("*/routes.c"))

FOUND = re.compile(r"^(.+): (\d+), the first: (.*)$", re.M)


@pytest.fixture(scope="module")
def feed():
    yield from new_feed()


@pytest.fixture
def reconcile(feed, tmp_path):
    """({kind: (how often, the first)}, the last line)."""
    def run(**changed):
        suite = feed.suite
        cert, key = suite.authority.leaf("reconcile")
        (tmp_path / "openapi.json").write_text('{"paths": {}}')
        settings = {
            "logs": f"{suite.folder}/log", "gateway_logs": [], "openapi": f"{tmp_path}/openapi.json",
            "export": f"{bin_folder()}/audit-export", "verify": f"{bin_folder()}/audit-verify",
            "databases": {name: {"host": suite.postgres.socket, "user": "root_of_all", "dbname": name}
                          for name in ("appointments", "audit", "keyd")},
            "keyd": {"socket": f"{suite.folder}/keyd.sock", "ca": suite.authority.ca, "cert": cert, "key": key},
            **changed}
        (tmp_path / "settings.json").write_text(json.dumps(settings))
        done = subprocess.run(["/usr/bin/python3", f"{ROOT}/clients/audit-reconcile/reconcile.py",
                               f"{tmp_path}/settings.json"], capture_output=True, text=True, timeout=120)
        found = {kind: (int(count), first) for kind, count, first in FOUND.findall(done.stdout)}
        assert done.returncode == (1 if found else 0), done.stdout + done.stderr
        return found, done.stdout.splitlines()[-1]
    return run


def test_all_that_was_done_is_in_the_log(feed, reconcile):
    feed.act(300, resource="no_show")
    feed.receipted()
    found, line = reconcile()
    assert found == {} and re.search(r"compared 3\d\d leaves, 3\d\d acts, ", line), line


def test_a_person_who_came_past_the_gateway(feed, reconcile):
    """It stays in the log, which nobody can mend: what follows here asks about the rest."""
    feed.act(2, resource="/v1/appointments/{id}")
    feed.receipted()
    found = reconcile()[0]
    assert found.keys() == {"an act past the gateway"} and found["an act past the gateway"][0] == 2


def test_a_row_that_was_deleted_before_it_was_sent(feed, reconcile):
    known = reconcile()[0].keys()
    assert feed.api.stop() == 0
    feed.act(3, resource="no_show")
    feed.producer.wait_for("SELECT count(*) = 3 FROM audit_outbox WHERE seq IS NOT NULL", 30)
    assert reconcile()[0].keys() == known, "what waits is pending"
    row = feed.producer.rows("SELECT a::text AS row, seq FROM audit_outbox AS a ORDER BY seq LIMIT 1")[0]
    feed.producer.execute(f"DELETE FROM audit_outbox WHERE seq = {row['seq']}")
    found = reconcile()[0]
    assert found.keys() - known == {"a record was lost before it was sent"}
    assert found["a record was lost before it was sent"] == (1, f"appointments {row['seq']} in log {ORG}")
    feed.producer.execute(f"INSERT INTO audit_outbox SELECT ({quote(row['row'])}::audit_outbox).*")
    feed.api.start()
    feed.receipted(90)
    assert reconcile()[0].keys() == known


@pytest.mark.parametrize("act, kind", [
    (str(uuid.uuid4()), "a row without its act"),
    ("00000000-0000-0000-0000-000000000000", "a row that nobody made"),
])
def test_a_row_by_hand(feed, reconcile, act, kind):
    known = reconcile()[0].keys()
    feed.producer.execute("INSERT INTO prescription_heard (org, id, act_id, visit_id, state, version, epoch) "
                          f"VALUES ({quote(ORG)}, '{uuid.uuid4()}', '{act}', '{act}', 'signed', 1, 0)")
    found = reconcile()[0]
    feed.producer.execute("DELETE FROM prescription_heard")
    assert found.keys() - known == {kind}
    assert found[kind] == (1, f"appointments.prescription_heard in organisation {ORG}: act {act}")


def test_a_row_by_an_act_that_left_none(feed, reconcile):
    """Who owns a database hides what they put there behind an act that is on record: a reading, a refusal, what
    another organisation did."""
    known, acts = reconcile()[0].keys(), {}
    for action, more in (("chart.read", {}), ("patient.search", {}), ("visit.book", {"outcome": "refused"}),
                         ("visit.book", {"org": OTHER_ORG}), ("visit.book", {})):
        (event,) = feed.act(action=action, resource="no_show", **more)
        act = feed.producer.value(f"SELECT act FROM audit_outbox WHERE id = {quote(event)}")
        acts[act] = (action, more.get("outcome", "done"), more.get("org", ORG))
    feed.receipted()
    *strange, own = acts
    for act in acts:
        feed.producer.execute("INSERT INTO prescription_heard (org, id, act_id, visit_id, state, version, epoch) "
                              f"VALUES ({quote(ORG)}, '{act}', '{act}', '{act}', 'signed', 1, 0)")
        found = reconcile()[0]
        feed.producer.execute("DELETE FROM prescription_heard")
        if act == own:
            assert found.keys() == known
        else:
            assert found["a row that its act cannot have left"] == (
                1, f"appointments.prescription_heard in organisation {ORG}: act {act}, which is "
                   "%s, %s, in organisation %s" % acts[act])


def test_reconcile_knows_what_only_reads():
    """Every act by which services are asked for something, and none by which anything is changed."""
    asked, changed = set(), set()
    for name in SERVICES:
        tables = json.loads(subprocess.run([f"{bin_folder()}/{name}", "--describe"], capture_output=True, check=True).stdout)
        for route in tables["routes"]:
            (asked if route["method"] == "GET" else changed).add(route["audit"])
        changed |= {row["audit"] for part in ("timers", "hears", "frames") for row in tables.get(part, []) if "audit" in row}
    reads = {action for action in asked | changed if READS.fullmatch(action or "")}
    assert asked - changed - {None, ""} <= reads
    assert reads & changed == {"patient.search", "key.status", "message.read"}, "asked by a body or a frame"


@pytest.mark.parametrize("service, kind", [
    ("appointments", "the log has more than its producer has said"),
    ("audit", "audit does not know what it has published"),
])
def test_a_database_of_an_older_backup(feed, reconcile, service, kind):
    known, copy = reconcile()[0].keys(), f"{service}_older"
    owner = {"appointments": feed.producer, "audit": feed.api}[service]
    assert owner.stop() == 0
    feed.suite.postgres.execute("postgres", f'CREATE DATABASE {copy} TEMPLATE "{service}"')
    owner.start()
    feed.act(2, resource="no_show")
    feed.receipted(90)
    databases = {name: {"host": feed.suite.postgres.socket, "user": "root_of_all",
                        "dbname": copy if name == service else name} for name in ("appointments", "audit", "keyd")}
    found = reconcile(databases=databases)[0]
    feed.suite.postgres.execute("postgres", f"DROP DATABASE {copy}")
    assert kind in found.keys() - known


class Forger:
    """Who holds the log's own key and signs another tree."""

    def __init__(self, suite, org, folder):
        self.logs = folder / "logs"
        shutil.copytree(f"{suite.folder}/log", self.logs)
        self.folder = max(self.logs.glob(f"{org}/**/checkpoint")).parent
        self.key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(
            pathlib.Path(f"{suite.folder}/log.key").read_text().strip()))
        self.origin = (self.folder / "checkpoint").read_text().split("\n")[0]
        self.vkey = (self.folder / "vkey").read_text().strip()
        self.entries = second.verify(self.folder, self.vkey, strict=False)

    def sign(self, entries):
        shutil.rmtree(self.folder / "tile")
        hashes = [second.leaf_hash(entry) for entry in entries]
        for path, (level, n, width) in second.files_of(len(entries)).items():
            first = n * second.WIDTH
            data = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries[first:first + width]) \
                if level == "entries" else b"".join(
                    second.root_of(hashes[i << 8 * level:(i + 1) << 8 * level]) for i in range(first, first + width))
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(data)
        text = f"{self.origin}\n{len(entries)}\n{base64.b64encode(second.root_of(hashes)).decode()}\n"
        number = bytes.fromhex(self.vkey.split("+")[1])
        note = base64.b64encode(number + self.key.sign(text.encode())).decode()
        (self.folder / "checkpoint").write_text(f"{text}\n— {self.origin} {note}\n")
        return self.logs


def test_a_producer_whose_database_was_changed(feed, reconcile):
    """A row that waits under a number that the log has, and an end of the chain that nobody has heard of."""
    feed.act(2, resource="no_show")
    feed.receipted()
    known = reconcile()[0].keys()
    assert feed.producer.stop() == 0
    tail = feed.tail()
    last, set_mac = tail["seq"], f"UPDATE audit_chain SET mac = '\\x%s' WHERE org = {quote(ORG)}"
    _, leaf = feed.sealed_leaf(last)
    (row,) = feed.act(resource="no_show")
    feed.producer.execute(
        f"UPDATE audit_outbox SET seq = {last}, epoch = 1, prev_mac = '', mac = '', mac_key = id, "
        f"leaf = '\\x{leaf.hex()}' WHERE id = {quote(row)}; " + set_mac % "00")
    found = reconcile()[0]
    feed.producer.execute(f"DELETE FROM audit_outbox WHERE id = {quote(row)}; " + set_mac % tail["mac"])
    feed.producer.start()
    where = 1, f"appointments {last} in log {ORG}"
    assert found.keys() - known == {"a producer says another thing than the log",
                                    "a producer's chain is not the one that was believed"}
    assert found["a producer says another thing than the log"] == where
    assert found["a producer's chain is not the one that was believed"] == where


def test_another_tree_by_the_logs_own_key(feed, reconcile, tmp_path):
    """A leaf left out, a leaf twice, the end cut off, one byte changed."""
    feed.act(20, resource="no_show")
    feed.receipted()
    known, forger = reconcile()[0].keys(), Forger(feed.suite, ORG, tmp_path)
    entries = forger.entries
    i = [i for i, entry in enumerate(entries) if second.parse_leaf(entry)["producer"] == "appointments"][-2]
    found = reconcile(logs=str(forger.sign(entries[:i] + entries[i + 1:])))[0]
    assert found["a leaf is missing"][0] == 1 and found["a leaf is missing"][1].startswith("appointments ")
    assert "a receipt was given for what is not published" in found
    assert "the published tree is not the one that audit has signed" in found
    found = reconcile(logs=str(forger.sign(entries + [entries[i]])))[0]
    assert found["a leaf stands twice"][0] == 1
    place = second.parse_leaf(entries[i])["seq"]
    anothers = feed.sealed_leaf(place, service="billing")[1]
    broken = [entries[i - 1][:-1] + bytes([entries[i - 1][-1] ^ 1]), anothers]
    found = reconcile(logs=str(forger.sign(entries[:i - 1] + broken + entries[i + 1:])))[0]
    assert found["an entry is damaged"] == (1, f"{forger.origin}: an entry does not open")
    assert found["a leaf under another's name"] == (
        1, f"appointments {place} in log {ORG} was sealed as billing's")
    assert found["audit knows a leaf as another"] == (1, f"appointments {place} in log {ORG}")
    found = reconcile(logs=str(forger.sign(entries[:-3])))[0]
    assert found["a receipt was given for what is not published"][0] >= 3
    forger.sign(entries)
    bundle = max(path for path in (forger.folder / "tile/entries").rglob("*") if path.is_file())
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    assert forger.origin in reconcile(logs=str(forger.logs))[0]["the log is not sound"][1]
    assert reconcile()[0].keys() == known
