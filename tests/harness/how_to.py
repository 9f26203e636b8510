"""A page of docs/how-to does what it says: its console blocks are one session of bash, in order, and print what
stands under each command; … stands for anything. What only looks is looked at again until it does.

    ran = follow(page, cwd, env)
"""
import pathlib
import re
import subprocess
import time

from telecura import ROOT

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOOKS = re.compile(r"telectl \S+ (status|show|search|list)\b")
END, SOON_S, SESSION_S = "-- that was it --", 60, 600


class Session:
    def __init__(self, cwd, env):
        self.errors = pathlib.Path(cwd) / "stderr"
        with open(self.errors, "w") as errors:
            self.bash = subprocess.Popen(["timeout", str(SESSION_S), "bash"], cwd=cwd, env=env, text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)

    def said(self, command):
        self.bash.stdin.write(f"{{ {command}\n}} </dev/null\necho; echo '{END}'\n")
        self.bash.stdin.flush()
        lines = []
        for line in self.bash.stdout:
            if line == END + "\n":
                return "\n".join(lines).rstrip("\n")
            lines.append(line.rstrip())
        raise AssertionError(f"bash ended at: {command}\n{self.errors.read_text()}")

    def close(self):
        self.bash.stdin.close()
        self.bash.wait()


def steps(page):
    """[(command, what it prints)]"""
    found = []
    for block in BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return [(command, "\n".join(said)) for command, said in found]


def follow(name, cwd, env):
    """How many commands there were."""
    page, session = (pathlib.Path(ROOT) / f"docs/how-to/{name}.md").read_text(), Session(cwd, env)
    todo = steps(page)
    assert len(todo) == page.count("\n$ ")
    try:
        for command, expected in todo:
            pattern = re.compile(".*".join(map(re.escape, expected.split("…"))), re.DOTALL)
            until = time.monotonic() + (SOON_S if LOOKS.search(command) else 0)
            while not pattern.fullmatch(said := session.said(command)):
                assert time.monotonic() < until, (command, said, session.errors.read_text()[-800:])
                time.sleep(0.2)
    finally:
        session.close()
    return len(todo)
