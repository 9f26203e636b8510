"""gateway - HAProxy's configuration: routes, limits, and the problem bodies that it answers itself.

The rules stand in deploy/gateway/haproxy.cfg. The routes are those that the services describe
(routes.map beside their binaries, made by tools/openapi.py), else deploy/gateway/routes.map. Here
they become a file with this suite's ports. Limits are generous: a test run is one busy address.
"""
import json
import string

import suite
from place import TREE, write_file

REQUESTS_PER_10S = 20000        # an address
PERSON_PER_10S = 10000          # a person
BODY_BYTES_MAX = 1 << 20

# status: (code, title) as in common/base/errors.def
PROBLEMS = {
    400: ("bad_request", "The request is malformed."),
    401: ("unauthenticated", "Sign in first."),
    404: ("not_found", "There is no such thing, or it is not yours to see."),
    405: ("method_not_allowed", "This path does not take that method."),
    408: ("deadline", "The request took too long to arrive."),
    413: ("too_large", "The body is too large."),
    429: ("too_many_requests", "Slow down."),
    500: ("internal", "Something failed here; it is recorded."),
    502: ("unavailable", "A part of the suite is unavailable; try again."),
    503: ("unavailable", "A part of the suite is unavailable; try again."),
    504: ("deadline", "It took too long; the same Idempotency-Key finds what was done."),
}
EXTRA_HEADERS = {
    401: "hdr WWW-Authenticate Bearer",
    405: 'hdr Allow "GET, HEAD, POST, PUT, PATCH, DELETE"',
    429: "hdr Retry-After 10",
}
# What HAProxy answers by itself -> what we answer instead. Its 403 is an odd sign in a header name.
OWN_ERRORS = {
    400: (400, "Bad Request"), 403: (400, "Bad Request"), 408: (408, "Request Timeout"),
    500: (500, "Internal Server Error"), 502: (502, "Bad Gateway"),
    503: (503, "Service Unavailable"), 504: (504, "Gateway Timeout"),
}


def problem(status, code=None, title=None):
    known_code, known_title = PROBLEMS[status]
    code = code or known_code
    return json.dumps({"type": f"/problems/{code}", "title": title or known_title,
                       "status": status, "code": code, "retryable": status in (408, 429, 502, 503)},
                      separators=(",", ":"))


def refuse(status, code=None, title=None):
    body = problem(status, code, title)
    return (f"return status {status} content-type application/problem+json string '{body}' "
            + EXTRA_HEADERS.get(status, "")).rstrip()


def write(place):
    etc = place.run / "etc"
    errors = place.folder("etc/errors")
    for status, (answered, reason) in OWN_ERRORS.items():
        body = problem(answered)
        write_file(errors / f"{status}.http",
                   f"HTTP/1.1 {answered} {reason}\r\ncontent-type: application/problem+json\r\n"
                   f"content-length: {len(body)}\r\ncache-control: no-store\r\n"
                   f"connection: close\r\n\r\n{body}")
    routes = read_routes(place)
    write_file(etc / "routes.map", "".join(f"{path} {name}\n" for path, name in routes.items()))
    template = string.Template((TREE / "deploy/gateway/haproxy.cfg").read_text())
    text = template.substitute(
        {f"refuse_{status}": refuse(status) for status in PROBLEMS},
        error_files="\n".join(f"    errorfile {status} {errors}/{status}.http"
                              for status in OWN_ERRORS),
        token_rules=token_rules(place), etc=etc, tls=place.run / "tls", port=place.port("gateway"),
        keycloak_port=place.port("keycloak"), requests_per_10s=REQUESTS_PER_10S,
        body_bytes_max=BODY_BYTES_MAX)
    backends = [backend(place, name) for name in sorted(set(routes.values()))]
    write_file(etc / "haproxy.cfg", text + "\n".join(["", *backends]))


def read_routes(place):
    described = place.bin.parent / "routes.map"
    file = described if described.exists() else TREE / "deploy/gateway/routes.map"
    lines = file.read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def token_rules(place):
    """In this order: algorithm, signature (for 60 s from the cache), issuer, audience, time.

    The algorithm is pinned before jwt_verify sees it. Two key slots, so that a rotation at the
    identity provider ends no session."""
    keys = place.run / "keys"
    no = refuse(401)
    expired = refuse(401, "token_expired", "The sign-in has expired; sign in again.")
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
        f"{refuse(429)} if !open {{ sc_http_req_rate(1) gt {PERSON_PER_10S} }}",
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
