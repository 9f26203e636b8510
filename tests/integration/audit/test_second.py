"""Three implementations of one format (ours, Go's sumdb, second.py) agree on random logs, and each
byte of each file of a log matters to ours and to the second."""
import base64
import hashlib
import os
import pathlib
import random
import shutil
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import sealed
import second
import telecura
from conftest import EVERY, Log, run
from postgres import quote
from telecura import ORG, OTHER_ORG, bin_folder

SEED = os.environ.get("SEED", "audit")
STEPS = 5
QUIET = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}   # a thousand ends of a process


@pytest.fixture(scope="module")
def grown(go_reader):
    """A log that has grown by random steps: its folder, its key, and every size it had with its root."""
    suite, chance = telecura.Suite(), random.Random(SEED)
    log, trees = Log(suite), []
    for step in range(STEPS):
        log.stage(chance.choice((1, 2, 3, chance.randrange(4, 254), 256, chance.randrange(257, 500))))
        log.settle()
        log.verified(go_reader)
        folder = log.export()
        entries = second.verify(folder, log.vkey())
        trees.append((len(entries), second.root_of([second.leaf_hash(e) for e in entries])))
        if step != STEPS - 2:       # what an auditor kept
            shutil.rmtree(folder)
        else:
            log.former = pathlib.Path(folder)
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


def test_go_finds_our_consistency_proofs_right(grown, go_reader, tmp_path):
    """What the route answers, from its bytes alone; not of another root, nor with a hash less."""
    log, entries, trees = grown
    size = trees[-1][0]
    for old, root in trees:
        said = log.api.get(f"/v1/audit/{ORG}/consistency?old={old}").body
        head, note = said.split(b"\n\n", 1)
        words = lambda root: (go_reader, "--consistency", str(tmp_path / "said"),    # noqa: E731
                              base64.b64encode(root).decode(), log.vkey())
        (tmp_path / "said").write_bytes(said)
        assert run(*words(root)).stdout == f"extends: {old} entries to {size}\n"
        assert run(*words(hashlib.sha256(root).digest())).returncode == 1
        if old < size:
            (tmp_path / "said").write_bytes(head.rpartition(b"\n")[0] + b"\n\n" + note)
            assert run(*words(root)).returncode == 1


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


class Auditor:
    """Holds an export against what was kept, with ours, the static one, and the second implementation."""

    def __init__(self, log, verifiers, tmp_path):
        self.log, self.programs, self.key = log, verifiers, log.vkey()
        self.now, self.former = pathlib.Path(log.export()), log.former
        self.kept = tmp_path / "kept"

    def finds(self, code, said, folder=None, kept=None, witnesses=()):
        """@said: one line of both programs; the second finds it sound or damaged as they do."""
        folder, words = folder or self.now, ["--key", self.key]
        if kept is not None:
            self.kept.write_bytes(kept)
            words += "--checkpoint", self.kept
        for witness in witnesses:
            words += "--witness", witness
        for program in self.programs:
            done = run(program, folder, *words, env=QUIET)
            assert done.returncode == code and said in done.stdout, (program, done)
        try:
            second.verify(folder, self.key, kept=kept, witnesses=witnesses)
        except second.Damaged:
            assert code
        else:
            assert not code

    def note(self, origin, size, root):
        """What the log's own key has signed, whatever it says."""
        with open(f"{self.log.suite.folder}/log.key") as f:
            key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(f.read().strip()))
        text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        return line_of(text, key, origin, 1)[1]


def line_of(text, key, name, kind, time=None):
    """(verifying key, note) by somebody; a witness (kind 4) says when."""
    public = bytes([kind]) + key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    number = hashlib.sha256(f"{name}\n".encode() + public).digest()[:4]
    head = f"cosignature/v1\ntime {time}\n" if kind == 4 else ""
    when = time.to_bytes(8) if kind == 4 else b""
    made = base64.b64encode(number + when + key.sign(f"{head}{text}".encode())).decode()
    return (f"{name}+{number.hex()}+{base64.b64encode(public).decode()}",
            f"{text}\n— {name} {made}\n".encode())


@pytest.fixture
def auditor(grown, verifiers, tmp_path):
    return Auditor(grown[0], verifiers, tmp_path)


def test_what_was_kept_is_the_beginning(auditor, grown):
    """An older export, really signed, passes alone; only who kept a checkpoint knows that its end is missing."""
    _, entries, trees = grown
    (then, _), (size, root) = trees[-2:]
    former, now = [(folder / "checkpoint").read_bytes() for folder in (auditor.former, auditor.now)]
    auditor.finds(0, f", {size} entries, the first {then} as kept\n", kept=former)
    auditor.finds(0, f", {size} entries, the first {size} as kept\n", kept=now)
    auditor.finds(0, f", {then} entries\n", auditor.former)
    auditor.finds(1, f"checkpoint: {then} entries where there were {size}: the end is missing\n",
                  auditor.former, kept=now)
    origin, hashes = auditor.key.split("+")[0], [second.leaf_hash(entry) for entry in entries]
    for n in (then, size):      # a fork: signed by the same key, of as many entries, of others
        fork = auditor.note(origin, n, second.root_of(hashes[:n - 1] + [bytes(32)]))
        auditor.finds(1, f"checkpoint: the first {n} entries are not those that were kept\n", kept=fork)
    auditor.finds(0, "the first 1 as kept", kept=auditor.note(origin, 1, hashes[0]))
    auditor.finds(0, "the first 0 as kept", kept=auditor.note(origin, 0, hashlib.sha256().digest()))
    auditor.finds(1, "which is not among these", kept=auditor.note(f"{origin[:-6]}1999h1", size, root))
    auditor.finds(1, "not a note that this key has signed", kept=former.replace(b"\n", b"x\n", 1))
    auditor.finds(1, "not a note that this key has signed", kept=b"")


def test_a_witness_has_its_place_and_a_stranger_has_none(auditor):
    """A line that nobody here can check is a fault; with the witness's key it is checked, and needed."""
    checkpoint, key = auditor.now / "checkpoint", Ed25519PrivateKey.generate()
    alone = checkpoint.read_bytes()
    text, _, line = alone.decode().partition("\n\n")
    vkey, by_witness = line_of(f"{text}\n", key, "witness.example/w", 4, 1700000000)
    cosigned = alone + by_witness.split(b"\n\n")[1]
    auditor.finds(1, "checkpoint: witness.example/w has not signed it\n", witnesses=[vkey])
    checkpoint.write_bytes(cosigned)
    auditor.finds(1, "checkpoint: 1 signatures cannot be checked\n")
    auditor.finds(0, "sound: ", witnesses=[vkey])
    other, _ = line_of("", Ed25519PrivateKey.generate(), "witness.example/w", 4, 0)
    auditor.finds(1, "checkpoint: 1 signatures cannot be checked\n", witnesses=[other])
    auditor.finds(1, "checkpoint: 1 signatures cannot be checked\n", witnesses=[line_of("", key, "else", 4, 0)[0]])
    wrong = line_of(f"{text}x\n", key, "witness.example/w", 4, 1700000000)[1].split(b"\n\n")[1]
    checkpoint.write_bytes(alone + wrong)
    auditor.finds(1, "checkpoint: what a witness has signed is something else\n", witnesses=[vkey])
    checkpoint.write_bytes(by_witness)
    auditor.finds(1, "checkpoint: not a note that this key has signed\n", witnesses=[vkey])
    second_line = auditor.note("x", 1, bytes(32)).split(b"\n\n")[1].replace(b" x ", b" " + line.split()[1].encode() + b" ")
    ours_wrong = base64.b64decode(line.split()[2])[:4] + base64.b64decode(second_line.split()[2])[4:]
    checkpoint.write_bytes(alone + f"— {line.split()[1]} {base64.b64encode(ours_wrong).decode()}\n".encode())
    auditor.finds(1, "checkpoint: not a note that this key has signed\n")


def test_called_wrongly_it_says_how(auditor):
    witness = line_of("", Ed25519PrivateKey.generate(), "w", 4, 0)[0]
    for words in ((), ("--key", auditor.key), (auditor.now,), (auditor.now, "--key", "x"),
                  (auditor.now, "--key", witness), (auditor.now, "--key", auditor.key, "--key", auditor.key),
                  (auditor.now, "--key", auditor.key, "--witness", "x"),
                  (auditor.now, "--key", auditor.key, "--proof", "p"),
                  ("--proof", "p", "--key", auditor.key, "--checkpoint", "c")):
        for program in auditor.programs:
            done = run(program, *words, env=QUIET)
            assert done.returncode == 2 and "usage" in done.stderr, (words, done)


def test_every_byte_of_every_file_matters(grown):
    """A small log: each byte changed in turn is found by the second one, and by audit-verify, of whose
    starts make test does one in eight, make faults all."""
    log = Log(grown[0].suite, OTHER_ORG)
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


def test_leaves_open_under_the_key_they_are_committed_to(feed):
    suite, ada = feed.suite, feed.suite.patient()
    (event,) = feed.act(patient=ada.patient)
    feed.receipted()
    feed.settle()
    folder = feed.export()
    index = feed.api.value(f"SELECT leaf_index FROM entry WHERE event_id = {quote(event)}")
    leaf = second.parse_leaf(second.verify(folder, feed.vkey())[index])
    assert (leaf["log"], leaf["producer"], leaf["class"]) == (ORG, "appointments", 1)
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
