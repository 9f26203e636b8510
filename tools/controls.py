#!/usr/bin/env python3
"""The crosswalk of docs/compliance/controls.def as a test, and its evidence.

    controls.py                       checks every row, prints the count of each kind
    controls.py evidence BUILD OUT    runs the tests that rows name; what came out as JSON lines
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

DEF = pathlib.Path("docs/compliance/controls.def")
RULES = 53
ROW = re.compile(r'(\w+)\((R\d+), "([^"]+)", "([^"]+)", "([^"]+)"\)')
KINDS = {"TEST": "test", "PROCESS": "process", "LATER": "later"}
TIME_S = 1800       # of one file of tests


class Row:
    def __init__(self, kind, rule, cites, what, answer):
        self.kind, self.rule, self.cites, self.what, self.answer = KINDS.get(kind), rule, cites, what, answer

    @property
    def file(self):
        return pathlib.Path(self.answer.split("::")[0])

    @property
    def test(self):
        return self.answer.partition("::")[2]


def read():
    """([rows], [faults])"""
    rows, faults = [], []
    text = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), DEF.read_text(), flags=re.S)
    for number, line in enumerate(text.splitlines(), 1):
        found = ROW.fullmatch(line)
        if found:
            rows.append(Row(*found.groups()))
        elif line.strip():
            faults.append(f"{DEF}:{number}: no row: {line[:60]}")
    return rows, faults


def is_there(row):
    """Does the test that the row names stand in its file?"""
    if not row.file.is_file():
        return False
    name = re.escape(row.test)
    found = rf"^def {name}\(" if row.file.suffix == ".py" else rf"\bcmocka_unit_test\w*\({name}[,)]"
    return bool(row.test) and re.search(found, row.file.read_text(), re.M) is not None


def faults_of(rows):
    for number in range(1, RULES + 1):
        seen = [row for row in rows if row.rule == f"R{number}"]
        tests = {row.answer for row in seen if row.kind == "test"}
        if len(seen) != max(1, len(tests)):     # several tests may show one rule
            yield f"{DEF}: R{number} stands there {len(seen)} times"
    for row in rows:
        if row.kind is None:
            yield f"{DEF}: {row.rule}: neither a test nor a process nor later"
        elif int(row.rule[1:]) > RULES:
            yield f"{DEF}: {row.rule}: there is no such rule"
        elif row.kind == "test" and not is_there(row):
            yield f"{DEF}: {row.rule}: no such test: {row.answer}"


def counts(rows):
    """Of rules."""
    return {kind: len({row.rule for row in rows if row.kind == kind}) for kind in KINDS.values()}


# ---- evidence ----

def run_python(file, tests):
    """{test: passed} of one pytest file; a test of many values passes when all do. Of tests that
    tell a story (e2e) the whole file runs, as each needs those before it."""
    chosen = [str(file)] if "e2e" in file.parts else [f"{file}::{test}" for test in tests]
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report.name}",
                        *chosen], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIME_S)
        text = pathlib.Path(report.name).read_text()
    results = {}
    for case in xml.etree.ElementTree.fromstring(text).iter("testcase") if text else ():
        name = case.get("name").partition("[")[0]
        results[name] = results.get(name, True) and len(case.findall("*[@message]")) == 0
    return results


def run_cmocka(file, build):
    done = subprocess.run([f"{build}/{file.with_suffix('')}"], capture_output=True, text=True, timeout=TIME_S)
    said = done.stdout + done.stderr
    return {name: word == "OK" for word, name in re.findall(r"^\[\s+(OK|FAILED)\s+\] (\w+)$", said, re.M)}


def results_of(file, tests, build):
    """({test: passed}, seconds): none, when the file could not be run."""
    began = time.monotonic()
    try:
        results = run_python(file, tests) if file.suffix == ".py" else run_cmocka(file, build)
    except (OSError, subprocess.TimeoutExpired, xml.etree.ElementTree.ParseError):
        results = {}
    return results, round(time.monotonic() - began, 1)


def commit():
    def git(*words):
        return subprocess.run(["git", *words], capture_output=True, text=True).stdout.strip()
    return git("rev-parse", "HEAD") + ("-changed" if git("status", "--porcelain") else "")


def evidence(rows, build):
    """The lines of the bundle, and whether every test has passed."""
    at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    named = {}
    for row in rows:
        if row.kind == "test":
            named.setdefault(row.file, []).append(row.test)
    ran = {file: results_of(file, tests, build) for file, tests in named.items()}
    lines, sound = [{"commit": commit(), "at": at, **counts(rows)}], True
    for row in rows:
        line = {"rule": row.rule, "cites": row.cites, "what": row.what, row.kind: row.answer}
        if row.kind == "test":
            results, seconds = ran[row.file]
            passed = results.get(row.test)
            line |= {"result": {True: "passed", False: "failed", None: "did not run"}[passed],
                     "seconds": seconds, "sha256": hashlib.sha256(row.file.read_bytes()).hexdigest()}
            sound &= passed is True
        lines.append(line)
    return "".join(json.dumps(line) + "\n" for line in lines), sound


def main():
    rows, faults = read()
    faults += faults_of(rows)
    for fault in faults:
        print(fault)
    if faults:
        return 1
    print("controls: " + ", ".join(f"{n} {kind}" for kind, n in counts(rows).items()), file=sys.stderr)
    if sys.argv[1:2] == ["evidence"]:
        _, _, build, out = sys.argv
        os.environ.setdefault("TELECURA_BIN", str(pathlib.Path(build).resolve() / "bin"))
        text, sound = evidence(rows, build)
        pathlib.Path(out).write_text(text)
        return 0 if sound else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
