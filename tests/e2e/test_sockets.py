"""Nothing of the suite listens to other machines, and sign-ins are taken by TLS alone."""
import ipaddress
import json
import os
import pathlib
import socket
import struct

LISTENS = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}


def test_only_loopback(place):
    inodes = inodes_of(processes_of(place))
    listening = [address for address, inode in listeners() if inode in inodes]
    assert len(listening) >= len(json.loads((place.run / "state.json").read_text())["parts"]) / 2
    assert [str(address) for address in listening if not is_loopback(address)] == []


def test_the_identity_provider_speaks_tls_alone(place):
    with socket.create_connection(("127.0.0.1", place.port("keycloak")), 20) as plain:
        plain.sendall(b"GET /idp/realms/telecura HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        try:
            assert not plain.recv(1024).startswith(b"HTTP/")
        except ConnectionResetError:
            pass


def is_loopback(address):
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def processes_of(place):
    """Every process of the suite: its parts, and what these started (a part is a session)."""
    parts = json.loads((place.run / "state.json").read_text())["parts"]
    sessions = {part["pid"] for part in parts.values() if part["pid"]}
    pids = [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if session_of(pid) in sessions]


def session_of(pid):
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def inodes_of(pids):
    found = set()
    for pid in pids:
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(link)
            except OSError:     # closed meanwhile
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
    return found


def listeners():
    for table, state in LISTENS.items():
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, is_in, *rest = line.split()
            if is_in == state:
                yield address_of(local.split(":")[0]), rest[5]


def address_of(digits):
    """Words of 32 bits in the machine's order."""
    words = [int(digits[at:at + 8], 16) for at in range(0, len(digits), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return ipaddress.ip_address(socket.inet_ntop(family, packed))
