"""A scratch PostgreSQL 15 cluster: its own folder, a Unix socket, gone afterwards.

PostgreSQL does not run as root, so root hands it to the user postgres.
"""
import contextlib
import glob
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pq

sys.path.append(str(pathlib.Path(__file__).parents[2] / "deploy/local"))

import database  # noqa: E402
import place  # noqa: E402

AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def binary(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}")) or [shutil.which(name)]
    if not found[-1]:
        raise RuntimeError(f"{name} is missing: apt-get install postgresql")
    return found[-1]


def quote(value):
    """A Python value as an SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


class Postgres:
    def __init__(self, folder, fsync=False, **settings):
        self.folder, self.fsync, self.settings = folder, fsync, settings
        self.socket = f"{folder}/pg"
        self._prefix = AS_POSTGRES if os.geteuid() == 0 else []
        self._server, self._pool = None, pq.Pool(f"host={self.socket} user=root_of_all")

    def create(self):
        os.mkdir(self.socket, 0o755)
        self._own(self.socket)
        self._run(["cp", "-a", self._first(), f"{self.socket}/data"])

    def _first(self):
        """A cluster that is as initdb made it: a second's work, once a machine and version. Below the cache
        folder, and there only when it is whole."""
        version = subprocess.run([binary("initdb"), "--version"], capture_output=True, text=True, check=True).stdout
        made = place.cache_folder() / f"initdb-{version.split()[2]}"
        if not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            fresh = pathlib.Path(tempfile.mkdtemp(prefix=f"{made.name}.", dir=made.parent))
            self._own(fresh)
            self._run([binary("initdb"), "-D", fresh, "-U", "root_of_all", "-A", "trust", "-E", "UTF8",
                       "--locale=C.UTF-8", "--no-sync"])
            with contextlib.suppress(OSError):      # another was first
                fresh.rename(made)
            shutil.rmtree(fresh, ignore_errors=True)
        return made

    def start(self):
        setting = {
            "listen_addresses": "", "unix_socket_directories": self.socket, "max_connections": 200,
            "fsync": "on" if self.fsync else "off", "log_destination": "stderr",
            "shared_buffers": "64MB", "deadlock_timeout": "200ms", "log_statement": "none",
            "log_min_error_statement": "panic", "log_parameter_max_length_on_error": 0,
            **self.settings,
        }
        flags = [word for name, value in setting.items() for word in ("-c", f"{name}={value}")]
        self._server = subprocess.Popen(
            self._prefix + [binary("postgres"), "-D", f"{self.socket}/data", *flags], cwd="/",
            env={**os.environ, **database.ENVIRONMENT}, stdout=open(f"{self.folder}/postgres.log", "ab"),
            stderr=subprocess.STDOUT)
        until = time.monotonic() + 30
        while subprocess.run([binary("pg_isready"), "-q", "-h", self.socket]).returncode != 0:
            if self._server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL does not start; see {self.folder}/postgres.log")
            time.sleep(0.02)

    def stop(self, how=signal.SIGINT):
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its crash."""
        self._pool.leave()
        if self._server:
            self._server.send_signal(how)
            self._server.wait(30)
            self._server = None

    @property
    def pid(self):
        """Of the postmaster."""
        with open(f"{self.socket}/data/postmaster.pid") as f:
            return int(f.readline())

    def database(self, service):
        """One database a service, with a role that may change tables and one that may not; and the
        one by which audit alone moves the head of a log."""
        owner = f"{service}_owner"
        if service == "audit":
            self.execute("postgres", "CREATE ROLE audit_head LOGIN")
        self.execute("postgres", f'CREATE ROLE "{owner}" LOGIN; CREATE ROLE "{service}" LOGIN')
        self.execute("postgres", f'CREATE DATABASE "{service}" OWNER "{owner}"')
        self.execute(service, f'REVOKE ALL ON SCHEMA public FROM PUBLIC; '
                              f'GRANT ALL ON SCHEMA public TO "{owner}"; '
                              f'GRANT USAGE ON SCHEMA public TO "{service}"')

    def conninfo(self, service, owner=False, role=None):
        role = role or (f"{service}_owner" if owner else service)
        return f"host={self.socket} dbname={service} user={role}"

    def rows(self, database, query):
        """The rows of a SELECT (or of INSERT ... RETURNING) as a list of dicts."""
        if query.lstrip()[:6].upper() == "SELECT":
            text = f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) AS q"
        else:
            text = f"WITH q AS ({query}) SELECT coalesce(json_agg(q), '[]') FROM q"
        return json.loads(self.execute(database, text))

    def value(self, database, query):
        """The one value of a SELECT."""
        (row,) = self.rows(database, query)
        (value,) = row.values()
        return value

    def execute(self, database, text):
        if "DATABASE" in text:
            self._pool.leave()
        return self._pool.execute(database, text)

    def _own(self, folder):
        if self._prefix:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)

    def _run(self, command):
        done = subprocess.run(self._prefix + command, cwd="/", capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
