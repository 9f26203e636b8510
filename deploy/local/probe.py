"""probe - is a part really ready? Each probe does a small piece of the part's own work.

A probe returns when the part answers and raises otherwise; the text says what was wrong. An open
port proves nothing: Kafka opens its own long before it can serve.
"""
import secrets
import socket
import ssl
import struct
import subprocess
import urllib.request

PATIENCE_S = 2


class NotReady(Exception):
    pass


def tcp(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def unix(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_S)
    connection.connect(str(path))
    return connection


def postgres(place):
    done = subprocess.run(["/usr/bin/pg_isready", "-q", "-t", "2", "-h", place.run / "postgres",
                           "-p", str(place.port("postgres"))], env={"PATH": "/usr/bin:/bin"})
    if done.returncode:
        raise NotReady("pg_isready says no")


def redis(place):
    with unix(place.run / "redis/redis.sock") as connection:
        connection.sendall(b"PING\r\n")
        if connection.recv(16) != b"+PONG\r\n":
            raise NotReady("no PONG")


def mail(place):
    with tcp(place.port("mail")) as connection:
        if not connection.recv(64).startswith(b"220"):
            raise NotReady("no SMTP greeting")


def turn(place):
    """A STUN binding request (RFC 8489) over UDP."""
    ask = struct.pack(">HHI", 0x0001, 0, 0x2112A442) + secrets.token_bytes(12)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(("127.0.0.1", place.port("turn")))
        connection.send(ask)
        answer = connection.recv(1024)
    if answer[:2] != b"\x01\x01" or answer[8:20] != ask[8:20]:
        raise NotReady("no STUN answer")


def kafka(place):
    """A metadata request (version 4, no topics) as User:admin over mTLS; wants one live broker."""
    context = ssl.create_default_context(cafile=place.ca_file)
    context.load_cert_chain(place.run / "tls/admin.crt", place.run / "tls/admin.key")
    request = struct.pack(">hhih5si?", 3, 4, 1, 5, b"probe", 0, False)
    with context.wrap_socket(tcp(place.port("kafka")), server_hostname="localhost") as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = b""
        while len(answer) < 16:
            piece = connection.recv(4096)
            if not piece:
                raise NotReady("the broker hung up")
            answer += piece
    brokers = struct.unpack(">i", answer[12:16])[0]
    if brokers < 1:
        raise NotReady("no broker is live yet")


def http(url, context=None):
    with urllib.request.urlopen(url, timeout=PATIENCE_S, context=context) as answer:
        if answer.status != 200:
            raise NotReady(f"{url} answers {answer.status}")


def keycloak(place):
    """The realm's keys. (The realm's own page would make Keycloak generate an RSA key for it.)"""
    http(f"{place.keycloak_url}/realms/telecura/protocol/openid-connect/certs",
         ssl.create_default_context(cafile=place.ca_file))


def gateway(place):
    """Any HTTP answer over TLS will do: what stands behind the gateway has probes of its own."""
    context = ssl.create_default_context(cafile=place.ca_file)
    with context.wrap_socket(tcp(place.port("gateway")), server_hostname="localhost") as connection:
        connection.sendall(b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        if not connection.recv(64).startswith(b"HTTP/1.1 "):
            raise NotReady("no HTTP answer")


def service(name):
    """A service says itself, on its inner port, whether it can work."""
    def ask(place):
        http(f"http://127.0.0.1:{place.inner_port(name)}/health/ready")
    return ask
