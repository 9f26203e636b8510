"""Somebody with another service's certificate speaks in a producer's name: records of audit.events.v1 by
proto/telecura/v1/audit.proto and docs/reference/audit-log.md, and a client of Kafka and of keyd.
"""
import hashlib
import os
import struct
import subprocess
import time
import uuid

from peer import PeerOfPlace

KEY, END = b"|is the key of|", b"|here it ends|"    # kcat's; neither stands in what is sent


def producer_id(service):
    return hashlib.sha256(f"producer:{service}".encode()).digest()[:16]


def leaf(org, producer, seq):
    """One whose body is noise."""
    sealed = os.urandom(90)
    return (b"\1" + bytes([len(org)]) + org.encode() + bytes([len(producer)]) + producer.encode()
            + struct.pack(">QQB", seq, int(time.time() * 1000), 1) + os.urandom(48)
            + struct.pack(">H", len(sealed)) + sealed)


def varint(number):
    data = b""
    while number >= 0x80:
        data, number = data + bytes([number & 0x7F | 0x80]), number >> 7
    return data + bytes([number])


def message(*fields):
    """Protobuf, from the first field on: bytes, text or a number."""
    data = b""
    for number, value in enumerate(fields, 1):
        value = value.encode() if isinstance(value, str) else value
        data += varint(number << 3) + varint(value) if isinstance(value, int) else \
            varint(number << 3 | 2) + varint(len(value)) + value
    return data


def record(org, producer, seq, prev_mac, mac, mac_key):
    """(event, packed AuditRecord)."""
    event = uuid.uuid4()
    return event, message(1, event.bytes, producer, 1, seq, prev_mac, mac, leaf(org, producer, seq),
                          uuid.UUID(mac_key).bytes)


def send(place, who, topic, org, event, key, payload, seq):
    """With @who's certificate; the finished kcat."""
    tls, headers = place.run / "tls", {
        "ce_specversion": "1.0", "ce_id": event, "ce_source": f"/telecura/{who}", "ce_type": "forged",
        "content-type": "application/protobuf", "org": org, "act": event, "kind": 1, "version": seq, "epoch": 1,
        "at": time.time_ns() // 1000}
    return subprocess.run(
        ["kcat", "-P", "-b", f"127.0.0.1:{place.port('kafka')}", "-t", topic, "-K", KEY, "-D", END,
         "-X", "security.protocol=ssl", "-X", f"ssl.ca.location={tls}/ca.crt",
         "-X", f"ssl.certificate.location={tls}/{who}.crt", "-X", f"ssl.key.location={tls}/{who}.key",
         "-X", "message.timeout.ms=20000", *(word for name in headers for word in ("-H", f"{name}={headers[name]}"))],
        input=key + KEY + payload + END, capture_output=True, timeout=60)


def asked_for_key(place, who, producer):
    """keyd's answer to @who, who wants the key by which @producer chains."""
    reply = PeerOfPlace(place, who).post("/v1/keys/seal", domain="mac",
                                         patient=str(uuid.UUID(bytes=producer_id(producer))))
    return reply.status, reply.json
