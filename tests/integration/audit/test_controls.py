"""The crosswalk's checker, and the signed evidence, on a small tree of its own."""
import base64
import json
import os
import shutil
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from conftest import EVERY
from telecura import ROOT, bin_folder

GOOD = 'TEST(R1, "a", "b", "tests/test_a.py::test_well")\n'
REST = "".join(f'LATER(R{n}, "a", "b", "c")\n' for n in range(2, 54))


@pytest.fixture
def tree(tmp_path):
    for name in ("docs/compliance", "tools", "tests"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(f"{ROOT}/tools/controls.py", tmp_path / "tools")
    (tmp_path / "tests/test_a.py").write_text(
        "import pytest\ndef test_well():\n    pass\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_half(n):\n    assert n == 1\n")
    return tmp_path


def write(tree, text):
    (tree / "docs/compliance/controls.def").write_text("/* words */\n" + text)


def check(tree):
    return subprocess.run([sys.executable, "tools/controls.py"], cwd=tree, capture_output=True, text=True)


def test_every_rule_of_the_tree_has_an_answer():
    done = check(ROOT)
    assert done.returncode == 0, done.stdout


def test_each_row_that_is_wrong_is_named(tree):
    write(tree, GOOD + REST)
    assert check(tree).returncode == 0 and "1 test, 0 process, 52 later" in check(tree).stderr
    write(tree, GOOD + GOOD.replace("test_well", "test_half") + REST)
    assert check(tree).returncode == 0 and "1 test, 0 process, 52 later" in check(tree).stderr
    for text, said in (
            (GOOD + REST + 'LATER(R1, "a", "b", "c")\n', "R1 stands there 2 times"),
            (REST, "R1 stands there 0 times"), (GOOD + GOOD + REST, "R1 stands there 2 times"),
            (GOOD.replace("TEST", "SOON") + REST, "R1: neither"),
            (GOOD + REST + 'LATER(R54, "a", "b", "c")\n', "R54: there is no such rule"),
            (GOOD.replace("test_well", "test_wel") + REST, "no such test"),
            (GOOD.replace("::test_well", "") + REST, "no such test"),
            (GOOD.replace("test_a", "test_b") + REST, "no such test"),
            (GOOD + REST + 'LATER(R3, "a", "b")\n', "no row"), (GOOD + REST + "R4\n", "no row")):
        write(tree, text)
        done = check(tree)
        assert done.returncode == 1 and said in done.stdout, text[:80]


def opened(note, vkey):
    """The text of a c2sp.org/signed-note that @vkey has signed."""
    text, mark, signature = note.rpartition("\n\n")
    name, _, encoded = vkey.split("+", 2)
    dash, by, blob = signature.split()
    assert (dash, by) == ("—", name)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
    key.verify(base64.b64decode(blob)[4:], (text + "\n").encode())
    return text


def evidence(tree, *more):
    key = tree / "key"
    if not key.exists():
        key.write_text(os.urandom(32).hex() + "\n")
        key.chmod(0o600)
    done = subprocess.run([f"{bin_folder()}/telectl", "controls", "evidence", "--sign", str(key), "--out",
                           str(tree / "note"), *more], cwd=tree, capture_output=True, text=True, timeout=120)
    return done, done.stdout.strip().rpartition(" ")[2]


def test_what_ran_is_signed_and_no_byte_can_be_changed(tree):
    write(tree, GOOD + REST)
    done, vkey = evidence(tree)
    assert done.returncode == 0, done.stderr
    note = (tree / "note").read_text()
    head, first, *rest = map(json.loads, opened(note, vkey).splitlines())
    assert (head["test"], head["process"], head["later"]) == (1, 0, 52)
    assert first["rule"] == "R1" and first["result"] == "passed" and len(first["sha256"]) == 64
    assert len(rest) == 52 and all(row["later"] == "c" for row in rest)
    for at in range(0, note.index("\n\n"), 1 if EVERY else 97):
        with pytest.raises(InvalidSignature):
            opened(note[:at] + chr(ord(note[at]) ^ 1) + note[at + 1:], vkey)
    other = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    with pytest.raises(InvalidSignature):
        opened(note, "telecura-controls+00000000+" + base64.b64encode(b"\1" + other).decode())


@pytest.mark.parametrize("test,result", [("test_half", "failed"), ("test_gone", "did not run")])
def test_a_test_that_fails_is_in_the_bundle_and_fails_the_command(tree, test, result):
    write(tree, GOOD.replace("test_well", test) + REST)
    if result == "did not run":
        (tree / "tests/test_a.py").write_text("raise SystemError\ndef test_gone():\n    pass\n")
    done, vkey = evidence(tree)
    assert done.returncode == 1
    rows = [json.loads(line) for line in opened((tree / "note").read_text(), vkey).splitlines()]
    assert rows[1]["result"] == result


def test_a_bundle_of_before_is_not_signed_again(tree):
    write(tree, GOOD + REST)
    assert evidence(tree)[0].returncode == 0
    write(tree, REST)
    done, _ = evidence(tree)
    assert done.returncode == 1 and "R1 stands there 0 times" in done.stdout and not (tree / "note").exists()


def test_a_key_that_others_may_read_signs_nothing(tree):
    write(tree, GOOD + REST)
    (tree / "key").write_text(os.urandom(32).hex())
    (tree / "key").chmod(0o644)
    done, _ = evidence(tree)
    assert done.returncode == 1 and "chmod 600" in done.stderr and not (tree / "note").exists()
