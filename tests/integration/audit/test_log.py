"""The log's writer: whatever it is killed at, whoever else writes, whatever is damaged."""
import contextlib
import os
import signal
import subprocess
import time

import pytest

from postgres import quote
from telecura import ORG, OTHER_ORG

from conftest import EVERY, Log, run

NIL = "00000000-0000-0000-0000-000000000000"


def test_statements_fit_the_database(log):
    done = log.api.command("--config", log.api.config, "--verify")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("count", [1, 4, 251, 1, 300, 700])
def test_what_is_staged_is_logged_and_receipted(log, go_reader, count):
    before = log.api.value("SELECT count(*) FROM entry")
    log.stage(count)
    log.settle()
    assert log.verified(go_reader) == before + count
    # The highest number of each receipt is the outbox row's version; one receipt a run of numbers.
    receipts = log.api.rows("SELECT version FROM outbox WHERE topic = 'audit.receipts.v1' ORDER BY seq")
    versions = [row["version"] for row in receipts]
    assert versions == sorted(set(versions)) and versions[-1] == before + count


def test_each_organisation_has_its_own_log(log, go_reader):
    other = Log(log.suite, OTHER_ORG)
    other.stage(3)
    log.stage(2)
    log.settle()
    assert other.verified(go_reader) == 3
    assert other.vkey() != log.vkey() and OTHER_ORG in other.vkey()


def crash(log, call, number):
    """Runs the service until its @number-th @call, which kills it; False when it never came."""
    log.release_lease()
    process = subprocess.Popen(
        ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
         f"inject={call}:signal=KILL:when={number}", log.api.binary, "--config", log.api.config],
        stdout=subprocess.DEVNULL, stderr=open(log.api.log, "ab"), env=log.suite.environment())
    until = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < until:
        if log.api.value("SELECT count(*) = 0 FROM waiting"):
            process.kill()
            process.wait()
            return False
        time.sleep(0.05)
    assert process.poll() == -signal.SIGKILL
    return True


STEPS = [("rename", 1), ("fsync", 4), ("fsync", 9), ("unlink", 1)]     # before the head moves, and after
if EVERY:
    STEPS = [(call, number) for call, last in (("rename", 9), ("fsync", 24), ("unlink", 2))
             for number in range(1, last + 1)]


@pytest.mark.parametrize("call, number", STEPS)
def test_killed_at_every_step(log, go_reader, call, number):
    """Of the whole service; test_append.py breaks the step itself at each of its syscalls."""
    log.api.stop()
    before = log.api.value("SELECT count(*) FROM entry")
    log.stage(3)
    killed = crash(log, call, number)
    log.release_lease()
    log.api.start()
    log.settle()
    assert log.verified(go_reader) == before + 3 - other_size(log)
    assert killed or EVERY


def other_size(log):
    return log.api.value(f"SELECT count(*) FROM entry WHERE org = {quote(OTHER_ORG)}")


def test_a_second_sequencer_waits_and_takes_over(log, go_reader):
    second = log.suite.replica("audit")
    for _ in range(5):
        log.stage(100)
        time.sleep(0.02)
    log.settle()
    first_size = log.verified(go_reader)
    log.api.kill()
    log.stage(50)
    log.settle()
    assert log.verified(go_reader) == first_size + 50
    log.api.start()
    log.stage(50)
    log.settle()
    assert log.verified(go_reader) == first_size + 100
    assert second.stop() == 0


def stays(log, size, seconds=1.5):
    """Nothing is appended for as long as a dozen turns take."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert log.size() == size
        time.sleep(0.1)


def test_nobody_writes_beside_one_that_was_stopped(log, go_reader):
    """Its lease ends while it sleeps, maybe in the middle of a file; the second waits for it or its end."""
    log.stage(1)
    log.settle()    # it is the one that writes
    second, size = log.suite.replica("audit"), log.size()
    os.kill(log.api.process.pid, signal.SIGSTOP)
    log.stage(5)
    log.release_lease()
    stays(log, size)
    assert "sequencer_waits" in second.tail(400)
    os.kill(log.api.process.pid, signal.SIGCONT)
    log.settle()
    assert log.size() == size + 5
    os.kill(log.api.process.pid, signal.SIGSTOP)
    log.stage(5)
    log.api.kill()
    log.settle()
    assert log.size() == size + 10
    log.api.start()
    assert second.stop() == 0
    log.verified(go_reader)


def test_one_that_lost_the_lease_appends_nothing(log, go_reader):
    """As to a writer on another machine, which its lock does not reach."""
    log.stage(1)
    log.settle()    # it has the log loaded
    size = log.size()
    log.api.execute("UPDATE lease SET holder = gen_random_uuid(), epoch = epoch + 1, "
                    "until = now() + interval '1 hour' WHERE name = 'sequencer'")
    log.stage(5)
    stays(log, size)
    assert log.api.process.poll() is None
    log.release_lease()
    log.settle()
    assert log.size() == size + 5
    log.verified(go_reader)


def dies(log, word):
    log.api.process.wait(20)
    code, log.api.process = log.api.process.returncode, None
    assert code == 70
    assert word in log.api.tail()


def test_a_moved_head_ends_the_process(log, go_reader):
    size = log.verified(go_reader)
    root = log.api.value(f"SELECT encode(root, 'hex') FROM heads.log WHERE org = {quote(ORG)}")
    log.stage(1)
    log.settle()    # loaded
    size += 1
    root = log.api.value(f"SELECT encode(root, 'hex') FROM heads.log WHERE org = {quote(ORG)}")
    log.api.execute(f"UPDATE heads.log SET root = sha256('fork') WHERE org = {quote(ORG)}")
    log.stage(1)
    dies(log, "somebody else has moved the log's head")
    assert log.size() == size
    assert "forked" in log.refuses_to_start()
    log.api.execute(f"UPDATE heads.log SET root = decode('{root}', 'hex') WHERE org = {quote(ORG)}")
    log.release_lease()
    log.api.start()
    log.settle()
    assert log.verified(go_reader) == size + 1


def test_time_that_goes_back_ends_the_process(log, go_reader):
    log.stage(1)
    log.settle()
    log.api.stop()
    log.api.execute("UPDATE heads.log SET at = at + interval '1 hour'")
    log.api.start()
    log.stage(1)
    dies(log, "time has gone back")
    log.api.execute("UPDATE heads.log SET at = at - interval '1 hour'")
    log.release_lease()
    log.api.start()
    log.settle()
    log.verified(go_reader)


@contextlib.contextmanager
def flipped(path, at):
    def flip():
        with open(path, "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ 1]))
    flip()
    yield
    flip()


def test_damage_is_named_at_start(log):
    log.api.stop()
    size = log.size()
    assert size > 1024
    for path, at in (("tile/entries/000", 2), ("tile/0/001", 40), ("tile/1/000.p/" + str(size // 256), 33),
                     (f"tile/entries/{size // 256:03}.p/{size % 256}", 5), ("checkpoint", 3)):
        with flipped(f"{log.folder}/{path}", at):
            said = log.refuses_to_start()
            # A changed entry shows in the tile above it, a changed inner tile in the root.
            assert log.folder in said and "corrupt" in said.lower(), (path, said)
    os.rename(f"{log.folder}/tile/entries/001", f"{log.folder}/kept")
    assert "tile/entries/001" in log.refuses_to_start()
    os.rename(f"{log.folder}/kept", f"{log.folder}/tile/entries/001")
    log.release_lease()
    log.api.start()


def test_a_key_that_others_may_read_is_refused(log):
    log.api.stop()
    key = f"{log.suite.folder}/log.key"
    os.chmod(key, 0o644)
    assert "chmod 600" in log.refuses_to_start()
    os.chmod(key, 0o600)
    log.release_lease()
    log.api.start()


def test_export_wants_an_empty_folder(log, tmp_path):
    from telecura import bin_folder
    (tmp_path / "x").write_text("x")
    done = run(f"{bin_folder()}/audit-export", log.folder, str(tmp_path))
    assert done.returncode == 1 and "is not empty" in done.stderr


def test_a_backlog_of_the_index_is_worked_off_in_turns(log):
    """More bytes than one act's arena holds (8 MiB), all there when the index begins."""
    before = log.api.value(f"SELECT count(*) FROM entry WHERE org = {quote(ORG)}")
    log.stage(5000, more=2500)
    log.settle()
    log.api.wait_for(f"SELECT coalesce(max(next), 0) = {before + 5000} FROM event_index_end", 20)
    assert log.api.process.poll() is None


# Of what waits, in the form that it had before migration 0123.
BEFORE_0123 = """
ALTER TABLE entry ADD leaf bytea, ADD arrived bigint GENERATED ALWAYS AS IDENTITY, ALTER leaf_index DROP NOT NULL;
CREATE INDEX entry_waiting ON entry (org, arrived) WHERE leaf_index IS NULL;
UPDATE entry AS e SET leaf = substring(w.leaves FROM 3), leaf_index = CASE WHEN w.place < {end} + 2 THEN w.place END
FROM waiting AS w WHERE w.org = e.org AND w.place = e.leaf_index;
DROP TABLE waiting, log_end;
DELETE FROM migration WHERE name LIKE '%0123%'
"""


def test_what_waited_before_the_table_of_what_waits_is_appended(log, go_reader):
    """Two leaves whose receipt was not given, two that got a place before a crash, four that had none."""
    log.api.stop()
    count, size = log.api.value(f"SELECT count(*) FROM entry WHERE org = {quote(ORG)}"), log.size()
    for _ in range(6):
        log.stage(1)
    log.api.execute(f"""
        INSERT INTO waiting SELECT org, leaf_index, producer, seq, seq, event_id,
            int2send(64::int2) || decode(repeat('ab', 64), 'hex') FROM entry
        WHERE org = {quote(ORG)} AND leaf_index >= {size - 2} AND leaf_index < {size};
        UPDATE published SET size = {size - 2} WHERE org = {quote(ORG)}; {BEFORE_0123.format(end=size)}""")
    done = log.api.command("--config", log.api.config, "--migrate")
    assert done.returncode == 0, done.stderr
    log.release_lease()
    log.api.start()
    log.settle()
    assert log.verified(go_reader) == count + 6
    receipts = log.api.value("SELECT count(*) FROM outbox WHERE topic = 'audit.receipts.v1' "
                             f"AND version IN ({size}, {count + 6})")
    assert receipts >= 2


@pytest.mark.parametrize("harm, said", [
    ("DELETE FROM waiting WHERE place = (SELECT min(place) FROM waiting)", "what waits begins at leaf"),
    ("UPDATE waiting SET last = last + 1 WHERE place = (SELECT max(place) FROM waiting)", "is not what was staged"),
    ("DELETE FROM waiting WHERE place = (SELECT max(place) - 1 FROM waiting)", "is not what was staged")])
def test_what_waits_and_is_not_what_was_staged_ends_the_process(log, go_reader, harm, said):
    """A leaf that is gone before it is in the tree is no gap that anybody overlooks."""
    log.api.stop()
    before = log.verified(go_reader)
    for _ in range(3):
        log.stage(1)
    log.api.execute(f"CREATE TABLE kept AS SELECT * FROM waiting; {harm}")
    log.release_lease()
    done = log.api.command("--config", log.api.config)
    assert done.returncode != 0 and said in done.stderr, done.stderr
    log.api.execute("TRUNCATE waiting; INSERT INTO waiting SELECT * FROM kept; DROP TABLE kept")
    log.release_lease()
    log.api.start()
    log.settle()
    assert log.verified(go_reader) == before + 3
