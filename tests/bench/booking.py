"""booking: POST /v1/appointments against PostgreSQL alone, and against the seed's design.

ratio      bookings/s through the service (8 workers, real keyd, plain HTTP on loopback) over
           transactions/s of pgbench (8 clients) with a script made from the service's own
           statements, in the same two flushes; runs alternate: A B B A
one_cte    the same ratio to a whole booking as one statement in a plain schema, for comparison
seed_orm   bookings/s over those of the seed's FastAPI design, the same driver and 10 % conflicts
seed_best  the same over its best form: bare asyncpg, two workers
           (the seed as its bars were measured: 10,000 patients, PostgreSQL by TCP)
cpu_us     CPU of the service a booking, its share of the kernel's work included

fsync is on everywhere, every run has a fresh copy of the same clinic with 50,000 bookings, and
every answer is checked.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

import booking_work as work
import rig
import pypi
import telecura
from identity import ISSUER
from postgres import binary

CONNECTIONS, WORKERS = 16, 8
REQUESTS = 60_000
ROUNDS = 2
CONFLICTS = 0.1
BARS = {"ratio": ("≥", 0.60), "seed_orm": ("≥", 7), "seed_best": ("≥", 3.5), "cpu_us": ("≤", 150)}
POSTGRES = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min",
            "jit": "off", "log_min_messages": "fatal",      # as deploy/postgres has it
            "listen_addresses": "127.0.0.1"}                # TCP: for the seed
PLANNED_ONCE = "-c plan_cache_mode=force_generic_plan"  # as the service has it
ANCHORS = rig.HERE / "anchors"
HTTPLOAD = pathlib.Path(telecura.bin_folder()).parent / "tests/bench/httpload"


class Bench:
    def __init__(self, seconds):
        self.seconds = seconds
        os.environ["PGPORT"] = str(telecura.free_port())  # names the socket, too
        self.suite = telecura.Suite(fsync=True, **POSTGRES)
        self.folder = pathlib.Path(self.suite.folder)
        self.postgres = self.suite.postgres
        self.busy, self.sample = [], None

    def prepare(self):
        """The service's settings, both clinics and all requests."""
        self.service = self.suite.service("appointments", start=False, workers=WORKERS,
                                          http_plain=f"127.0.0.1:{telecura.free_port()}",
                                          http_plain_only="true")
        self.port = int(self.service.settings["http_plain"].rsplit(":", 1)[1])
        work.fill(self.postgres, "appointments", work.clinic_sql(ISSUER))
        self.postgres.execute("postgres", "CREATE DATABASE seed")
        work.fill(self.postgres, "seed", (ANCHORS / "seed.sql").read_text())
        idp = self.suite.idp
        tokens = [idp.token(f"patient-{n}", ttl_s=7200, jti=f"jti-{n}") for n in range(work.PATIENTS)]
        # One booking a patient: every token is known and every key is there before it counts.
        work.write_requests(self.folder / "warm", tokens, 0, work.PATIENTS)
        work.write_requests(self.folder / "free", tokens, work.PATIENTS, REQUESTS)
        work.write_requests(self.folder / "mixed", tokens, work.PATIENTS, REQUESTS, CONFLICTS)
        work.write_seed_requests(self.folder / "seed-warm", 0, work.SEED_PATIENTS, 0)
        work.write_seed_requests(self.folder / "seed", work.SEED_PATIENTS, REQUESTS, CONFLICTS)

    def close(self):
        self.suite.close()

    def fresh(self, template):
        """A new copy in a new server, so that no run inherits another's bloat, nor its buffers: where
        databases came and went, they lie scattered, and ten runs on all are 8 % slower."""
        self.postgres.stop()
        self.postgres.start()
        self.postgres.execute("postgres", "DROP DATABASE IF EXISTS bench WITH (FORCE)")
        self.postgres.execute("postgres", f"CREATE DATABASE bench TEMPLATE {template}")
        self.postgres.execute("bench", "CHECKPOINT")

    def measured(self, run):
        """run() -> (operations, figures), alone and in a calm moment, with the database's CPU."""
        self.busy.append(rig.calm())
        before = rig.cpu_s(self.postgres.pid)
        count, figures = run()
        figures["pg_cpu_us"] = round((rig.cpu_s(self.postgres.pid) - before) * 1e6 / count, 1)
        return figures

    def load(self, port, requests, seconds, connections=CONNECTIONS):
        return json.loads(rig.run(HTTPLOAD, port, self.folder / requests, connections, seconds))

    # ---- the three arms ----

    def through_service(self, requests):
        self.fresh("appointments")
        conninfo = self.postgres.conninfo("appointments").replace("dbname=appointments",
                                                                  "dbname=bench")
        self.service.settings["db"] = self.suite.secret("bench.db", conninfo)
        self.service.start()
        try:
            self.load(self.port, "warm", 600, 2)  # keyd makes a key for each patient
            pid = self.service.process.pid

            def run():
                before = rig.cpu_s(pid)
                got = self.load(self.port, requests, self.seconds)
                got["cpu_us"] = round((rig.cpu_s(pid) - before) * 1e6 / got["answered"], 1)
                return got["answered"], got
            figures = self.measured(run)
        except RuntimeError:
            rig.note(self.service.tail(5))
            raise
        finally:
            self.service.stop()
        self.check_service(figures)
        rig.note(f"service, {requests}: {figures}")
        return figures

    def check_service(self, figures):
        """What was answered is what stands there: a visit, its history, its relation, its event, its audit
        row and its key each."""
        rows = self.postgres.rows("bench", f"""
            SELECT (SELECT count(*) FROM appointment) - {work.PRELOADED} AS visits,
                   (SELECT count(*) FROM appointment_history) - {work.PRELOADED} AS histories,
                   (SELECT count(*) FROM relation WHERE kind = 'booked') - {work.PRELOADED} AS relations,
                   (SELECT count(*) FROM outbox) AS events, (SELECT count(*) FROM idempotency) AS keys,
                   (SELECT count(*) FROM audit_outbox WHERE outcome = 'done') AS audited,
                   (SELECT count(*) FROM audit_outbox) AS audited_all""")[0]
        answered = figures["answered"] + work.PATIENTS
        if len({n for k, n in rows.items() if k != "audited_all"}) != 1 \
                or rows["audited_all"] != answered:
            raise RuntimeError(f"{answered} answers, but {rows}")
        self.sample = {
            "visit": self.one("SELECT sealed FROM appointment WHERE local_start <> ''"),
            "event": self.one("SELECT topic, kind, payload FROM outbox"),
            "audit": self.one("SELECT act, at, remote, action, resource, purpose, request, token, "
                              "sign_in FROM audit_outbox WHERE outcome = 'done'"),
            "key": self.one("SELECT body_hash FROM idempotency"),
        }

    def one(self, query):
        return self.postgres.rows("bench", f"{query} LIMIT 1")[0]

    def through_pgbench(self, template, script, flags, user):
        self.fresh(template)
        path = self.folder / "script.pgbench"
        path.write_text(script)

        def run():
            out = rig.run(binary("pgbench"), "-h", self.postgres.socket, "-U", user, "-n", "-M",
                          "prepared", "-f", path, "-c", WORKERS, "-j", 1, "-T", self.seconds,
                          *flags, "bench", env={**os.environ, "PGOPTIONS": PLANNED_ONCE})
            count = int(re.search(r"actually processed: (\d+)", out)[1])
            return count, {"answered": count,
                           "per_s": float(re.search(r"tps = ([\d.]+)", out)[1])}
        figures = self.measured(run)
        booked = self.postgres.value("bench", "SELECT count(*) FROM appointment") - work.PRELOADED
        if booked < 0.99 * figures["answered"]:
            raise RuntimeError(f"pgbench: {figures['answered']} transactions booked {booked}")
        rig.note(f"pgbench, {template}: {figures}")
        return figures

    def same_statements(self):
        files = [rig.ROOT / "common/app/sql/act.sql",
                 rig.ROOT / "services/appointments/sql/appointment.sql"]
        script, flags = work.pgbench_script(work.statements_of(*files), self.sample, WORKERS)
        return self.through_pgbench("appointments", script, flags, "appointments")

    def one_cte(self):
        script = (ANCHORS / "one_cte.pgbench").read_text()
        return self.through_pgbench("seed", script, [], "root_of_all")

    def through_seed(self, orm, workers):
        self.fresh("seed")
        port = telecura.free_port()
        dsn = f"postgresql://root_of_all@127.0.0.1:{os.environ['PGPORT']}/bench"
        command = [seed_python(), "-m", "uvicorn", "seed_app:app", "--app-dir", ANCHORS, "--host",
                   "127.0.0.1", "--port", port, "--workers", workers, "--loop", "uvloop", "--http",
                   "httptools", "--no-access-log", "--log-level", "warning"]
        server = subprocess.Popen(
            list(map(str, command)), stdout=sys.stderr, env={
                **os.environ, "SEED_DSN": dsn, "SEED_SECRET": work.SEED_SECRET,
                "SEED_ORM": str(int(orm)), "PYTHONDONTWRITEBYTECODE": "1"})
        try:
            rig.wait_port(port, server)
            self.load(port, "seed-warm", 3)

            def run():
                got = self.load(port, "seed", self.seconds)
                return got["answered"], got
            figures = self.measured(run)
        finally:
            server.terminate()
            server.wait(20)
        rig.note(f"seed, {'ORM' if orm else 'asyncpg'}, {workers} workers: {figures}")
        return figures


def seed_python():
    """The peer's own Python, made once in the cache folder."""
    return pypi.environment("seed-peer", ANCHORS / "requirements.txt")


def mean(runs, name):
    return sum(run[name] for run in runs) / len(runs)


def beside(ours, theirs, first):
    """Ours over theirs, each of theirs by the two of ours that ran just before and just after it:
    a machine's speed drifts by a third within minutes."""
    each = [mean(ours[2 * i + first:2 * i + first + 2], "per_s") / run["per_s"]
            for i, run in enumerate(theirs)]
    return sum(each) / len(each)


def main():
    seconds = rig.arguments().seconds
    seed_python()
    with rig.alone():
        bench = Bench(seconds)
        try:
            bench.prepare()
            ours = [bench.through_service("free")]
            same = [bench.same_statements(), bench.same_statements()]
            ours.append(bench.through_service("free"))
            cte = bench.one_cte()
            mixed, orm, best = [bench.through_service("mixed")], [], []
            for _ in range(ROUNDS):
                orm.append(bench.through_seed(True, 1))
                mixed.append(bench.through_service("mixed"))
                best.append(bench.through_seed(False, 2))
                mixed.append(bench.through_service("mixed"))
        finally:
            bench.close()
    rate = mean(ours, "per_s")
    figures = {
        "ratio": round(rate / mean(same, "per_s"), 3),
        "seed_orm": round(beside(mixed, orm, 0), 2),
        "seed_best": round(beside(mixed, best, 1), 2),
        "cpu_us": round(mean(ours, "cpu_us"), 1),
        "one_cte": round(rate / cte["per_s"], 3),
        "pg_cpu_ratio": round(mean(ours, "pg_cpu_us") / mean(same, "pg_cpu_us"), 2),
        "per_s": {"service": [r["per_s"] for r in ours], "pgbench": [r["per_s"] for r in same],
                  "one_cte": cte["per_s"], "service_mixed": [r["per_s"] for r in mixed],
                  "seed_orm": [r["per_s"] for r in orm], "seed_best": [r["per_s"] for r in best]},
        "p99_ms": {"service": max(r["p99_ms"] for r in ours),
                   "seed_orm": max(r["p99_ms"] for r in orm),
                   "seed_best": max(r["p99_ms"] for r in best)},
        "others_busy_cores": bench.busy,
    }
    return rig.report("booking", figures, BARS)


if __name__ == "__main__":
    sys.exit(main())
