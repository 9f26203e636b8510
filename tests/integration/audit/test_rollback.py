"""Where a log stands is known in four places: its tables, the schema of the other role, its folder,
and the file that only grows. One that comes from an older backup than another is found at start."""
import itertools
import os
import shutil
import subprocess

import pytest

import postgres
import telecura
from conftest import Log, run

PLACES = ("tables", "schema", "folder", "heads")


class Kept:
    """Both states of each place: of a backup, and of now."""

    def __init__(self, log):
        self.log = log
        for count in (100, 150):
            log.stage(count)
            log.settle()
            log.api.stop()
            self.keep("old" if count == 100 else "new")
            if count == 100:
                log.release_lease()
                log.api.start()

    def keep(self, when):
        shutil.copytree(self.log.home, f"{self.log.suite.folder}/{when}")
        shutil.copy(self.log.heads, f"{self.log.suite.folder}/{when}-heads")
        self.log.api.execute(f"""
            CREATE SCHEMA {when};
            CREATE TABLE {when}.entry AS SELECT * FROM entry;
            CREATE TABLE {when}.producer AS SELECT * FROM producer;
            CREATE TABLE {when}.published AS SELECT * FROM published;
            CREATE TABLE {when}.log_end AS SELECT * FROM log_end;
            CREATE TABLE {when}.log AS SELECT * FROM heads.log;
            CREATE TABLE {when}.tree AS SELECT * FROM heads.tree""")

    def restore(self, **places):
        """Each place as it was when it says."""
        for where, table in (("tables", "entry"), ("tables", "producer"), ("tables", "published"),
                             ("tables", "log_end"), ("schema", "heads.log"), ("schema", "heads.tree")):
            kept = f"{places[where]}.{table.split('.')[-1]}"
            self.log.api.execute(f"TRUNCATE {table}; INSERT INTO {table} SELECT * FROM {kept}")
        shutil.rmtree(self.log.home, ignore_errors=True)
        shutil.copytree(f"{self.log.suite.folder}/{places['folder']}", self.log.home)
        shutil.copy(f"{self.log.suite.folder}/{places['heads']}-heads", self.log.heads)


@pytest.fixture(scope="module")
def kept():
    suite = telecura.Suite()
    made = Kept(Log(suite, heads_dir=f"{suite.folder}/heads"))
    yield made
    suite.close()


def expected(tables, schema, folder, heads):
    """What it says, and what would mend it."""
    if schema == "old" and folder == "new":
        return "the database is older than the log; restore a newer backup of it"
    if schema == "old" and heads == "new":
        return "database and files are older than the log; restore newer ones of both"
    if folder == "old" and schema == "new":
        return "the files are older than the database; restore a newer copy of them"
    if schema == "new" and heads == "old":
        return "the file heads was cut or is an older one"
    return "they are of different backups; restore the database"


@pytest.mark.family(24)
@pytest.mark.parametrize("when", itertools.product(("old", "new"), repeat=len(PLACES)),
                         ids=lambda when: " ".join(map("{}-{}".format, when, PLACES)))
def test_an_older_backup_is_refused(kept, when):
    kept.restore(**dict(zip(PLACES, when)))
    if len(set(when)) > 1:
        assert expected(*when) in kept.log.refuses_to_start()
        return
    # All new, or all old: then nothing here knows of anything newer. A witness would.
    kept.log.release_lease()
    kept.log.api.start()
    kept.log.stage(1)
    kept.log.settle()
    assert kept.log.size() == (251 if when[0] == "new" else 101)
    kept.log.api.stop()


HEAD = "size = size + 1"
BY_THE_SERVICE = [
    f"UPDATE heads.log SET {HEAD}", "DELETE FROM heads.log", "TRUNCATE heads.log",
    "INSERT INTO heads.log SELECT org, origin || 'x', 0, root, at FROM heads.log",
    f"UPDATE heads.tree SET {HEAD}", "DELETE FROM heads.tree",
    "INSERT INTO heads.tree SELECT org, origin, size + 1, root, at FROM heads.tree",
    "CREATE TABLE heads.mine (x int)", "SET ROLE audit_head", "SET ROLE audit_owner",
    "DROP TABLE heads.log", "ALTER TABLE heads.log DISABLE TRIGGER ALL",
]
BY_THE_HEADS_ROLE = [
    "DELETE FROM heads.log", f"UPDATE heads.tree SET {HEAD}", "DELETE FROM heads.tree",
    "TRUNCATE heads.tree", "SELECT * FROM public.entry", "SELECT * FROM public.producer", "SELECT * FROM public.lease",
    "CREATE TABLE heads.mine (x int)", "SET ROLE audit",
]


@pytest.mark.family(24)
@pytest.mark.parametrize("role, statement", [("audit", text) for text in BY_THE_SERVICE] +
                         [("audit_head", text) for text in BY_THE_HEADS_ROLE])
def test_who_may_move_a_head(kept, role, statement):
    """The service's own role moves none; the one that does, takes back none that was signed."""
    before = kept.log.api.rows("SELECT * FROM heads.tree ORDER BY size")
    done = subprocess.run(
        [postgres.binary("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-c", statement,
         kept.log.suite.postgres.conninfo("audit", role=role)], capture_output=True, text=True)
    assert done.returncode != 0 and ("permission denied" in done.stderr or "must be owner" in done.stderr)
    assert kept.log.api.rows("SELECT * FROM heads.tree ORDER BY size") == before


@pytest.mark.family(24)
def test_a_head_that_is_set_back_is_refused(kept):
    """Who steals even the heads' role and has the rest of yesterday: what was signed is on record."""
    kept.restore(**dict.fromkeys(PLACES, "old"))
    kept.log.api.execute("INSERT INTO heads.tree SELECT * FROM new.tree ON CONFLICT DO NOTHING")
    assert "the head was set back" in kept.log.refuses_to_start()


@pytest.mark.family(24)
def test_a_log_that_the_database_has_forgotten_is_refused(kept):
    kept.restore(**dict.fromkeys(PLACES, "new"))
    kept.log.api.execute("DELETE FROM heads.log")
    assert "the database is older than the log" in kept.log.refuses_to_start()


@pytest.mark.family(24)
def test_a_log_that_only_heads_remembers_is_refused(kept):
    """Database and logs are of a day before there was any of it."""
    kept.restore(**dict.fromkeys(PLACES, "new"))
    shutil.rmtree(kept.log.home)
    kept.log.api.execute("TRUNCATE entry, published, log_end, heads.log, heads.tree")
    assert "database and files are older than the log" in kept.log.refuses_to_start()


def test_heads_may_be_a_file_that_only_grows(kept):
    """What an operator may add: the kernel itself then lets nobody cut it or write it anew."""
    kept.restore(**dict.fromkeys(PLACES, "new"))
    if run("chattr", "+a", kept.log.heads).returncode:
        pytest.skip("no file of this file system can be made to grow only")
    try:
        for mode in ("w", "r+"):
            with pytest.raises(PermissionError):
                open(kept.log.heads, mode)
        lines = len(open(kept.log.heads).readlines())
        kept.log.release_lease()
        kept.log.api.start()
        kept.log.stage(1)
        kept.log.settle()
        kept.log.api.stop()
        assert len(open(kept.log.heads).readlines()) > lines
    finally:
        run("chattr", "-a", kept.log.heads)


def test_a_line_of_heads_that_was_cut_short_is_written_again(kept):
    kept.restore(**dict.fromkeys(PLACES, "new"))
    path = kept.log.heads
    with open(path) as f:
        lines = f.readlines()
    os.truncate(path, os.path.getsize(path) - len(lines[-1]) // 2)
    assert "the file heads was cut" in kept.log.refuses_to_start()
    with open(path, "a") as f:
        f.write("\n" + lines[-1])
    kept.log.release_lease()
    kept.log.api.start()
    kept.log.stage(1)
    kept.log.settle()
    with open(path) as f:
        assert [int(line.split()[1]) for line in f if line.count(" ") == 2][-2:] == [250, 251]
    kept.log.api.stop()


def test_a_log_older_than_heads_goes_on(kept):
    """As migration 0102 finds it: no file, and one tree of it in the schema, its head."""
    heads, log = kept.log.heads, kept.log

    def without_file(trees):
        kept.restore(**dict.fromkeys(PLACES, "new"))
        os.unlink(heads)
        log.api.execute(f"DELETE FROM heads.tree WHERE NOT ({trees})")

    without_file("true")
    assert "the file heads was cut" in log.refuses_to_start()
    without_file("size = 250")
    open(heads, "w").close()
    assert "the file heads was cut" in log.refuses_to_start()
    without_file("size = 250")
    shutil.copy(f"{log.suite.folder}/old/{log.shards()[-1]}/checkpoint", f"{log.folder}/checkpoint")
    assert "the files are older than the database" in log.refuses_to_start() and not os.path.exists(heads)
    without_file("size = 250")
    log.release_lease()
    log.api.start()
    with open(heads) as f:
        assert [line.split(" ")[1] for line in f] == ["250"]
    log.stage(1)
    log.settle()
    assert log.size() == 251
    assert log.api.stop() == 0 and log.fsck()[0] == 0
    shutil.copy(heads, f"{log.home}/heads")
    assert log.fsck() == (1, [f"{log.home}/heads: does not belong here", "damaged: 1 found"])
