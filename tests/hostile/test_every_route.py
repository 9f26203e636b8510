"""Every route of every service, asked as a stranger, as the wrong role, for an id that nobody has, with a field or
a parameter more, and with too much. What a particular route refuses beyond this stands in
tests/integration/<service>/."""
import pytest

from routes import ANY, guarded, walk, with_body
from telecura import ORG, OTHER_ORG

BODY_BYTES_TOO_MANY = 300 * 1024


@pytest.mark.family(1)
@walk(guarded())
def test_a_stranger_gets_401(house, route):
    assert route.ask(house).status == 401


@pytest.mark.family(1)
@walk(guarded())
def test_a_forged_token_gets_401(house, route):
    assert route.ask(house, token="eyJhbGciOiJub25lIn0.e30.").status == 401


@pytest.mark.family(3)
@walk(route for route in guarded() if not route.by_claims)
def test_who_is_nobody_here_gets_403(house, route):
    assert route.ask(house, token=house.nobody()).status == 403


@pytest.mark.family(4)
@walk(route for route in guarded() if not route.by_claims and route.role(wrong=True))
def test_a_role_that_may_not_gets_403(house, route):
    who = house.person(route.role(wrong=True), fresh=route.said["fresh"])
    route.refused_and_on_record(house, route.ask(house, who=who), who, 403, "forbidden")


@pytest.mark.family(5)
@walk(with_body())
def test_an_unknown_field_gets_400(house, route):
    who = route.asker(house)
    reply = route.ask(house, who=who, body={**route.body(), "no_such_field": 1})
    route.refused_and_on_record(house, reply, who, 400, "bad_body")


@pytest.mark.family(12)
@walk(with_body())
def test_a_body_that_is_no_object_gets_400(house, route):
    who = route.asker(house)
    route.refused_and_on_record(house, route.ask(house, who=who, body=[1]), who, 400, "bad_body")


@pytest.mark.family(5)
@walk(route for route in guarded() if route.method == "GET" and not route.path.endswith("*"))
def test_an_unknown_parameter_gets_400(house, route):
    who = route.asker(house)
    reply = route.ask(house, who=who, query={"no_such_parameter": "1"})
    route.refused_and_on_record(house, reply, who, 400, "bad_query")


@pytest.mark.family(12)
@walk(route for route in guarded() if route.method in ("POST", "PUT", "PATCH"))
def test_too_large_a_body_gets_413(house, route):
    reply = route.ask(house, who=route.asker(house), raw=b'{"x":"' + b"a" * BODY_BYTES_TOO_MANY + b'"}')
    assert reply.status == 413


@pytest.mark.family(4)
@walk(route for route in guarded() if "{id}" in route.path and not route.by_claims)
def test_an_unknown_id_gets_404_whoever_asks(house, route):
    """And a person of another organisation gets the very same answer."""
    answers = []
    for org in (ORG, OTHER_ORG):
        reply = route.ask(house, who=route.asker(house, org))
        answers.append((reply.status, reply.code))
    assert answers[0] == answers[1]
    if route.method != "PUT" or not all(reach == ANY for reach in route.roles.values()):
        assert answers[0] == (404, "not_found")
