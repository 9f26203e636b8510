"""A log of its own for each module here: they kill its writer and damage its files."""
import calendar
import hashlib
import hmac
import os
import shutil
import struct
import subprocess
import time
import uuid

import pytest

import sealed
import telecura
from golang import go
from postgres import quote
from telecura import ORG, ROOT, bin_folder, free_port

EVERY = os.environ.get("SWEEP") == "all"    # make faults: each damage and each kill, not one of a kind

# One way to a leaf that needs no producer: rows as record.c would stage them. Nobody can open it.
STAGE = """
WITH taken AS (
    INSERT INTO log_end AS e (org, next) VALUES ({org}, {count})
    ON CONFLICT (org) DO UPDATE SET next = e.next + {count} RETURNING e.next - {count} AS place
), known AS (SELECT coalesce(max(seq), 0) AS seq FROM entry WHERE org = {org}
), made AS (
    SELECT n, place + n - known.seq - 1 AS place, gen_random_uuid() AS event,
           '\\x0124'::bytea || convert_to({org}, 'UTF8') || '\\x0474657374'::bytea || int8send(n)
           || int8send(1700000000000 + n) || '\\x01'::bytea || decode(repeat('00', 48), 'hex')
           || int2send((16 + {more})::int2)
           || decode(md5('leaf ' || n) || repeat('ab', ({more})::int), 'hex') AS leaf
    FROM taken, known, generate_series(known.seq + 1, known.seq + {count}) AS n
), entries AS (
    INSERT INTO entry (org, producer, seq, event_id, mac, leaf_index)
    SELECT {org}, 'test', n, event, decode(repeat('00', 32), 'hex'), place FROM made
), chain AS (
    INSERT INTO producer (org, name, epoch, seq, mac)
    SELECT {org}, 'test', 1, seq + {count}, decode(repeat('00', 32), 'hex') FROM known
    ON CONFLICT (org, name) DO UPDATE SET seq = excluded.seq
)
INSERT INTO waiting (org, place, producer, first, last, last_event, leaves)
SELECT {org}, min(place), 'test', min(n), max(n), (array_agg(event ORDER BY n))[count(*)],
       string_agg(int2send(length(leaf)::int2) || leaf, '' ORDER BY n)
FROM made GROUP BY place / 1000
"""


class Log:
    def __init__(self, suite, org=ORG, **settings):
        self.suite, self.org = suite, org
        self.api = suite.service("audit", **settings)
        self.home = f"{suite.folder}/log/{org}"
        self.heads = f"{self.api.settings.get('heads_dir', f'{suite.folder}/log')}/{org}/heads"

    @property
    def folder(self):
        """Of the shard that is written now."""
        return f"{self.home}/{self.shards()[-1]}"

    def shards(self):
        return sorted(name for name in os.listdir(self.home) if name.startswith("2"))

    def stage(self, count, more="n % 200"):
        """Leaves with so many bytes more than the fewest."""
        self.api.execute(STAGE.format(org=quote(self.org), count=count, more=more))

    def settle(self, seconds=30):
        """Until every leaf is in the tree and has its receipt."""
        self.api.wait_for("SELECT count(*) = 0 FROM waiting", seconds)

    def size(self):
        """Of the shard that is written now."""
        with open(f"{self.folder}/checkpoint") as f:
            return int(f.read().split("\n")[1])

    def turn(self, day):
        """The services' clock goes to that day."""
        self.suite.clock(calendar.timegm(time.strptime(day, "%Y-%m-%d")) - time.time())

    def vkey(self):
        with open(f"{self.folder}/vkey") as f:
            return f.read().strip()

    def export(self, *which):
        folder = f"{self.suite.folder}/export-{uuid.uuid4()}"
        done = run(f"{bin_folder()}/audit-export", self.home, folder, *which)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    def verified(self, go_reader):
        """How many leaves two programs find sound, over all shards; every one is in the log once."""
        folder = self.export("all")
        folders = [f"{folder}/{shard}" for shard in self.shards()]
        ours = run(f"{bin_folder()}/audit-verify", *folders, "--vkey", self.vkey())
        theirs = run(go_reader, "--chain", *folders, self.vkey())
        assert (ours.returncode, theirs.returncode) == (0, 0), (ours.stdout, theirs.stdout)
        shutil.rmtree(folder)
        size = self.size()
        assert ours.stdout.endswith(f", {size} entries\n") and theirs.stdout.endswith(f"sound: {size} entries\n")
        entries = sum(int(line.split()[-2]) for line in ours.stdout.splitlines())
        links = len(folders) - 1
        rows = f"FROM entry WHERE org = {quote(self.org)}"
        assert self.api.value(f"SELECT count(DISTINCT leaf_index) {rows}") == entries - links
        assert self.api.value(f"SELECT coalesce(max(leaf_index) + 1, 0) {rows}") == entries
        return entries - links

    def fsck(self, *words):
        """(exit code, lines) of audit fsck; the service has been stopped, or killed with its lease."""
        command = "--config", self.api.config, "fsck", *words
        done = self.api.command(*command)
        if done.returncode == 69:
            self.release_lease()
            done = self.api.command(*command)
        return done.returncode, done.stdout.splitlines()

    def release_lease(self):
        """What the lease's end does, without waiting for it."""
        self.api.execute("UPDATE lease SET until = clock_timestamp() - interval '1 s' "
                         "WHERE name = 'sequencer'")

    def refuses_to_start(self):
        """What it says, and that it has ended."""
        self.release_lease()
        done = self.api.command("--config", self.api.config)
        assert done.returncode != 0
        return done.stderr


class Kafka:
    def __init__(self):
        self.process = subprocess.Popen([f"{bin_folder()}/../tests/mock/kafka"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.address = "plaintext://" + self.process.stdout.readline().strip()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class Feed(Log):
    """The log, and a producer whose acts are rows that the tests write."""

    def __init__(self, suite, kafka, heartbeat_s=10, **settings):
        self.plain = f"127.0.0.1:{free_port()}"     # for telectl, which has no gateway here
        super().__init__(suite, kafka=kafka.address, http_plain=self.plain,
                         audit_heartbeat_s=heartbeat_s, **settings)
        self.producer = suite.service("appointments", kafka=kafka.address, audit_heartbeat_s=heartbeat_s)

    def act(self, count=1, patient=None, org=ORG, action="visit.read", **more):
        """@count audit rows, as handlers leave them; the ids."""
        rows = [{
            "org": org, "id": str(uuid.uuid4()), "act": str(uuid.uuid4()), "at": "now",
            "action": action, "outcome": "done", "actor": str(uuid.uuid4()), "role": "clinician",
            "acr": "2", "remote": "192.0.2.7", "patient": patient,
            "resource": "/v1/appointments/{id}", "resource_id": str(uuid.uuid4()),
            "resource_version": "3", "relation": "booked", **more} for _ in range(count)]
        values = ", ".join(f"({', '.join(map(quote, row.values()))})" for row in rows)
        self.producer.execute(f"INSERT INTO audit_outbox ({', '.join(rows[0])}) VALUES {values}")
        return [row["id"] for row in rows]

    def sealed_leaf(self, seq, **changed):
        """(event, a leaf) of appointments, sealed as it would do it; @changed: fields of its body."""
        now, event = time.time_ns() // 1000, uuid.uuid4()
        half = time.strftime("%Yh1" if time.gmtime().tm_mon < 7 else "%Yh2", time.gmtime())
        shard = str(uuid.UUID(bytes=hashlib.sha256(f"shard:{half}".encode()).digest()[:16]))
        dek, key = sealed.key_to_seal(self.suite, "appointments", ORG, shard, "audit")
        body = {"act": event.bytes, "action": "chart.read", "service": "appointments", "at_us": now,
                "event": event.bytes, **changed}
        numbers = {"act": 1, "action": 2, "service": 7, "at_us": 14, "event": 18}
        dek_id = uuid.UUID(dek).bytes
        clear = (b"\x01" + bytes([36]) + ORG.encode() + bytes([12]) + b"appointments"
                 + struct.pack(">QQB", seq, now // 1000, 1) + dek_id
                 + hmac.digest(key, b"telecura audit leaf v1" + dek_id, "sha256"))
        shut = sealed.xaes_seal(key, clear, sealed.message(*((numbers[name], body[name]) for name in body)))
        return str(event), clear + struct.pack(">H", len(shut)) + shut

    def receipted(self, seconds=30):
        """Until the producer keeps no row any more, which is only at their receipts."""
        self.producer.wait_for("SELECT count(*) = 0 FROM audit_outbox", seconds)

    def indexed(self, seconds=30):
        """Until all that was done is found: audit's own acts too."""
        self.receipted(seconds)
        self.api.wait_for("SELECT count(*) = 0 FROM audit_outbox", seconds)
        self.api.wait_for("SELECT (SELECT sum(size) FROM (SELECT max(leaf_index) + 1 AS size FROM entry "
                          "GROUP BY org) AS log) <= (SELECT coalesce(sum(next), 0) FROM event_index_end)", seconds)

    def incidents(self, kind):
        return self.api.rows(f"SELECT * FROM incident WHERE kind = {quote(kind)}")

    def wait_incident(self, kind):
        self.api.wait_for(f"SELECT count(*) > 0 FROM incident WHERE kind = {quote(kind)}", 30)
        return self.incidents(kind)

    def tail(self):
        return self.producer.rows(f"SELECT seq, encode(mac, 'hex') AS mac FROM audit_chain "
                                  f"WHERE org = {quote(ORG)}")[0]


def run(*words, **kw):
    return subprocess.run(words, capture_output=True, text=True, timeout=120, **kw)


@pytest.fixture(scope="module")
def log():
    suite = telecura.Suite()
    yield Log(suite)
    suite.close()


@pytest.fixture(scope="session")
def go_reader(tmp_path_factory):
    """golang.org/x/mod's own tlog, in 100 lines of Go."""
    binary = str(tmp_path_factory.mktemp("go") / "audit_go")
    done = subprocess.run([go((1, 19)), "build", "-o", binary, "."], cwd=f"{ROOT}/tests/integration/audit_go",
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return binary


@pytest.fixture(scope="session")
def verifiers():
    """Our verifier, and the static one for other people's machines."""
    build = os.path.dirname(bin_folder())
    done = run("make", "-s", f"B={build}", "audit-verify-static", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    static = f"{build}/audit-verify-static"
    assert "statically linked" in run("file", static).stdout
    return [f"{bin_folder()}/audit-verify", static]


def new_feed():
    kafka, suite = Kafka(), telecura.Suite()
    yield Feed(suite, kafka)
    suite.close()
    kafka.stop()


@pytest.fixture(scope="session")
def feed():
    """For those who ask and leave it well; each module that harms one has its own by that name."""
    yield from new_feed()
