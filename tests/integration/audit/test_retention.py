"""The end of a shard: when its time is over, no hold stands and two privacy officers want it, its keys
are destroyed; what it says is gone, and every proof of it still holds."""
import json
import uuid

import pytest

import postgres
import second
import telecura
from conftest import Feed, Kafka, run
from postgres import quote
from telecura import ORG, bin_folder
from test_telectl import telectl

SHARD = "2026h2"
REASON = "Canary v. Clinic, file 4711"


class Law:
    def __init__(self):
        self.kafka, self.suite = Kafka(), telecura.Suite()
        self.feed = Feed(self.suite, self.kafka)
        self.feed.suite.service("keyd")
        self.ada, self.auditor = self.suite.patient(), self.suite.person("auditor")
        self.officers = [self.suite.person("privacy") for _ in range(2)]
        self.feed.turn("2026-11-01")
        self.old = self.feed.act(5, patient=self.ada.patient, at="2026-11-01T10:00:00Z")
        self.feed.receipted()
        self.feed.settle()
        self.turn("2027-02-01")
        self.new = self.feed.act(3, patient=self.ada.patient, at="2027-02-01T10:00:00Z")
        self.feed.indexed()

    def turn(self, day):
        """The clock; second factors are fresh by the real one."""
        self.feed.turn(day)
        for one in self.officers:
            one.token = self.suite.idp.token(one.subject, acr=2)

    def post(self, path, who=0, **body):
        return self.feed.api.request("POST", f"/v1/audit/{path}", body or None, who=self.officers[who],
                                     headers={"Idempotency-Key": str(uuid.uuid4())})

    def telectl(self, *words, who=0):
        """The same on the command line, which has to succeed."""
        done = telectl(self.feed, "audit", *words, who=self.officers[who])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def get(self, path):
        return self.feed.api.get(f"/v1/audit/{path}", who=self.auditor)

    def found(self):
        """{id: action} of what a search about the patient finds."""
        rows = self.get(f"events?patient={self.ada.patient}&not_action=audit.search&limit=200").json["data"]
        return {row["id"]: row["action"] for row in rows}


@pytest.fixture(scope="module")
def law():
    made = Law()
    yield made
    made.suite.close()
    made.kafka.stop()


def test_leaves_are_sealed_under_the_key_of_their_half_year(law):
    api = law.suite.service("keyd")
    rows = api.rows(f"SELECT patient, count(*) AS n FROM dek WHERE org = {quote(ORG)} AND domain = 'audit' "
                    "GROUP BY patient")
    ids = {str(uuid.UUID(bytes=second.shard_id(shard))) for shard in (SHARD, "2027h1")}
    assert ids <= {row["patient"] for row in rows} and all(row["n"] == 1 for row in rows)


def test_nothing_goes_before_its_time(law):
    law.turn("2032-12-31")
    refused = law.post("destructions", shard=SHARD)
    assert (refused.status, refused.code) == (409, "under_retention")
    assert law.post("destructions", shard="2020h1").status == 404
    wrong = law.post("destructions", shard="2026h9")
    assert (wrong.status, wrong.at) == (422, ["/shard"])


def test_only_two_privacy_officers_with_a_fresh_factor_may(law):
    for role in ("auditor", "admin", "clinician", "patient"):
        one = law.suite.person(role)
        assert law.feed.api.request("POST", "/v1/audit/destructions", {"shard": SHARD}, who=one,
                                    headers={"Idempotency-Key": "x"}).status == 403
    plain = law.suite.person("privacy")
    assert law.feed.api.request("POST", "/v1/audit/destructions", {"shard": SHARD}, who=plain,
                                headers={"Idempotency-Key": "x"}).code == "second_factor_required"


@pytest.mark.parametrize("of", [{}, {"shard": SHARD}, {"patient_id": None}], ids=["log", "shard", "patient"])
def test_a_hold_stops_it(law, of):
    law.turn("2033-01-02")
    if "patient_id" in of:
        of = {"patient_id": law.ada.patient}
    hold = law.post("holds", reason=REASON, **of)
    assert hold.status == 201 and hold.json["reason"] == REASON, hold
    assert law.post("destructions", shard=SHARD).code == "on_hold"
    assert law.get(f"holds/{hold.json['id']}").json["state"] == "open"
    assert REASON not in law.feed.api.execute("SELECT * FROM hold")
    lifted = law.post(f"holds/{hold.json['id']}/lift", reason="settled")
    assert (lifted.status, lifted.json["state"], lifted.json["lift_reason"]) == (200, "lifted", "settled")


def test_a_hold_of_another_shard_or_patient_stops_nothing(law):
    for of in ({"shard": "2027h1"}, {"patient_id": law.suite.patient().patient}):
        assert law.post("holds", reason=REASON, **of).status == 201
    asked = law.telectl("destroy", SHARD)
    assert asked["state"] == "asked" and law.post("destructions", shard=SHARD).status == 409
    assert law.telectl("withdraw", asked["id"], who=1)["state"] == "withdrawn"


ONE_HUMAN = {
    "the second is the first one's puppet": "UPDATE member SET behind = ARRAY[{one}]::uuid[] WHERE person = {two}",
    "the first is the second one's puppet": "UPDATE member SET behind = ARRAY[{two}]::uuid[] WHERE person = {one}",
    "both are an administrator's puppets":
        "UPDATE member SET behind = ARRAY[{admin}]::uuid[] WHERE person IN ({one}, {two})",
    "the second has another role by a sign-in that the first made":
        "INSERT INTO member (org, id, act_id, person, role, state, issuer, subject, behind) "
        "SELECT org, gen_random_uuid(), act_id, gen_random_uuid(), 'nurse', state, issuer, subject, ARRAY[{one}]::uuid[] "
        "FROM member WHERE person = {two}",
}


@pytest.mark.parametrize("why", ONE_HUMAN)
def test_two_officers_with_one_behind_them_are_one(law, why):
    """As access tells of each member who enrolled them."""
    law.turn("2033-01-02")
    one, two = (quote(officer.id) for officer in law.officers)
    asked = law.post("destructions", shard=SHARD).json
    law.feed.api.execute("CREATE TABLE kept_member AS SELECT * FROM member")
    try:
        law.feed.api.execute(ONE_HUMAN[why].format(one=one, two=two, admin=quote(str(uuid.uuid4()))))
        # In both roles by the same sign-in one says in which one acts.
        refused = law.feed.api.request("POST", f"/v1/audit/destructions/{asked['id']}/approve", None, who=law.officers[1],
                                       headers={"Idempotency-Key": str(uuid.uuid4()), "Telecura-Role": "privacy"})
        assert (refused.status, refused.code) == (409, "second_person_required")
        assert law.get(f"destructions/{asked['id']}").json["state"] == "asked"
    finally:
        law.feed.api.execute("TRUNCATE member; INSERT INTO member SELECT * FROM kept_member; DROP TABLE kept_member")
    assert law.telectl("withdraw", asked["id"], who=1)["state"] == "withdrawn"


def test_what_two_persons_want_is_destroyed_and_still_proved(law, go_reader, tmp_path):
    feed, found = law.feed, law.found()
    assert set(law.old + law.new) <= set(found)
    asked = law.post("destructions", shard=SHARD).json
    assert law.post(f"destructions/{asked['id']}/approve").code == "second_person_required"
    hold = law.post("holds", reason=REASON).json
    assert law.post(f"destructions/{asked['id']}/approve", 1).code == "on_hold"
    law.post(f"holds/{hold['id']}/lift", reason="settled")
    law.suite.service("keyd").kill()       # approved, but nobody is there to do it
    assert law.telectl("approve", asked["id"], who=1)["state"] == "approved"
    feed.api.kill()
    law.suite.service("keyd").start()
    feed.release_lease()
    feed.api.start()
    feed.api.wait_for("SELECT state = 'forgotten' FROM destruction WHERE state NOT IN ('withdrawn')", 60)
    feed.settle()

    done = law.get(f"destructions/{asked['id']}").json
    assert done["keys"] == 1 and (done["asked_by"], done["approved_by"]) == tuple(p.id for p in law.officers)
    vkey = next(row["vkey"] for row in feed.api.get(f"/v1/audit/{ORG}/shards").json["data"] if row["shard"] == SHARD)
    signed = second.open_note(done["statement"].encode(), vkey).split("\n")
    with open(f"{feed.home}/{SHARD}/checkpoint") as f:
        assert signed[1:4] == f.read().split("\n")[:3] and signed[4] == "keys 1"

    begins, ends = "'2026-07-01Z'", "'2027-01-01Z'"
    assert feed.api.value(f"SELECT count(*) FROM event_index WHERE at >= {begins} AND at < {ends}") == 0
    shown = law.found()
    assert not set(law.old) & set(shown) and set(law.new) <= set(shown) and shown[asked["id"]] == "destroyed"
    assert law.get(f"events/{law.old[0]}").json["action"] == "destroyed"
    assert law.get(f"events/{law.new[0]}").json["action"] == "visit.read"
    for event in law.old:
        proof = tmp_path / event
        proof.write_bytes(law.get(f"proof?event={event}").body)
        assert run(f"{bin_folder()}/audit-verify", "--proof", str(proof), "--vkey", vkey).returncode == 0
    feed.indexed()
    feed.verified(go_reader)
    rows = law.get("events?action=shard.destroy").json["data"]
    assert rows[0]["resource_id"] == asked["id"] and rows[0]["shard"] == "2033h1"


def test_it_stays_destroyed(law, go_reader):
    """Asked again, indexed again, looked through by fsck."""
    assert law.post("destructions", shard=SHARD).status == 409
    law.feed.api.execute("TRUNCATE event_index, event_index_end")
    law.feed.indexed()
    assert not set(law.old) & set(law.found())
    law.feed.api.stop()
    assert law.feed.fsck()[0] == 0
    law.feed.release_lease()
    law.feed.api.start()


DECISIONS = [
    ("DELETE FROM hold WHERE lifted_at IS NULL", "hold: the one of event {} is not there"),
    ("UPDATE hold SET lifted_at = NULL, lifted_by = NULL, lift_sealed = NULL", "hold: the one of event {} was lifted"),
    ("UPDATE hold SET lifted_by = NULL", "hold: {} is neither open nor lifted"),
    ("UPDATE destruction SET keys = 2", "destruction: {} is not what its statement has signed"),
    ("UPDATE destruction SET approved_by = gen_random_uuid()", "destruction: {} is not what its statement has signed"),
    ("UPDATE destruction SET statement = NULL", "destruction: {} is not what its statement has signed"),
    ("UPDATE destruction SET statement = replace(statement, 'keys', 'kezs')",
     "destruction: {} is not what its statement has signed"),
    ("UPDATE destruction SET state = 'withdrawn'", "destruction: the one of event {} was done"),
    ("DELETE FROM destruction", "destruction: the one of event {} was done")]


def test_decisions_that_were_changed_are_named(law):
    """What the log tells of, the tables must know; what was signed stays as it is."""
    feed = law.feed
    feed.indexed()
    feed.api.stop()
    feed.api.execute("CREATE TABLE kept_hold AS SELECT * FROM hold; "
                     "CREATE TABLE kept_destruction AS SELECT * FROM destruction")
    for harm, said in DECISIONS:
        feed.api.execute(harm)
        code, lines = feed.fsck("--repair")
        feed.api.execute("TRUNCATE hold, destruction; INSERT INTO hold SELECT * FROM kept_hold; "
                         "INSERT INTO destruction SELECT * FROM kept_destruction")
        first, last = said.split("{}")
        assert code == 1 and any(first in line and line.endswith(last) for line in lines), (harm, lines)
    assert feed.fsck()[0] == 0
    feed.release_lease()
    feed.api.start()


def test_every_byte_of_a_statement_matters(law):
    """To who has it and the verifying key; fsck writes it once more and compares."""
    (row,) = law.feed.api.rows("SELECT shard, statement FROM destruction WHERE statement IS NOT NULL")
    shards = law.feed.api.get(f"/v1/audit/{ORG}/shards").json["data"]
    vkey = next(shard["vkey"] for shard in shards if shard["shard"] == row["shard"])
    said = row["statement"].encode()
    assert second.open_note(said, vkey)
    for at in range(len(said)):
        for bit in range(8):
            with pytest.raises(second.Damaged):
                second.open_note(said[:at] + bytes([said[at] ^ 1 << bit]) + said[at + 1:], vkey)


def psql(law, sql):
    return run(postgres.binary("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-c", sql,
               law.suite.postgres.conninfo("audit", role="audit"))


def test_the_service_forgets_nothing_else(law):
    """By its own role: neither a row of the index, nor by another half year's name."""
    for sql in ("DELETE FROM event_index", "DELETE FROM hold", "DELETE FROM destruction",
                "UPDATE event_index SET at = at", "ALTER FUNCTION index_forget RENAME TO x"):
        done = psql(law, sql)
        assert done.returncode != 0 and ("permission denied" in done.stderr or "must be owner" in done.stderr), sql
    law.feed.indexed()
    before = law.feed.api.value("SELECT count(*) FROM event_index")
    done = psql(law, f"SELECT index_forget({quote(ORG)}, gen_random_uuid())")
    assert done.returncode == 0 and law.feed.api.value("SELECT count(*) FROM event_index") == before
