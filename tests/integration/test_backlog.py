"""Audit rows that nobody takes away: what can wait is refused in time, care goes on, no row is lost."""
import uuid

import pytest

from telecura import ORG, Client
from visits import until

ROWS_MAX = 2000     # more than the tests beside this one leave behind
FILLER = ("INSERT INTO audit_outbox (org, id, act, at, action, outcome, role, acr, resource, resource_version) "
          "SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), 'chart.read', 'done', 'filler', 0, 'x', 0 "
          "FROM generate_series(1, {n})")


class Ward:
    def __init__(self, suite):
        self.first = suite.service("patients")
        self.api = suite.replica("patients", audit_rows_max=ROWS_MAX)
        self.desk, self.nurse = suite.person("front_desk"), suite.person("nurse")
        body = {"family_name": "Reyes", "given_name": "Ana", "birth_date": "1984-07-02", "gender": "female"}
        self.body, reply = body, self.api.post("/v1/patients", body, who=self.desk)
        assert reply.status == 201, reply
        self.patient = reply.json
        suite.relation(self.nurse, self.patient["id"], "care_team")

    def waiting(self):
        return self.api.value("SELECT count(*) FROM audit_outbox")

    def inner(self, path):
        return Client(self.api.suite, self.api.inner, name=None).get(path)

    def room(self):
        """What it says to operators, once it has looked."""
        return until(lambda: (said := self.inner("/health/ready").json["audit"])["waiting"] == self.waiting() and said)

    def metric(self, name, more=""):
        line = f'telecura_{name}{{service="patients"{more}}} '
        return next(int(text[len(line):]) for text in self.inner("/metrics").body.decode().splitlines()
                    if text.startswith(line))

    def turned_away(self):
        return [self.metric("audit_refused_total", f',class="{name}"') for name in ("bulk", "daily")]

    def fill(self, percent):
        """So much of the room is used."""
        self.api.execute(FILLER.format(n=ROWS_MAX * percent // 100 - self.waiting()))

    def empty(self):
        """As receipts do."""
        self.api.execute("DELETE FROM audit_outbox WHERE role = 'filler'")

    def ask(self):
        """By class: much of everybody, what can be done later, what care needs."""
        name = f"/v1/patients/{self.patient['id']}"
        return [self.api.post("/v1/patients/search", {"mrn": "17"}, who=self.desk),
                self.api.get("/v1/patients?limit=1", who=self.desk),
                self.api.post("/v1/patients", {**self.body, "mrn": str(uuid.uuid4())}, who=self.desk),
                self.api.get(name, who=self.desk), self.api.get(f"{name}/allergies", who=self.nurse),
                self.api.post(f"{name}/allergies", {"text": "Nuts"}, who=self.nurse)]


@pytest.fixture(scope="module")
def ward(suite):
    return Ward(suite)


def test_each_class_waits_in_its_turn(ward):
    """And who is refused leaves no row, so that asking again fills nothing."""
    for percent, refused, classes in ((70, "nothing", [0, 0, 0]), (80, "bulk", [1, 0, 0]), (95, "daily", [1, 1, 0]),
                                      (300, "daily", [1, 1, 0]), (0, "nothing", [0, 0, 0])):
        if percent:
            ward.fill(percent)
        else:
            ward.empty()
        said = ward.room()
        assert said["refused"] == refused
        assert ward.metric("audit_waiting_rows") == said["waiting"]
        assert ward.metric("audit_used_percent") == said["used_percent"]
        before, counted, replies = ward.waiting(), ward.turned_away(), ward.ask()
        by_class = replies[:2], replies[2:3], replies[3:]
        for kind, waits in zip(by_class, classes):
            for reply in kind:
                assert (reply.status == 503) == bool(waits), (percent, reply)
                if waits:
                    assert (reply.code, reply.headers["retry-after"]) == ("audit_full", "1")
        assert all(reply.status in (200, 201, 503) for reply in replies), replies
        served = [reply for reply in replies if reply.status < 300]
        assert ward.waiting() >= before + len(served) == before + 6 - 2 * classes[0] - classes[1]
        assert ward.turned_away() == [counted[0] + 2 * classes[0], counted[1] + classes[1]]
        acts = {reply.headers["request-id"] for reply in served}
        kept = {row["act"] for row in ward.api.rows(f"SELECT act FROM audit_outbox WHERE org = '{ORG}'")}
        assert acts <= kept


def test_a_stranger_learns_nothing_of_it(ward):
    ward.fill(120)
    assert ward.room()["refused"] == "daily"
    assert ward.api.post("/v1/patients/search", {"mrn": "17"}).status == 401
    ward.empty()


def test_a_great_many_are_counted_by_a_sample(ward):
    ward.fill(2500)
    there = ward.waiting()
    until(lambda: there * 0.8 < ward.metric("audit_waiting_rows") < there * 1.2)
    ward.empty()
