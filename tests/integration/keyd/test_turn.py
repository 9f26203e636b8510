"""KEK rotation from outside: under load, killed at any point; in the end nothing stands on the old one."""
import concurrent.futures
import http.client
import os
import random
import threading
import time
import uuid

import pytest

from peer import Peer
from telecura import ORG

KEYS = 270  # more than one batch of a turn
KILLS = 3


@pytest.fixture(scope="module")
def keyd(suite):
    return suite.service("keyd")


@pytest.fixture(scope="module")
def access(suite, keyd):
    return Peer(suite, "access")


def versions(keyd):
    return {row["version"]: row["state"] for row in keyd.rows("SELECT version, state FROM kek")}


def turned(suite, keyd, former):
    """Until nothing stands under @former and its provider has it no more."""
    keyd.wait_for(f"SELECT state <> 'active' FROM kek WHERE version = {former}", 60)
    suite.clock(11)  # those who unwrapped under it have ended
    keyd.wait_for(f"SELECT state = 'gone' FROM kek WHERE version = {former}", 60)
    suite.clock(0)


class Load:
    """Others who ask for keys all the while; each key that was given, by its id."""

    def __init__(self, suite, hands=2):
        self.suite, self.given, self.wrong, self.over = suite, {}, [], threading.Event()
        self.hands = [threading.Thread(target=self.run) for _ in range(hands)]
        for hand in self.hands:
            hand.start()

    def run(self):
        peer = Peer(self.suite, "appointments")
        while not self.over.is_set():
            try:
                patient = str(uuid.uuid4())
                made = peer.seal("visit", patient)
                if made.status == 200:
                    self.given[made.json["dek_id"]] = (patient, made.json["key"])
                dek, (patient, key) = random.choice(list(self.given.items()))
                reply = peer.open("visit", dek, patient)
                if reply.status != 503 and (reply.status, reply.json.get("key")) != (200, key):
                    self.wrong.append(reply)
            except (OSError, http.client.HTTPException, IndexError):
                self.over.wait(0.02)  # it was killed just now

    def stop(self):
        self.over.set()
        for hand in self.hands:
            hand.join()
        assert not self.wrong
        return self.given


def test_only_access_has_a_kek_turned(suite, keyd, access):
    for name in ("patients", "audit", "gateway", "keyd"):
        for path in ("/v1/keys/status", "/v1/keys/rotate"):
            assert Peer(suite, name).post(path).status in (401, 403)
    status = access.post("/v1/keys/status").json
    assert (status["provider"], status["healthy"]) == ("file", True)
    assert [(k["version"], k["state"]) for k in status["keks"]] == [(1, "active")]


def test_a_turn_under_load_killed_at_any_point_leaves_nothing_on_the_old_key(suite, keyd, access):
    peer, erased = Peer(suite, "appointments"), str(uuid.uuid4())
    gone = peer.seal("visit", erased).json["dek_id"]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        patients = [str(uuid.uuid4()) for _ in range(KEYS)]
        made = list(pool.map(lambda patient: peer.seal("visit", patient).json, patients))
    keys = {m["dek_id"]: (p, m["key"]) for m, p in zip(made, patients)}
    older = {r["id"]: r["wrapped"] for r in
             keyd.rows("SELECT id, encode(wrapped, 'hex') AS wrapped FROM dek WHERE domain = 'visit'")}
    load = Load(suite)

    assert access.post("/v1/keys/rotate").status == 200
    for _ in range(KILLS):
        time.sleep(random.uniform(0, 0.7))  # at any point; no event to await
        keyd.kill()
        keyd.start()
    assert access.post("/v1/keys/destroy", org=ORG, patient=erased, erasure=gone, asked_by=gone,
                       approved_by=erased).status == 200
    turned(suite, keyd, 1)
    keys.update(load.stop())

    assert versions(keyd) == {1: "gone", 2: "active"}
    assert keyd.value("SELECT count(*) FROM dek WHERE kek = 1 AND wrapped IS NOT NULL") == 0
    assert keyd.value("SELECT count(*) FROM dek WHERE wrapped IS NOT NULL") >= KEYS
    for dek, (patient, key) in random.sample(list(keys.items()), 60):
        assert peer.open("visit", dek, patient).json["key"] == key
    with open(f"{suite.folder}/kek") as f:
        assert [line.split()[:2] for line in f] == [["telecura-kek-2", "2"]]
    assert not [name for name in os.listdir(suite.folder) if name.startswith("kek.new")]

    # An older copy of the table opens nothing, not even what was destroyed after it was made.
    keyd.execute(f"UPDATE dek SET wrapped = decode('{older[gone]}', 'hex'), state = 'active' WHERE id = '{gone}'")
    assert peer.open("visit", gone, erased).status in (500, 503)
    keyd.execute(f"UPDATE dek SET wrapped = NULL, state = 'destroyed' WHERE id = '{gone}'")
    turns = suite.audit("keyd", action="kek.turn")
    assert turns and {t["outcome"] for t in turns} <= {"done", "refused"}
    assert suite.audit("keyd", action="kek.rotate", role="access")[-1]["outcome"] == "done"


def test_one_turn_at_a_time(suite, keyd, access):
    """A row that does not open holds its version, and the next rotation waits for the operator."""
    peer, patient = Peer(suite, "appointments"), str(uuid.uuid4())
    dek = peer.seal("visit", patient).json["dek_id"]
    good = keyd.value(f"SELECT encode(wrapped, 'hex') FROM dek WHERE id = '{dek}'")
    keyd.execute(f"UPDATE dek SET wrapped = decode(repeat('00', 72), 'hex') WHERE id = '{dek}'")
    before = max(versions(keyd))
    for _ in range(2):
        status = access.post("/v1/keys/rotate").json
        assert [k["version"] for k in status["keks"]] == [before, before + 1]
    keyd.wait_for(f"SELECT count(*) = 1 FROM dek WHERE kek = {before} AND wrapped IS NOT NULL", 30)
    assert versions(keyd)[before] == "active"
    keyd.execute(f"UPDATE dek SET wrapped = decode('{good}', 'hex') WHERE id = '{dek}'")
    turned(suite, keyd, before)
    assert peer.open("visit", dek, patient).status == 200


def test_a_file_that_lacks_the_current_version_is_refused(suite, keyd, access):
    """As when an older backup of it was put back."""
    newest = max(versions(keyd))
    with open(f"{suite.folder}/kek") as f:
        newer = f.read()
    with open(f"{suite.folder}/kek") as f:
        older = [line for line in f if not line.startswith(f"telecura-kek-2 {newest} ")]
    assert keyd.stop() == 0
    try:
        with open(f"{suite.folder}/kek", "w") as f:
            f.writelines(older or [newer.replace(f" {newest} ", " 99 ", 1)])
        refused = keyd.command("--config", keyd.config)
        assert refused.returncode == 69 and "kek" in refused.stderr
    finally:
        with open(f"{suite.folder}/kek", "w") as f:
            f.write(newer)
        keyd.start()
