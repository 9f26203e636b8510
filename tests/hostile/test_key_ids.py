"""Family 2: tricks with the name of a key. The name looks up a key among those of our identity provider and
does nothing else; who brings a key along, or says where one lies, is not followed."""
import json
import socket
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from forge import Forge, two
from identity import base64url
from routes import cross, one_of_each_service

pytestmark = pytest.mark.family(2)
ASKED = one_of_each_service()
KIDS = {
    "a path": "../../../../etc/passwd", "the null device": "/dev/null", "a file's address": "file:///dev/null",
    "SQL": "test-1' OR '1'='1", "more SQL": "x'; DROP TABLE member; --", "a NUL behind": "test-1\0", "a NUL": "\0",
    "a space behind": "test-1 ", "a space before": " test-1", "upper case": "TEST-1", "a dot": "test.1",
    "a slash": "test/1", "an empty one": "", "65 letters": "a" * 65, "10 KB": "a" * 5000, "a star": "*",
    "a percent sign": "test%2d1", "line ends": "test-1\r\nX: y", "a number": 1, "true": True, "null": None,
    "a list": ["test-1"], "an object": {"kid": "test-1"}, "Unicode": "te\u0455t-1", "an unknown one": "test-2",
    "a shell's": "$(id)", "a format": "%s%s%s%n", "a template": "{{7*7}}", "LDAP": "*)(uid=*", "an address": "KEYS",
}


class Attacker:
    """A key of their own, and a server that offers it and counts who comes."""

    def __init__(self):
        self.key, self.visitors = ec.generate_private_key(ec.SECP256R1()), 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}/jwks.json"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            self.visitors += 1
            client.close()

    @property
    def jwk(self):
        point = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "kid": "theirs", "alg": "ES256", "use": "sig",
                "x": base64url(point.x.to_bytes(32, "big")), "y": base64url(point.y.to_bytes(32, "big"))}


@pytest.fixture(scope="module")
def attacker():
    made = Attacker()
    yield made
    made.server.close()
    assert made.visitors == 0, "somebody came for the attacker's key"


@pytest.fixture
def forge(house):
    return Forge(house.suite.idp, house.person("nurse").subject)


@cross(ASKED, KIDS)
def test_a_key_s_name_is_a_name(house, forge, attacker, route, name):
    kid = attacker.url if KIDS[name] == "KEYS" else KIDS[name]
    reply = route.ask(house, token=forge.made({"kid": kid}))
    assert (reply.status, reply.code) == (401, "unauthenticated"), reply


BROUGHT = {
    "jwk": lambda a: {"jwk": a.jwk}, "jwk and its name": lambda a: {"jwk": a.jwk, "kid": "theirs"},
    "jku": lambda a: {"jku": a.url}, "jku and its name": lambda a: {"jku": a.url, "kid": "theirs"},
    "x5u": lambda a: {"x5u": a.url}, "x5c": lambda a: {"x5c": ["MIIB"]}, "x5t": lambda a: {"x5t": "AAAA", "kid": "theirs"},
    "a critical word": lambda a: {"crit": ["exp"], "exp": 1}, "an empty crit": lambda a: {"crit": []},
    "b64": lambda a: {"b64": False, "crit": ["b64"]}, "b64 alone": lambda a: {"b64": True},
    "zip": lambda a: {"zip": "DEF"}, "null jwk": lambda a: {"jwk": {}}, "jku of nothing": lambda a: {"jku": ""},
}


@cross(ASKED, BROUGHT)
@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_who_brings_a_key_along_is_refused(house, forge, attacker, route, name, whose):
    """Even if our own key has signed: then the header asks for what is not done here."""
    sign = (lambda text: two(*forge.numbers(text, attacker.key))) if whose == "theirs" else None
    more = BROUGHT[name](attacker)
    if name == "x5t":
        sign = lambda text: two(*forge.numbers(text, attacker.key))  # noqa: E731  x5t alone asks for nothing
    reply = route.ask(house, token=forge.made(more, sign=sign))
    assert (reply.status, reply.code) == (401, "unauthenticated"), reply


def test_a_name_that_is_there_twice(house, forge):
    for kids in (("test-1", "x"), ("x", "test-1")):
        header = '{"alg":"ES256","typ":"JWT","kid":"%s","kid":"%s"}' % kids
        token = forge.join(header.encode(), json.dumps(forge.claims).encode())
        assert ASKED[0].ask(house, token=token).status == 401


def test_a_storm_of_unknown_names_costs_the_others_nothing(house, forge):
    """The keys are read from a file that telectl keeps: nobody can make a service ask for them."""
    path, began = f"/v1/patients/{house.person('patient').patient}/allergies", time.monotonic()
    patients = house.suite.service("patients")
    text = house.suite.idp.sign(forge.claims).split(".", 1)[1]
    for n in range(500):
        header = base64url(json.dumps({"alg": "ES256", "typ": "JWT", "kid": f"unknown-{n}"}).encode())
        assert patients.get(path, who=f"{header}.{text}").status == 401
    assert time.monotonic() - began < 30
    began = time.monotonic()
    assert patients.get(path, who=house.person("nurse")).status in (200, 404)
    assert time.monotonic() - began < 2
