"""Every route of every service, found from what the services say of themselves: a new route can't
be forgotten. Asked as a stranger, as the wrong role, for another organisation's ids, with fields
nobody knows, and with too much.

What a particular route refuses beyond this stands in tests/integration/<service>/.
"""
import json
import pathlib
import re
import subprocess
import uuid

import pytest

import telecura

OTHER_ORG = "00000000-0000-4000-8000-00000000beef"
BODY_BYTES_TOO_MANY = 300 * 1024
NO_TOKEN = {"PERMISSION_NONE", "SERVICE_ONLY"}
BY_CLAIMS = {"PASS_ON", "BIND_SELF"}    # the token's word is enough: no role to be wrong
ANY = 16                                # reach of permissions.def: not about one patient


def described():
    """[(service, route, schemas)] of all binaries that are built."""
    rows = []
    for main in sorted(pathlib.Path(__file__).parents[2].glob("services/*/main.c")):
        name = main.parent.name
        binary = pathlib.Path(telecura.bin_folder()) / name
        tables = json.loads(subprocess.run([binary, "--describe"], capture_output=True, check=True).stdout)
        rows += [(name, route, tables["schemas"]) for route in tables["routes"]
                 if route["method"] != "WS" and name != "keyd"]
    return rows


ROUTES = described()


def named(row):
    return f"{row[1]['method']} {row[1]['path']}"


def guarded(rows=ROUTES):
    return [row for row in rows if row[1]["permission"] not in NO_TOKEN]


def walk(rows):
    return pytest.mark.parametrize("row", rows, ids=named)


def sample(schema, schemas):
    """The least value that a schema takes."""
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: sample(schema["properties"][name], schemas) for name in schema.get("required", [])}
    if kind == "array":
        return [sample(schema["items"], schemas)] if schema.get("minItems") else []
    if kind == "integer":
        return max(schema.get("minimum", 1), min(1, schema.get("maximum", 1)))
    if kind == "boolean":
        return True
    formats = {"uuid": str(uuid.uuid4()), "date-time": "2031-05-05T09:00:00Z", "date": "1990-05-05"}
    return formats.get(schema.get("format"), "x" * max(1, schema.get("minLength", 1)))


def ask(suite, row, who=None, body=None, query=None, token=None, raw=None):
    """Sends the route its least valid request, changed as the caller says."""
    service, route, schemas = row
    path = re.sub(r"\{\w+\}", "word", route["path"].replace("{id}", str(uuid.uuid4()))).replace("*", "rest")
    if "query" in route:
        query = {**sample(schemas[route["query"]], schemas), **(query or {})}
    if query:
        path += "?" + "&".join(f"{k}={str(v).replace('+', '%2B')}" for k, v in query.items())
    if body is None and raw is None and "body" in route:
        body = sample(schemas[route["body"]], schemas)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if route["idempotent"]:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if route["if_match"]:
        headers["If-Match"] = '"1"'
    return suite.service(service).request(route["method"], path, body, who=who, headers=headers, raw=raw)


def someone(suite, row, org=telecura.ORG, wrong=False):
    """A person whose role the route takes (or does not), known to its service."""
    suite.service(row[0])
    if row[1]["permission"] in BY_CLAIMS:
        return suite.person("clinician", org=org)
    roles = row[1]["roles"]
    every = ["patient", "front_desk", "nurse", "clinician", "pharmacist", "biller", "auditor", "privacy", "admin"]
    role = next((r for r in every if (r in roles) != wrong), None)
    if role is None:
        return None
    return suite.patient(org=org) if role == "patient" else suite.person(role, org=org)


def assert_on_record(suite, row, who, code):
    """What a member is refused stands in the audit, though the act never began."""
    service, route, _ = row
    if route["permission"] in BY_CLAIMS or not route["audit"]:
        return
    rows = suite.audit(service, actor=who.id)
    assert [(row["outcome"], row["error"], row["resource"]) for row in rows] == [("refused", code, route["path"])]


@walk(guarded())
def test_a_stranger_gets_401(suite, row):
    assert ask(suite, row).status == 401


@walk(guarded())
def test_a_forged_token_gets_401(suite, row):
    assert ask(suite, row, token="eyJhbGciOiJub25lIn0.e30.").status == 401


@walk([row for row in guarded() if row[1]["permission"] not in BY_CLAIMS])
def test_a_role_that_may_not_gets_403(suite, row):
    who = someone(suite, row, wrong=True)
    if who is None:
        return      # every role may: there is nobody to refuse
    assert ask(suite, row, who=who).status == 403


@walk([row for row in guarded() if "body" in row[1]])
def test_an_unknown_field_gets_400(suite, row):
    body = sample(row[2][row[1]["body"]], row[2])
    who = someone(suite, row)
    reply = ask(suite, row, who=who, body={**body, "no_such_field": 1})
    assert (reply.status, reply.code) == (400, "bad_body")
    assert_on_record(suite, row, who, "bad_body")


@walk([row for row in guarded() if "body" in row[1]])
def test_a_body_that_is_no_object_gets_400(suite, row):
    assert ask(suite, row, who=someone(suite, row), body=[1]).status == 400


@walk([row for row in guarded() if row[1]["method"] == "GET" and not row[1]["path"].endswith("*")])
def test_an_unknown_parameter_gets_400(suite, row):
    who = someone(suite, row)
    reply = ask(suite, row, who=who, query={"no_such_parameter": "1"})
    assert (reply.status, reply.code) == (400, "bad_query")
    assert_on_record(suite, row, who, "bad_query")


@walk([row for row in guarded() if row[1]["method"] in ("POST", "PUT", "PATCH")])
def test_too_large_a_body_gets_413(suite, row):
    reply = ask(suite, row, who=someone(suite, row), raw=b'{"x":"' + b"a" * BODY_BYTES_TOO_MANY + b'"}')
    assert reply.status == 413


@walk([row for row in guarded()
       if "{id}" in row[1]["path"] and row[1]["permission"] not in BY_CLAIMS and not row[1]["fresh"]])
def test_an_unknown_id_gets_404_whoever_asks(suite, row):
    """And a person of another organisation gets the very same answer."""
    answers = []
    for org in (telecura.ORG, OTHER_ORG):
        reply = ask(suite, row, who=someone(suite, row, org=org))
        answers.append((reply.status, reply.code))
    assert answers[0] == answers[1]
    if row[1]["method"] != "PUT" or not all(reach == ANY for reach in row[1]["roles"].values()):
        assert answers[0] == (404, "not_found")
