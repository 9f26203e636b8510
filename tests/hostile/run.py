#!/usr/bin/env python3
"""make hostile: every family that families.py lists, on services that are built with sanitizers.

    run.py BUILD        BUILD/bin are the services, BUILD/tests the C tests
    run.py BUILD tools  others' tools alone (make hostile-drivers), which think for minutes

Three lanes: two houses of services alone, which share the cases of this folder, since a case waits for its answer and
leaves a core idle; and the whole suite (for real/ and tests/e2e), started once on ports of its own, followed by the
cases that stand with their services and by those in C. The last line counts families with cases, cases, and those that
failed.
"""
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from families import FAMILIES, TESTS, TOOLS, faults

TREE = TESTS.parent
UP = [sys.executable, str(TREE / "deploy/local/up.py"), "--run"]
PORTS = os.environ.get("TELECURA_TEST_PORTS", "29000")
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "-m", "family"]
REAL = ("e2e", "hostile/real")      # what needs the whole suite
TEXTS = ("hostile/test_injection.py", "hostile/test_log_lines.py")      # every text in every place: more cases than all other files have
IN_EACH = "hostile/test_nowhere.py"     # looks at what its own house has left behind
APART = {"in C": ".c ", "Autobahn's": "/test_autobahn.py::"}    # by what a case's name has in it
BODY = re.compile(r"^\[  (PASSED|FAILED)  \] (\d+) test\(s\)", re.M)


class Run:
    def __init__(self, build, families):
        self.build, self.families = pathlib.Path(build).resolve(), families
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="tc-hostile-", dir="/tmp"))
        self.work.chmod(0o755)
        self.cases, self.broken, self.lock = self.work / "cases", [], threading.Lock()
        self.environment = {**os.environ, "TELECURA_BIN": str(self.build / "bin"), "TELECURA_CASES": str(self.cases)}
        self.cases.touch()

    def say(self, text):
        with self.lock:
            print(text, flush=True)

    def command(self, name, words, **more):
        """Runs it; what it said is shown if it fails for another reason than its cases."""
        began, log = time.monotonic(), self.work / f"{re.sub('[^a-z0-9]+', '-', name)}.log"
        with open(log, "wb") as out:
            code = subprocess.run(words, stdout=out, stderr=subprocess.STDOUT, cwd=TREE,
                                  env={**self.environment, **more}).returncode
        last = (log.read_text(errors="replace").strip().splitlines() or [""])[-1]
        self.say(f"{name}: {last} ({time.monotonic() - began:.0f} s)")
        if code not in (0, 1):
            self.broken.append(name)
            self.say(log.read_text(errors="replace")[-4000:])
        elif code:
            self.say("".join(line + "\n" for line in log.read_text(errors="replace").splitlines()
                             if line.startswith(("E  ", "FAILED", "ERROR"))))
        return code

    def pytest(self, name, files, **more):
        self.command(name, [*PYTEST, *(str(TESTS / file) for file in files)], **more)

    def files(self, kind):
        return sorted({file for family in self.families for file in family.where if file.endswith(kind)})

    def houses(self):
        """(name, files) of each."""
        files = {file for file in self.files(".py") if file.startswith("hostile/test_")}
        if files:
            yield "hostile, texts", sorted({*TEXTS, IN_EACH})
            yield "hostile, all else", sorted(files - {*TEXTS})

    def others(self):
        folders = collections.defaultdict(set)
        for file in self.files(".py"):
            folders[os.path.dirname(file)].add(file)
        self.real({folder: files for folder, files in folders.items() if folder in REAL})
        for folder in sorted(folders.keys() - {"hostile", *REAL}):
            self.pytest(folder, sorted(folders[folder]))
        for file in self.files(".c"):
            self.unit(file)

    def real(self, folders):
        """The whole suite, once; a run folder that somebody already has can be named instead."""
        if not folders:
            return
        run = self.work / "run"
        run.mkdir(mode=0o755)
        try:
            if self.command("up", [*UP, str(run), "--ports", PORTS, "--bin", str(self.build / "bin"),
                                   "--replicas", "messaging", "up"]):
                self.broken.append("the suite does not start")
                return
            for folder, files in sorted(folders.items()):
                self.pytest(folder, sorted(files), TELECURA_RUN=str(run))
        finally:
            self.command("down", [*UP, str(run), "down"])

    def unit(self, file):
        """A case is a test of the file, each of which walks a table of its own."""
        done = subprocess.run([self.build / "tests" / file.removesuffix(".c")], capture_output=True, text=True, env=self.environment)
        counts = {kind: int(n) for kind, n in BODY.findall(done.stdout + done.stderr)}
        (number,) = (family.number for family in self.families if file in family.where)
        with open(self.cases, "a") as f:
            for kind, n in counts.items():
                f.writelines(json.dumps({"family": number, "case": file, "passed": kind == "PASSED"}) + "\n" for _ in range(n))
        if done.returncode or not counts.get("PASSED"):
            self.say(f"{file}:\n{(done.stdout + done.stderr)[-3000:]}")
            if not counts.get("FAILED"):
                self.broken.append(file)

    def result(self):
        tried = collections.defaultdict(dict)
        for line in self.cases.read_text().splitlines():
            case = json.loads(line)
            key = case["case"] if case["case"].count("::") else f"{case['case']} {len(tried[case['family']])}"
            tried[case["family"]][key] = tried[case["family"]].get(key, True) and case["passed"]
        for family in self.families:
            cases = tried[family.number]
            apart = ", ".join(f"{n} {whose}" for whose, mark in APART.items() if (n := sum(mark in case for case in cases)))
            print(f"{family.number:3} {family.name:20} {len(cases):5} cases {list(cases.values()).count(False) or '':>4} "
                  f" {apart and f'of these {apart}'}".rstrip())
            for what, capability in family.later:
                print(f"{'':24} later, with {capability}: {what}")
            if not cases and family.where:
                self.broken.append(f"family {family.number} ran no case")
        for what in self.broken:
            print(f"did not run: {what}")
        for cases in tried.values():
            for name in sorted(name for name, passed in cases.items() if not passed):
                print(f"failed: {name}")
        failed = sum(list(cases.values()).count(False) for cases in tried.values()) + len(self.broken)
        print(f"{sum(map(bool, tried.values()))} families, {sum(map(len, tried.values()))} cases, {failed} failed")
        if not failed:
            shutil.rmtree(self.work)
        return 1 if failed else 0


def main():
    wrong = list(faults())
    if wrong:
        sys.exit("\n".join(wrong))
    run = Run(sys.argv[1], [family for family in FAMILIES if (family.number == TOOLS) == ("tools" in sys.argv[2:])])
    began = time.monotonic()
    lanes = [threading.Thread(target=run.pytest, args=house) for house in run.houses()]
    for lane in lanes:
        lane.start()
    run.others()
    for lane in lanes:
        lane.join()
    print(f"what it did lies in {run.work}; {time.monotonic() - began:.0f} s")
    sys.exit(run.result())


if __name__ == "__main__":
    main()
