"""The tables of permissions as they were decided: no cell changes unless somebody changes it here, too.

grid.txt is what `telectl policy matrix` printed when it was last looked through by hand, shown.txt who may be
shown what of a patient, field by field, as the services say of their answers. ASKED is the grid that the product
was to have; where a cell differs from it, decision 29 says why, and for no other.
"""
import json
import pathlib
import re
import subprocess

from policy import Oracle, telectl
from telecura import ROOT, bin_folder

GRID = f"{ROOT}/tests/integration/policy/grid.txt"
SHOWN = f"{ROOT}/tests/integration/policy/shown.txt"
WHY = f"{ROOT}/docs/decisions/0029-the-grid-that-was-asked-for.md"

# Whom each role was to reach, in the words of a cell; a word in capitals is none of them.
ROLES = "patient proxy front_desk nurse clinician pharmacist biller auditor admin".split()
ASKED = """
READ_DEMOGRAPHICS own    proxy  site  site    care       THEIRS  THEIRS  -     -
READ_CHART        own    proxy  -     care    care+glass -       CODES   -     -
READ_NOTE         own    proxy  -     care    care+glass -       CODES   -     -
READ_SUMMARY      own    proxy  -     care    care+glass -       -       -     -
READ_RX           own    proxy  -     care    care+glass site    -       -     -
WRITE_CHART       MARKED MARKED -     care    care       -       -       -     -
BOOK_VISIT        own    proxy  site  site    MINE       -       -       -     -
MOVE_VISIT        own    proxy  site  site    MINE       -       -       -     -
START_VISIT       -      -      -     ASSIST  care       -       -       -     -
RUN_VISIT         -      -      -     ASSIST  care       -       -       -     -
DRAFT_RX          -      -      -     care    care       -       -       -     -
SIGN_RX           -      -      -     -       care       -       -       -     -
FILL_RX           -      -      -     -       -          site    -       -     -
READ_INVOICE      own    proxy  site  -       -          -       site    -     -
PAY_INVOICE       own    proxy  site  -       -          -       site    -     -
VOID_INVOICE      -      -      -     -       CHARGE     -       site    -     LIMITS
GIVE_CONSENT      own    proxy  site  site    care       -       -       -     TEXTS
READ_CONSENT      own    proxy  site  site    care       -       -       site  TEXTS
READ_OWN_AUDIT    own    proxy  -     -       MINE       -       -       site  -
READ_AUDIT        -      -      -     -       -          -       -       any   -
MANAGE_PEOPLE     -      -      -     -       -          -       -       -     any
"""


def test_no_cell_has_changed():
    """On purpose? Look through the change, then `telectl policy matrix` is the new grid.txt."""
    with open(GRID) as file:
        assert telectl("policy", "matrix").splitlines() == file.read().splitlines()


def test_where_it_is_not_what_was_asked_for_a_decision_says_why():
    cells = {(cell["row"], cell["column"]): cell["says"]
             for cell in map(json.loads, telectl("policy", "matrix", "--json").splitlines())
             if cell["table"] == "action"}
    differ = {(action, role, cells[action, role]) for action, *asked in map(str.split, ASKED.split("\n")[1:-1])
              for role, word in zip(ROLES, asked, strict=True) if cells[action, role] != word}
    with open(WHY) as file:
        rows = re.findall(r"^\| ([A-Z_, ]+) \| ([a-z_, ]+) \| [^|]+ \| ([a-z+-]+) \| [^|]{20,} \|$", file.read(), re.M)
    told = [(action, role, says) for actions, roles, says in rows
            for action in actions.split(", ") for role in roles.split(", ")]
    assert sorted(told) == sorted(differ)


def marked(schemas, schema, path, fields=None):
    """(path, set of fields) of what is marked as a patient's in a shape and in the shapes within it."""
    fields = schema.get("x-field-set", fields)
    if "$ref" in schema:
        yield from marked(schemas, schemas[schema["$ref"].rpartition("/")[2]], path, fields)
    if schema.get("x-phi"):
        yield path, fields
    for name, part in schema.get("properties", {}).items():
        yield from marked(schemas, part, f"{path}.{name}", fields)
    yield from marked(schemas, schema["items"], path, fields) if "items" in schema else ()


def test_no_field_is_shown_to_anybody_else():
    """By whom a route that answers it may be asked, less those for whom its set of fields is left out. fhir asks
    the owners in its caller's name."""
    oracle, shown = Oracle(), {}
    for routes in sorted(pathlib.Path(ROOT, "services").glob("*/routes.c")):
        service = routes.parent.name
        tables = json.loads(subprocess.run([f"{bin_folder()}/{service}", "--describe"], check=True,
                                           capture_output=True).stdout)
        for route in tables["routes"]:
            schema = tables["schemas"].get(route.get("reply"), {})
            for path, fields in marked(tables["schemas"], schema, route.get("reply")):
                shown.setdefault(f"{service} {path}", set()).update(
                    role for role in route["roles"] if not fields or oracle.says("fields", fields, role) == "shown")
    lines = [" ".join([f"{field}:", *(role for role in oracle.roles() if role in roles)])
             for field, roles in sorted(shown.items()) if roles]
    assert len(lines) > 40
    with open(SHOWN) as file:
        assert lines == file.read().splitlines()
