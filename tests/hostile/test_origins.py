"""Family 8: pages of other sites that open a socket in the name of who looks at them. A socket is of our own
pages or of no page, and a cookie opens none."""
import pytest

from ws import Closed, Refused, Upgrade, connect

pytestmark = pytest.mark.family(8)
FOREIGN = [
    "https://evil.example", "null", "", "http://{host}", "https://{host}.evil.example", "https://evil.example/{host}",
    "https://{host}/", "https://{host}:443", "https://localhost", "https://127.0.0.1", "https://evil{host}", "https://{host}@evil.example",
    "https://user@{host}", "HTTPS://{host}", "https://{upper}", "https:{host}", "//{host}", "{host}", "https://{host}?", "https://{host}#",
    "file://", "chrome-extension://abc", "https://{host} https://evil.example", "https://{host},https://evil.example", "*",
]
PATHS = {"messaging": "/v1/stream", "signaling": "/v1/calls/{channel}"}


@pytest.fixture(scope="module", params=PATHS)
def door(request, house):
    service, visit = house.suite.service(request.param), house.grants.visit()
    path = PATHS[request.param].format(channel=visit.channel)
    return service, path, f"localhost:{service.port}", visit


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_site_opens_no_socket(door, origin):
    service, path, host, _ = door
    with pytest.raises(Upgrade) as refused:
        connect(service, path, headers={"Origin": origin.format(host=host, upper=host.upper())})
    assert refused.value.status in (400, 403)


def test_two_origins_open_no_socket(door):
    """One right, one wrong: whichever a server looks at."""
    service, path, host, _ = door
    for pair in ((f"https://{host}", "https://evil.example"), ("https://evil.example", f"https://{host}")):
        with pytest.raises(Upgrade) as refused:
            connect(service, path, headers={"Origin": pair[0], "origin": pair[1]})
        assert refused.value.status in (400, 403)


def test_our_own_page_opens_one(door):
    service, path, host, _ = door
    connect(service, path, headers={"Origin": f"https://{host}"}).drop()


@pytest.mark.parametrize("cookie", ["access_token={t}", "KEYCLOAK_IDENTITY={t}", "__Host-session={t}", "token={t}; grant={g}"])
def test_a_cookie_opens_nothing(door, cookie):
    service, path, _, visit = door
    cookies = cookie.format(t=visit.patient.token, g=visit.grant(visit.patient))
    with connect(service, path, headers={"Cookie": cookies}) as ws:
        with pytest.raises(Closed) as ended:        # a first frame without its two words is none
            ws.ask("connect", token="", grant="")
        assert ended.value.code == 4500
    with connect(service, path, headers={"Cookie": cookies}) as ws:
        with pytest.raises(Refused) as refused:
            ws.ask("connect", token="x.y.z", grant=visit.grant(visit.patient))
        assert refused.value.code == "unauthenticated"


@pytest.mark.parametrize("query", ["?token={t}", "?grant={g}", "?access_token={t}&grant={g}", "?user={p}"])
def test_nothing_in_the_address_opens_one(door, query):
    service, path, _, visit = door
    with pytest.raises(Upgrade) as refused:
        connect(service, path + query.format(t=visit.patient.token, g=visit.grant(visit.patient), p=visit.patient.id))
    assert refused.value.status == 400


@pytest.mark.parametrize("headers", [
    {"Sec-WebSocket-Protocol": None}, {"Sec-WebSocket-Protocol": "chat"}, {"Sec-WebSocket-Version": "8"},
    {"Sec-WebSocket-Version": None}, {"Sec-WebSocket-Key": "short"}, {"Sec-WebSocket-Key": None}, {"Upgrade": "h2c"},
    {"Connection": "keep-alive"}, {"Content-Length": "5"}, {"Transfer-Encoding": "chunked"}], ids=str)
def test_an_upgrade_that_is_none(door, headers):
    service, path, _, _ = door
    with pytest.raises(Upgrade) as refused:
        connect(service, path, headers=headers)
    assert 400 <= refused.value.status < 500
