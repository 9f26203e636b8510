"""Three implementations of one format (ours, Go's sumdb, second.py) agree on random logs, and each
byte of each file of a log matters to ours and to the second."""
import base64
import os
import random
import shutil
import uuid

import pytest

import sealed
import second
import telecura
from conftest import EVERY, Feed, Kafka, Log, run
from telecura import ORG, bin_folder

SEED = os.environ.get("SEED", "audit")
STEPS = 5
QUIET = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}   # a thousand ends of a process


@pytest.fixture(scope="module")
def grown(go_reader):
    """A log that has grown by random steps: its folder, its key, and every size it had with its root."""
    suite, chance = telecura.Suite(), random.Random(SEED)
    log, trees = Log(suite), []
    for _ in range(STEPS):
        log.stage(chance.choice((1, 2, 3, chance.randrange(4, 254), 256, chance.randrange(257, 500))))
        log.settle()
        log.verified(go_reader)
        folder = log.export()
        entries = second.verify(folder, log.vkey())
        trees.append((len(entries), second.root_of([second.leaf_hash(e) for e in entries])))
        shutil.rmtree(folder)
    yield log, entries, trees
    suite.close()


def leads_to(*proof):
    try:
        return second.extends(*proof)
    except second.Damaged:
        return None


def test_consistency_between_all_its_trees(grown):
    """The route's proofs lead from each older root to the signed one, and are those of RFC 6962."""
    log, entries, trees = grown
    hashes = [second.leaf_hash(entry) for entry in entries]
    size, root = trees[-1]
    chance = random.Random(SEED)
    others = [(n, second.root_of(hashes[:n])) for n in chance.sample(range(1, size), 20)]
    for old, old_root in trees + others:
        reply = log.api.get(f"/v1/audit/{ORG}/consistency?old={old}")
        assert reply.status == 200, reply
        head, note = reply.body.split(b"\n\n", 1)
        first, *lines = head.decode().split("\n")
        proof = [base64.b64decode(line) for line in lines]
        assert first == f"old {old}" and second.open_checkpoint(note, log.vkey()) == (size, root)
        assert second.extends(old, old_root, size, proof) == root
        assert proof == second.consistency(hashes, old)
        for wrong in (proof[1:], proof[:-1], proof + proof[:1]) if proof else ():
            assert leads_to(old, old_root, size, wrong) != root
    assert log.api.get(f"/v1/audit/{ORG}/consistency?old=0").body.startswith(b"old 0\n\n")
    assert log.api.get(f"/v1/audit/{ORG}/consistency?old={size + 1}").status == 404
    assert log.api.get(f"/v1/audit/{uuid.uuid4()}/consistency?old=1").status == 404


def test_inclusion_of_every_entry(grown):
    """By the definition, against the signed root; Go has checked the same entries."""
    _, entries, trees = grown
    hashes = [second.leaf_hash(entry) for entry in entries]
    size, root = trees[-1]
    for index in random.Random(SEED).sample(range(size), 60):
        proof = second.inclusion(hashes, index)
        assert second.included(hashes[index], index, size, proof) == root
        with pytest.raises(second.Damaged):
            second.included(hashes[index], index, size, proof[:-1])


def test_every_byte_of_every_file_matters(tmp_path):
    """A small log: each byte changed in turn is found by the second one, and by audit-verify, of whose
    starts make test does one in eight, make faults all."""
    suite = telecura.Suite()
    log = Log(suite)
    log.stage(2)
    log.settle()
    folder, vkey, tried, begun = log.export(), log.vkey(), 0, 0
    chance = random.Random(SEED)
    assert len(second.verify(folder, vkey)) == 2
    for at, _, names in os.walk(folder):
        for name in names:
            path = f"{at}/{name}"
            with open(path, "rb") as f:
                data = f.read()
            for i in range(len(data)):
                with open(path, "wb") as f:
                    f.write(data[:i] + bytes([data[i] ^ 1 << chance.randrange(8)]) + data[i + 1:])
                with pytest.raises(second.Damaged):
                    second.verify(folder, vkey)
                tried += 1
                if not EVERY and chance.randrange(8):
                    continue
                ours = run(f"{bin_folder()}/audit-verify", folder, "--vkey", vkey, env=QUIET)
                assert ours.returncode == 1 and ours.stdout, (path, i)
                begun += 1
            with open(path, "wb") as f:
                f.write(data)
    assert len(second.verify(folder, vkey)) == 2 and tried > 400 and begun > tried / (1 if EVERY else 20) - 1
    shutil.rmtree(folder)
    suite.close()


def test_leaves_open_under_the_key_they_are_committed_to():
    kafka, suite = Kafka(), telecura.Suite()
    feed = Feed(suite, kafka)
    ada = suite.patient()
    (event,) = feed.act(patient=ada.patient)
    feed.receipted()
    feed.settle()
    folder = feed.export()
    leaf = second.parse_leaf(second.verify(folder, feed.vkey())[0])
    assert (leaf["log"], leaf["producer"], leaf["seq"], leaf["class"]) == (ORG, "appointments", 1, 1)
    half = str(uuid.UUID(bytes=second.shard_id(feed.shards()[-1])))
    dek, key = sealed.key_to_seal(suite, "appointments", ORG, half, "audit")
    assert uuid.UUID(dek).bytes == leaf["dek_id"]
    body = second.open_leaf(leaf, key)
    assert uuid.UUID(ada.patient).bytes in body and uuid.UUID(event).bytes in body and b"visit.read" in body
    for wrong, what in ((bytes(32), "committed"), (key[:-1] + bytes([key[-1] ^ 1]), "committed")):
        with pytest.raises(second.Damaged, match=what):
            second.open_leaf(leaf, wrong)
    for i in range(len(leaf["sealed"])):
        changed = leaf["sealed"][:i] + bytes([leaf["sealed"][i] ^ 1]) + leaf["sealed"][i + 1:]
        with pytest.raises(second.Damaged):
            second.open_leaf({**leaf, "sealed": changed}, key)
    suite.close()
    kafka.stop()
