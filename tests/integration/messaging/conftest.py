import pytest

from visits import Grants
from ws import connect


@pytest.fixture(scope="session")
def grants(suite):
    return Grants(suite)


@pytest.fixture(scope="session")
def messaging(suite, grants):
    return suite.service("messaging", access_public=grants.public_file)


@pytest.fixture
def visit(messaging, grants):
    return grants.visit()


@pytest.fixture
def enter(messaging):
    """enter(visit, who) -> (socket, the answer to connect); closed after the test."""
    sockets = []

    def run(visit, who, service=None, resume=None, grant=None, **kw):
        ws = connect(service or messaging, "/v1/stream", **kw)
        sockets.append(ws)
        body = {"token": who.token, "grant": grant or visit.grant(who)}
        return ws, ws.ask("connect", **body, **({"resume": resume} if resume else {}))
    yield run
    for ws in sockets:
        ws.drop()
