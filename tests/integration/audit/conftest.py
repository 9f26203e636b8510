"""A log of its own for each module here: they kill its writer and damage its files."""
import os
import shutil
import subprocess
import uuid

import pytest

import telecura
from postgres import quote
from telecura import ORG, ROOT, bin_folder

# One way to a leaf that needs no producer: a row as record.c would stage it.
STAGE = ("INSERT INTO entry (org, producer, seq, event_id, mac, leaf) "
         "SELECT {org}, 'test', n, gen_random_uuid(), decode(repeat('00', 32), 'hex'), "
         "decode(md5('leaf ' || n) || repeat('ab', (n % 200)::int), 'hex') "
         "FROM generate_series((SELECT coalesce(max(seq), 0) FROM entry WHERE org = {org}) + 1, "
         "(SELECT coalesce(max(seq), 0) FROM entry WHERE org = {org}) + {count}) AS n")


class Log:
    def __init__(self, suite, org=ORG, **settings):
        self.suite, self.org = suite, org
        self.api = suite.service("audit", **settings)
        self.folder = f"{suite.folder}/log/{org}"

    def stage(self, count):
        self.api.execute(STAGE.format(org=quote(self.org), count=count))

    def settle(self, seconds=30):
        """Until every leaf is in the tree and has its receipt."""
        self.api.wait_for("SELECT count(*) = 0 FROM entry WHERE leaf IS NOT NULL", seconds)

    def size(self):
        with open(f"{self.folder}/checkpoint") as f:
            return int(f.read().split("\n")[1])

    def vkey(self):
        with open(f"{self.folder}/vkey") as f:
            return f.read().strip()

    def export(self):
        folder = f"{self.suite.folder}/export-{uuid.uuid4()}"
        done = run(f"{bin_folder()}/audit-export", self.folder, folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    def verified(self, go_reader):
        """How many entries two programs find sound; every leaf is in the tree once."""
        folder = self.export()
        ours = run(f"{bin_folder()}/audit-verify", folder, "--vkey", self.vkey())
        theirs = run(go_reader, folder, self.vkey())
        assert (ours.returncode, theirs.returncode) == (0, 0), (ours.stdout, theirs.stdout)
        shutil.rmtree(folder)
        size = self.size()
        assert ours.stdout.endswith(f", {size} entries\n") and theirs.stdout == f"sound: {size} entries\n"
        rows = f"FROM entry WHERE org = {quote(self.org)} AND leaf_index IS NOT NULL"
        assert self.api.value(f"SELECT count(DISTINCT leaf_index) {rows}") == size
        assert self.api.value(f"SELECT coalesce(max(leaf_index) + 1, 0) {rows}") == size
        return size

    def release_lease(self):
        """What the lease's end does, without waiting for it."""
        self.api.execute("UPDATE lease SET until = clock_timestamp() - interval '1 s' "
                         "WHERE name = 'sequencer'")

    def refuses_to_start(self):
        """What it says, and that it has ended."""
        self.release_lease()
        done = self.api.command("--config", self.api.config)
        assert done.returncode != 0
        return done.stderr


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def log():
    suite = telecura.Suite()
    yield Log(suite)
    suite.close()


@pytest.fixture(scope="session")
def go_reader(tmp_path_factory):
    """golang.org/x/mod's own tlog, in 100 lines of Go."""
    binary = str(tmp_path_factory.mktemp("go") / "audit_go")
    done = subprocess.run(["go", "build", "-o", binary, "."], cwd=f"{ROOT}/tests/integration/audit_go",
                          capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/local/go/bin"})
    assert done.returncode == 0, done.stderr
    return binary
