"""Rules of the gateway that a run of the suite never reaches: who asks too often is told so, an address
and a person wherever they ask from; and passwords are given to the identity provider, to nobody else.

A HAProxy with the rules of the suite and small numbers in them. Behind its one route is no service,
so what it lets pass is answered 503.
"""
import http.client
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid

import pytest

from identity import Idp
from telecura import bin_folder, free_port

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "deploy/local"))

import certs    # noqa: E402
import gateway  # noqa: E402
import keys     # noqa: E402
from place import PORTS, Place  # noqa: E402

WINDOW_S, AN_ADDRESS, A_PERSON = 2, 30, 10
STARTS_S, ENDS_S = 30, 30
WORDS = {"GET": ["GET", "HEAD"], "WS": ["GET"]}
SECRET = b"password=secret"


class Gate:
    def __init__(self, place, idp):
        self.place, self.idp = place, idp
        self.context = ssl.create_default_context(cafile=place.run / "tls/ca.crt")

    def ask(self, address, token=None, times=1):
        """The statuses of so many requests on one connection from @address, up to the first that is
        refused; the headers and the body of the last."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.place.port("gateway"), timeout=20,
                                                 context=self.context, source_address=(address, 0))
        path, head = ("/v1/served", {"Authorization": f"Bearer {token}"}) if token else ("/v1/no_route", {})
        statuses = []
        while len(statuses) < times and 429 not in statuses:
            connection.request("GET", path, headers=head)
            answer = connection.getresponse()
            said = answer.headers, answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses, *said

    def asked(self, method, path, address):
        """The status of one request, and which methods it is told of."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.place.port("gateway"), timeout=20,
                                                 context=self.context, source_address=(address, 0))
        connection.request(method, path)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        assert answer.headers["Content-Type"] == "application/problem+json" and said["status"] == answer.status
        return answer.status, answer.headers["Allow"]

    def passes_again(self, address, usual, token=None):
        """Without anybody's doing: when the window is over."""
        end = time.monotonic() + ENDS_S
        while (status := self.ask(address, token)[0][0]) != usual:
            assert status == 429 and time.monotonic() < end
            time.sleep(WINDOW_S / 4)

    def token(self, subject):
        return self.idp.token(subject, iss=self.place.issuer, aud="telecura-api")


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with pytest.MonkeyPatch.context() as small:
        for name, value in {"RATE_S": WINDOW_S, "REQUESTS_A_WINDOW": AN_ADDRESS, "PERSON_A_WINDOW": A_PERSON}.items():
            small.setattr(gateway, name, value)
        place, idp = prepared(tmp_path_factory.mktemp("gate"))
    log = open(place.run / "gateway.log", "wb")
    with subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", place.run / "etc/haproxy.cfg"],
                          stdout=log, stderr=log) as haproxy:
        wait_for(place.port("gateway"), haproxy)
        yield Gate(place, idp)
        haproxy.terminate()


def prepared(run):
    place = Place(run, base=free_port() - PORTS["gateway"], bin_folder=bin_folder())
    tls = place.folder("tls")
    certs.make_ca(tls)
    for name in ("gateway", "keycloak", "access"):
        certs.make_leaf(place, tls, name, None)
    idp = Idp(place.folder("keys") / "idp.jwks.json")
    (key,) = json.loads(pathlib.Path(idp.file).read_text())["keys"]
    for slot in keys.SLOTS:
        (place.run / "keys" / slot).write_text(keys.pem(key))
    gateway.write(place)
    with open(place.run / "etc/routes.map", "a") as routes:
        routes.write("/v1/served nobody\n")
    return place, idp


def wait_for(port, process):
    end = time.monotonic() + STARTS_S
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("HAProxy does not listen")


def refused(answer, usual, most):
    """At least so many pass, and before long one does not; what who asked it is told."""
    statuses, headers, body = answer
    assert statuses[:most] == [usual] * most and set(statuses[most:-1]) <= {usual} and statuses[-1] == 429
    assert headers["Content-Type"] == "application/problem+json" and headers["Retry-After"] == str(WINDOW_S)
    said = json.loads(body)
    assert (said["code"], said["status"], said["retryable"]) == ("too_many_requests", 429, True)


@pytest.mark.family(11)
def test_an_address_that_asks_too_often(gate):
    refused(gate.ask("127.0.0.2", times=100 * AN_ADDRESS), 404, AN_ADDRESS)
    assert gate.ask("127.0.0.3")[0] == [404], "another address is not meant"
    gate.passes_again("127.0.0.2", 404)


@pytest.mark.family(11)
def test_a_person_who_asks_too_often(gate):
    ana = gate.token("ana")
    refused(gate.ask("127.0.0.4", ana, times=2 * A_PERSON), 503, A_PERSON)
    assert gate.ask("127.0.0.5", gate.token("ana"))[0] == [429], "from wherever, and by whichever token"
    assert gate.ask("127.0.0.4", gate.token("ben"))[0] == [503], "another person is not meant"
    gate.passes_again("127.0.0.4", 503, ana)


def rows(services):
    """{a path that a request may have: the methods of the services' routes}"""
    taken = {}
    for service in services.values():
        for route in service["routes"]:
            if route["permission"] != "SERVICE_ONLY" and route["path"] != "/*":
                path = route["path"].replace("{id}", str(uuid.uuid4())).replace("{shard}", "2026").replace("*", "a/1.b")
                taken.setdefault(route["path"], (path, set()))[1].update(WORDS.get(route["method"], [route["method"]]))
    return taken.values()


def test_a_method_that_no_path_takes(gate):
    """405 names those that this path takes, as the service behind it would; of no path there is nothing to tell."""
    services = json.loads((gate.place.bin.parent / "describe.json").read_text())
    for n, (path, methods) in enumerate(rows(services)):
        status, allowed = gate.asked("OPTIONS", path, f"127.0.1.{n % 250 + 1}")
        assert (status, set(allowed.split(", "))) == (405, methods), path
    assert n > 100
    assert gate.asked("TRACE", "/v1/nothing", "127.0.0.7") == (404, None)
    assert gate.asked("TRACE", "/v1/slots/more", "127.0.0.7") == (404, None)
    for method in ("OPTIONS", "POST", "DELETE"):
        assert gate.asked(method, "/index.html", "127.0.0.7") == (405, "GET, HEAD")
    assert gate.asked("OPTIONS", "/idp/realms/telecura/account", "127.0.0.7") == (405, gateway.PASSED_ON)


class Listener:
    """Whoever listens where the identity provider should, with a certificate of our CA on @name."""

    def __init__(self, place, name):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(place.run / f"tls/{name}.crt", place.run / f"tls/{name}.key")
        self.socket = socket.create_server(("127.0.0.1", place.port("keycloak")))
        self.heard = []
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return      # it is over
            try:
                with self.context.wrap_socket(plain, server_side=True) as secure:
                    self.heard.append(b"")
                    while SECRET not in self.heard[-1] and (more := secure.recv(65536)):
                        self.heard[-1] += more      # whoever answers half a request resets the connection
                    secure.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            except OSError:
                pass        # the gateway has hung up

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


@pytest.mark.family(1)
@pytest.mark.parametrize("name, status", [("keycloak", 204), ("access", 503)])
def test_a_password_is_given_to_the_identity_provider_alone(gate, name, status):
    """While it is away, whoever takes its port is asked for its certificate first."""
    with Listener(gate.place, name) as listener:
        connection = http.client.HTTPSConnection("127.0.0.1", gate.place.port("gateway"), timeout=20,
                                                 context=gate.context, source_address=("127.0.0.6", 0))
        connection.request("POST", "/idp/realms/telecura/login-actions/authenticate", SECRET)
        assert connection.getresponse().status == status
        connection.close()
    assert any(SECRET in said for said in listener.heard) == (status == 204)
    assert status == 204 or listener.heard == []
