"""supervisor - keeps every part of the suite running, by pid, until it is told to stop.

One process per suite, started by `up` and outliving its terminal. Each part of the table has a
keeper thread: wait for what it needs, start, probe until ready, wait for the end, start again with
backoff. A part with a file in <run>/held is left down until the file is gone (`up.py hold`).
What is known stands in <run>/state.json, rewritten at every change. Who holds the lock on
<run>/supervisor.lock is the suite's supervisor; the kernel drops it with the process, so no stale
file ever says that a dead suite is alive. SIGTERM stops everything in the table's waves.

usage: supervisor.py RUN [PART...]
"""
import fcntl
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import time

import suite
from place import Place, write_file

BACKOFF_S = (0.1, 0.2, 0.5, 1, 2, 5)
FAILING_AFTER = 4           # so many failures in a row are said aloud; the tries go on
STEADY_S = 20               # a part that ran this long starts its backoff anew
STOP_GRACE_S = 15
HELD_LOOK_S = 0.1
LOG_BYTES_MAX = 16 << 20


def started_ticks(pid):
    """When a process started; with the pid it names a process for ever. None: it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def last_lines(path, count=8):
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 8192))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


class Keeper(threading.Thread):
    def __init__(self, place, part, board):
        super().__init__(name=part.name, daemon=True)
        self.place, self.part, self.board = place, part, board
        self.process = None
        self.ready = threading.Event()
        self.stopping = threading.Event()
        self.gate = threading.Lock()    # nothing is spawned once stopping is set
        self.log = place.run / f"log/{part.name}.log"

    def run(self):
        for name in self.part.after:
            self.board.keepers[name].ready.wait()
        failures = 0
        while not self.stopping.is_set():
            started = time.monotonic()
            reason = self.try_once()
            if reason is None or self.stopping.is_set():
                return
            steady = time.monotonic() - started > max(STEADY_S, self.part.ready_s)
            failures = 1 if steady else failures + 1
            self.board.note(self.part.name, state="failing" if failures >= FAILING_AFTER
                            else "restarting", pid=None, reason=reason, failures=failures)
            self.stopping.wait(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])
            self.wait_while_held()

    def wait_while_held(self):
        mark = self.place.held(self.part.name)
        if mark.exists():
            self.board.note(self.part.name, state="held", pid=None, reason="it is held down")
        while mark.exists() and not self.stopping.is_set():
            self.stopping.wait(HELD_LOOK_S)

    def try_once(self):
        """Starts the part and sees it through. None: it is done. Else why it has ended."""
        with self.gate:
            if self.stopping.is_set():
                return None
            try:
                self.spawn()
            except OSError as error:
                return f"it cannot be started: {error}"
        if self.part.once:
            return self.finish()
        reason = self.become_ready()
        if reason is None:
            self.process.wait()
            reason = ended(self.process.returncode)
        return reason

    def spawn(self):
        part, place = self.part, self.place
        self.began = time.monotonic()
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        folder = place.run / (part.name if (place.run / part.name).is_dir() else "")
        as_owner = {}
        if os.geteuid() == 0 and part.owner:
            uid, gid = place.owner(part.owner)
            as_owner = {"user": uid, "group": gid, "extra_groups": []}
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
                       "HOME": str(folder), "TELECURA_CACHE": str(place.cache), **part.environment}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                part.command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, umask=0o027, **as_owner)
        self.board.note(part.name, state="starting", pid=self.process.pid,
                        ticks=started_ticks(self.process.pid), starts=1)

    def become_ready(self):
        pause_s = 0.02
        deadline = self.began + self.part.ready_s
        why = "it never answered"
        while self.process.poll() is None:
            try:
                self.part.probe(self.place)
            except Exception as error:   # whatever a probe meets means: not yet
                why = str(error)
            else:
                self.say_ready("ready")
                return None
            if time.monotonic() > deadline:
                self.kill(signal.SIGKILL)
                self.process.wait()
                return f"not ready after {self.part.ready_s} s: {why}"
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.25)
        return ended(self.process.returncode)

    def finish(self):
        try:
            code = self.process.wait(self.part.ready_s)
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGKILL)
            self.process.wait()
            return f"not done after {self.part.ready_s} s"
        if code == 0:
            self.say_ready("done", pid=None)
            return None
        return ended(code)

    def say_ready(self, state, **facts):
        self.board.note(self.part.name, **facts, state=state, reason=None, failures=0,
                        ready_after_s=round(time.monotonic() - self.began, 2))
        self.ready.set()

    def kill(self, number):
        """The whole session: a part's children go with it."""
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def stop(self):
        """Asks; the answer is awaited by the board, wave by wave."""
        if self.process and self.process.poll() is None:
            try:
                os.kill(self.process.pid, self.part.stop_signal)
            except ProcessLookupError:
                pass


def ended(code):
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


class Board:
    """What is known of each part, in memory and in <run>/state.json."""

    def __init__(self, place, parts):
        self.place = place
        self.lock = threading.Lock()
        self.rows = {part.name: {"state": "waiting", "pid": None, "starts": 0} for part in parts}
        self.keepers = {part.name: Keeper(place, part, self) for part in parts}
        self.write()

    def note(self, name, starts=0, **facts):
        with self.lock:
            row = self.rows[name]
            row.update(facts, since=time.time(), starts=row["starts"] + starts)
            self.write()

    def write(self):
        write_file(self.place.run / "state.json", json.dumps(
            {"supervisor": os.getpid(), "parts": self.rows}, indent=1))

    def start(self):
        for keeper in self.keepers.values():
            keeper.start()

    def stop(self):
        for keeper in self.keepers.values():
            with keeper.gate:
                keeper.stopping.set()
        for wave in sorted({keeper.part.wave for keeper in self.keepers.values()}):
            leaving = [k for k in self.keepers.values() if k.part.wave == wave]
            for keeper in leaving:
                keeper.stop()
            deadline = time.monotonic() + STOP_GRACE_S
            for keeper in leaving:
                if keeper.process:
                    try:
                        keeper.process.wait(max(0.1, deadline - time.monotonic()))
                    except subprocess.TimeoutExpired:
                        pass
                    keeper.kill(signal.SIGKILL)      # also what a part has left behind
                    keeper.process.wait()
                self.note(keeper.part.name, state="stopped", pid=None)


def take_lock(run):
    """The open lock file, or None if another supervisor is alive."""
    file = open(run / "supervisor.lock", "a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def main():
    place = Place(sys.argv[1])
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    lock = take_lock(place.run)
    if lock is None:
        sys.exit("another supervisor runs this suite")
    write_file(place.run / "supervisor.pid", f"{os.getpid()}\n")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))     # a core file would hold patient data
    board = Board(place, suite.chosen(place, sys.argv[2:]))
    board.start()
    told_to_stop.wait()
    board.stop()


if __name__ == "__main__":
    main()
