"""Who leafs through many records is noticed from the log: once, by name, and told to privacy."""
import uuid

import pytest

from postgres import quote
from telecura import ORG

GLASS, RECORDS = 3, 200       # the settings' own


def leaf_through(feed, count, actor, **more):
    """@count different patients."""
    for _ in range(count):
        feed.act(1, patient=str(uuid.uuid4()), actor=actor, **more)
    feed.indexed()


def looked(feed):
    """Until it has looked at all that the index has."""
    feed.indexed()
    feed.api.wait_for("SELECT coalesce((SELECT sum(next) FROM browsing_end), 0) >= "
                      "(SELECT sum(next) FROM event_index_end)", 30)


def noticed(feed, person):
    looked(feed)
    feed.api.wait_for("SELECT count(*) = 0 FROM browsing WHERE person IS NULL", 30)
    rows = feed.api.get("/v1/audit/browsing?limit=200", who=feed.suite.person("privacy")).json["data"]
    return [(row["kind"], row["patients"]) for row in rows if row["person"] == person]


@pytest.mark.family(21)
def test_glass_that_one_person_breaks_again_and_again(feed):
    doctor = str(uuid.uuid4())
    leaf_through(feed, GLASS - 1, doctor, action="glass.break", relation="self")
    assert noticed(feed, doctor) == []
    same = str(uuid.uuid4())
    leaf_through(feed, 1, doctor, action="glass.break", outcome="refused", error="forbidden")
    feed.act(4, patient=same, actor=doctor, action="glass.break")
    assert noticed(feed, doctor) == [("break_glass", GLASS)], "the same patient again is no other, a refusal is none"
    leaf_through(feed, 2, doctor, action="glass.break")
    assert noticed(feed, doctor) == [("break_glass", GLASS)], "once within a day"
    (row,) = feed.api.rows(f"SELECT id, event_id FROM browsing WHERE person = {quote(doctor)}")
    privacy = feed.suite.person("privacy")
    event = feed.api.get(f"/v1/audit/events/{row['event_id']}", who=privacy).json
    assert (event["actor"], event["action"]) == (doctor, "glass.break"), "one of those that were counted"
    feed.indexed()
    said = feed.api.get(f"/v1/audit/events?resource_id={row['id']}", who=privacy).json["data"]
    assert [(event["action"], event["outcome"]) for event in said] == [("audit.browsing", "done")]


@pytest.mark.family(21)
def test_many_records_in_a_day(feed):
    """Whatever was done with them; yesterday's do not count, nor what others or services do."""
    curious, diligent = str(uuid.uuid4()), str(uuid.uuid4())
    values = ", ".join(
        f"({quote(ORG)}, gen_random_uuid(), gen_random_uuid(), {at}, {quote(what)}, 'done', {quote(actor)}, "
        f"'clinician', 2, gen_random_uuid(), '/v1/appointments/{{id}}', gen_random_uuid(), 1)"
        for n in range(RECORDS) for at, what, actor in (
            ("now()", "chart.read" if n % 2 else "visit.read", curious),
            ("now() - interval '25 hours'" if n % 2 else "now()", "visit.read", diligent)))
    feed.producer.execute("INSERT INTO audit_outbox (org, id, act, at, action, outcome, actor, role, acr, patient, "
                          f"resource, resource_id, resource_version) VALUES {values}")
    assert noticed(feed, curious) == [("records", RECORDS)] and noticed(feed, diligent) == []
    services = feed.api.value("SELECT count(*) FROM browsing WHERE person = '00000000-0000-0000-0000-000000000000'")
    assert services == 0


def test_killed_in_between_it_is_noticed_once(feed):
    doctor = str(uuid.uuid4())
    leaf_through(feed, GLASS, doctor, action="glass.break")
    feed.api.kill()
    feed.api.start()
    assert noticed(feed, doctor) == [("break_glass", GLASS)]


def test_what_was_noticed_is_for_who_reviews(feed):
    for role, status in (("privacy", 200), ("auditor", 200), ("admin", 403), ("clinician", 403), ("front_desk", 403)):
        assert feed.api.get("/v1/audit/browsing", who=feed.suite.person(role)).status == status
    assert feed.api.get("/v1/audit/browsing", who=feed.suite.patient()).status == 403
    other = feed.suite.person("privacy", org="0b000000-0000-4000-8000-000000000002")
    assert feed.api.get("/v1/audit/browsing", who=other).json["data"] == []
