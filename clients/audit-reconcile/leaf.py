"""leaf - an entry of the log, from docs/reference/audit-log.md alone: its fields, and what it seals.

Shares no line with the service that wrote it. Raises Damaged with what is wrong.
"""
import hashlib
import hmac
import struct
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC

EVENT = 1       # the class of an entry that tells of an act; others seal nothing

# Fields of telecura.v1.AuditPhi (proto/telecura/v1/sealed.proto) that are compared.
IDS = {1: "act", 5: "actor", 10: "resource_id", 18: "event", 23: "request"}
TEXTS = {2: "action", 3: "outcome", 7: "service", 9: "resource"}
NUMBERS = {11: "resource_version"}


class Damaged(Exception):
    pass


def need(true, what):
    if not true:
        raise Damaged(what)


def cut(entry):
    """The clear fields: log, producer, seq, time_ms, class, dek_id, commitment; sealed, and its AAD."""
    at = 0

    def take(n):
        nonlocal at
        need(at + n <= len(entry), "an entry ends early")
        at += n
        return entry[at - n:at]

    need(take(1) == b"\1", "an entry of another version")
    leaf = {"log": take(take(1)[0]).decode(), "producer": take(take(1)[0]).decode()}
    leaf["seq"], leaf["time_ms"], leaf["class"] = struct.unpack(">QQB", take(17))
    leaf["dek_id"], leaf["commitment"], leaf["aad"] = str(uuid.UUID(bytes=take(16))), take(32), entry[:at]
    leaf["sealed"] = take(struct.unpack(">H", take(2))[0])
    need(at == len(entry), "something follows an entry")
    return leaf


def unseal(leaf, key):
    """The body, opened with the key that the entry is committed to: {field: value}."""
    dek_id = uuid.UUID(leaf["dek_id"]).bytes
    committed = hmac.new(key, b"telecura audit leaf v1" + dek_id, hashlib.sha256).digest()
    need(committed == leaf["commitment"], "an entry is not committed to its key")
    nonce, sealed, subkey = leaf["sealed"][:24], leaf["sealed"][24:], b""
    for counter in (1, 2):      # c2sp.org/XAES-256-GCM
        mac = CMAC(algorithms.AES(key))
        mac.update(bytes([0, counter]) + b"X\0" + nonce[:12])
        subkey += mac.finalize()
    try:
        return fields(AESGCM(subkey).decrypt(nonce[12:], sealed, leaf["aad"]))
    except InvalidTag:
        raise Damaged("an entry does not open") from None


def varint(data, at):
    value = shift = 0
    while True:
        need(at < len(data) and shift < 64, "a body ends early")
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def fields(body):
    """Protobuf: the fields that are compared; others are passed over."""
    found, at = {}, 0
    while at < len(body):
        key, at = varint(body, at)
        value, at = varint(body, at)
        need(key & 7 in (0, 2), "a body is not a message")
        if key & 7 == 2:
            need(at + value <= len(body), "a body ends early")
            value, at = body[at:at + value], at + value
        name = key >> 3
        if name in IDS:
            found[IDS[name]] = str(uuid.UUID(bytes=value))
        elif name in TEXTS:
            found[TEXTS[name]] = value.decode()
        elif name in NUMBERS:
            found[NUMBERS[name]] = value
    return found
