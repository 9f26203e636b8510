"""A TURN client (RFC 8656 over UDP): an allocation, and data relayed through it.

    with Allocation(uri, username, password) as here, Allocation(...) as there:
        here.permit(there)
        there.permit(here)
        assert here.carry(b"frame", there) == here.relayed

A datagram may be lost, so whatever is sent is sent again until what it asks for has come.
"""
import hashlib
import hmac
import os
import re
import select
import socket
import struct
import time

COOKIE = 0x2112A442
ALLOCATE, REFRESH, CREATE_PERMISSION = 0x003, 0x004, 0x008     # methods
REQUEST, INDICATION, SUCCESS, FAILURE = 0x000, 0x010, 0x100, 0x110
SEND_INDICATION, DATA_INDICATION = 0x006 | INDICATION, 0x007 | INDICATION
USERNAME, INTEGRITY, ERROR_CODE, PEER, DATA = 0x006, 0x008, 0x009, 0x012, 0x013
REALM, NONCE, RELAYED, TRANSPORT, LIFETIME = 0x014, 0x015, 0x016, 0x019, 0x00D
ORIGIN = 0x802F
UDP = bytes([17, 0, 0, 0])
MISMATCH = 437                          # error code: Allocation Mismatch
PORTS_TRIED = 4
WAITS_S = (0.5, 1, 2, 4, 8, 16, 8)      # RFC 8489 section 6.2.1: RTO 500 ms, Rc 7, Rm 16


class TurnError(Exception):
    def __init__(self, text, code=None):
        super().__init__(text)
        self.code = code


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def kind_of(packet):
    return struct.unpack_from(">H", packet)[0]


def attributes_of(packet):
    found, at = {}, 20
    while at < len(packet):
        kind, n = struct.unpack_from(">HH", packet, at)
        found[kind] = packet[at + 4:at + 4 + n]
        at += 4 + n + -n % 4
    return found


def xor_address(address):
    """IPv4 alone: the suite's relay is on this machine."""
    host, port = address
    number = struct.unpack(">I", socket.inet_aton(host))[0] ^ COOKIE
    return struct.pack(">BBHI", 0, 1, port ^ COOKIE >> 16, number)


def address_of(value):
    _, _, port, number = struct.unpack(">BBHI", value)
    return socket.inet_ntoa(struct.pack(">I", number ^ COOKIE)), port ^ COOKIE >> 16


class Allocation:
    def __init__(self, uri, username, password, origin=b""):
        host, port = re.match(r"turn:([0-9.]+):(\d+)", uri).groups()
        self.server = host, int(port)
        self.username, self.password = username, password
        self.realm = self.nonce = None
        body = attribute(TRANSPORT, UDP) + (attribute(ORIGIN, origin) if origin else b"")
        self.relayed = address_of(self._allocate(body)[RELAYED])

    def _allocate(self, body):
        """From another port when this one was somebody's until just now (RFC 8656 section 7.4)."""
        for left in reversed(range(PORTS_TRIED)):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                return self._ask(ALLOCATE, body)
            except TurnError as error:
                self.socket.close()
                if error.code != MISMATCH or not left:
                    raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.refresh(0)     # gives the allocation back
        except TurnError as error:
            if error.code != MISMATCH:      # it was taken away before
                raise
        finally:
            self.socket.close()

    def permit(self, peer):
        self._ask(CREATE_PERMISSION, attribute(PEER, xor_address(peer.relayed)))

    def carry(self, data, peer):
        """Until @peer has the data; returns from which address."""
        def arrived(packet):
            return kind_of(packet) == DATA_INDICATION and attributes_of(packet)[DATA] == data
        body = attribute(PEER, xor_address(peer.relayed)) + attribute(DATA, data)
        packet = self._send(self._packet(SEND_INDICATION, body), peer, arrived)
        return address_of(attributes_of(packet)[PEER])

    def heard_of(self, peer, seconds):
        """Whether @peer's data still come to us within @seconds."""
        body = attribute(PEER, xor_address(self.relayed)) + attribute(DATA, b"still there?")
        peer.socket.sendto(peer._packet(SEND_INDICATION, body), peer.server)
        return self._receive(lambda packet: kind_of(packet) == DATA_INDICATION, seconds) is not None

    def refresh(self, seconds=600):
        self._ask(REFRESH, attribute(LIFETIME, struct.pack(">I", seconds)))

    def _packet(self, kind, body, extra=0):
        return struct.pack(">HHI", kind, len(body) + extra, COOKIE) + os.urandom(12) + body

    def _signed(self, kind, body):
        if self.realm is None:
            return self._packet(kind, body)
        body += attribute(USERNAME, self.username.encode()) + attribute(REALM, self.realm) + \
            attribute(NONCE, self.nonce)
        key = hashlib.md5(b":".join([self.username.encode(), self.realm, self.password.encode()]))
        packet = self._packet(kind, body, extra=24)
        return packet + attribute(INTEGRITY, hmac.digest(key.digest(), packet, "sha1"))

    def _send(self, packet, at, wanted):
        """Until a wanted packet has come in @at; returns that."""
        for wait_s in WAITS_S:
            self.socket.sendto(packet, self.server)
            came = at._receive(wanted, wait_s)
            if came:
                return came
        raise TurnError("the relay does not answer")

    def _receive(self, wanted, wait_s):
        end = time.monotonic() + wait_s
        while (left_s := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left_s)[0]:
                packet = self.socket.recv(65536)
                if wanted(packet):
                    return packet
        return None

    def _ask(self, method, body):
        """The first answer without credentials names realm and nonce; then once more with them."""
        for _ in range(2):
            asked = self._signed(method | REQUEST, body)
            packet = self._send(asked, self, lambda came, id=asked[4:20]: came[4:20] == id)
            found = attributes_of(packet)
            if kind_of(packet) == method | SUCCESS:
                return found
            code = found[ERROR_CODE][2] * 100 + found[ERROR_CODE][3]
            if code not in (401, 438):
                break
            self.realm, self.nonce = found[REALM], found[NONCE]
        raise TurnError(f"the relay refused with {code}", code)


def relay(call):
    """A place at the TURN server, by what signaling gave this caller."""
    (server,) = call.opened["ice_servers"]
    return Allocation(server["urls"][0], server["username"], server["credential"])
