"""Family 13: requests that two readers might cut differently, sent to services as one inside the house would
send them; e2e/test_gateway.py sends them to the gateway. One answer each, and nothing hides behind it."""
import re
import socket
import ssl

import pytest

from raw_requests import REQUESTS
from routes import spread

pytestmark = pytest.mark.family(13)
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) ")
SERVICES = ("access", "patients", "appointments", "prescriptions", "billing", "notifications", "audit", "messaging", "signaling", "fhir")


def exchange(service, data):
    """Every status that comes back until the service ends the connection."""
    with socket.create_connection(("127.0.0.1", service.port), 10) as plain, \
            service.suite.authority.context().wrap_socket(plain, server_hostname="localhost") as secure:
        got = b""
        try:
            secure.sendall(data + b"GET /v1/last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while chunk := secure.recv(65536):
                got += chunk
        except (ConnectionError, ssl.SSLError):
            pass
        return [int(status) for status in ANSWER.findall(got)]


@pytest.mark.parametrize("service,raw", [
    pytest.param(service, raw, id=f"{service}-{raw.name}") for service, raw in spread(SERVICES, REQUESTS)])
def test_one_request_one_answer(house, service, raw):
    statuses = exchange(house.suite.service(service), raw.bytes)
    if raw.kind == "valid":     # what follows on the connection is answered as itself
        assert len(statuses) == 2
    else:
        assert statuses == [raw.direct_status], "and the connection has ended"
