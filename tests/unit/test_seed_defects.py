"""docs/reference/seed-defects.md names a test for each defect, or the capability that brings its subject."""
import pathlib
import re

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
PAGE = (TREE / "docs/reference/seed-defects.md").read_text()
ROWS = re.findall(r"^\| ([SR]\d+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.M)


def test_every_defect_has_its_row():
    assert [number for number, _, _ in ROWS] == [f"S{n}" for n in range(1, 40)] + [f"R{n}" for n in range(1, 16)]


@pytest.mark.parametrize("number,shown", [(number, shown) for number, _, shown in ROWS])
def test_what_a_row_names_is_there(number, shown):
    named = re.findall(r"`([\w/.-]+)::(\w+)`", shown)
    assert named or "later: " in shown, "neither a test nor a capability"
    for file, test in named:
        text = (TREE / "tests" / file).read_text()
        assert re.search(rf"^(def|static void) {test}\(", text, re.M), f"{file} has no {test}"
