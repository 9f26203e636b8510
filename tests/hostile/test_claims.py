"""Family 3: tokens that our identity provider has signed, and that are for somebody or something else."""
import json
import time

import pytest

from forge import Forge
from identity import AUDIENCE, ISSUER
from routes import cross, one_of_each_service

pytestmark = pytest.mark.family(3)
ASKED = one_of_each_service()
NOW = int(time.time())
HOUR = 3600


def at(seconds, *names):
    """Claims that lie so far from now, when the token is made."""
    return lambda: {name: int(time.time()) + seconds for name in names}


WRONG = {
    **{f"iss {iss!r}"[:60]: {"iss": iss} for iss in (
        ISSUER + "/", ISSUER.upper(), ISSUER[:-1], ISSUER + "2", ISSUER.replace("https", "http"), "", " " + ISSUER,
        ISSUER.replace("telecura", "master"), ISSUER.replace("telecura", "Telecura"), ISSUER + "\0", ISSUER + "?x",
        ISSUER + "#", "https://idp.test.evil.example/realms/telecura", None, 1, [ISSUER], {"iss": ISSUER}, "a" * 300)},
    **{f"aud {aud!r}"[:60]: {"aud": aud} for aud in (
        "account", AUDIENCE + "-admin", AUDIENCE.upper(), AUDIENCE + " ", AUDIENCE[:-1], "", None, [], [[]], {},
        ["account"], ["account", AUDIENCE.upper()], [AUDIENCE + "2"], [1], 1, True, "*", ["*"], "telecura,account",
        [str(n) for n in range(40)])},
    **{f"typ {typ!r}": {"typ": typ} for typ in ("ID", "Refresh", "Offline", "Logout", "bearer", "Serialized-ID", "", 1)},
    **{f"sub {str(sub)[:9]!r}": {"sub": sub} for sub in (None, "", 1, True, [], ["sub"], {}, "a" * 129)},
    **{f"{name} {value!r}": {name: value} for name in ("exp", "iat") for value in (
        None, "1893456000", 0, -1, 1.5, True, [], "", 253402300800, 2**63, -2**63)},
    **{f"nbf {value!r}": {"nbf": value} for value in ("0", -1, 1.5, [], 2**63)},
    "expired by 61 s": at(-61, "exp"), "expired by an hour": at(-HOUR, "exp"),
    "issued in 65 s": at(65, "iat"), "issued in a year": at(365 * 24 * HOUR, "iat"),
    "not before 65 s": at(65, "nbf"), "not before a year": at(365 * 24 * HOUR, "nbf"),
    "signed in in 65 s": at(65, "auth_time"),
    "ended before it began": lambda: {"iat": NOW - 2 * HOUR, "exp": NOW - HOUR},
    "a NUL in the subject": lambda: {"sub": "SUB\0root"},
    "a long session": {"sid": "s" * 129}, "a session that is none": {"sid": 7},
}
HEADERS = {f"typ {typ!r}": {"typ": typ} for typ in (
    "id_token+jwt", "logout+jwt", "JOSE", "jwt", "JWS", "application/at+jwt", "dpop+jwt", "", None, 1, ["JWT"])}


@pytest.fixture
def forge(house):
    return Forge(house.suite.idp, house.person("nurse").subject)


@cross(ASKED, WRONG)
def test_another_s_claims_open_nothing(house, forge, route, name):
    claims = WRONG[name]() if callable(WRONG[name]) else WRONG[name]
    if "SUB" in str(claims.get("sub")):
        claims["sub"] = claims["sub"].replace("SUB", forge.claims["sub"])
    reply = route.ask(house, token=forge.made(claims=claims))
    assert reply.status == 401 and reply.code in ("unauthenticated", "token_expired"), reply


@cross(ASKED, HEADERS)
def test_another_kind_of_token_opens_nothing(house, forge, route, name):
    reply = route.ask(house, token=forge.made(HEADERS[name]))
    assert (reply.status, reply.code) == (401, "unauthenticated"), reply


TWICE = {name: f'"{name}":{value},"{name}":{value}' for name, value in (
    ("iss", f'"{ISSUER}"'), ("aud", f'"{AUDIENCE}"'), ("sub", '"SUB"'), ("exp", NOW + HOUR), ("iat", NOW),
    ("auth_time", NOW))}


@cross(ASKED, TWICE)
def test_a_claim_that_is_there_twice(house, forge, route, name):
    rest = json.dumps({k: v for k, v in forge.claims.items() if k != name})[1:]
    payload = "{" + TWICE[name].replace("SUB", forge.claims["sub"]) + ", " + rest
    reply = route.ask(house, token=forge.join(json.dumps(forge.header).encode(), payload.encode()))
    assert (reply.status, reply.code) == (401, "unauthenticated"), reply


@pytest.mark.parametrize("skew", ["exp", "iat", "nbf"])
def test_a_minute_of_skew_is_borne(house, forge, skew):
    """The other side of the line: else every token above might be refused for something else."""
    near = {"exp": -50, "iat": 50, "nbf": 50}[skew]
    reply = ASKED[0].ask(house, token=forge.made(claims=at(near, skew)()))
    assert reply.status != 401, reply
