import pytest

from visits import Grants
from ws import connect

TURN = "turn:127.0.0.1:19478?transport=udp,turn:127.0.0.1:19478?transport=tcp"


@pytest.fixture(scope="session")
def grants(suite):
    return Grants(suite)


@pytest.fixture(scope="session")
def signaling(suite, grants):
    return suite.service("signaling", access_public=grants.public_file, turn_uri=TURN,
                         turn_secret=suite.secret("turn.secret", "a turn secret"))


@pytest.fixture
def visit(signaling, grants):
    return grants.visit()


@pytest.fixture
def join(signaling):
    """join(visit, who) -> (socket, the answer to connect); closed after the test."""
    sockets = []

    def run(visit, who, service=None, grant=None, **kw):
        ws = connect(service or signaling, f"/v1/calls/{visit.channel}", **kw)
        sockets.append(ws)
        return ws, ws.ask("connect", token=who.token, grant=grant or visit.grant(who))
    yield run
    for ws in sockets:
        ws.drop()
