"""The parts of a suite that runs: who is well, who is taken away, what stands in the databases."""
import contextlib
import os
import pathlib
import signal
import subprocess
import time

import database
import doctor
import login
import suite
from door import Refused, until
from place import WITH_DATABASE

UP = pathlib.Path(doctor.__file__).with_name("up.py")
UP_S_MAX, END_S_MAX, WELL_S_MAX = 960, 60, 300      # `up` itself gives up after 900


def up(run, *words):
    """One of up.py's commands; what it printed."""
    done = run_up(run, *words)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def run_up(run, *words, **how):
    return subprocess.run(["/usr/bin/python3", UP, "--run", run, *words], capture_output=True,
                          text=True, timeout=UP_S_MAX, **how)


def patiently(ask, seconds=30):
    """Asks until it is not refused with "try again", as a client does after a fault."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (Refused, login.LoginError) as refused:
            if time.monotonic() > end or getattr(refused, "status", 503) != 503:
                raise
        time.sleep(0.1)


class Parts:
    def __init__(self, place):
        """Of a suite that has started: what is done once in a life, such as kafka-format, is no part."""
        self.place = place
        self.table = {part.name: part for part in suite.parts(place)}

    def row(self, name):
        return doctor.read_state(self.place)[name]

    def is_well(self, name):
        part = self.table[name]
        return doctor.find_trouble(self.place, part, self.row(name)) is None

    def all_well(self):
        return all(map(self.is_well, self.table))

    @contextlib.contextmanager
    def without(self, name):
        """It is down, and stays down, until the block ends; then it is well again."""
        up(self.place.run, "hold", name)
        try:
            until(lambda: self.row(name)["state"] == "held", f"{name} to end", END_S_MAX)
            yield
        finally:
            up(self.place.run, "release", name)
        until(lambda: self.row(name)["state"] == "ready" and self.is_well(name),
              f"{name} to come back", WELL_S_MAX)

    def kill(self, name):
        """kill -9; the pid that was."""
        pid = self.row(name)["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def again(self, name, was, seconds):
        """How long until another process does the work."""
        began = time.monotonic()
        until(lambda: self.row(name)["pid"] not in (was, None) and self.row(name)["state"] == "ready"
              and self.is_well(name), f"{name} to come back", seconds)
        return time.monotonic() - began

    def doctor(self):
        return run_up(self.place.run, "doctor").stdout

    # What stands in the databases.

    def rows(self, service, sql):
        return database.psql(self.place, sql, service)

    def count(self, service, table, where="true"):
        return int(self.rows(service, f"SELECT count(*) FROM {table} WHERE {where}")[0][0])

    def waiting(self, table="outbox"):
        """Rows of that table in all services together."""
        return sum(self.count(service, table) for service in WITH_DATABASE)

    def all_arrived(self, seconds=120):
        """Every event has left, and every audited act has its receipt."""
        rest = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM audit_outbox)"
        until(lambda: not any(int(self.rows(service, rest)[0][0]) for service in WITH_DATABASE),
              "empty outboxes", seconds)
