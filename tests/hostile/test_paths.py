"""Family 25, as far as there are files: the portal's, and the tiles of the log. No path leaves its folder, and
nobody is sent to fetch anything from where a client says."""
import socket

import pytest

from routes import quoted

pytestmark = pytest.mark.family(25)
OUT = [
    "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..;/..;/etc/passwd", "....//....//etc/passwd",
    "..%5c..%5cetc%5cpasswd", "..%252f..%252fetc%252fpasswd", "%c0%ae%c0%ae/etc/passwd", "..%c0%afetc", "/etc/passwd", "//etc/passwd",
    "etc/passwd%00.html", "index.html%00", "index.html/", "index.html/..", "./index.html", ".", "..", "%2e", "~root", ".git/config",
    ".secret.html", "app/../../keys", "app//x", "con", "a" * 5000, "file:///etc/passwd", "http://127.0.0.1/", "\\etc\\passwd",
    "..%u2215etc", "%", "%2", "%zz", "*", "?", "#", "index.html?../..", "index.html;a", "%20", "app/%2e%2e/index.html",
]
ROOTS = {
    "the portal": ("access", "/"), "the portal's folder": ("access", "/app/"), "tiles": ("audit", "/v1/audit/tile/"),
    "tiles of a log": ("audit", "/v1/audit/0a000000-0000-4000-8000-000000000001/tile/"),
    "a log's name": ("audit", "/v1/audit/"), "a FHIR id": ("fhir", "/fhir/R4/Patient/"),
}


def asked(service, path):
    """(status, body) of exactly that path, whatever a client library would make of it."""
    with socket.create_connection(("127.0.0.1", service.port), 10) as plain, \
            service.suite.authority.context().wrap_socket(plain, server_hostname="localhost") as secure:
        secure.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while chunk := secure.recv(65536):
            got += chunk
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize("path", OUT, ids=lambda path: path[:40])
@pytest.mark.parametrize("root", ROOTS)
def test_no_path_leads_out(house, root, path):
    name, prefix = ROOTS[root]
    status, body = asked(house.suite.service(name), prefix + path)
    assert status in (200, 400, 401, 404, 414, 431), (status, body[:200])
    assert b"root:" not in body and b"/bin/" not in body
    if status == 200:       # a fragment or a query is not part of the path
        assert root.startswith("the portal") and not body.startswith(b"[") and path in ("?", "#", "index.html?../..")


REFERENCES = ["http://127.0.0.1:{port}/x", "https://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "127.0.0.1:{port}",
              "http://[::1]:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/", "file:///etc/passwd",
              "http://169.254.169.254/latest/meta-data", "gopher://127.0.0.1:{port}/_x", "Patient/../../x"]


@pytest.mark.parametrize("where", ["/fhir/R4/Patient/{}", "/fhir/R4/Appointment/{}", "/fhir/R4/Appointment?patient={}",
                                   "/fhir/R4/Appointment?_cursor={}", "/fhir/R4/AuditEvent?patient={}", "/fhir/R4/metadata?_format={}"])
@pytest.mark.parametrize("reference", REFERENCES)
def test_no_reference_is_followed(house, where, reference):
    """Family 25's forged requests: the face asks its owners, by the addresses of its settings alone."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0)
        value = quoted(reference.format(port=trap.getsockname()[1]))
        reply = house.suite.service("fhir").get(where.format(value), who=house.person("nurse"))
        assert 400 <= reply.status < 500, reply
        with pytest.raises(BlockingIOError):
            trap.accept()
