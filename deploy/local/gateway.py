"""gateway - HAProxy's configuration: routes, limits, and the problem bodies that it answers itself.

Those say what the services would: they are made from common/base/errors.def.
The rules stand in deploy/gateway/haproxy.cfg. The routes are those that the services describe
(routes.map beside their binaries, made by tools/openapi.py), else deploy/gateway/routes.map; what a
path takes is read from openapi.json beside them. Here they become files with this suite's ports.
Limits are generous: a test run is one busy address.
"""
import functools
import http
import json
import re
import string

import suite
from place import TREE, write_file

RATE_S = 10                     # the window of the next two, and what who is refused is told to wait
REQUESTS_A_WINDOW = 20000       # an address
PERSON_A_WINDOW = 10000         # a person
GUESTS_PER_MINUTE = 60          # an address, at the door of those without a sign-in
BODY_BYTES_MAX = 1 << 20

ERROR_ROW = re.compile(r'^ERR\(\w+, (\d+), \w+, "(\w+)", "(.+)"\)$', re.M)
EXTRA_HEADERS = {
    401: "hdr WWW-Authenticate Bearer",
    405: 'hdr Allow "%[path,map_reg({etc}/allow.map)]"',
    429: "hdr Retry-After {rate_s}",
    503: "hdr Retry-After 1",
}
API = ("/v1/", "/fhir/")
PASSED_ON = "GET, HEAD, POST, PUT, PATCH, DELETE"
# What the portal and the identity provider take here; the services' own routes stand before these.
BESIDES = {"^/idp/": PASSED_ON, "^/(?!v1/|fhir/)": "GET, HEAD"}
# What HAProxy answers by itself -> what we answer instead. Its 403 is an odd sign in a header name.
OWN_ERRORS = {400: "bad_request", 403: "bad_request", 408: "request_timeout", 500: "internal",
              502: "unavailable", 503: "unavailable", 504: "deadline"}


@functools.cache
def errors():
    """code: (status, title), as the services answer."""
    rows = ERROR_ROW.findall((TREE / "common/base/errors.def").read_text())
    return {code: (int(status), title) for status, code, title in rows}


def problem(code):
    """The status, and the body."""
    status, title = errors()[code]
    return status, json.dumps({"type": f"/problems/{code}", "title": title, "status": status, "code": code,
                               "retryable": status in (408, 429, 503)}, separators=(",", ":"))


def refuse(code, place):
    status, body = problem(code)
    quoted = body.replace("'", r"\u0027")
    return (f"return status {status} content-type application/problem+json string '{quoted}' "
            + EXTRA_HEADERS.get(status, "").format(rate_s=RATE_S, etc=place.run / "etc")).rstrip()


def write(place):
    etc = place.run / "etc"
    folder = place.folder("etc/errors")
    for status, code in OWN_ERRORS.items():
        answered, body = problem(code)
        write_file(folder / f"{status}.http",
                   f"HTTP/1.1 {answered} {http.HTTPStatus(answered).phrase}\r\n"
                   "content-type: application/problem+json\r\n"
                   f"content-length: {len(body)}\r\ncache-control: no-store\r\n"
                   + ("retry-after: 1\r\n" if answered == 503 else "") +
                   f"connection: close\r\n\r\n{body}")
    routes = read_routes(place)
    write_file(etc / "routes.map", "".join(f"{path} {name}\n" for path, name in routes.items()))
    write_file(etc / "allow.map", "".join(f"{path} {methods}\n" for path, methods in read_allowed(place).items()))
    template = string.Template((TREE / "deploy/gateway/haproxy.cfg").read_text())
    text = template.substitute(
        {f"refuse_{code}": refuse(code, place) for code in errors()},
        error_files="\n".join(f"    errorfile {status} {folder}/{status}.http"
                              for status in OWN_ERRORS),
        token_rules=token_rules(place), etc=etc, tls=place.run / "tls", port=place.port("gateway"),
        keycloak_port=place.port("keycloak"), rate_s=RATE_S, requests_a_window=REQUESTS_A_WINDOW,
        guests_per_minute=GUESTS_PER_MINUTE, body_bytes_max=BODY_BYTES_MAX)
    backends = [backend(place, name) for name in sorted(set(routes.values()))]
    write_file(etc / "haproxy.cfg", text + "\n".join(["", *backends]))


def read_routes(place):
    described = place.bin.parent / "routes.map"
    file = described if described.exists() else TREE / "deploy/gateway/routes.map"
    lines = file.read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def read_allowed(place):
    """{a path, as an expression: the methods that it takes}"""
    described = place.bin.parent / "openapi.json"
    paths = json.loads(described.read_text())["paths"] if described.exists() else {}
    return {pattern_of(path): methods_of(paths[path]) for path in paths if path.startswith(API)} | BESIDES


def pattern_of(path):
    path = path.replace(".", r"\.").replace("{rest}", ".+").replace("{id}", "[0-9a-fA-F-]{36}")
    return "^" + re.sub(r"\{\w+\}", "[^/]+", path) + "$"


def methods_of(operations):
    """As the services say them: who may GET may HEAD, but not a WebSocket."""
    taken = {method.upper() for method in operations}
    if "GET" in taken and "x-websocket" not in operations["get"]:
        taken.add("HEAD")
    return ", ".join(method for method in PASSED_ON.split(", ") if method in taken)


def token_rules(place):
    """In this order: algorithm, signature (for 60 s from the cache), issuer, audience, time.

    The algorithm is pinned before jwt_verify sees it. Two key slots, so that a rotation at the
    identity provider ends no session."""
    keys = place.run / "keys"
    no, expired = refuse("unauthenticated", place), refuse("token_expired", place)
    checked = "\n".join(f"    http-request {line}" for line in [
        "set-var(txn.jwt) http_auth_bearer if !open",
        "set-var(txn.alg) var(txn.jwt),jwt_header_query('$.alg') if !open",
        f"{no} if !open !{{ var(txn.alg) -m str ES256 }}",
        "track-sc2 var(txn.jwt),sha2(256) table verified if !open",
        *[f"sc-inc-gpc0(2) if !open {{ sc2_get_gpc0 eq 0 }} "
          f"{{ var(txn.jwt),jwt_verify(txn.alg,\"{keys}/{slot}\") -m int 1 }}"
          for slot in ("idp-1.pem", "idp-2.pem")],
        f"{no} if !open {{ sc2_get_gpc0 eq 0 }}",
        "set-var(txn.iss) var(txn.jwt),jwt_payload_query('$.iss') if !open",
        "set-var(txn.aud) var(txn.jwt),jwt_payload_query('$.aud') if !open",
        "set-var(txn.sub) var(txn.jwt),jwt_payload_query('$.sub') if !open",
        "set-var(txn.exp) var(txn.jwt),jwt_payload_query('$.exp','int') if !open",
        "set-var(txn.now) date() if !open",
        f"{no} if !open !{{ var(txn.iss) -m str {place.issuer} }}",
        f"{no} if !open !{{ var(txn.aud) -m str telecura-api }}",
        f"{no} if !open !{{ var(txn.exp) -m found }}",
        f"{expired} if !open {{ var(txn.exp),sub(txn.now) -m int le 0 }}",
        "track-sc1 var(txn.sub) table by_person if !open",
        f"{refuse('too_many_requests', place)} if !open {{ sc_http_req_rate(1) gt {PERSON_A_WINDOW} }}",
    ])
    return checked + "\n"


def backend(place, name):
    """mTLS to each replica, and only to the service of that name. Calls stay on one replica."""
    names = suite.replicas(place, name)
    tls = place.run / "tls"
    lines = [f"backend {name}"]
    if name == "signaling":
        lines += ["    balance uri path-only", "    hash-type consistent"]
    lines += ["    http-response set-header x-content-type-options nosniff"]
    check = " check inter 500ms fall 2 rise 1" if len(names) > 1 else ""
    lines += [f"    server {replica} 127.0.0.1:{place.port(replica)} ssl verify required "
              f"ca-file {tls}/ca.crt verifyhost {name} crt {tls}/gateway.pem alpn http/1.1{check}"
              for replica in names]
    return "\n".join(lines) + "\n"
