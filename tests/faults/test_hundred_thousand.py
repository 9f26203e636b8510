"""A hundred thousand acts while PostgreSQL, Kafka, the producer with its relay, and the audit service are
killed in turn: each stands in the log once, and nothing else does.

The acts are rows that the service's own statement inserts, by its own role, one a transaction. What has
committed is known from a second table of the same transaction; what is in the log, from an export that
audit-verify has found sound and whose entries are opened with keyd's keys.
"""
import collections
import itertools
import os
import random
import re
import subprocess
import threading
import time
import uuid

import acts
import database
import witness
from door import until

EVENTS = int(os.environ.get("EVENTS", 100_000))
RATE, CLIENTS = 1000, 4       # slow enough that acts are left for each round: Kafka alone is away for 12 s
VICTIMS = "appointments", "audit", "postgres", "kafka"      # the relay is a thread of the producer
ROUNDS_MIN, PROGRESS = max(1, EVENTS // 25_000), (500, 2000)   # leaves between two kills
BACK_S, GROW_S_MAX = 300, 300
ORG = str(uuid.uuid4())


class Load(threading.Thread):
    """EVENTS acts that were acknowledged, however often PostgreSQL goes away meanwhile."""

    def __init__(self, place, script):
        super().__init__(daemon=True)
        self.place, self.script = place, script
        self.acknowledged = self.runs = 0
        self.fault, self.given_up, self.pgbench = None, False, None

    def give_up(self):
        self.given_up = True
        if self.pgbench:
            self.pgbench.terminate()

    def run(self):
        try:
            while self.acknowledged < EVENTS and not self.given_up:
                self.run_once()
        except Exception as fault:      # told by the test
            self.fault = fault

    def run_once(self):
        left = EVENTS - self.acknowledged
        self.pgbench = subprocess.Popen(
            [f"{database.PROGRAMS}/pgbench", "-n", "-M", "prepared", "-f", self.script, "-c", str(CLIENTS),
             "-R", str(RATE), "-t", str(-(-left // CLIENTS)), "-h", self.place.run / "postgres",
             "-p", str(self.place.port("postgres")), "-U", acts.PRODUCER, acts.PRODUCER],
            env={"PATH": "/usr/bin:/bin", "PGPASSWORD": self.place.secret(f"db-{acts.PRODUCER}")},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said, trouble = self.pgbench.communicate()
        found = re.search(r"actually processed: (\d+)", said)
        if found:
            self.acknowledged += int(found[1])
            self.runs += 1
        elif "onnection" not in trouble and "starting up" not in trouble:
            raise RuntimeError(trouble[-1000:])
        else:
            time.sleep(0.1)     # it is away; as any client, once more


def kill_in_turn(parts, load):
    """{victim: seconds until each was back}, until every act has its receipt."""
    took, dice = collections.defaultdict(list), random.Random(5)

    def is_over():
        return not load.is_alive() and parts.count(acts.PRODUCER, "audit_outbox") == 0

    for victim in itertools.cycle(VICTIMS):
        enough = acts.log_size(parts.place, ORG) + dice.randint(*PROGRESS)
        until(lambda: acts.log_size(parts.place, ORG) >= enough or is_over(), f"a log that grows, before {victim}",
              GROW_S_MAX)
        if is_over():
            return took
        took[victim].append(round(parts.again(victim, parts.kill(victim), BACK_S), 1))


def test_nobody_looks_into_what_is_delivered(few):
    """Not dumpable: no core, and no ptrace by its own user. The kernel then gives what lies in /proc to root."""
    for service in ("keyd", "appointments", "audit"):
        assert os.stat(f"/proc/{few.row(service)['pid']}/mem").st_uid == 0


def test_each_stands_in_the_log_once(few, tmp_path):
    few.rows(acts.PRODUCER, witness.REMOVE + witness.INSTALL)
    script = tmp_path / "act"
    script.write_text(acts.statement(ORG))
    began, load = time.monotonic(), Load(few.place, script)
    load.start()
    try:
        took = kill_in_turn(few, load)
    finally:
        load.give_up()
        load.join()
    assert load.fault is None
    all_s = time.monotonic() - began

    committed = {row[0] for row in few.rows(acts.PRODUCER, f"SELECT id FROM witness.row WHERE org = '{ORG}'")}
    few.rows(acts.PRODUCER, witness.REMOVE)
    logged = acts.published(few.place, ORG, tmp_path)
    missing, twice, of_nobody = acts.misplaced(logged, committed)
    print(f"{len(committed)} acts, {sum(logged.values())} leaves: {len(missing)} missing, {len(twice)} twice; "
          f"all with a receipt after {all_s:.0f} s; killed, and back after so many seconds: {dict(took)}")
    assert not missing and not twice and not of_nobody
    # Of each client that was cut off one COMMIT may have happened and not been told.
    assert load.acknowledged <= len(committed) <= load.acknowledged + CLIENTS * load.runs
    assert all(len(took[victim]) >= ROUNDS_MIN for victim in VICTIMS)
    assert few.rows("audit", f"SELECT kind, seq, times FROM incident WHERE org = '{ORG}' AND closed_at IS NULL") == []
