"""A producer that tells nothing more, and one whose records do not come, are found by audit itself: once."""
import hmac
import struct
import time
import uuid

import pytest

import sealed
import telecura
from bus import event
from conftest import Feed, Kafka
from postgres import quote
from telecura import ORG, OTHER_ORG, Client
from test_feed import forge, mac_key_of, producer_id
from test_telectl import lines, telectl
from visits import until

HEARTBEAT_S, SILENT_S = 1, 8
NAME = "appointments"


@pytest.fixture(scope="module")
def feed():
    kafka, suite = Kafka(), telecura.Suite()
    yield Feed(suite, kafka, HEARTBEAT_S, silent_s=SILENT_S)
    suite.close()
    kafka.stop()


def metric(feed, name, labels=""):
    """Of audit; None before it has looked."""
    text = Client(feed.suite, feed.api.inner, name=None).get("/metrics").body.decode()
    line = f'telecura_{name}{{service="audit"{labels}}} '
    return next((int(row[len(line):]) for row in text.splitlines() if row.startswith(line)), None)


def open_now(feed):
    return {kind: metric(feed, "audit_unheard", f',kind="{kind}"') for kind in ("silent", "behind")}


def watched(feed, seconds=SILENT_S + 2):
    """Until audit has listened for so long, which is when it tells of who was not heard."""
    until(lambda: (metric(feed, "audit_watched_seconds") or 0) >= seconds, seconds + 20)


def missed(feed, kind, org=ORG):
    """(number, times, whether it is over) of each such incident of the producer."""
    rows = feed.api.rows(f"SELECT seq, times, closed_at IS NOT NULL AS over FROM incident WHERE kind = {quote(kind)} "
                         f"AND producer = {quote(NAME)} AND org = {quote(org)}")
    return [tuple(row.values()) for row in rows]


def wait_missed(feed, kind, expected, org=ORG):
    until(lambda: missed(feed, kind, org) == expected, 60, f"{kind} {expected}")


def said(feed, kind):
    with open(feed.api.log) as log:
        return sum('"audit_incident"' in line and f"{kind} in the log of {ORG}, {NAME}'s number" in line for line in log)


def test_who_is_heard_is_no_incident(feed):
    feed.act()
    feed.receipted()
    watched(feed)
    assert feed.api.rows("SELECT * FROM incident") == []
    assert open_now(feed) == {"silent": 0, "behind": 0}


@pytest.mark.family(16)
def test_who_falls_silent_is_told_of_once_until_they_speak_again(feed):
    """Also when audit itself is killed meanwhile; and again when it happens again."""
    feed.act()
    feed.receipted()
    told = feed.tail()["seq"]
    feed.api.wait_for(f"SELECT told_seq = {told} FROM producer WHERE org = {quote(ORG)} AND name = {quote(NAME)}", 30)
    feed.producer.kill()
    wait_missed(feed, "silent", [(told, 1, False)])
    until(lambda: open_now(feed)["silent"] == 1)
    privacy = feed.suite.person("privacy")
    seen = lines(telectl(feed, "audit", "incidents", "--json", who=privacy))
    assert [(row["kind"], row["producer"], row["seq"]) for row in seen] == [("silent", NAME, told)]

    feed.api.kill()
    feed.api.start()
    watched(feed)
    assert missed(feed, "silent") == [(told, 1, False)] and said(feed, "silent") == 1
    feed.producer.start()
    wait_missed(feed, "silent", [(told, 1, True)])
    until(lambda: open_now(feed)["silent"] == 0)

    assert feed.producer.stop() == 0        # in good order: whoever hides rows can do that too
    wait_missed(feed, "silent", [(told, 2, False)])
    until(lambda: said(feed, "silent") == 2)
    feed.producer.start()
    wait_missed(feed, "silent", [(told, 2, True)])
    assert [row["kind"] for row in feed.api.rows(
        f"SELECT kind FROM incident WHERE producer = {quote(NAME)}")] == ["silent"]


def test_what_was_missed_while_nobody_listened_is_not_held_against_anybody(feed):
    """As after a night without audit: all that was told is old, and waits in Kafka."""
    feed.act()
    feed.receipted()
    before = missed(feed, "silent")
    assert feed.producer.stop() == 0 and feed.api.stop() == 0
    feed.api.execute("UPDATE producer SET told_at = told_at - interval '1 day'")
    feed.api.start()
    watched(feed, 1)
    feed.producer.start()
    feed.api.wait_for("SELECT count(*) = 0 FROM producer WHERE told_at < now() - interval '1 hour'", 30)
    watched(feed)
    assert missed(feed, "silent") == before and open_now(feed)["silent"] == 0


def waited(feed, org=ORG):
    """As if what the producer has told had been awaited since long ago."""
    this = f"FROM producer WHERE org = {quote(org)} AND name = {quote(NAME)}"
    feed.api.wait_for(f"SELECT coalesce((SELECT due_seq > seq {this}), false)", 30)
    feed.api.execute(f"UPDATE producer SET due_at = due_at - interval '1 hour' WHERE org = {quote(org)} "
                     f"AND name = {quote(NAME)}")


@pytest.mark.family(16)
def test_a_record_that_is_told_and_does_not_come(feed):
    """Heartbeats say that it was numbered. Once, however often they say it, until the record is there."""
    feed.act()
    feed.receipted()
    key_id, key = mac_key_of(feed.suite, NAME)
    tail = feed.tail()
    seq, prev = tail["seq"] + 1, bytes.fromhex(tail["mac"])
    event, leaf = feed.sealed_leaf(seq)
    mac = hmac.digest(key, prev + leaf, "sha256")
    feed.producer.execute(f"UPDATE audit_chain SET seq = {seq}, mac = '\\x{mac.hex()}' WHERE org = {quote(ORG)}")
    waited(feed)
    watched(feed)
    wait_missed(feed, "behind", [(seq, 1, False)])
    until(lambda: open_now(feed) == {"silent": 0, "behind": 1})

    since = time.time()
    feed.api.wait_for(f"SELECT told_at > to_timestamp({since}) FROM producer WHERE org = {quote(ORG)} "
                      f"AND name = {quote(NAME)}", 30)
    assert missed(feed, "behind") == [(seq, 1, False)] and said(feed, "behind") == 1
    forge(feed, seq, leaf, prev, mac, key_id, event)
    feed.receipted()
    wait_missed(feed, "behind", [(seq, 1, True)])
    until(lambda: open_now(feed)["behind"] == 0)
    feed.settle()


@pytest.mark.family(16)
def test_a_log_of_which_no_record_has_ever_come(feed):
    feed.producer.execute("INSERT INTO audit_chain (org, seq, mac) VALUES "
                          f"({quote(OTHER_ORG)}, 5, decode(repeat('ab', 32), 'hex'))")
    waited(feed, OTHER_ORG)
    wait_missed(feed, "behind", [(5, 1, False)], OTHER_ORG)
    assert missed(feed, "silent", OTHER_ORG) == []


def heartbeat(feed, org, seq, prev, at_ms):
    """As the producer says it, once more, by somebody who may write to the topic."""
    key_id, key = mac_key_of(feed.suite, NAME)
    (row,) = feed.api.rows(f"SELECT epoch FROM producer WHERE org = {quote(org)} AND name = {quote(NAME)}")
    leaf = (b"\x01" + bytes([36]) + org.encode() + bytes([len(NAME)]) + NAME.encode()
            + struct.pack(">QQB", seq, at_ms, 2) + bytes(16 + 32 + 2))
    record = sealed.message((1, 2), (3, NAME), (4, row["epoch"]), (5, seq), (6, prev),
                            (7, hmac.digest(key, prev + leaf, "sha256")), (8, leaf), (9, uuid.UUID(key_id).bytes))
    event(feed.api, "audit.events.v1", producer_id(NAME), record, kind=2, version=seq, org=org)


@pytest.mark.family(16)
def test_a_heartbeat_that_is_played_again_tells_nothing(feed):
    """It hides no silence, and what it says of an older day is no cut."""
    feed.act()
    feed.receipted()
    feed.producer.kill()
    prev = bytes.fromhex(feed.tail()["mac"])
    row = f"FROM producer WHERE org = {quote(ORG)} AND name = {quote(NAME)}"
    seq, told_ms = feed.tail()["seq"], feed.api.value(f"SELECT told_ms {row}")
    feed.api.execute("UPDATE producer SET told_at = told_at - interval '1 hour'")
    before = feed.api.value(f"SELECT told_at {row}")
    heartbeat(feed, ORG, seq, prev, told_ms)
    heartbeat(feed, ORG, seq - 1, prev, told_ms - 1)

    heartbeat(feed, OTHER_ORG, 5, b"\xab" * 32, int(time.time() * 1000))     # behind them in the partition
    feed.api.wait_for(f"SELECT told_at > now() - interval '1 minute' FROM producer WHERE org = {quote(OTHER_ORG)}", 30)
    assert feed.api.value(f"SELECT told_at {row}") == before
    assert feed.api.rows("SELECT * FROM incident WHERE kind = 'cut'") == []
    heartbeat(feed, ORG, seq, prev, told_ms + 1)
    feed.api.wait_for(f"SELECT told_at > now() - interval '1 minute' {row}", 30)
