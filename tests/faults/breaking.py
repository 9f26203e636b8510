"""Ways to break a part that goes on running: tables locked, disks full.

Each is a context: broken inside, whole again after it.
"""
import contextlib
import os
import pwd
import subprocess
import tempfile

import database
from disks import filled, small_disk
from place import WITH_DATABASE


def without(name):
    return lambda parts: parts.without(name)


class Session:
    """A superuser's session that stays open between statements."""

    def __init__(self, place, name):
        self._psql = subprocess.Popen(
            [f"{database.PROGRAMS}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", place.run / "postgres", "-p",
             str(place.port("postgres")), "-U", "postgres", "-d", name], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", "PGPASSWORD": place.secret("postgres")})

    def run(self, sql):
        """The first word that it answers."""
        self._psql.stdin.write(f"{sql};\n\\echo done\n")
        self._psql.stdin.flush()
        answer = self._psql.stdout.readline().strip()
        if answer != "done":
            assert self._psql.stdout.readline().strip() == "done", answer
        return answer

    def close(self):
        """What has not been committed has not happened."""
        self._psql.stdin.close()
        self._psql.wait(30)
        self._psql.stdout.close()


@contextlib.contextmanager
def sessions(place):
    with contextlib.ExitStack() as stack:
        made = [Session(place, name) for name in WITH_DATABASE]
        for session in made:
            stack.callback(session.close)
        yield made


@contextlib.contextmanager
def audit_locked(parts):
    """Nobody can write or read an audit row."""
    with sessions(parts.place) as all_of_them:
        for session in all_of_them:
            session.run("BEGIN; LOCK TABLE audit_outbox IN ACCESS EXCLUSIVE MODE")
        yield


@contextlib.contextmanager
def audit_disk_full(parts):
    """The audit rows lie on a disk of their own, and it is full: what an act changes could be written."""
    place = parts.place
    user = pwd.getpwnam("postgres")
    with tempfile.TemporaryDirectory(prefix="tc-full-", dir="/tmp") as folder, contextlib.ExitStack() as end:
        os.chmod(folder, 0o755)
        end.enter_context(small_disk(folder, "4m", (user.pw_uid, user.pw_gid)))
        database.psql(place, f"CREATE TABLESPACE small LOCATION '{folder}'")
        end.callback(database.psql, place, "DROP TABLESPACE small")
        for name in WITH_DATABASE:
            end.callback(database.psql, place, "ALTER TABLE audit_outbox SET TABLESPACE pg_default", name)
        with sessions(place) as all_of_them:
            for session in all_of_them:
                move_empty(session)
            end.enter_context(filled(folder))
            for session in all_of_them:
                session.run("COMMIT")
        yield


def move_empty(session):
    """The table, without a block in which there is room."""
    while True:
        session.run("VACUUM audit_outbox")
        session.run("BEGIN; LOCK TABLE audit_outbox IN ACCESS EXCLUSIVE MODE")
        if session.run("SELECT pg_relation_size('audit_outbox')") == "0":
            session.run("ALTER TABLE audit_outbox SET TABLESPACE small")
            return
        session.run("ROLLBACK")


@contextlib.contextmanager
def commits_hang(parts):
    """PostgreSQL waits for a standby that does not exist: what commits is written, and nobody is told."""
    parts.rows("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    parts.rows("postgres", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        parts.rows("postgres", "ALTER SYSTEM RESET synchronous_standby_names")
        parts.rows("postgres", "SELECT pg_reload_conf()")


@contextlib.contextmanager
def log_disk_full(parts):
    """The log lies on a disk of its own, and it is full."""
    log = parts.place.run / "audit/log"
    with log_on_small_disk(parts, "64m"), filled(log):
        yield


@contextlib.contextmanager
def log_on_small_disk(parts, size):
    log, disk = parts.place.run / "audit/log", parts.place.run / "audit/disk"
    disk.mkdir(exist_ok=True)
    with small_disk(disk, size, parts.place.owner("audit")):
        with parts.without("audit"):
            subprocess.run(["cp", "-a", f"{log}/.", disk], check=True)
            subprocess.run(["mount", "--bind", disk, log], check=True)
        try:
            yield
        finally:
            with parts.without("audit"):
                subprocess.run(["umount", log], check=True)
                subprocess.run(["find", log, "-mindepth", "1", "-delete"], check=True)
                subprocess.run(["cp", "-a", f"{disk}/.", log], check=True)
