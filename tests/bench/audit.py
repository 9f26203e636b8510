"""audit: what a log costs that nobody can bend.

ratio      events/s from real Kafka into a signed checkpoint, durable (audit, PostgreSQL and files on
           one machine), over rows/s of a bare binary COPY of the same leaves
tessera    the same over Tessera's POSIX server, leaves of the same size, to its signed checkpoint
cpu_us     CPU an event, from Kafka to the signed tile: of audit's threads that hear, check and append,
           and of their PostgreSQL. all_cpu_us: of everything that audit and PostgreSQL did meanwhile
ms_p99     from the commit of an act to a published checkpoint that covers it, at 1,000/s: a producer's
           real relay, real Kafka, the real audit service
verify     CPU of hashing all entry bundles as one file, over CPU of audit-verify on the whole log
proof_bytes, proof_us   of a proof in a tree of 10^7 leaves with its entry, and verifying it
growth     CPU of an append at 10^7 leaves over one at 10^4; the log's own code, without PostgreSQL
read       audited reads/s over the same reads unaudited, 8 clients; no bar

fsync is on everywhere. The broker compiles by C2, as one does that runs for months, and has done it before
the first measured log. Every log is exported and verified afterwards, and counted.
"""
import bisect
import glob
import http.client
import json
import os
import pathlib
import sys
import threading
import time

import audit_work as work
import booking_work
import rig
import telecura
from broker_work import Kafka
from identity import ISSUER
from postgres import binary, quote

EVENTS = 120_000        # of each run from Kafka
RATE, WARM_S = 1000, 3  # acts a second, for the latency
VERIFIED = 300_000      # entries
CLIENTS = 8
PORTS = "46000"
BARS = {"ratio": ("≥", 0.3), "tessera": ("≥", 1.5), "cpu_us": ("≤", 60), "ms_p99": ("≤", 2000),
        "verify": ("≥", 0.4), "proof_bytes": ("≤", 2048), "proof_us": ("≤", 300), "growth": ("≤", 1.5)}
POSTGRES = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min",
            "jit": "off", "track_commit_timestamp": "on"}
ORGS = [f"0a000000-0000-4000-8000-00000000001{n}" for n in range(4)]
TOOLS = pathlib.Path(telecura.bin_folder()).parent / "tests/bench"
# An act as a handler leaves it, and that it was there, when the row has gone with its receipt.
ACT = """WITH act AS (
    INSERT INTO audit_outbox (org, id, act, at, action, outcome, actor, role, acr, remote, patient,
                              resource, resource_id, resource_version, relation)
    VALUES ('{org}', gen_random_uuid(), gen_random_uuid(), now(), 'visit.read', 'done', gen_random_uuid(),
            'clinician', 2, '192.0.2.7', gen_random_uuid(), '/v1/appointments/{{id}}',
            gen_random_uuid(), 3, 'booked') RETURNING id)
INSERT INTO acted (id) SELECT id FROM act;
"""
# The same read, but what it would have on record is thrown away: its COMMIT has nothing to write.
UNAUDITED = """
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER unaudited BEFORE INSERT ON audit_outbox FOR EACH ROW EXECUTE FUNCTION forget();
"""


INDEXED = ("SELECT count(*) = 0 FROM published AS p LEFT JOIN event_index_end AS i USING (org) "
           "WHERE coalesce(i.next, 0) < p.size")


class Bench:
    def __init__(self, seconds):
        self.seconds, self.busy, self.kafka = seconds, [], None
        self.suite = telecura.Suite(fsync=True, **POSTGRES)
        self.folder = pathlib.Path(self.suite.folder)
        self.postgres = self.suite.postgres

    def prepare(self):
        self.kafka = Kafka(PORTS, jit="full")
        self.suite.service("keyd", **self.kafka.settings("keyd"))
        self.plain = telecura.free_port()
        self.audit = self.suite.service("audit", start=False, http_plain=f"127.0.0.1:{self.plain}",
                                        **self.kafka.settings("audit"))
        self.producer = self.suite.service("appointments", start=False,
                                           **self.kafka.settings("appointments"))

    def close(self):
        if self.kafka:
            self.kafka.close()
        self.suite.close()

    def calm(self):
        self.busy.append(rig.calm())

    def log_size(self, connection, org):
        """Of the checkpoint that anybody may read."""
        connection.request("GET", f"/v1/audit/{org}/checkpoint")
        reply = connection.getresponse()
        body = reply.read()
        return int(body.split(b"\n")[1]) if reply.status == 200 else 0

    def reader(self):
        return http.client.HTTPConnection("127.0.0.1", self.plain, timeout=30)

    def check_log(self, org, count):
        """Each of the producer's @count events once, and all entries hash up to what is signed. (What
        keyd did for it stands there too.)"""
        checkpoint, = glob.glob(f"{self.folder}/log/{org}/**/checkpoint", recursive=True)
        source, copy = os.path.dirname(checkpoint), f"{self.folder}/export-{org}"
        rig.run(f"{telecura.bin_folder()}/audit-export", source, copy)
        vkey = pathlib.Path(source, "vkey").read_text().strip()
        said = rig.run(f"{telecura.bin_folder()}/audit-verify", copy, "--vkey", vkey)
        placed = f"FROM entry WHERE org = {quote(org)}"
        all_of_them = self.audit.value(f"SELECT count(DISTINCT event_id) {placed}")
        ours = self.audit.value(f"SELECT count(*) {placed} AND producer = 'appointments'")
        if ours != count or not said.endswith(f", {all_of_them} entries\n"):
            raise RuntimeError(f"{count} events, {ours} of {all_of_them} rows, and the log is {said}")

    # ---- events/s and CPU an event, from Kafka ----

    def load(self, org):
        """Records wait in Kafka. Returns the file of their leaves."""
        leaves, tls = f"{self.folder}/leaves-{org}", self.kafka.settings("appointments")
        rig.run(TOOLS / "audit_load", tls["kafka"], f"{self.folder}/keyd.sock", tls["tls_ca"],
                tls["tls_cert"], tls["tls_key"], org, EVENTS, leaves)
        return leaves

    def sequence(self, org):
        self.calm()
        self.audit.start()
        reader, before, until = self.reader(), self.cpu_s(), time.monotonic() + 120
        self.audit.wait_for(f"SELECT EXISTS (SELECT FROM log_end WHERE org = {quote(org)})", 60)
        began = time.monotonic()
        heard = self.audit.value(f"SELECT next FROM log_end WHERE org = {quote(org)}")  # before it was looked
        while self.log_size(reader, org) < EVENTS:
            if time.monotonic() > until:
                raise RuntimeError(f"{self.log_size(reader, org)} of {EVENTS} after 120 s")
            time.sleep(0.01)
        took, events = time.monotonic() - began, EVENTS
        after = self.cpu_s()
        parts = {name: round((after[name] - before[name]) * 1e6 / events, 1) for name in after}
        self.audit.wait_for("SELECT count(*) = 0 FROM waiting", 30)
        self.audit.wait_for(INDEXED, 120)   # or it would be filled under the next log's hands
        self.audit.stop()
        self.check_log(org, EVENTS)
        figures = {"per_s": round((events - heard) / took), "all_cpu_us": parts.pop("all"),
                   "cpu_us": sum(parts.values()), "parts": parts}
        rig.note(f"audit: {figures}")
        return figures

    def cpu_s(self):
        """Of each part of the way into the log, and of all: the index is filled behind it."""
        pid = self.audit.process.pid
        backends = self.postgres.rows("audit", "SELECT pid, application_name AS name FROM pg_stat_activity "
                                               "WHERE usename LIKE 'audit%'")
        return {"kafka": rig.threads_cpu_s(pid, "rdk:"), "hear": rig.threads_cpu_s(pid, "feed"),
                "append": rig.threads_cpu_s(pid, "effects"),
                **{f"pg_{name}": sum(rig.cpu_s(row["pid"]) for row in backends if row["name"] == name)
                   for name in ("consumer", "sequencer")},
                "all": rig.cpu_s(pid) + rig.cpu_s(self.postgres.pid)}

    def copy(self):
        self.calm()
        figures = work.copy_run(self.postgres, f"{self.folder}/copy", EVENTS)
        rig.note(f"COPY: {figures}")
        return figures

    def tessera(self):
        self.calm()
        figures = work.tessera_run(TOOLS / "httpload", f"{self.folder}/adds", f"{self.folder}/tessera", EVENTS)
        rig.note(f"tessera: {figures}")
        return figures

    def leaves(self):
        """A file of leaves, for what needs no more of them than that."""
        made = glob.glob(f"{self.folder}/leaves-*")
        return made[0] if made else self.load(ORGS[0])

    def throughput(self):
        """Ours, COPY, Tessera, Tessera, COPY, ours; before them one that warms the broker."""
        leaves = self.load(ORGS[0])
        self.sequence(ORGS[0])
        self.load(ORGS[1])
        work.copy_prepare(leaves, f"{self.folder}/copy")
        work.tessera_prepare(leaves, f"{self.folder}/adds")
        ours = [self.sequence(ORGS[1])]
        copy, tessera = [self.copy()], [self.tessera(), self.tessera()]
        copy.append(self.copy())
        self.load(ORGS[2])
        ours.append(self.sequence(ORGS[2]))
        return ours, copy, tessera, leaves

    # ---- from commit to checkpoint ----

    def watch(self, org, seen, done):
        """(when, size) of each checkpoint that is new."""
        reader, last = self.reader(), 0
        while not done.is_set():
            size = self.log_size(reader, org)
            if size > last:
                seen.append((time.time() * 1000, size))
                last = size
            time.sleep(0.004)

    def latency(self):
        """Milliseconds of each act, sorted."""
        org, seen, done = ORGS[3], [], threading.Event()
        self.audit.start()
        self.producer.start()
        self.producer.execute("CREATE TABLE acted (id uuid PRIMARY KEY)")
        script = self.folder / "act.pgbench"
        script.write_text(ACT.format(org=org))
        self.producer.execute(script.read_text())
        # Both ends have joined Kafka and have their keys when the first act is back.
        self.producer.wait_for("SELECT count(*) = 0 FROM audit_outbox", 60)
        self.calm()
        watcher = threading.Thread(target=self.watch, args=(org, seen, done))
        watcher.start()
        try:
            rig.run(binary("pgbench"), "-h", self.postgres.socket, "-U", "root_of_all", "-n", "-M", "prepared",
                    "-f", script, "-c", CLIENTS, "-j", 1, "-R", RATE, "-T", self.seconds + WARM_S, "appointments")
            count = self.producer.value("SELECT count(*) FROM acted")
            self.producer.wait_for("SELECT count(*) = 0 FROM audit_outbox", 60)
        finally:
            done.set()
            watcher.join()
        acts = self.producer.rows("SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS ms FROM acted")
        places = {row["event_id"]: row["leaf_index"] for row in self.audit.rows(
            f"SELECT event_id, leaf_index FROM entry WHERE org = {quote(org)}")}
        self.producer.stop()
        self.audit.stop()
        self.check_log(org, count)
        sizes, from_ms = [size for _, size in seen], min(act["ms"] for act in acts) + WARM_S * 1000
        return sorted(seen[bisect.bisect_right(sizes, places[act["id"]])][0] - act["ms"]
                      for act in acts if act["ms"] >= from_ms)

    # ---- size ----

    def trees(self, leaves):
        got = json.loads(rig.run(TOOLS / "audit_tree", "costs", f"{self.folder}/small", f"{self.folder}/big", leaves))
        rig.run(f"{telecura.bin_folder()}/audit-verify", f"{self.folder}/small/log", "--vkey", got.pop("vkey"))
        rig.note(f"trees: {got}")
        return got


def read_ratio(seconds):
    """Reads of a visit by its patient, through the service; without Kafka rows wait where they are."""
    suite = telecura.Suite(fsync=True, **POSTGRES)
    httpload, folder = TOOLS / "httpload", pathlib.Path(suite.folder)
    try:
        port = telecura.free_port()
        service = suite.service("appointments", start=False, workers=CLIENTS, http_plain=f"127.0.0.1:{port}",
                                http_plain_only="true")
        booking_work.fill(suite.postgres, "appointments", booking_work.clinic_sql(ISSUER))
        tokens = [suite.idp.token(f"patient-{n}", ttl_s=7200) for n in range(booking_work.PATIENTS)]
        booking_work.write_requests(folder / "book", tokens, 0, booking_work.PATIENTS)
        service.start()
        rig.run(httpload, port, folder / "book", 2, 600)
        by_patient = {booking_work.patient(n): token for n, token in enumerate(tokens)}
        visits = service.rows("SELECT id, patient_id FROM appointment WHERE local_start <> ''")
        with open(folder / "read", "w") as f:
            for i in range(100_000):
                visit = visits[i % len(visits)]
                request = (f"GET /v1/appointments/{visit['id']} HTTP/1.1\r\nHost: bench.test\r\n"
                           f"Authorization: Bearer {by_patient[visit['patient_id']]}\r\n\r\n")
                f.write(f"200 {len(request)}\n{request}")
        rates = {True: [], False: []}
        for audited in (True, False, False, True):
            service.execute("DROP FUNCTION IF EXISTS forget CASCADE" if audited else UNAUDITED
                            if not rates[False] else "SELECT 1")
            rows = service.value("SELECT count(*) FROM audit_outbox")
            got = json.loads(rig.run(httpload, port, folder / "read", CLIENTS, seconds))
            rows = service.value("SELECT count(*) FROM audit_outbox") - rows
            if rows != audited * got["answered"]:
                raise RuntimeError(f"{got['answered']} reads, {rows} on record")
            rates[audited].append(got["per_s"])
        rig.note(f"reads: {rates}")
        return round(sum(rates[True]) / sum(rates[False]), 3)
    finally:
        suite.close()


def mean(runs, name):
    return sum(run[name] for run in runs) / len(runs)


def throughput_figures(bench):
    ours, copy, tessera, leaves = bench.throughput()
    return {"ratio": round(mean(ours, "per_s") / mean(copy, "per_s"), 3),
            "tessera": round(mean(ours, "per_s") / mean(tessera, "per_s"), 2),
            "cpu_us": round(mean(ours, "cpu_us"), 1), "all_cpu_us": round(mean(ours, "all_cpu_us"), 1),
            "per_s": {"audit": [r["per_s"] for r in ours], "copy": [r["per_s"] for r in copy],
                      "tessera": [r["per_s"] for r in tessera]},
            "parts_cpu_us": [r["parts"] for r in ours], "tessera_cpu_us": [r["cpu_us"] for r in tessera]}


def latency_figures(bench):
    took = bench.latency()
    return {"ms_p50": round(rig.percentile(took, 0.5)), "ms_p99": round(rig.percentile(took, 0.99))}


def verify_figures(bench):
    return {"verify": work.verify_ratio(TOOLS / "audit_tree", f"{telecura.bin_folder()}/audit-verify",
                                        bench.leaves(), bench.folder, VERIFIED)}


def tree_figures(bench):
    trees = bench.trees(bench.leaves())
    return {"proof_bytes": trees["proof_bytes"], "proof_us": trees["proof_us"],
            "growth": round(trees["cpu_us_big"] / trees["cpu_us_small"], 2), "append": trees}


def read_figures(bench):
    return {"read": read_ratio(max(2, bench.seconds // 2))}


PARTS = {"throughput": throughput_figures, "latency": latency_figures, "verify": verify_figures,
         "tree": tree_figures, "read": read_figures}


def main():
    wanted = rig.arguments()
    names = [wanted.part] if wanted.part else list(PARTS)
    work.tessera_binary()
    figures = {}
    with rig.alone():
        bench = Bench(wanted.seconds)
        try:
            bench.prepare()
            for name in names:
                figures |= PARTS[name](bench)
        finally:
            bench.close()
    return rig.report("audit", {**figures, "others_busy_cores": bench.busy}, BARS, wanted.part)


if __name__ == "__main__":
    sys.exit(main())
