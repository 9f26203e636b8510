"""sources - what the reconciler compares, read and nothing else: the published log, the services'
databases, the gateway's log. Each database is read as a role that may only read.
"""
import base64
import collections
import datetime
import functools
import hashlib
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile
import uuid

import leaf

# One line of deploy/gateway/haproxy.cfg's log-format.
LINE = re.compile(r"^request (\d+)\.(\d+) (\S+) (\S+) (\S+) (\d+) (\S+) (\S+) (\S+) (\S+)$", re.M)
Request = collections.namedtuple("Request", "at id backend server status ending act method path")

ROWS = """
SELECT format('SELECT DISTINCT %L, org, act_id, %s, %s FROM %I.%I', relname,
              coalesce((SELECT quote_ident(attname) FROM pg_attribute
                        WHERE attrelid = c.oid AND attname IN ('id', 'patient_id')
                          AND EXISTS (SELECT FROM pg_attribute AS v WHERE v.attrelid = c.oid AND v.attname = 'version')
                        ORDER BY attname LIMIT 1), 'NULL::uuid'),
              CASE WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'version')
                   THEN 'version' ELSE '0::bigint' END, nspname, relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND nspname NOT LIKE 'pg\\_%'
  AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'act_id' AND NOT attisdropped)
"""
# A row and the history that is kept of it: `<row>_history`, by `<row>_id`.
HISTORIES = """
SELECT format('SELECT %1$L, org, id FROM %1$I AS r WHERE NOT EXISTS (SELECT FROM %2$I AS h WHERE h.org = r.org '
              'AND h.%3$I = r.id AND (h.version, h.act_id, h.state) = (r.version, r.act_id, r.state)) UNION ALL '
              'SELECT %1$L, org, %3$I FROM %2$I GROUP BY org, %3$I HAVING count(*) <> max(version)',
              t.relname, h.relname, t.relname || '_id')
FROM pg_class AS h JOIN pg_class AS t ON h.relname = t.relname || '_history' AND t.relnamespace = h.relnamespace
WHERE h.relkind = 'r'
"""
OUTBOX = ("SELECT org, act, coalesce(seq, 0), coalesce(encode(leaf, 'hex'), ''), coalesce(request::text, '') "
          "FROM audit_outbox")
CHAIN = "SELECT org, seq, encode(mac, 'hex') FROM audit_chain"
ENTRIES = ("SELECT org, producer, seq, event_id, encode(mac, 'hex'), leaf_index < coalesce(size, 0) "
           "FROM entry AS e LEFT JOIN published AS p USING (org)")
SIGNED = "SELECT encode(root, 'base64') FROM heads.tree WHERE origin = '{}' AND size = {}"
INCIDENTS = "SELECT org, producer, kind, seq, times FROM incident WHERE closed_at IS NULL ORDER BY first_at"


END = "-- no more rows --"


class Database:
    def __init__(self, name, conninfo):
        """@conninfo: {host, port, dbname, user, password}; not on the command line, where all may read it."""
        self.name = name
        environment = {"PATH": "/usr/bin:/bin", "PGOPTIONS": "-c default_transaction_read_only=on",
                       **{f"PG{'DATABASE' if key == 'dbname' else key.upper()}": str(value)
                          for key, value in conninfo.items()}}
        self.psql = subprocess.Popen(["psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"], env=environment,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def rows(self, query):
        """psql says on standard error what is wrong, and ends."""
        self.psql.stdin.write(f"{query};\n\\echo {END}\n")
        self.psql.stdin.flush()
        found = []
        for line in self.psql.stdout:
            if line == END + "\n":
                return found
            found.append(line.rstrip("\n").split("\t"))
        raise OSError(f"{self.name} cannot be read")

    def union(self, of_catalog):
        """The rows of all the queries that a query of the catalog has written."""
        parts = [row[0] for row in self.rows(of_catalog)]
        return self.rows("\nUNION ALL\n".join(f"({part})" for part in parts)) if parts else []


# ---- the log ----

def logs(settings):
    """[(origin, size, root, entries or None, what is wrong)], each shard checked by audit-verify first."""
    found = []
    for checkpoint in sorted(pathlib.Path(settings["logs"]).glob("**/checkpoint")):
        with tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
            copy = f"{folder}/log"
            vkey = settings.get("vkeys", {}).get(checkpoint.read_text().split("\n")[0]) or \
                (checkpoint.parent / "vkey").read_text().strip()
            for words in ([settings["export"], checkpoint.parent, copy], [settings["verify"], copy, "--vkey", vkey]):
                done = subprocess.run(words, capture_output=True, text=True)
                if done.returncode:
                    break
            head = pathlib.Path(copy, "checkpoint")
            origin, size, root = (head if head.exists() else checkpoint).read_text().split("\n")[:3]
            wrong = (done.stdout + done.stderr).strip().split("\n")[-1] if done.returncode else None
            found.append((origin, int(size), root, None if wrong else list(entries(copy, int(size))), wrong))
    return found


def entries(folder, size):
    for n in range((size + 255) // 256):
        groups = [f"{n % 1000:03d}"]
        while n >= 1000:
            n //= 1000
            groups.insert(0, f"x{n % 1000:03d}")
        path = f"{folder}/tile/entries/" + "/".join(groups)
        data = pathlib.Path(path if os.path.exists(path) else f"{path}.p/{size % 256}").read_bytes()
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at:at + 2], "big")
            yield data[at + 2:at + 2 + length]
            at += 2 + length


class Keys:
    """The organisations' audit keys, from keyd, which puts each asking on record."""

    def __init__(self, settings):
        self.tls = ssl.create_default_context(cafile=settings["ca"])
        self.tls.load_cert_chain(settings["cert"], settings["key"])
        self.socket = settings["socket"]

    def get(self, org, time_ms, dek_id):
        """That of the act's half year, or of a time when the organisation had one. None: it was destroyed."""
        at = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.timezone.utc)
        shard = f"shard:{at.year}h{1 if at.month < 7 else 2}".encode()
        return self.ask(org, str(uuid.UUID(bytes=hashlib.sha256(shard).digest()[:16])), dek_id) or \
            self.ask(org, None, dek_id)

    @functools.cache
    def ask(self, org, half_year, dek_id):
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(20)
        plain.connect(self.socket)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = self.tls.wrap_socket(plain, server_hostname="localhost")
        asked = {"domain": "audit", "dek_id": dek_id} | ({"org": org} if org.strip("0-") else {}) | (
            {"patient": half_year} if half_year else {})
        connection.request("POST", "/v1/keys/open", json.dumps(asked), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise OSError(f"keyd answers {answer.status} {body.get('code')}")
        return base64.urlsafe_b64decode(body["key"] + "=" * (-len(body["key"]) % 4))


def opened(entry, keys):
    """(clear fields, body); the body is empty where nothing is sealed or the key was destroyed."""
    row = leaf.cut(entry)
    key = keys.get(row["log"], row["time_ms"], row["dek_id"]) if row["class"] == leaf.EVENT else None
    return row, leaf.unseal(row, key) if key else {}


# ---- the gateway ----

def requests(files):
    """In the order of the lines; the gateway writes each line twice, so that none is lost."""
    found = {}
    for file in map(pathlib.Path, files):
        if not file.exists():
            continue
        for seconds, ms, *words in LINE.findall(file.read_text(errors="replace")):
            found[words[0]] = Request(int(seconds) + int(ms) / 1000, *words)
    return list(found.values())


class Routes:
    """What the services say of their routes: which answer without an act on record."""

    def __init__(self, file):
        self.rows = []
        for path, methods in json.loads(pathlib.Path(file).read_text())["paths"].items():
            pattern = re.escape(path).replace(r"\{rest\}", ".*").replace(r"\{id\}", "[^/]+")
            for method, row in methods.items():
                self.rows.append((len(path), re.compile(pattern), method.upper(), row["x-audit"], row["x-permission"]))
        self.rows.sort(key=lambda row: -row[0])

    def kind(self, request):
        """'audited', 'passed on' (its owner has the act), or 'open'."""
        if not request.path.startswith(("/v1/", "/fhir/")):
            return "open"       # the portal's files, the identity provider's pages
        method = "GET" if request.method == "HEAD" else request.method
        for _, pattern, of_method, audit, permission in self.rows:
            if of_method == method and pattern.fullmatch(request.path):
                return "audited" if audit else "passed on" if permission == "PASS_ON" else "open"
        return "audited"
