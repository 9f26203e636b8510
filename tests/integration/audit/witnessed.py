"""A witness that is other people's code (PyPI: aics-witness) takes what the log publishes, as c2sp.org/tlog-witness
says, and audit-verify takes its cosignature; a log that is not the one it has signed gets none. `make witness` runs
this, and make test does not: it fetches packages once.
"""
import http.client
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import run
from telecura import ORG, ROOT, bin_folder, free_port

sys.path.append(f"{ROOT}/deploy/local")
import place    # noqa: E402

# It names Python 3.12 as its least, and needs nothing that 3.11 has not.
PACKAGES = "aics-witness==0.1.0", "aics-tlog==0.2.1", "cryptography==50.0.2", "cffi==2.1.1", "pycparser==3.12"
NAME = "witness.example"


@pytest.fixture(scope="module")
def program():
    """Below the cache folder, and there only when it is whole."""
    made = place.cache_folder() / PACKAGES[0].replace("==", "-")
    if not made.exists():
        fresh = f"{made}.{os.getpid()}"
        done = run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--ignore-requires-python", "--target",
                   fresh, *PACKAGES)
        assert done.returncode == 0, done.stderr
        shutil.move(fresh, made)
    return [sys.executable, "-m", "aics_witness"], {**os.environ, "PYTHONPATH": str(made)}


class Witness:
    def __init__(self, program, folder, log):
        command, env = program
        config, self.port = ["--config", str(folder / "witness.json")], free_port()
        said = [run(*command, *words, *config, env=env) for words in (
            ("init", "--name", NAME, "--listen", f"127.0.0.1:{self.port}"),
            ("add-log", "--origin", log.vkey().split("+")[0], "--vkey", log.vkey()))]
        assert all(done.returncode == 0 for done in said), said
        self.vkey = re.search(rf"{re.escape(NAME)}\+\S+", said[0].stdout)[0]
        self.process = subprocess.Popen([*command, "serve", *config], env=env, stderr=subprocess.PIPE, text=True)
        while "listening" not in (line := self.process.stderr.readline()):
            assert line, "it has ended"

    def add(self, body):
        """(status, text) of the protocol's one call."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", "/add-checkpoint", body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def close(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def witness(program, log, tmp_path):
    log.stage(300)
    log.settle()
    made = Witness(program, tmp_path, log)
    yield made
    made.close()


def published(log, old):
    """What the log answers, sent on as it is."""
    return log.api.get(f"/v1/audit/{ORG}/consistency?old={old}").body


def test_a_witness_signs_what_grows_and_nothing_else(log, witness):
    first = log.size()
    status, line = witness.add(published(log, 0))
    assert (status, line[:17]) == (200, f"\N{EM DASH} {NAME}"), line
    older = published(log, first)

    log.stage(400)
    log.settle()
    body, size = published(log, first), log.size()
    head, _, note = body.partition(b"\n\n")
    assert witness.add(published(log, 0)) == (409, f"{first}\n")
    words = head.split(b"\n")
    assert witness.add(b"\n".join(words[:1] + words[2:]) + b"\n\n" + note)[0] == 422      # a hash less
    assert witness.add(head + b"\n\n" + note.replace(f"\n{size}\n".encode(), f"\n{size + 1}\n".encode()))[0] == 403
    status, line = witness.add(body)
    assert status == 200, line
    assert witness.add(older) == (409, f"{size}\n")      # the log of before: rolled back

    folder = log.export()
    verify = [f"{bin_folder()}/audit-verify", folder, "--key", log.vkey()]
    assert run(*verify).returncode == 0
    with open(f"{folder}/checkpoint", "a") as checkpoint:
        checkpoint.write(line)
    assert run(*verify, "--witness", witness.vkey).stdout == f"sound: {log.vkey().split('+')[0]}, {size} entries\n"
    unnamed = run(*verify)
    assert (unnamed.returncode, unnamed.stdout) == (1, "checkpoint: 1 signatures cannot be checked\n")


def test_its_word_for_another_tree_is_no_word_for_this(log, witness):
    status, line = witness.add(published(log, 0))
    assert status == 200
    log.stage(10)
    log.settle()
    folder = log.export()
    with open(f"{folder}/checkpoint", "a") as checkpoint:
        checkpoint.write(line)
    done = run(f"{bin_folder()}/audit-verify", folder, "--key", log.vkey(), "--witness", witness.vkey)
    assert (done.returncode, done.stdout) == (1, "checkpoint: what a witness has signed is something else\n")
