"""audit fsck: whatever is damaged is named with its path; what follows from the rest is mended, and
nothing else. What it mended, the independent readers find sound."""
import os
import random
import shutil

import pytest

import telecura
from conftest import EVERY, Log

SIZE = 600
FILES = {   # path: can it be made again from the rest?
    "checkpoint": True, "vkey": True,
    "tile/0/000": True, "tile/0/001": True, "tile/0/002.p/88": True, "tile/1/000.p/2": True,
    "tile/entries/000": False, "tile/entries/001": False, "tile/entries/002.p/88": False,
}


@pytest.fixture(scope="module")
def log():
    suite = telecura.Suite()
    made = Log(suite)
    for count in (250, 300, 50):
        made.stage(count)
        made.settle()
    made.api.stop()
    shutil.copytree(made.home, f"{suite.folder}/sound")
    yield made
    suite.close()


@pytest.fixture(autouse=True)
def sound(log):
    """Each test begins with the files as they were."""
    shutil.rmtree(log.home)
    shutil.copytree(f"{log.suite.folder}/sound", log.home)


def contents(folder):
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            with open(f"{at}/{name}", "rb") as f:
                found[os.path.relpath(f"{at}/{name}", folder)] = f.read()
    return found


def test_what_is_whole_is_sound(log, go_reader):
    """To us and to others; what is mended is held against this, byte for byte."""
    assert log.fsck() == (0, [f"sound: 1 logs, {SIZE} entries"])
    assert log.verified(go_reader) == SIZE


def mended(log):
    assert contents(log.home) == contents(f"{log.suite.folder}/sound")


def damages(path, data):
    """What can happen to a file's bytes; without SWEEP=all one of it, another one for each path."""
    def flip(at):
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
    every = [("a byte in the middle", flip(len(data) // 2)), ("half", data[:len(data) // 2]), ("longer", data + b"x"),
             ("gone", None), ("first byte", flip(0)), ("third byte", flip(2)), ("last byte", flip(len(data) - 1)),
             ("one byte short", data[:-1]), ("empty", b"")]
    first = random.Random(os.environ.get("SEED", "fsck")).randrange(len(every))
    return every if EVERY else [every[(first + list(FILES).index(path)) % len(every)]]


@pytest.mark.parametrize("path", FILES)
def test_damage_is_named_and_mended_if_it_can_be(log, path):
    whole = f"{log.folder}/{path}"
    with open(whole, "rb") as f:
        data = f.read()
    for what, damaged in damages(path, data):
        if damaged is None:
            os.unlink(whole)
        else:
            with open(whole, "wb") as f:
                f.write(damaged)
        before = contents(log.folder)
        code, said = log.fsck()
        assert code == 1 and any(line.startswith(f"{whole}: ") for line in said), (what, said)
        assert contents(log.folder) == before, "looking changes nothing"
        code, said = log.fsck("--repair")
        if FILES[path] or what == "longer":
            assert code == 0 and f"{whole}: repaired: " in "\n".join(said), (what, said)
            assert contents(log.home) == contents(f"{log.suite.folder}/sound"), what
        else:
            assert code == 1 and contents(log.folder) == before, (what, said)
            with open(whole, "wb") as f:
                f.write(data)
    mended(log)


def test_all_tiles_and_the_checkpoint_at_once(log):
    for path, derivable in FILES.items():
        if derivable:
            os.unlink(f"{log.folder}/{path}")
    assert log.fsck()[0] == 1
    assert log.fsck("--repair")[0] == 0
    mended(log)


def test_a_changed_entry_and_a_changed_tile_are_told_apart(log):
    """The level above decides which of the two is what was logged."""
    for path, at in (("tile/entries/000", 40), ("tile/0/001", 32 * 7 + 3)):
        with open(f"{log.folder}/{path}", "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ 0x10]))
    code, said = log.fsck("--repair")
    assert code == 1
    assert f"{log.folder}/tile/entries/000: entry 0 is not the one that was logged" in said
    assert f"{log.folder}/tile/0/001: hash 7 (entry 263) is not that of what is below it" in said
    assert f"{log.folder}/tile/0/001: repaired: made again from the entries" in said
    assert log.fsck() == (1, [said[0], "damaged: 1 found"])


def test_an_entry_changed_with_all_its_hashes_is_found(log):
    """Who rewrites an entry and the tiles above it has not signed the root."""
    import hashlib
    with open(f"{log.folder}/tile/entries/002.p/88", "r+b") as f:
        data = bytearray(f.read())
        data[60] ^= 1
        f.seek(0)
        f.write(data)
    length = int.from_bytes(data[:2], "big")
    with open(f"{log.folder}/tile/0/002.p/88", "r+b") as f:
        f.write(hashlib.sha256(b"\0" + data[2:2 + length]).digest())
    code, said = log.fsck("--repair")
    assert code == 1 and said[0] == f"{log.folder}: the 600 entries do not hash up to the signed root"


LEFT = {".new": b"half a fi", "staging": b"telecura stage 1\nhalf", "tile/0/001.p/44": None}


@pytest.mark.parametrize("path", LEFT)
def test_what_a_crash_left_is_named_and_removed(log, path):
    whole = f"{log.folder}/{path}"
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    with open(f"{log.folder}/tile/0/001", "rb") as full, open(whole, "wb") as f:
        f.write(LEFT[path] or full.read()[:44 * 32])
    code, said = log.fsck()
    assert code == 1 and said[0].startswith(f"{whole}: is ")
    assert log.fsck("--repair")[0] == 0 and not os.path.exists(whole)
    if path.startswith("tile"):
        os.rmdir(os.path.dirname(whole))
    mended(log)


@pytest.mark.parametrize("path, what", [("notes.txt", "does not belong here"),
                                        ("tile/0/003", "is of a larger tree than the head's"),
                                        ("tile/0/001.p/44", "is not the beginning of what has followed it")])
def test_what_is_strange_is_named_and_left(log, path, what):
    whole = f"{log.folder}/{path}"
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    with open(whole, "wb") as f:
        f.write(b"x" * 44 * 32)
    assert log.fsck("--repair") == (1, [f"{whole}: {what}", "damaged: 1 found that cannot be repaired from the rest"])
    assert os.path.exists(whole)


def lines_of(log):
    with open(f"{log.home}/heads") as f:
        return f.readlines()


@pytest.mark.parametrize("kept", [0, 1])
def test_lines_of_heads_that_were_cut_are_added(log, kept):
    lines = lines_of(log)
    with open(f"{log.home}/heads", "w") as f:
        f.writelines(lines[:kept])
    if not kept:
        os.unlink(f"{log.home}/heads")
    code, said = log.fsck()
    assert code == 1 and f"{log.home}/heads: has no line for the tree of 600 entries" in said
    assert log.fsck("--repair")[0] == 0
    mended(log)


def test_a_changed_line_of_heads_is_named_and_left(log):
    lines = lines_of(log)
    for at, what in ((0, "another root than the database's"), (1, "is no tree of this log")):
        changed = lines[:]
        middle = len(lines[at]) - 9 if at == 0 else 3
        changed[at] = lines[at][:middle] + ("A" if lines[at][middle] != "A" else "B") + lines[at][middle + 1:]
        with open(f"{log.home}/heads", "w") as f:
            f.writelines(changed)
        code, said = log.fsck("--repair")
        assert code == 1 and any(line.startswith(f"{log.home}/heads: line {at + 1}") and what in line
                                 for line in said), said
        assert lines_of(log)[:len(lines)] == changed


@pytest.mark.parametrize("name", ["heads", "2026h2/vkey"])
def test_every_byte_of_what_lies_beside_the_log_matters(log, name):
    """make faults: each byte; make test: a few. The log's own files: test_second.py."""
    path, chance = f"{log.home}/{name}", random.Random(os.environ.get("SEED", name))
    with open(path, "rb") as f:
        data = f.read()
    for at in range(len(data)) if EVERY else chance.sample(range(len(data)), 4):
        with open(path, "wb") as f:
            f.write(data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:])
        code, said = log.fsck()
        assert code == 1 and any(line.startswith(f"{path}: ") for line in said), (at, said)


def test_a_database_of_an_older_day_is_named(log):
    log.api.execute("CREATE TABLE kept AS SELECT * FROM heads.log; CREATE TABLE kept_tree AS SELECT * FROM heads.tree; "
                    "DELETE FROM heads.tree WHERE size = 600; UPDATE heads.log SET (size, root) = "
                    "(SELECT size, root FROM heads.tree ORDER BY size DESC LIMIT 1)")
    code, said = log.fsck("--repair")
    assert code == 1
    assert f"{log.folder}/checkpoint: is newer than the head: the database is of an older backup" in said
    assert any("of a tree that the database never signed" in line for line in said)
    log.api.execute("TRUNCATE heads.log, heads.tree; INSERT INTO heads.log SELECT * FROM kept; "
                    "INSERT INTO heads.tree SELECT * FROM kept_tree; DROP TABLE kept, kept_tree")
    shutil.rmtree(log.home)
    shutil.copytree(f"{log.suite.folder}/sound", log.home)
    assert log.fsck()[0] == 0


def test_rows_that_differ_are_named(log):
    """Leaves that nobody can open: their rows cannot be made again, and are not."""
    log.api.execute("CREATE TABLE kept AS SELECT * FROM entry; DELETE FROM entry WHERE leaf_index IN (17, 255, 599); "
                    "UPDATE entry SET seq = 9999 WHERE leaf_index = 300")
    code, said = log.fsck("--repair")
    assert code == 1
    for index in (17, 255, 599):
        assert f"{log.folder}: table entry: leaf {index} (test {index + 1}) has no row" in said
    assert f"{log.folder}: table entry: leaf 300 (test 301) has another row" in said
    assert "they are of different backups" in log.refuses_to_start()
    log.api.execute("TRUNCATE entry; INSERT INTO entry SELECT * FROM kept; DROP TABLE kept")


def test_it_wants_the_log_for_itself_and_its_key(log):
    log.release_lease()
    log.api.start()
    done = log.api.command("--config", log.api.config, "fsck")
    assert done.returncode == 69 and "stop it first" in done.stderr
    log.api.stop()
    key = f"{log.suite.folder}/log.key"
    os.rename(key, f"{key}.away")
    done = log.api.command("--config", log.api.config, "fsck", "--repair")
    os.rename(f"{key}.away", key)
    assert done.returncode == 69 and "restore it" in done.stderr
    assert log.api.command("--config", log.api.config, "fsck", "--please").returncode == 64
    assert log.api.command("--config", log.api.config, "frob").returncode == 64


TABLES = ("producer", "entry", "published", "log_end", "waiting")
AWAY = "UPDATE waiting SET place = place + 9 WHERE place = 603"


@pytest.fixture(scope="module")
def waits(log):
    """Of what waits the files know nothing: their tables, to be put back."""
    sound = "; ".join(f"CREATE TABLE sound_{name} AS SELECT * FROM {name}" for name in TABLES)
    log.api.execute(sound.replace("sound_", "before_"))
    for count in (3, 4):
        log.stage(count)
    log.api.execute(sound)
    yield log
    put_back(log, "before")


def put_back(log, when):
    log.api.execute(f"TRUNCATE {', '.join(TABLES)}; " + "; ".join(
        f"INSERT INTO {name} SELECT * FROM {when}_{name}" for name in TABLES))


@pytest.mark.parametrize("harm, said", [
    ("UPDATE producer SET seq = 606", "producer: test stands at 606, its last entry is 607"),
    ("DELETE FROM producer", "producer: test stands at 0, its last entry is 607"),
    ("UPDATE producer SET mac = sha256('x')", "producer: the chain of test does not end with its entry 607"),
    ("UPDATE entry SET mac = sha256('x') WHERE seq = 607", "producer: the chain of test does not end with its entry 607"),
    ("UPDATE entry SET mac = 'x' WHERE leaf_index = 7", "entry: leaf 7 has a MAC of 1 bytes"),
    ("UPDATE published SET size = 601", "published: receipts were given up to leaf 601, the log goes to 600"),
    ("UPDATE published SET size = 599", "published: receipts were given up to leaf 599, what waits for one begins at 600"),
    ("DELETE FROM published", "published: receipts were given up to leaf 0, what waits for one begins at 600"),
    ("UPDATE log_end SET next = 606", "log_end: goes on with leaf 606, the log with 607"),
    ("UPDATE log_end SET next = 608", "log_end: goes on with leaf 608, the log with 607"),
    ("DELETE FROM log_end", "log_end: goes on with leaf 0, the log with 607"),
    ("DELETE FROM waiting WHERE place = 600", "waiting: what waits for leaf 603 does not follow leaf 599"),
    ("DELETE FROM waiting WHERE place = 603", "log_end: goes on with leaf 607, the log with 603"),
    (AWAY, "waiting: what waits for leaf 612 does not follow leaf 602"),
    (AWAY, "waiting: leaves 612 to 615 are not those of table entry"),
    ("UPDATE waiting SET producer = 'other' WHERE place = 600", "waiting: leaves 600 to 602 are not those of table entry"),
])
def test_tables_that_disagree_are_named(waits, harm, said):
    waits.api.execute(harm)
    code, lines = waits.fsck("--repair")
    put_back(waits, "sound")
    assert code == 1 and f"{waits.home}: table {said}" in lines, lines


def test_what_waits_is_no_damage(waits):
    assert waits.fsck() == (0, [f"sound: 1 logs, {SIZE} entries"])
