"""Families 15 and 16 on the real Kafka: records that are bombs, from who may write there; and records of others,
from who may not. A bomb is set aside with its key (`parked`, `dead_letter`), and all behind it goes on."""
import collections
import concurrent.futures
import contextlib
import json
import re
import secrets
import subprocess
import time
import uuid

import pytest

import database
from place import SERVICES, TREE

ROW = re.compile(r'^TOPIC\(\w+, "([^"]+)", \w+, \w+, \d+, "([^"]*)", "([^"]*)"\)', re.M)
TOPICS = {name: (producers, consumers) for name, producers, consumers in ROW.findall((TREE / "proto/topics.def").read_text())}


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


def nested(depth, number=2):
    """A message in a message in a message."""
    sizes, size = [], 0
    for _ in range(depth):
        sizes.append(size)
        size += 1 + len(varint(size))
    return b"".join(bytes([number << 3 | 2]) + varint(n) for n in reversed(sizes))


BOMBS = {
    "20,000 deep": nested(20000), "60,000 empty ones": b"\x12\x00" * 60000, "a length of 2^63": b"\x12" + b"\xff" * 9 + b"\x7f",
    "a length past the end": b"\x12\xff\xff\x03ab", "a varint of 11 bytes": b"\x08" + b"\xff" * 11 + b"\x01", "100,000 unknown fields": b"\xf8\x07\x01" * 100000,
    "a wrong wire type": b"\x0d\0\0\0\0\x15\0\0\0\0", "cut off": b"\x12\x10abc", "groups": b"\x0b" * 5000 + b"\x0c" * 5000,
    "field 0": b"\x02\x01\x00", "zeros": bytes(1000), "ones": b"\xff" * 1000, "text": b'{"kind":1}', "not UTF-8 in a text": b"\x1a\x02\xff\xfe\x22\x02\xff\xfe\x2a\x02\xff\xfe",
}
# Sound protobuf of a strange kind; our messages hold none of their own, so depth is a long field of bytes.
HARMLESS = {"20,000 deep", "60,000 empty ones", "100,000 unknown fields", "not UTF-8 in a text"}


KEY, END = b"<~key~>", b"<~end~>"      # in no bomb


class Kafka:
    def __init__(self, place):
        self.place, self.tls = place, place.run / "tls"
        self.address = f"127.0.0.1:{place.port('kafka')}"

    def kcat(self, who, *words, said=b""):
        done = subprocess.run(
            ["kcat", "-b", self.address, "-X", "security.protocol=ssl", "-X", f"ssl.ca.location={self.tls}/ca.crt",
             "-X", f"ssl.certificate.location={self.tls}/{who}.crt", "-X", f"ssl.key.location={self.tls}/{who}.key",
             "-X", "message.timeout.ms=40000", "-X", "topic.metadata.refresh.interval.ms=500", *map(str, words)],
            input=said, capture_output=True, timeout=120)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(errors="replace"),
                                           done.stderr.decode(errors="replace"))

    def put(self, who, topic, records, kind=1):
        """All @records (key: payload) by one client."""
        headers = {"ce_id": uuid.uuid4(), "org": uuid.uuid4(), "act": uuid.uuid4(), "kind": kind, "version": 1, "epoch": 1,
                   "at": int(time.time() * 1e6)}
        words = [word for name, value in headers.items() for word in ("-H", f"{name}={value}")]
        said = b"".join(key.encode() + KEY + payload + END for key, payload in records.items())
        return self.kcat(who, "-P", "-t", topic, "-K", KEY.decode(), "-D", END.decode(), *words, said=said)


@pytest.fixture(scope="module")
def kafka(place):
    return Kafka(place)


def heard(place):
    """{topic: {service: the first kind that it hears}} of effects."""
    found = collections.defaultdict(dict)
    for name in SERVICES:
        said = subprocess.run([place.bin / name, "--describe"], capture_output=True, check=True).stdout
        for row in json.loads(said).get("hears", []):
            if row["mode"] == "effect":
                found[row["topic"]].setdefault(name, row["kind"])
    return found


@pytest.fixture(scope="module")
def thrown(place, kafka):
    """Every bomb has been thrown at every topic, under a key of its own: {(topic, bomb): key}."""
    hears, keys = heard(place), {}
    for topic, (producers, _) in TOPICS.items():
        for name in BOMBS:
            keys[topic, name] = f"bomb{secrets.token_hex(6)}"
        done = kafka.put("access" if producers == "*" else producers.split()[0], topic,
                         {keys[topic, name]: data for name, data in BOMBS.items()}, next(iter(hears[topic].values()), 1) or 1)
        assert done.returncode == 0, done.stderr
    return keys, hears


def rows(place, service, sql):
    return database.psql(place, sql, service)


def until(question, seconds=30):
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def set_aside(place, thrown):
    """{service: {key: reason}} once each has come to all that cannot be understood."""
    keys, hears = thrown
    found = {}
    for service in {name for services in hears.values() for name in services}:
        wanted = {keys[topic, name] for topic, name in keys if service in hears[topic] and name not in HARMLESS}
        def seen(service=service, wanted=wanted):
            found[service] = dict(rows(place, service, "SELECT convert_from(key, 'UTF8'), reason FROM dead_letter "
                                                       "WHERE substr(key, 1, 4) = 'bomb'"))
            return wanted <= found[service].keys()
        with contextlib.suppress(AssertionError):   # the cases say which is missing
            until(seen, 60)
    return found


@pytest.mark.family(15)
@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_bomb_is_set_aside(thrown, set_aside, topic, name):
    """At each service that acts on what it hears there, by a code and never a text. Where all only watch, or nobody
    hears, there is nothing to set aside: the services still run (conftest.py)."""
    keys, hears = thrown
    for service in hears[topic]:
        reason = set_aside[service].get(keys[topic, name])
        assert reason or name in HARMLESS, f"{service} has not set it aside"
        assert reason is None or re.fullmatch("[a-z_]+", reason)


@pytest.mark.family(15)
def test_all_behind_them_goes_on(place, kafka, thrown):
    """Every service has read every record of every partition that it hears: none is stuck before a bomb."""
    _, hears = thrown
    for topic, services in hears.items():
        ends = {}
        for partition in range(12):
            asked = kafka.kcat("admin", "-Q", "-t", f"{topic}:{partition}:-1").stdout
            end = re.search(r"offset (\d+)", asked)
            if not end:
                break
            ends[partition] = int(end.group(1))
        assert ends
        for service in services:
            at = f"SELECT partition, next_offset FROM feed_pos WHERE topic = '{topic}'"
            def there(at=at, service=service, ends=ends):
                reached = {int(partition): int(offset) for partition, offset in rows(place, service, at)}
                return all(reached.get(partition, 0) >= end for partition, end in ends.items())
            until(there, 60)


def others(column, services=3):
    """Some who are not in that column of a topic, others for each topic."""
    for n, (topic, row) in enumerate(TOPICS.items()):
        strangers = [name for name in SERVICES if row[column] != "*" and name not in row[column].split()]
        yield from ((strangers[(n + i) % len(strangers)], topic) for i in range(min(services, len(strangers))))


WRITERS, READERS = sorted(set(others(0))), sorted(set(others(1, 2)))


@pytest.fixture(scope="module")
def attempts(kafka):
    """What each certificate was told where it may not write or read, all at once."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        writes = {pair: pool.submit(kafka.put, *pair, {"k" * 16: b"x"}) for pair in WRITERS}
        reads = {pair: pool.submit(kafka.kcat, pair[0], "-C", "-e", "-c", "1", "-o", "beginning", "-t", pair[1]) for pair in READERS}
        return ({pair: job.result() for pair, job in writes.items()}, {pair: job.result() for pair, job in reads.items()})


@pytest.mark.family(16)
@pytest.mark.parametrize("pair", WRITERS, ids="-".join)
def test_nobody_writes_in_anothers_name(attempts, pair):
    done = attempts[0][pair]
    assert done.returncode != 0 and "authorization failed" in (done.stdout + done.stderr).lower(), done


@pytest.mark.family(16)
@pytest.mark.parametrize("pair", READERS, ids="-".join)
def test_nobody_reads_what_is_not_for_them(attempts, pair):
    done = attempts[1][pair]
    assert done.stdout == "" and "authorization failed" in (done.stdout + done.stderr).lower(), done
