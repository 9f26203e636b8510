"""A message that names a command names one that exists: each is looked up where it would be run."""
import ast
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["TELECURA_BIN"])
FOLDERS = ("common", "services", "clients", "tools", "deploy")
C_TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
MAKE = re.compile(r"(?<!cannot )\bmake ([a-z][a-z-]*)((?: [A-Z_]+=[^\s;,)`]+)*)")
NO_GOALS = {"room"}                         # "make room" is English
ENGLISH = {"stop", "choose", "run", "use", "boot"}     # what begins a fix that is no command


def texts_of(node):
    """Every text of a program but its comments; place.make(GOAL, NAME=…) as it will be printed."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Constant):
        yield node.value if isinstance(node.value, str) else ""
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "make":
        yield " ".join(["make", *texts_of(node.args[0]), *(f"{word.arg}=…" for word in node.keywords)])
    elif isinstance(node, ast.JoinedStr):
        yield "".join(text for part in node.values for text in texts_of(part))
    elif isinstance(node, ast.FormattedValue):
        yield "".join(texts_of(node.value)) or "…"
    else:
        if isinstance(node, ast.Call):
            yield "…"
        for child in ast.iter_child_nodes(node):
            yield from texts_of(child)


def fixes():
    """The third word of every Problem."""
    for file in (TREE / "deploy/local").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Problem"):
                yield file.name, "".join(texts_of(node.args[2]))


def messages():
    """(file, text) of all that a program can say."""
    for folder in FOLDERS:
        for file in (TREE / folder).rglob("*"):
            if file.suffix in (".c", ".def"):
                joined = re.sub(r'"\s*\n\s*"', "", file.read_text())
                yield from ((file, text) for text in C_TEXT.findall(joined))
            elif file.suffix == ".py":
                yield from ((file, text) for text in texts_of(ast.parse(file.read_text())))
    for file in (TREE / "Makefile", *(TREE / "mk").glob("*.mk")):
        yield from ((file, line) for line in file.read_text().splitlines() if "echo" in line)
    for file in (TREE / "README.md", *(TREE / "docs").rglob("*.md"), *(TREE / "services").rglob("*.md")):
        yield from ((file, text) for text in re.findall(r"`+\s*(make [^`]*)`", file.read_text()))


@pytest.fixture(scope="module")
def said():
    return sorted({(str(file.relative_to(TREE)), text) for file, text in messages()})


def test_every_make_goal_exists_and_takes_its_variables(said):
    known = subprocess.run(["make", "-pRq", "help"], cwd=TREE, capture_output=True, text=True).stdout
    goals = set(re.findall(r"^([a-z][a-z-]*):", known, re.M))
    named = {(where, *match) for where, text in said for match in MAKE.findall(text)}
    assert len(named) > 20
    assert {(where, goal) for where, goal, _ in named if goal not in goals | NO_GOALS} == set()
    values = dict(re.findall(r"^(\w+) :?= (.*)", known, re.M))
    for where, goal, words in named:
        recipe = re.search(rf"^{goal}:.*?(?=\n\n)", known, re.M | re.S)[0] if words else ""
        recipe += "".join(values.get(used, "") for used in re.findall(r"\$\((?:call )?(\w+)", recipe))
        for name in re.findall(r"(\w+)=", words):
            assert f"$({name})" in recipe, (where, goal, name)


def test_every_telectl_command_exists(said):
    usage = subprocess.run([BIN / "telectl"], capture_output=True, text=True).stderr
    commands = {tuple(line.split()[:2]) for line in usage.splitlines()}
    for where, text in said:
        for noun, verb in re.findall(r"\btelectl ([a-z-]+)(?: ([a-z]+))?", text):
            assert noun == "without" or (noun, verb) in commands or any(
                noun == one[0] for one in commands if len(one) > 1 and not one[1].islower()), (where, text)


def test_every_script_exists(said):
    """None of ours can be executed without naming what runs it."""
    up = (TREE / "deploy/local/up.py").read_text()
    for where, text in said:
        for name in re.findall(r"\bdeploy/[a-z/]+\.py\b", text):
            assert (TREE / name).exists(), (where, text)
        for word in [] if where.endswith("mk") else re.findall(r"\$\(([^ )]+)", text):
            assert shutil.which(word), (where, text)
        for command in re.findall(r"(?<!usage: )\bup\.py ([a-z]+)", text):
            assert f"def command_{command}(" in up or f"command_{command} =" in up, (where, text)


def test_every_fix_begins_with_a_command_or_says_what_to_do():
    found = list(fixes())
    assert len(found) > 12
    for where, fix in found:
        first = re.sub(r"^[A-Z_]+=\S+ ", "", fix).split()[0].rstrip(",")
        assert first in ENGLISH or first == "…" or shutil.which(first), (where, fix)
