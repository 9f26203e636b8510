#!/usr/bin/env python3
"""Makes the OpenAPI document and the gateway's path map from what the services say of themselves.

    tools/openapi.py BIN_FOLDER OUT_FOLDER

runs every service's --describe and writes openapi.json, routes.map (first path segments -> service)
and describe.json (all tables, for docs and tests). Nothing in them is written by hand.
"""
import json
import pathlib
import re
import subprocess
import sys

PROBLEM = {"type": "object", "required": ["type", "title", "status", "code"], "properties": {
    "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
    "code": {"type": "string"}, "request_id": {"type": "string", "format": "uuid"}, "retryable": {"type": "boolean"},
    "errors": {"type": "array", "items": {"type": "object", "properties": {
        "pointer": {"type": "string"}, "code": {"type": "string"}}}}}}

NO_TOKEN = {"PERMISSION_NONE", "SERVICE_ONLY"}
FILE = {"type": "string", "pattern": "^[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*$"}     # what the gateway lets be a path
NAME = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}
VERSION = {"type": "string", "pattern": '^"(0|[1-9][0-9]{0,17})"$'}
KEY = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"}
JSON, FHIR_JSON = "application/json", "application/fhir+json"
OUTCOME = {"type": "object", "required": ["resourceType", "issue"],
           "properties": {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "minItems": 1}}}
ABOUT = ("Generated from the services' route tables. Lengths of texts are characters where "
         "`x-length` says so, else bytes of UTF-8. "
         "Of a refusal `code` is for programs, and `errors` says where in what was sent the cause is.")
SIGN_IN = ("An access token of the realm: code + PKCE as client `portal`, or as client `telectl` at its token endpoint "
           "(grant_type=password, scope=openid, username, password, totp), which is a second factor at once.")
CHOICES = (  # who acts, for a sign-in that is several, and in an emergency; needless for all others
    ("Telecura-Org", "The organisation to act in.", {"type": "string", "format": "uuid"}),
    ("Telecura-Role", "The role to act in.", {"type": "string"}),
    ("Telecura-Emergency", "The pass that breaking the glass has answered.", {"type": "string"}))


def describe_all(folder):
    """{service: its tables}, of every binary in the folder that describes itself."""
    found = {}
    for service in sorted(path.parent.name for path in pathlib.Path("services").glob("*/main.c")):
        printed = subprocess.run([folder / service, "--describe"], check=True, capture_output=True).stdout
        found[service] = json.loads(printed)
    return found


def reference(name):
    return {"$ref": f"#/components/schemas/{name}"}


def body_of(schema, media=JSON):
    return {"content": {media: {"schema": schema}}}


def parameters_of(route, schemas):
    rows = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}] \
        if "{id}" in route["path"] else []
    rows += [{"name": name, "in": "path", "required": True, "schema": NAME}
             for name in re.findall(r"\{(\w+)\}", route["path"]) if name != "id"]
    if route["path"].endswith("*"):
        rows.append({"name": "rest", "in": "path", "required": True, "schema": FILE})
    shape = schemas.get(route.get("query"), {})
    rows += [{"name": name, "in": "query", "required": name in shape.get("required", []), "schema": schema}
             for name, schema in shape.get("properties", {}).items()]
    if route["permission"] not in NO_TOKEN | {"BIND_SELF"}:
        rows += [{"name": name, "in": "header", "required": False, "description": about, "schema": schema}
                 for name, about, schema in CHOICES]
    if route["idempotent"] or route["repeatable"]:
        rows.append({"name": "Idempotency-Key", "in": "header", "required": route["idempotent"], "schema": KEY})
    if route["if_match"]:
        rows.append({"name": "If-Match", "in": "header", "required": True, "schema": VERSION})
    return rows


def reply_of(route, media):
    if "reply" not in route:
        return {"description": "done"}
    schema = reference(route["reply"])
    if route["list"]:
        schema = {"type": "object", "required": ["data"], "properties": {
            "data": {"type": "array", "items": schema}, "next_cursor": {"type": "string"}}}
    return {"description": "done", **body_of(schema, media)}


def operation_of(service, route, schemas):
    media = FHIR_JSON if service == "fhir" else JSON
    problem = {"application/problem+json": {"schema": reference("Problem")}}
    if media == FHIR_JSON:      # what is no request to it at all, the gateway and the service refuse as everywhere
        problem[media] = {"schema": OUTCOME}
    refusals = {"default": {"description": "a problem (RFC 9457)", "content": problem}}
    operation = {"operationId": f"{route['method'].lower()} {route['path']}", "tags": [service],
                 "summary": route["about"], "parameters": parameters_of(route, schemas),
                 "responses": {str(route["status"]): reply_of(route, media), **refusals},
                 "x-permission": route["permission"], "x-audit": route["audit"], "x-fresh-factor": route["fresh"]}
    if "body" in route:
        operation["requestBody"] = {"required": True, **body_of(reference(route["body"]))}
    if route["permission"] in NO_TOKEN:
        operation["security"] = []
    return operation


def openapi_of(services):
    schemas = {"Problem": PROBLEM}
    paths = {}
    for tables in services.values():
        schemas.update(tables["schemas"])
    for name, tables in services.items():
        for route in tables["routes"]:
            if route["permission"] == "SERVICE_ONLY":
                continue
            method = "get" if route["method"] == "WS" else route["method"].lower()
            operation = operation_of(name, route, schemas)
            if route["method"] == "WS":
                operation["x-websocket"] = "telecura.v1.json"
                operation["security"] = []
                operation["responses"]["101"] = {"description": "what follows is frames"}
                del operation["responses"]["200"]
            paths.setdefault(route["path"].replace("/*", "/{rest}"), {})[method] = operation
    return {"openapi": "3.1.0",
            "info": {"title": "Telecura", "version": "1", "description": ABOUT},
            "security": [{"idp": []}],
            "paths": dict(sorted(paths.items())),
            "components": {"schemas": dict(sorted(schemas.items())),
                           "securitySchemes": {"idp": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                                                   "description": SIGN_IN}}}}


def prefix_of(path):
    """The part of a path that says whose it is: /v1/appointments, /fhir/R4; / for the portal."""
    parts = [part for part in path.split("/") if part]
    return "/" + "/".join(parts[:2]) if parts and parts[0] in ("v1", "fhir") else "/"


def map_of(services):
    rows = {prefix_of(route["path"]): name for name, tables in services.items() for route in tables["routes"]
            if route["permission"] != "SERVICE_ONLY"}
    return "".join(f"{prefix} {name}\n" for prefix, name in sorted(rows.items()))


def main():
    binaries, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    services = describe_all(binaries.resolve())
    out.mkdir(parents=True, exist_ok=True)
    (out / "describe.json").write_text(json.dumps(services, indent=1))
    (out / "openapi.json").write_text(json.dumps(openapi_of(services), indent=1))
    (out / "routes.map").write_text(map_of(services))


if __name__ == "__main__":
    main()
