"""Somebody who has every copy of what is kept about a patient, and every certificate of the suite: what
can they read? A second implementation of opening (proto/telecura/v1/sealed.proto).

    held = blobs(patient, [*dumped(dump(place), patient), *topics(place)])      # {Blob}
    keys = Keys(place).of(patient, held)            # {(domain, dek): key, None where keyd says 404}
    readable(held, keys)                            # {what was said}
"""
import collections
import json
import re
import subprocess
import uuid

import database
from cryptography.exceptions import InvalidTag
from memory import base64url, xaes_open
from peer import PeerOfPlace
from place import TREE

Blob = collections.namedtuple("Blob", "domain dek bound sealed")

KINDS = {int(number): domain for number, domain in re.findall(
    r'^KIND\(\w+, (\d+), "(\w+)"', (TREE / "common/app/kinds.def").read_text(), re.M)}
# Who may open: for each domain the first service that is named.
OPENERS = dict(re.findall(r'^DOMAIN\("(\w+)", OF_(?:PATIENT|ANYBODY), "\w+", "(\w+)',
                          (TREE / "services/keyd/domains.def").read_text(), re.M))
DIGITS, HEAD_BYTES = re.compile(rb"(?:[0-9a-f]{2})*"), 18     # before the patient stands the organisation
VARINT = rb"[\x80-\xff]*[\x00-\x7f]"


def dump(place):
    """All of our databases in one text; another day's restore has just this."""
    return subprocess.run(
        [f"{database.PROGRAMS}/pg_dumpall", "--exclude-database=keycloak", "-h", place.run / "postgres",
         "-p", str(place.port("postgres")), "-U", "postgres"], check=True, capture_output=True,
        env={"PGPASSWORD": place.secret("postgres"), "PATH": "/usr/bin:/bin"}).stdout


def dumped(text, patient):
    """What names the patient in the dump's columns of bytes, from where a blob may begin: rows, outboxes,
    projections, events that were put aside."""
    name = (b"\x12\x10" + uuid.UUID(patient).bytes).hex().encode()
    return (bytes.fromhex(DIGITS.match(text, found.start() - 2 * HEAD_BYTES)[0].decode())
            for found in re.finditer(name, text))


def topics(place):
    """The records of every topic as they lie on Kafka's disk; nothing is compressed there."""
    return (file.read_bytes() for file in sorted((place.run / "kafka/data").rglob("*.log")))


def blobs(patient, places):
    """Every sealed blob of the patient, wherever in each of @places it begins."""
    head = re.compile(rb"\n\x10.{16}\x12\x10" + re.escape(uuid.UUID(patient).bytes) +
                      rb"\x18(.)\"\x10.{16}(?:\x28" + VARINT + rb")?2\x10(.{16})", re.DOTALL)
    held = set()
    for data in places:
        for found in head.finditer(data):
            size, at = delimited(data, found.end())
            domain = KINDS[found[1][0]]
            held.add(Blob(domain, str(uuid.UUID(bytes=found[2])), found[0], data[at:at + size]))
    return held


def delimited(data, at):
    """(size, where it begins) of field 7, which follows."""
    assert data[at] == 7 << 3 | 2
    size = shift = 0
    while True:
        at += 1
        size |= (data[at] & 0x7F) << shift
        shift += 7
        if data[at] < 0x80:
            return size, at + 1


class Keys:
    """keyd on its socket, asked by whichever service may have the key."""

    def __init__(self, place):
        self.place = place

    def of(self, patient, held):
        return {(domain, dek): self.open(patient, domain, dek) for domain, dek in {blob[:2] for blob in held}}

    def open(self, patient, domain, dek):
        org = next(p["org"] for p in json.loads((self.place.run / "people.json").read_text())
                   if p.get("patient_id") == patient)
        reply = PeerOfPlace(self.place, OPENERS[domain]).open(domain, dek, patient, org)
        assert reply.status in (200, 404), (domain, reply)
        return base64url(reply.json["key"]) if reply.status == 200 else None


def readable(held, keys):
    """What of it opens by the keys that there are."""
    said = set()
    for blob in held:
        key = keys.get(blob[:2])
        if key:
            said.add(opened(blob, key))
    return said - {None}


def opened(blob, key):
    try:
        return xaes_open(key, blob.bound, blob.sealed)
    except InvalidTag:      # cut off: the end of a page in Kafka's file
        return None
