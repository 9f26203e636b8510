"""The log's disk: how full it is goes round with the receipts, and nothing is begun that has no room."""
import os
import re
import time

import pytest

import telecura
from conftest import Feed, Kafka
from disks import filled, small_disk
from telecura import ORG, Client

MIB = 1 << 20


@pytest.fixture(scope="module")
def feed(tmp_path_factory):
    kafka, suite, disk, other = Kafka(), telecura.Suite(), *map(tmp_path_factory.mktemp, ("disk", "other"))
    os.symlink(disk, f"{suite.folder}/log")
    with small_disk(disk, 1024 * MIB), small_disk(other, 64 * MIB):
        made = Feed(suite, kafka, heads_dir=other)
        made.disks = {"log": disk, "heads": other}
        yield made
        suite.close()
        kafka.stop()


def room(service):
    """What the service says of it to operators."""
    return Client(service.suite, service.inner, name=None).get("/health/ready").json["audit"]


def told(feed, refused):
    """Until both services have heard from a receipt what is to be refused."""
    feed.act()
    until = time.monotonic() + 20
    while {room(feed.producer)["refused"], room(feed.api)["refused"]} != {refused}:
        assert time.monotonic() < until, (room(feed.producer), room(feed.api))
        time.sleep(0.1)


def test_what_can_wait_waits_until_there_is_room(feed):
    """At 80 % who asks for much, at 95 % who can come later; a visit goes on."""
    patient, admin = feed.suite.patient(), feed.suite.person("admin")
    review = lambda: feed.api.get("/v1/audit/access-review", who=admin)         # noqa: E731
    visits = lambda: feed.producer.get("/v1/appointments", who=patient)         # noqa: E731
    queue = lambda: feed.producer.get("/v1/queue", who=patient)                 # noqa: E731
    for percent, refused, expected in ((50, "nothing", [200, 200, 200]), (85, "bulk", [503, 200, 200]),
                                       (95, "daily", [503, 503, 200]), (50, "nothing", [200, 200, 200])):
        with filled(feed.disks["log"], percent):
            told(feed, refused)
            replies = [review(), visits(), queue()]
            assert [reply.status for reply in replies] == expected, percent
            assert all((reply.code, reply.headers["retry-after"]) == ("audit_full", "1")
                       for reply in replies if reply.status == 503)
            feed.receipted()    # urgent ones are logged all the same


@pytest.mark.parametrize("which", ["log", "heads"])
def test_without_room_no_step_is_begun(feed, go_reader, which):
    """The rows wait where they were written; with room again each is in the log, once."""
    feed.receipted()
    before = feed.size()
    disk = feed.folder if which == "log" else os.path.dirname(feed.heads)
    with filled(feed.disks[which]):
        made = feed.act(300)
        until = time.monotonic() + 20
        while not re.search(f"{disk}: \\d+ bytes are left on its disk", feed.api.tail(400)):
            assert time.monotonic() < until, feed.api.tail()
            time.sleep(0.1)
        assert feed.size() == before and "staging" not in os.listdir(feed.folder)
        assert len(feed.producer.rows("SELECT 1 FROM audit_outbox")) == len(made)
        assert feed.api.get(f"/v1/audit/{ORG}/checkpoint").status == 200
    feed.receipted()
    assert feed.verified(go_reader) >= before + len(made)
