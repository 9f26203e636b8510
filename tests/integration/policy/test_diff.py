"""`telectl policy diff`: what a change of the tables opens and what it closes, said in both directions."""
import json

import pytest

from policy import telectl

# A cell of today, what it said before, and what the change from that to today does. The other way round
# is the same table read backwards: what opens one way closes the other.
CHANGES = [
    ("action READ_CHART clinician", "care", "opens"),           # care+glass today
    ("action READ_CHART clinician", "glass", "opens"),
    ("action READ_CHART clinician", "site", "closes"),
    ("action READ_CHART clinician", "proxy", "changes"),
    ("action READ_CHART nurse", "site", "closes"),
    ("action READ_CHART nurse", "glass", "changes"),
    ("action READ_CHART front_desk", "care", "closes"),
    ("action READ_CHART patient", "site", "closes"),
    ("action READ_SLOTS patient", "own", "opens"),
    ("action SIGN_RX factor", "-", "closes"),
    ("action BOOK_VISIT consent", "-", "closes"),
    ("action BOOK_VISIT consent", "recording", "changes"),
    ("action READ_CHART purpose", "BTG", "changes"),
    ("label ETH clinician", "care", "opens"),
    ("label ETH clinician", "any", "closes"),
    ("label ETH pharmacist", "any", "closes"),                  # asked today
    ("label ETH pharmacist", "-", "opens"),
    ("label PSYTHPN clinician", "any", "closes"),               # mine today
    ("label PSYTHPN clinician", "care", "changes"),
    ("fields clinical front_desk", "shown", "closes"),
    ("relation break_glass at_most", "600 minutes", "closes"),
    ("relation break_glass at_most", "1 days", "closes"),
    ("relation break_glass at_most", "10 minutes", "opens"),
    ("relation break_glass at_most", "-", "closes"),
    ("relation break_glass ends", "-", "closes"),
    ("relation break_glass ends", "at its date", "changes"),
    ("relation break_glass opens", "care+glass", "closes"),
    ("relation treating serves", "clinician", "opens"),         # clinician nurse today
    ("relation treating serves", "clinician nurse biller", "closes"),
    ("relation treating serves", "biller", "changes"),
    ("relation proxy proof", "court_order", "opens"),
    ("consent telehealth parts", "recipient purpose", "changes"),
]


@pytest.fixture(scope="module")
def today():
    return [json.loads(line) for line in telectl("policy", "matrix", "--json").splitlines()]


@pytest.fixture
def since(tmp_path):
    def differences(cells):
        """What has changed since the tables were @cells."""
        (tmp_path / "old").write_text("".join(json.dumps(cell) + "\n" for cell in cells))
        return telectl("policy", "diff", tmp_path / "old").splitlines()
    return differences


def test_nothing_has_changed_since_today(today, since):
    assert since(today) == []


@pytest.mark.parametrize("turn", range(4))
def test_cells(today, since, turn):
    """The @turn-th change of each cell, all at once."""
    said, expected = {}, []
    for cell, was, does in CHANGES:
        said.setdefault(tuple(word.replace("at_most", "at most") for word in cell.split()), []).append((was, does))
    old = [dict(cell) for cell in today]
    for cell in old:
        table, row, column = name = cell["table"], cell["row"], cell["column"]
        if turn < len(said.get(name, [])):
            was, does = said[name][turn]
            expected.append(f"{does:8} {table} {row}, {column}: {was} -> {cell['says']}")
            cell["says"] = was
    assert len(expected) == sum(turn < len(changes) for changes in said.values()) > 0, "each names a cell"
    assert since(old) == expected


# A row of a table: what its coming does, and its going.
ROWS = {("action", "READ_CHART"): ("opens", "closes"), ("label", "ETH"): ("closes", "opens"),
        ("fields", "clinical"): ("closes", "opens"), ("relation", "treating"): ("opens", "closes")}


def test_rows(today, since):
    """A label and a set of fields narrow: without them everybody is let through."""
    def told(cells):
        lines = [line.replace(",", "").split() for line in since(cells)]
        return {(table, row, does) for does, table, row, *_ in lines if does != "changes"}

    mine = [cell for cell in today if (cell["table"], cell["row"]) in ROWS]
    comes = told([cell for cell in today if cell not in mine])
    assert comes == {(table, row, does) for (table, row), (does, _) in ROWS.items()}
    goes = told(today + [{**cell, "row": "gone"} for cell in mine])
    assert goes == {(table, "gone", does) for (table, _), (_, does) in ROWS.items()}
