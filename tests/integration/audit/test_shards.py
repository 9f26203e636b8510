"""A log is cut where a half year ends: the shard is closed for ever, and the next one begins with a link
to the whole of it. Killed anywhere in between it goes on, and nothing is lost or twice."""
import os
import shutil
import uuid

import pytest

import second
import telecura
from conftest import EVERY, Feed, Kafka, Log, run
from telecura import ORG, bin_folder
from test_log import crash


def read(path):
    with open(path, "rb") as f:
        return f.read()


def chain(log, tmp_path):
    """The entries of every shard, as the second implementation reads them."""
    shards = log.shards()
    folder = log.export("all")
    shutil.move(folder, tmp_path / "all")
    return second.verify_chain([tmp_path / "all" / shard for shard in shards],
                               [read(f"{log.home}/{shard}/vkey").decode().strip() for shard in shards])


@pytest.fixture(scope="module")
def cut():
    """A log that has seen the turn of a year."""
    suite = telecura.Suite()
    made = Log(suite)
    made.turn("2026-12-31")
    made.stage(10)
    made.settle()
    made.short = made.export()
    made.stage(290)
    made.settle()
    made.last = read(f"{made.folder}/checkpoint")
    made.turn("2027-01-01")
    yield made
    suite.close()


def test_the_first_append_of_a_half_year_begins_a_shard(cut, go_reader, tmp_path):
    assert cut.shards() == ["2026h2"]
    cut.stage(258)
    cut.settle()
    assert cut.shards() == ["2026h2", "2027h1"] and cut.size() == 259
    assert read(f"{cut.home}/2026h2/checkpoint") == cut.last
    assert cut.verified(go_reader) == 558
    former, now = chain(cut, tmp_path)
    assert second.linked(now[0]) == cut.last and len(former) == 300
    assert [second.parse_leaf(entry)["seq"] for entry in former + now[1:]] == list(range(1, 559))
    assert cut.api.rows("SELECT base, size, closed FROM heads.log ORDER BY base") == [
        {"base": 0, "size": 300, "closed": True}, {"base": 300, "size": 259, "closed": False}]


def test_each_shard_has_a_prefix_of_its_own(cut):
    now = read(f"{cut.folder}/checkpoint")
    for path, note in (("", now), (f"/{ORG}", now), (f"/{ORG}/2027h1", now), (f"/{ORG}/2026h2", cut.last)):
        prefix, name = f"/v1/audit{path}", "2026h2" if note == cut.last else "2027h1"
        assert cut.api.get(f"{prefix}/checkpoint").body == note
        assert cut.api.get(f"{prefix}/tile/0/000").body == read(f"{cut.home}/{name}/tile/0/000")
        if path:
            proof = cut.api.get(f"{prefix}/consistency?old=17").body
            assert proof.startswith(b"old 17\n") and proof.endswith(b"\n\n" + note)
    shards = cut.api.get(f"/v1/audit/{ORG}/shards").json["data"]
    assert [(row["shard"], row["size"], row["open"]) for row in shards] == [
        ("2026h2", 300, False), ("2027h1", 259, True)]
    for row in shards:
        assert row["vkey"] == read(f"{cut.home}/{row['shard']}/vkey").decode().strip()
        assert row["vkey"].startswith(row["origin"] + "+") and row["path"] == f"/v1/audit/{ORG}/{row['shard']}"
        second.open_checkpoint(cut.api.get(f"{row['path']}/checkpoint").body, row["vkey"])


@pytest.mark.parametrize("shard", ["2025h2", "2026h3", "..", "heads", "2026h2%2F..", "x" * 300])
def test_no_other_shard_is_there(cut, shard):
    for what in ("checkpoint", "tile/0/000", "consistency?old=1"):
        assert cut.api.get(f"/v1/audit/{ORG}/{shard}/{what}").status in (400, 404)
    assert cut.api.get(f"/v1/audit/{uuid.uuid4()}/shards").status == 404


def test_entries_of_a_shard_are_its_own_auditors(cut):
    path = f"/v1/audit/{ORG}/2026h2/tile/entries/000"
    auditor, other = cut.suite.person("auditor"), cut.suite.person("auditor", org=telecura.OTHER_ORG)
    assert cut.api.get(path, who=auditor).body == read(f"{cut.home}/2026h2/tile/entries/000")
    assert cut.api.get(path).status == 401 and cut.api.get(path, who=other).status == 404


def test_one_shard_or_all_are_exported(cut):
    assert read(f"{cut.export()}/checkpoint") == read(f"{cut.folder}/checkpoint")
    assert read(f"{cut.export('2026h2')}/checkpoint") == cut.last
    done = run(f"{bin_folder()}/audit-export", cut.home, f"{cut.suite.folder}/none", "2020h1")
    assert done.returncode == 1 and "has no shard 2020h1" in done.stderr


def test_a_broken_chain_is_named(cut):
    """In the wrong order, or with another tree before it, of which the key has signed each."""
    vkey, folder = cut.vkey(), cut.export("all")
    first, then = f"{folder}/2026h2", f"{folder}/2027h1"
    named = "its first entry does not name the last tree of"

    def verify(*folders):
        done = run(f"{bin_folder()}/audit-verify", *folders, "--vkey", vkey)
        return done.returncode, done.stdout
    assert verify(first, then)[0] == 0
    code, said = verify(then, first)
    assert code == 1 and named in said
    # A shorter tree of the same shard, soundly signed: what a rollback would show.
    assert verify(cut.short)[0] == 0
    code, said = verify(cut.short, then)
    assert code == 1 and named in said


def test_fsck_looks_at_every_shard(cut, go_reader):
    cut.api.stop()
    assert cut.fsck() == (0, ["sound: 1 logs, 559 entries"])
    for path, mended in (("2026h2/tile/0/000", True), ("2026h2/checkpoint", True), ("2026h2/vkey", True),
                         ("2026h2/tile/entries/000", False), ("heads", True)):
        whole = f"{cut.home}/{path}"
        data = read(whole)
        with open(whole, "wb") as f:
            f.write(data[:7] if path == "heads" else data[:40] + bytes([data[40] ^ 1]) + data[41:])
        code, said = cut.fsck()
        assert code == 1 and said[0].startswith(f"{whole}: "), (path, said)
        assert cut.fsck("--repair")[0] == (not mended)
        if mended and path != "heads":
            assert read(whole) == data
        with open(whole, "wb") as f:
            f.write(data)
    os.mkdir(f"{cut.home}/2027h2")
    code, said = cut.fsck()
    assert (code, said[0]) == (1, f"{cut.home}/2027h2: does not belong here")
    os.rmdir(f"{cut.home}/2027h2")
    cut.release_lease()
    cut.api.start()
    assert cut.verified(go_reader) == 558


def test_a_place_of_before_the_cut_is_refused(cut):
    """Each of the four places as of before the year's end, while the others are of today."""
    cut.api.stop()
    heads = read(f"{cut.home}/heads").splitlines(keepends=True)
    older = b"".join(line for line in heads if b"/2026h2 " in line)

    def said_when(*sql, files=None, lines=None):
        cut.api.execute("CREATE TABLE kept_log AS SELECT * FROM heads.log; "
                        "CREATE TABLE kept_tree AS SELECT * FROM heads.tree;" + ";".join(sql))
        if files:
            os.rename(f"{cut.home}/2027h1", f"{cut.home}-kept")
        if lines is not None:
            with open(f"{cut.home}/heads", "wb") as f:
                f.write(lines)
        said = cut.refuses_to_start()
        if files:
            shutil.rmtree(f"{cut.home}/2027h1", ignore_errors=True)
            os.rename(f"{cut.home}-kept", f"{cut.home}/2027h1")
        with open(f"{cut.home}/heads", "wb") as f:
            f.write(b"".join(heads))
        cut.api.execute("TRUNCATE heads.log, heads.tree; INSERT INTO heads.log SELECT * FROM kept_log; "
                        "INSERT INTO heads.tree SELECT * FROM kept_tree; DROP TABLE kept_log, kept_tree")
        return said
    back = ("DELETE FROM heads.log WHERE NOT closed", "UPDATE heads.log SET closed = false")
    forgotten = (*back, "DELETE FROM heads.tree WHERE origin LIKE '%2027h1'")
    assert "the head was set back" in said_when(*back)
    assert "database and files are older than the log" in said_when(*forgotten, files=True)
    assert "the database knows of no such shard" in said_when(*forgotten, lines=older)
    assert "the files are older than the database" in said_when(files=True)
    assert "the file heads was cut or is an older one" in said_when(lines=older)
    cut.release_lease()
    cut.api.start()


@pytest.fixture(scope="module")
def older():
    suite = telecura.Suite()
    made = Log(suite)
    made.stage(300)
    made.settle()
    yield made
    suite.close()


@pytest.mark.parametrize("moved", [(), ("tile",), ("tile", "vkey")], ids=lambda names: "-".join(names) or "none")
def test_a_log_of_an_older_version_moves_into_its_shard(older, moved, go_reader):
    """Killed while it moved: it goes on with what is left."""
    log, size = older, older.size()
    log.api.stop()
    shard = log.shards()[-1]
    for name in {"tile", "vkey", "checkpoint"} - set(moved):
        os.rename(f"{log.home}/{shard}/{name}", f"{log.home}/{name}")
    if not moved:
        os.rmdir(f"{log.home}/{shard}")
    code, said = log.fsck()
    assert code == 1 and "lies as older versions kept it" in said[0]
    log.release_lease()
    log.api.start()
    log.stage(1)
    log.settle()
    assert sorted(os.listdir(log.home)) == [shard, "heads"] and log.verified(go_reader) == size + 1


KILLS = [("mkdir", 1), ("rename", 2), ("unlink", 1), *([("mkdir", 2), ("rename", 1), ("rename", 3)] if EVERY else [])]


def test_killed_while_a_shard_begins(older, go_reader, tmp_path):
    """Each time at another step of another half year."""
    log, years, size = older, 0, older.size()
    for call, number in KILLS:
        log.api.stop()
        log.turn(f"{2027 + years // 2}-{1 + 6 * (years % 2):02}-01")
        log.stage(3)
        assert crash(log, call, number) or EVERY
        log.release_lease()
        log.api.start()
        log.settle()
        years += 1
        assert len(log.shards()) == 1 + years, (call, number)
    assert log.verified(go_reader) == size + 3 * len(KILLS)
    seqs = [second.parse_leaf(entry)["seq"] for shard in chain(log, tmp_path) for entry in shard]
    assert [seq for seq in seqs if seq] == list(range(1, size + 1 + 3 * len(KILLS)))
    log.api.stop()
    assert log.fsck()[0] == 0


def test_what_was_done_in_either_half_year_is_found_and_proved(tmp_path):
    """By search, by patient, by proof; the index fills again over both."""
    kafka, suite = Kafka(), telecura.Suite()
    feed = Feed(suite, kafka)
    ada, auditor = suite.patient(), suite.person("auditor")
    before = feed.act(3, patient=ada.patient)
    feed.receipted()
    feed.settle()
    feed.turn("2027-01-05")
    after = feed.act(3, patient=ada.patient)
    feed.indexed()
    assert len(feed.shards()) == 2

    def found():
        rows = feed.api.get(f"/v1/audit/events?patient={ada.patient}&action=visit.read", who=auditor).json["data"]
        return {row["id"]: (row["shard"], row["index"]) for row in rows}
    rows = found()
    assert {row[0] for row in map(rows.get, before)} == {"2026h2"} and {rows[id][0] for id in after} == {"2027h1"}
    vkeys = {row["shard"]: row["vkey"] for row in feed.api.get(f"/v1/audit/{ORG}/shards").json["data"]}
    for event in (before[0], after[-1]):
        shard, index = rows[event]
        proof = tmp_path / event
        proof.write_bytes(feed.api.get(f"/v1/audit/proof?event={event}", who=auditor).body)
        done = run(f"{bin_folder()}/audit-verify", "--proof", str(proof), "--vkey", vkeys["2027h1"])
        assert done.stdout == f"proved: entry {index} of audit.{ORG}/{shard}\n", done.stdout
    feed.api.execute("TRUNCATE event_index, event_index_end")
    feed.indexed()
    assert found() == rows
    feed.api.stop()
    assert feed.fsck()[0] == 0
    suite.close()
    kafka.stop()
