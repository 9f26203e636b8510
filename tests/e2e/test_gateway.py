"""The 65 raw requests of tests/hostile through the gateway: each is answered as its row says, once."""
import pathlib
import re
import socket
import ssl
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "hostile"))

from raw_requests import REQUESTS  # noqa: E402

pytestmark = pytest.mark.family(13)

ANSWER = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
LAST = b"GET /v1/nothing HTTP/1.1\r\nHost: telecura.test\r\nConnection: close\r\n\r\n"
SILENCE_S = 8       # longer than the gateway waits for the rest of a request


def exchange(door, data):
    """Every status that comes back, in order."""
    with socket.create_connection(("127.0.0.1", door.port), SILENCE_S) as plain, \
            door.context.wrap_socket(plain, server_hostname="localhost") as secure:
        secure.sendall(data)
        got = receive(secure, lambda answer: b"\r\n\r\n" in answer)
        try:
            secure.sendall(LAST)
            got += receive(secure, lambda _: False)
        except OSError:
            pass        # it was closed already
        return [int(status) for status in ANSWER.findall(got)]


def receive(secure, enough):
    got = b""
    try:
        while not enough(got):
            data = secure.recv(65536)
            if not data:
                break
            got += data
    except (ConnectionError, ssl.SSLError):
        pass
    return got


@pytest.mark.parametrize("raw", REQUESTS, ids=lambda raw: raw.name)
def test_one_request_one_answer(door, raw):
    """What follows on the same connection is answered as itself, or not at all: nothing hides in a
    request that was taken for something else."""
    first, *rest = exchange(door, raw.bytes)
    assert first in raw.gateway_status_set
    assert rest in ([], [404])


def test_there_are_sixty_five():
    assert len(REQUESTS) == 65
