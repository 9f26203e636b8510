"""Family 1: access tokens that nobody signed, or not so. Each forgery is shown to every service, and in a
first frame to those that have sockets; none leaves a row, since nobody in particular has asked."""
import pytest

from forge import FORGERIES, Forge
from routes import cross, one_of_each_service, spread, walk
from ws import Closed, Refused, connect

pytestmark = pytest.mark.family(1)
ASKED = one_of_each_service()
SOCKETS = {"messaging": "/v1/stream", "signaling": "/v1/calls/{}"}


@pytest.fixture
def forge(house):
    return Forge(house.suite.idp, house.person("nurse").subject)


@pytest.fixture(scope="module", autouse=True)
def nothing_on_record(house):
    """Of strangers: what they ask for is counted in the metrics and fills no table."""
    rows = f"SELECT count(*) AS n FROM audit_outbox WHERE actor <> '{house.person('nurse').id}'"
    names = [route.service for route in ASKED if route.service != "fhir"] + ["signaling"]
    before = {name: house.rows(name, rows) for name in names}
    yield
    assert {name: house.rows(name, rows) for name in names} == before


@cross(ASKED, FORGERIES)
def test_a_forgery_opens_nothing(house, forge, route, name):
    reply = route.ask(house, token=FORGERIES[name](forge))
    assert (reply.status, reply.code) == (401, "unauthenticated"), reply


@walk(ASKED)
def test_the_forger_s_own_token_opens(house, forge, route):
    """Else the forgeries would be refused for something else."""
    reply = route.ask(house, token=forge.good())
    assert reply.status != 401, reply


@pytest.fixture(scope="module")
def channel(house):
    return house.grants.visit().channel


@pytest.mark.parametrize("service,name", spread(SOCKETS, FORGERIES))
def test_a_forgery_opens_no_socket(house, forge, channel, service, name):
    with connect(house.suite.service(service), SOCKETS[service].format(channel)) as ws:
        with pytest.raises((Refused, Closed)) as ended:
            ws.ask("connect", token=FORGERIES[name](forge), grant="v4.public.AAAA.AAAA")
        if isinstance(ended.value, Refused):    # else it was too long to be a token, and no frame of ours
            assert ended.value.code == "unauthenticated"
        assert (ended.value.code if isinstance(ended.value, Closed) else ws.closed()[0]) == 4500


PRESENTED = {
    "another scheme": lambda t: {"Authorization": f"Basic {t}"},
    "no scheme": lambda t: {"Authorization": t},
    "two schemes": lambda t: {"Authorization": f"Bearer Bearer {t}"},
    "a tab": lambda t: {"Authorization": f"Bearer\t{t}"},
    "two tokens": lambda t: {"Authorization": f"Bearer {t}, Bearer {t}"},
    "another header": lambda t: {"X-Authorization": f"Bearer {t}"},
    "the proxy's": lambda t: {"Proxy-Authorization": f"Bearer {t}"},
    "a cookie": lambda t: {"Cookie": f"access_token={t}; KEYCLOAK_IDENTITY={t}"},
    "a name of the gateway's": lambda t: {"X-Forwarded-User": "root", "X-Forwarded-Access-Token": t},
    "a quoted one": lambda t: {"Authorization": f'Bearer "{t}"'},
}


@cross(ASKED, PRESENTED)
def test_a_sound_token_shown_otherwise_opens_nothing(house, forge, route, name):
    reply = route.ask(house, headers=PRESENTED[name](forge.good()))
    assert reply.status in (400, 401), reply


@walk(ASKED)
@pytest.mark.parametrize("parameter", ["access_token", "token", "authorization", "jwt"])
def test_a_token_in_the_address_opens_nothing(house, forge, route, parameter):
    assert route.ask(house, query={parameter: forge.good()}).status in (400, 401)
