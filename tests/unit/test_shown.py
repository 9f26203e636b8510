"""Pages that name the tests that show what they say: each row has one that is there, or says `later:` and what for."""
import pathlib
import re

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
PAGES = ("seed-defects", "threat-model")
ROW = re.compile(r"^\| ([A-Z]\d+)\b[^|]*\|(.+)\|$", re.M)


def rows(page):
    return ROW.findall((TREE / f"docs/reference/{page}.md").read_text())


def test_every_defect_has_its_row():
    assert [number for number, _ in rows("seed-defects")] == \
        [f"S{n}" for n in range(1, 40)] + [f"R{n}" for n in range(1, 16)]


def test_every_threat_has_a_number_of_its_own():
    numbers = [number for number, _ in rows("threat-model")]
    assert len(numbers) == len(set(numbers)) > 50


@pytest.mark.parametrize("page,number,row", [(page, *row) for page in PAGES for row in rows(page)])
def test_what_a_row_names_is_there(page, number, row):
    named = re.findall(r"`([\w/.-]+)::(\w+)`", row)
    assert named or "later: " in row, "neither a test nor a capability"
    for file, test in named:
        text = (TREE / "tests" / file).read_text()
        assert re.search(rf"^(def|static void) {test}\(", text, re.M), f"{file} has no {test}"
