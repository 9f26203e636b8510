"""docs/tutorials/verify-an-audit-export.md does what it says: every program and command on that page
is run, in order, on a log of the service, and what stands under a command is what it prints."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from golang import go
from telecura import ROOT

PAGE = pathlib.Path(ROOT) / "docs/tutorials/verify-an-audit-export.md"
BLOCK = re.compile(r"^```(console|go) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
THEN, NOW = 300, 700    # entries, as the page has them


@pytest.fixture
def visit(log, tmp_path):
    """A folder with what the page says an auditor holds."""
    for size, name in (THEN, "older"), (NOW, "export"):
        log.stage(size - (log.size() if name == "export" else 0))
        log.settle()
        shutil.copytree(log.export(), tmp_path / name)
    shutil.copy(tmp_path / "older/checkpoint", tmp_path / "kept")
    (tmp_path / "vkey").write_text(log.vkey() + "\n")
    return tmp_path


def steps(block):
    """[(command, what it prints)]; a line after > goes on the command."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        else:
            found[-1][0 if line.startswith("> ") or line == "END" else 1].append(line.removeprefix("> "))
    return [("\n".join(command), "\n".join(said)) for command, said in found]


def test_the_page_does_what_it_says(visit):
    page = PAGE.read_text()
    env = {**os.environ, "PATH": f"{pathlib.Path(go()).parent}:{os.environ['PATH']}", "GOFLAGS": "-mod=mod",
           "LC_ALL": "C"}
    ran = 0
    for kind, name, text in BLOCK.findall(page):
        if kind == "go":
            (visit / name).write_text(text)
            continue
        for command, expected in steps(text):
            done = subprocess.run(["bash", "-c", command], cwd=visit, env=env, capture_output=True, text=True,
                                  timeout=120)
            pattern = ".*".join(map(re.escape, expected.split("…")))
            assert re.fullmatch(pattern, done.stdout.strip(), re.DOTALL), (command, done.stdout, done.stderr)
            ran += 1
    assert ran == page.count("\n$ ")
