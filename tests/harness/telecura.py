"""The harness of the black-box tests: real services on a scratch PostgreSQL, no Kafka needed.

    def test_...(suite):
        appointments = suite.service("appointments")       # started, ready; the same in every test
        ada = suite.patient()                              # member, own record, relation `self`
        suite.consent(ada.patient)
        reply = appointments.get("/v1/appointments", who=ada)
        assert reply.status == 200 and reply.json["data"] == []
        assert suite.audit("appointments", actor=ada.id)[-1]["outcome"] == "done"

What access would tell by events (members, relations, consents) is written straight into the
projection tables of every database that the session has made so far. Ask for the services of a
test before you make its people; a module-wide fixture is the place.

TELECURA_BIN names the folder of the binaries (default build/debug/bin).
"""
import contextlib
import copy
import dataclasses
import http.client
import json
import mmap
import os
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import uuid

from identity import AUDIENCE, ISSUER, Authority, Idp
from postgres import Postgres, quote

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ORG = "0a000000-0000-4000-8000-000000000001"
OTHER_ORG = "0b000000-0000-4000-8000-000000000002"  # the stranger
NO_ACT = "00000000-0000-0000-0000-000000000000"     # what a test writes itself, nobody did
READY_S = 30
# A service's own settings, beyond the common ones; {dir} is the suite's folder.
OWN_SETTINGS = {
    "keyd": {"listen": "{dir}/keyd.sock", "kek_file": "{dir}/kek",
             "kek_passphrase_file": "{dir}/kek.passphrase"},
    "appointments": {"signing_key": "{dir}/appointments.signing"},
    "audit": {"log_dir": "{dir}/log", "log_key": "{dir}/log.key"},
    "access": {"signing_key": "{dir}/access.signing"},
    "prescriptions": {"signing_key": "{dir}/prescriptions.signing",
                      "signing_public": "{dir}/prescriptions.public"},
    # Port 9 (discard): nobody answers. A test that sends mail or asks owners names its own.
    "notifications": {"smtp": "127.0.0.1:9", "mail_from": "Telecura <no-reply@telecura.example>",
                      "portal": "https://portal.example"},
    "fhir": {"patients": "127.0.0.1:9", "appointments": "127.0.0.1:9", "audit": "127.0.0.1:9",
             "base": "https://fhir.example/fhir/R4"},
}
SANITIZER = re.compile(rb"(ERROR|WARNING): \w+Sanitizer|runtime error: |DEADLYSIGNAL")
CRASHES = [-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE]
WITHOUT_KEYS = ("keyd",)       # asks no keyd
WITHOUT_PEOPLE = ("keyd", "fhir")


def machine_actions():
    """What the role client may do at all: the last of the roles' columns."""
    rows = re.findall(r"^PERM\((\w+),((?: *\w+,){12})", open(f"{ROOT}/common/app/permissions.def").read(), re.M)
    return [name for name, cells in rows if cells.split(",")[11].strip() != "NO"]


# What a machine's token says beside its subject, with every scope that its role leaves a use for.
MACHINE = {"machine": True, "sid": None, "scope": " ".join(f"may:{name.lower()}" for name in machine_actions())}


def bin_folder():
    return os.path.abspath(os.environ.get("TELECURA_BIN", f"{ROOT}/build/debug/bin"))


def free_port():
    """One of those that the kernel gives to no connection, which could have it before its owner binds it;
    and below the suites' own."""
    while True:
        port = 10_000 + secrets.randbelow(8_000)
        with socket.socket() as s:
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return port


def rfc3339(at_s):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_s)) + "Z"


@dataclasses.dataclass
class Person:
    id: str
    org: str
    role: str
    subject: str
    patient: str = None
    token: str = None


class Reply:
    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.headers = {k.lower(): v for k, v in response.getheaders()}

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """Of the problem document."""
        return self.json.get("code")

    @property
    def at(self):
        """Where in what was sent the problem is."""
        return [error["pointer"] for error in self.json.get("errors", [])]

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class Client:
    """Speaks to one service as the gateway does: mTLS, one kept connection a thread. The inner port
    is plain and takes no name."""

    def __init__(self, suite, port, name="gateway"):
        self.port, self._context = port, name and suite.authority.context(name)
        self._local = threading.local()

    def _connect(self, timeout):
        if self._context is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self._context,
                                           timeout=timeout)

    def request(self, method, path, json_body=None, who=None, headers=None, raw=None, timeout=30):
        head = dict(headers or {})
        if who is not None:
            head["Authorization"] = f"Bearer {who.token if isinstance(who, Person) else who}"
        body = raw if json_body is None else json.dumps(json_body).encode()
        if body is not None:
            head.setdefault("Content-Type", "application/json")
        elif method != "GET":
            head.setdefault("Content-Length", "0")
        for again in (True, False):
            kept = getattr(self._local, "connection", None)
            connection = kept or self._connect(timeout)
            try:
                connection.request(method, path, body=body, headers=head)
                reply = Reply(connection.getresponse())
                self._local.connection = None if reply.headers.get("connection") == "close" else connection
                return reply
            except (http.client.HTTPException, OSError):
                self._local.connection = None
                connection.close()
                # Only a connection that the server may have closed between requests is tried anew.
                if not (again and kept):
                    raise

    def get(self, path, who=None, **kw):
        return self.request("GET", path, who=who, **kw)

    def post(self, path, body=None, who=None, key=None, match=None, headers=None, **kw):
        """@key: the Idempotency-Key; a new one when absent, none when it is ''."""
        head = dict(headers or {})
        if key != "":
            head["Idempotency-Key"] = key or str(uuid.uuid4())
        if match is not None:
            head["If-Match"] = f'"{match}"'
        return self.request("POST", path, body, who, head, **kw)

    def put(self, path, body=None, who=None, match=None, headers=None, **kw):
        head = dict(headers or {})
        if match is not None:
            head["If-Match"] = f'"{match}"'
        return self.request("PUT", path, body, who, head, **kw)


class Service(Client):
    def __init__(self, suite, name, settings, label=None):
        self.suite, self.name, self.process, self.read_bytes = suite, name, None, 0
        self.binary = f"{bin_folder()}/{name}"
        self.config = f"{suite.folder}/{label or name}.conf"
        self.log = f"{suite.folder}/{label or name}.log"
        port, self.inner = free_port(), free_port()
        super().__init__(suite, port)
        cert, key = suite.authority.leaf(name)
        own = {k: v.format(dir=suite.folder) for k, v in OWN_SETTINGS.get(name, {}).items()}
        if name == "audit":
            own["db_head"] = suite.secret("audit.db_head", suite.postgres.conninfo(name, role="audit_head"))
        self.settings = {
            "listen": f"127.0.0.1:{port}", "inner": f"127.0.0.1:{self.inner}",
            "db": suite.secret(f"{name}.db", suite.postgres.conninfo(name)),
            "db_owner": suite.secret(f"{name}.db_owner", suite.postgres.conninfo(name, owner=True)),
            "tls_ca": suite.authority.ca, "tls_cert": cert, "tls_key": key,
            "idp_keys": suite.jwks, "issuer": ISSUER, "audience": AUDIENCE, "profile": "local",
            "keyd": f"{suite.folder}/keyd.sock", "run_dir": suite.folder, "workers": 4,
            "access_public": f"{suite.folder}/access.public",
            "appointments_public": f"{suite.folder}/appointments.public", **own, **settings,
        }

    def configure(self, **settings):
        self.settings.update(settings)
        with open(self.config, "w") as f:
            f.writelines(f"{k} = {v}\n" for k, v in self.settings.items() if v is not None)

    def command(self, *words, **kw):
        """The binary run to its end: --migrate, --verify, --describe, --health."""
        return subprocess.run([self.binary, *words], capture_output=True, text=True, timeout=120,
                              env=self.suite.environment(), **kw)

    def start(self):
        self.configure()
        self.process = subprocess.Popen(
            [self.binary, "--config", self.config], stdout=open(self.log, "ab"),
            stderr=subprocess.STDOUT, env=self.suite.environment())
        self.wait_ready()
        return self

    def wait_ready(self):
        until = time.monotonic() + READY_S
        inner = Client(self.suite, self.inner, name=None)
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if inner.get("/health/ready", timeout=2).status == 200:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} is not ready after {READY_S} s:\n{self.tail()}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        code, self.process = (self.process.returncode if self.process else 0), None
        return code

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def harm(self):
        """What sanitizers have said since this was asked last, and the signal that ended it."""
        text = b""
        if os.path.getsize(self.log) > self.read_bytes:
            with open(self.log, "rb") as f:
                f.seek(self.read_bytes)
                text = f.read()
        self.read_bytes += len(text)
        found = [line.decode(errors="replace") for line in text.splitlines() if SANITIZER.search(line)]
        code = self.process.poll() if self.process else None
        return found + ([f"{self.name} was ended by signal {-code}"] if code in CRASHES else [])

    def tail(self, lines=40):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    # What it keeps, read as the superuser.

    def rows(self, query):
        return self.suite.postgres.rows(self.name, query)

    def value(self, query):
        return self.suite.postgres.value(self.name, query)

    def wait_for(self, query, seconds=10):
        """Until the one value of @query is true."""
        until = time.monotonic() + seconds
        while not self.value(query):
            assert time.monotonic() < until, f"not within {seconds} s: {query}"
            time.sleep(0.05)

    def execute(self, text):
        return self.suite.postgres.execute(self.name, text)


class Suite:
    running = []

    def __init__(self, fsync=False, **postgres_settings):
        # Short, since a Unix socket's path has 107 bytes; open, since postgres is another user.
        self.folder = tempfile.mkdtemp(prefix="tc-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.authority = Authority(f"{self.folder}/ca")
        self.jwks = f"{self.folder}/jwks.json"
        self.idp = Idp(self.jwks)
        self.postgres = Postgres(self.folder, fsync, **postgres_settings)
        self.services, self.replicas = {}, []
        self.clock_file = f"{self.folder}/clock"
        with open(self.clock_file, "wb") as f:
            f.write(bytes(8))
        for name in ("access.public", "appointments.public"):
            open(f"{self.folder}/{name}", "w").close()
        self.secret("kek.passphrase", "correct horse")
        self.postgres.create()
        self.postgres.start()
        Suite.running.append(self)

    def close(self):
        Suite.running.remove(self)
        failures = []
        for service in reversed([*self.services.values(), *self.replicas]):
            code = service.stop()
            if code != 0:
                failures.append(f"{service.name} ended with {code}:\n{service.tail()}")
        self.postgres.stop()
        if failures:
            raise AssertionError(f"state kept in {self.folder}\n" + "\n".join(failures))
        shutil.rmtree(self.folder)

    def harm(self):
        started = [one for one in [*self.services.values(), *self.replicas] if os.path.exists(one.log)]
        return [harm for service in started for harm in service.harm()]

    def secret(self, name, text):
        """A file whose first line is @text; settings name such files, never what they hold."""
        path = f"{self.folder}/{name}"
        with open(path, "w") as f:
            f.write(text + "\n")
        return path

    def environment(self):
        return {**os.environ, "TELECURA_TEST_CLOCK": self.clock_file}

    def clock(self, offset_s):
        """Moves what every service takes for now; 0 puts it back."""
        with open(self.clock_file, "r+b") as f, mmap.mmap(f.fileno(), 8) as m:
            m[:] = struct.pack("=q", int(offset_s * 1_000_000))

    def now_s(self):
        with open(self.clock_file, "rb") as f:
            return time.time() + struct.unpack("=q", f.read(8))[0] / 1e6

    def service(self, name, start=True, **settings):
        """The running service @name, with a database of its own; keyd is started before it."""
        if name in self.services:
            return self.services[name]
        if name not in WITHOUT_KEYS:
            self.service("keyd")
        if name != "fhir":
            self.postgres.database(name)
        service = Service(self, name, settings)
        if name == "fhir":
            service.configure(db=None, db_owner=None)
        else:
            service.configure()
            done = service.command("--config", service.config, "--migrate")
            if done.returncode != 0:
                raise RuntimeError(f"{name} --migrate: {done.stdout}{done.stderr}")
        self.services[name] = service
        return service.start() if start else service

    def replica(self, name, **settings):
        """One more process of the running service @name, on the same database."""
        first = self.services[name]
        own = {k: v for k, v in first.settings.items() if k not in ("listen", "inner")}
        made = Service(self, name, {}, label=f"{name}-{len(self.replicas) + 2}")
        made.settings = {**made.settings, **own, **settings}
        self.replicas.append(made)
        return made.start()

    # People, as the events of access would bring them.

    def everywhere(self, text):
        for service in self.services.values():
            if service.name not in WITHOUT_PEOPLE:
                service.execute(text)

    def person(self, role, org=ORG, patient=None, state="active"):
        who = Person(str(uuid.uuid4()), org, role, f"sub-{uuid.uuid4()}", patient)
        who.token = self.idp.token(who.subject, **(MACHINE if role == "client" else {}))
        self.everywhere(self._member(who, state))
        return who

    def fresh(self, who):
        """The same person, who has just shown their second factor."""
        again = copy.copy(who)
        again.token = self.idp.token(who.subject, acr=2)
        return again

    def patient(self, org=ORG, consent=False):
        return self.patients(1, org, consent)[0]

    def patients(self, count, org=ORG, consent=False):
        """Persons in the role patient with a record of their own; many in one round trip."""
        made, text = [], []
        for _ in range(count):
            who = Person(str(uuid.uuid4()), org, "patient", f"sub-{uuid.uuid4()}", str(uuid.uuid4()))
            who.token = self.idp.token(who.subject)
            made.append(who)
            text += [self._member(who, "active"), self._relation(who, who.patient, "self")[1]]
            if consent:
                text.append(self._consent(who.patient, org, "telehealth")[1])
        self.everywhere("BEGIN; " + "; ".join(text) + "; COMMIT")
        return made

    def relation(self, who, patient, kind, ends=None):
        row, text = self._relation(who, patient, kind, ends)
        self.everywhere(text)
        return row

    def consent(self, patient, scope="telehealth", org=ORG, state="active", ends=None, recipient=None,
                purpose=None):
        row, text = self._consent(patient, org, scope, state, ends, recipient, purpose)
        self.everywhere(text)
        return row

    def revoke(self, consent):
        self.everywhere(f"UPDATE consent SET state = 'revoked', version = version + 1 "
                        f"WHERE id = {quote(consent)}")

    def _member(self, who, state):
        return ("INSERT INTO member (org, id, act_id, person, role, state, issuer, subject, patient) VALUES ("
                + ", ".join(map(quote, (who.org, str(uuid.uuid4()), NO_ACT, who.id, who.role, state, ISSUER,
                                        who.subject, who.patient))) + ")")

    def _relation(self, who, patient, kind, ends=None):
        row = str(uuid.uuid4())
        return row, ("INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at) VALUES ("
                     + ", ".join(map(quote, (who.org, row, NO_ACT, who.id, patient, kind, "2020-01-01Z", ends))) + ")")

    def _consent(self, patient, org, scope, state="active", ends=None, recipient=None, purpose=None):
        row = str(uuid.uuid4())
        return row, ("INSERT INTO consent (org, id, act_id, patient_id, scope, state, starts_at, ends_at, recipient, "
                     "purpose) VALUES (" + ", ".join(map(quote, (
                         org, row, NO_ACT, patient, scope, state, "2020-01-01Z", ends, recipient, purpose))) + ")")

    # What was left behind.

    def audit(self, service, **where):
        """The service's audit rows, oldest first: action, outcome, error, actor, role, patient, ..."""
        terms = "".join(f" AND {k} = {quote(v)}" for k, v in where.items())
        return self.services[service].rows(f"SELECT * FROM audit_outbox WHERE true{terms} ORDER BY at, id")

    def outbox(self, service, **where):
        terms = "".join(f" AND {k} = {quote(v)}" for k, v in where.items())
        return self.services[service].rows(f"SELECT * FROM outbox WHERE true{terms} ORDER BY at, id")
