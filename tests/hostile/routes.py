"""Every route of every service, as the binaries say it themselves (--describe): a new one cannot be
forgotten by who parametrizes a test with these.

    @walk(guarded())
    def test_...(house, route):
        reply = route.ask(house, who=route.asker(house))
        assert route.row(house, reply)["outcome"] == "refused"

Where a body has room for PHI, sample() writes a canary: test_nowhere.py looks for all of them in the end.
"""
import functools
import json
import os
import pathlib
import re
import subprocess
import time
import uuid

import pytest

import telecura
from canary import Canary

NO_TOKEN = {"PERMISSION_NONE", "SERVICE_ONLY"}
BY_CLAIMS = {"PASS_ON", "BIND_SELF"}    # the token's word is enough: no role to be wrong
OWN, PROXY, CARE, SITE, ANY = 1, 2, 4, 8, 16    # reaches of permissions.def; ANY: not about one patient
GLASS, URGENT = 256, 256 | CARE
ROLES = ("patient", "front_desk", "nurse", "clinician", "pharmacist", "biller", "auditor", "privacy", "admin")
WORD_BYTES = 24
PATIENCE_S = 5

CANARIES = Canary()     # one word a field
REFUSALS = []           # the bodies of all answers that were refusals


@functools.lru_cache(None)
def canary(name):
    return CANARIES.word(f"canary{len(CANARIES.words):02}", WORD_BYTES)


class Route:
    def __init__(self, service, said, schemas):
        self.service, self.said, self.schemas = service, said, schemas
        self.method, self.path, self.roles = said["method"], said["path"], said["roles"]
        self.guarded = said["permission"] not in NO_TOKEN
        self.by_claims = said["permission"] in BY_CLAIMS
        self.name = f"{self.method} {self.path}"

    def shape(self, part):
        """The schema of its `body` or `query`; {} when it takes none."""
        return self.schemas[self.said[part]] if part in self.said else {}

    def fields(self, part, **traits):
        """The names of its fields whose schema has these traits."""
        return [name for name, schema in self.shape(part).get("properties", {}).items()
                if all(schema.get(trait) == value for trait, value in traits.items())]

    def body(self):
        return sample(self.shape("body"), self.schemas) if "body" in self.said else None

    def role(self, wrong=False, reach=None):
        """The first role that it takes (or does not), of that reach."""
        return next((role for role in ROLES if (role in self.roles) != wrong and
                     (reach is None or self.roles[role] in reach)), None)

    def asker(self, house, org=telecura.ORG):
        """Somebody whose role it takes."""
        return house.person("clinician" if self.by_claims else self.role(), org, fresh=self.said["fresh"])

    def ask(self, house, who=None, ids=None, body=None, query=None, token=None, raw=None, headers=None):
        """Its least valid request, changed as the caller says; @query with None leaves a field out."""
        path = re.sub(r"\{\w+\}", "word", self.path.replace("{id}", ids or str(uuid.uuid4()))).replace("*", "rest")
        query = {**sample(self.shape("query"), self.schemas), **(query or {})} if "query" in self.said else query
        if query:
            path += "?" + "&".join(f"{quoted(k)}={quoted(v)}" for k, v in query.items() if v is not None)
        if body is None and raw is None:
            body = self.body()
        head = {"Authorization": f"Bearer {token}"} if token else {}
        if self.said["idempotent"]:
            head["Idempotency-Key"] = str(uuid.uuid4())
        if self.said["if_match"]:
            head["If-Match"] = '"1"'
        until = time.monotonic() + PATIENCE_S
        while True:
            reply = house.suite.service(self.service).request(self.method, path, body, who=who,
                                                              headers={**head, **(headers or {})}, raw=raw)
            if reply.status != 503 or time.monotonic() > until:
                break       # a part that a test has just taken away comes back
        if reply.status >= 400:
            REFUSALS.append(reply.body)
        return reply

    def row(self, house, reply):
        """The one audit row of the act that was answered so; None where nothing is recorded: no patient
        is touched, or the owner that is asked records it."""
        if self.by_claims or not self.said["audit"]:
            return None
        (row,) = house.rows(self.service, f"SELECT * FROM audit_outbox WHERE act = '{act_of(reply)}'")
        return row

    def refused_and_on_record(self, house, reply, who, status, code):
        assert (reply.status, reply.code) == (status, code), reply
        row = self.row(house, reply)
        if row:
            assert (row["outcome"], row["error"], row["actor"], row["resource"]) == (
                "refused", code, who.id, self.path)


def act_of(reply):
    return reply.json["request_id"] if reply.status >= 400 else reply.headers["request-id"]


def quoted(value):
    """Percent-encoded: everything but what is surely itself."""
    return "".join(c if c == "_" or c.isascii() and c.isalnum() else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogatepass"))
                   for c in str(value))


def sample(schema, schemas, name=""):
    """The least value that a schema takes."""
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: sample(schema["properties"][name], schemas, name) for name in schema.get("required", [])}
    if kind == "array":
        return [sample(schema["items"], schemas, name)] if schema.get("minItems") else []
    if kind == "integer":
        return max(schema.get("minimum", 1), min(1, schema.get("maximum", 1)))
    if kind == "boolean":
        return True
    if schema.get("format"):
        return {"uuid": str(uuid.uuid4()), "date-time": "2031-05-05T09:00:00Z", "date": "1990-05-05"}[schema["format"]]
    if schema.get("x-phi") and schema.get("maxLength", WORD_BYTES) >= WORD_BYTES:
        return canary(name)
    return "x" * max(1, schema.get("minLength", 1))


def described():
    """Of all services that are built."""
    rows = []
    for main in sorted(pathlib.Path(__file__).parents[2].glob("services/*/main.c")):
        name = main.parent.name
        binary = pathlib.Path(telecura.bin_folder()) / name
        tables = json.loads(subprocess.run([binary, "--describe"], capture_output=True, check=True).stdout)
        rows += [Route(name, said, tables["schemas"]) for said in tables["routes"]
                 if said["method"] != "WS" and name != "keyd"]
    return rows


ROUTES = described()


def guarded():
    return [route for route in ROUTES if route.guarded]


def with_body():
    return [route for route in guarded() if "body" in route.said]


def one_of_each_service():
    """A guarded GET of every service that has one."""
    found = {}
    for route in guarded():
        if route.method == "GET" and not route.path.endswith("*"):
            found.setdefault(route.service, route)
    return list(found.values())


def walk(routes):
    routes = list(routes)
    return pytest.mark.parametrize("route", routes, ids=[route.name for route in routes])


def spread(columns, rows):
    """Every row with every column in `make hostile`; in `make test` each with one of them, in turn."""
    columns = list(columns)
    if os.environ.get("TELECURA_CASES"):
        return [(column, row) for column in columns for row in rows]
    return [(columns[n % len(columns)], row) for n, row in enumerate(rows)]


def cross(routes, table):
    """Routes with the rows of a table: the parameters `route` and `name`."""
    return pytest.mark.parametrize("route,name", [
        pytest.param(route, name, id=f"{route.name}-{name}") for route, name in spread(routes, table)])
