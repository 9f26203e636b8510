"""Family 20: a second factor that was not shown, not now, or not by this one. What needs one that is fresh
is refused, with the reason that makes a client ask for it, and the refusal is on record."""
import json

import pytest

from forge import Forge
from routes import guarded, spread

pytestmark = pytest.mark.family(20)
FRESH = [route for route in guarded() if route.said["fresh"]]
MINUTE = 60
STALE = {
    "none": {"acr": "1"}, "no word of it": {"acr": None}, "acr 0": {"acr": "0"}, "acr of nothing": {"acr": ""}, "gold": {"acr": "gold"},
    "acr of a list": {"acr": ["2"]}, "acr of an object": {"acr": {"level": 2}}, "acr true": {"acr": True}, "acr 1.5": {"acr": 1.5},
    "acr 2 in words": {"acr": "two"}, "acr -2": {"acr": "-2"}, "acr 22": {"acr": "22"}, "acr ' 2'": {"acr": " 2"}, "acr '2 '": {"acr": "2 "},
    "acr 0x2": {"acr": "0x2"}, "only an amr": {"acr": "1", "amr": ["pwd", "otp"]}, "five minutes and a second ago": {"acr": "2", "auth_time": -301},
    "an hour ago": {"acr": "2", "auth_time": -3600}, "at no time": {"acr": "2", "auth_time": None}, "at time 0": {"acr": "2", "auth_time": 0.0},
    "told of an old sign-in": {"acr": "2", "auth_time": -3600, "signed_in_at_issue": False},
    "a word for a truth": {"acr": "2", "auth_time": -3600, "signed_in_at_issue": "true"},
}


def token(forge, change):
    claims = dict(change)
    if isinstance(claims.get("auth_time"), int):
        claims["auth_time"] += forge.claims["iat"]
    if claims.get("auth_time") == 0.0:
        claims["auth_time"] = 0
    return forge.made(claims=claims)


def refused(route, reply, who, house):
    """401 where the token itself is none, else the reason to ask for the factor."""
    if reply.status == 401:
        return
    route.refused_and_on_record(house, reply, who, 403, "second_factor_required")


@pytest.mark.parametrize("route,name", [
    pytest.param(route, name, id=f"{route.name}-{name}") for route, name in spread(FRESH, STALE)])
def test_a_factor_that_is_not_fresh(house, route, name):
    who = house.person(route.role())
    forge = Forge(house.suite.idp, who.subject)
    refused(route, route.ask(house, token=token(forge, STALE[name])), who, house)


@pytest.mark.parametrize("route", FRESH, ids=lambda route: route.name)
def test_acr_that_is_there_twice_is_none(house, route):
    who = house.person(route.role())
    forge = Forge(house.suite.idp, who.subject)
    for pair in (("1", "2"), ("2", "1"), ("2", "2")):
        rest = json.dumps({k: v for k, v in forge.claims.items() if k != "acr"})[1:]
        text = '{"acr":"%s","acr":"%s",%s' % (*pair, rest)
        refused(route, route.ask(house, token=forge.join(json.dumps(forge.header).encode(), text.encode())), who, house)


@pytest.mark.parametrize("route", FRESH, ids=lambda route: route.name)
def test_anothers_factor_is_not_ones_own(house, route):
    """A fresh token of somebody else beside one's own stale one: there is one Authorization."""
    who, other = house.person(route.role()), house.person("nurse", fresh=True)
    reply = route.ask(house, who=who, headers={"X-Authorization": f"Bearer {other.token}", "Telecura-Acr": "2"})
    refused(route, reply, who, house)


@pytest.mark.parametrize("route", FRESH, ids=lambda route: route.name)
def test_a_fresh_one_serves(house, route):
    """Else all of the above might be refused for something else."""
    who = house.person(route.role())
    for age_s in (0, 200):
        reply = route.ask(house, token=house.suite.idp.token(who.subject, acr=2, auth_age_s=age_s))
        assert reply.status not in (401, 403), reply
