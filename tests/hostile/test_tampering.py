"""Family 23: what lies sealed in a database, changed by one who may write there. It opens as it was or not at
all: never something else, never half, and no text of it in what is said."""
import base64

import pytest

from world import CODED, World

pytestmark = pytest.mark.family(23)
HEAD_BYTES = 58     # the least that stands around a text: version, algorithm, key id, nonce, tag


def spoiled(at):
    def run(blob, other):
        place = int(at * (len(blob) - 1))
        return blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1:]
    return run


CHANGES = {
    **{f"a bit at {at:.0%}": spoiled(at) for at in (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1)},
    **{f"cut by {n}": (lambda n: lambda blob, other: blob[:-n])(n) for n in (1, 4, 8, 12, 15, 16, 17, 40)},
    "nothing": lambda blob, other: b"", "one byte": lambda blob, other: b"\0", "longer": lambda blob, other: blob + b"\0",
    "twice": lambda blob, other: blob + blob, "zeros": lambda blob, other: bytes(len(blob)), "ones": lambda blob, other: b"\xff" * len(blob),
    "another row's": lambda blob, other: other, "half of another's": lambda blob, other: blob[:len(blob) // 2] + other[len(other) // 2:],
    "its own text in clear": lambda blob, other: b"\n\x0aPenicillin", "a head alone": lambda blob, other: blob[:HEAD_BYTES],
}


class Row:
    """A row with a sealed column, and how its owner reads it."""

    def __init__(self, house, service, table, id, path, who, word):
        self.house, self.service, self.table = house, service, table
        self.path, self.who, self.word = path, who, word
        self.where = f"{'patient_id' if table == 'patient' else 'id'} = '{id}'"
        self.blob = self.read()

    def read(self):
        (row,) = self.house.rows(self.service, f"SELECT encode(sealed, 'base64') AS blob FROM {self.table} WHERE {self.where}")
        return base64.b64decode(row["blob"])

    def write(self, blob):
        self.house.suite.service(self.service).execute(
            f"UPDATE {self.table} SET sealed = decode('{blob.hex()}', 'hex') WHERE {self.where}")

    def ask(self):
        return self.house.suite.service(self.service).get(self.path, who=self.who)


@pytest.fixture(scope="module")
def rows(house):
    """Each kind with another of its kind, of another patient."""
    worlds, made = (World(house), World(house)), {}
    for world in worlds:
        assert world.record and world.visit and world.prescription
        for kind, row in {
            "a patient": ("patients", "patient", world.patient, f"/v1/patients/{world.patient}", world.desk, "Quill"),
            "an allergy": ("patients", "record", world.record, f"/v1/records/{world.record}", world.nurse, CODED["text"]),
            "a visit": ("appointments", "appointment", world.visit, f"/v1/appointments/{world.visit}", world.who, "a cough"),
            "a prescription": ("prescriptions", "prescription", world.prescription,
                               f"/v1/prescriptions/{world.prescription}", world.doctor, "one capsule"),
        }.items():
            made.setdefault(kind, []).append(Row(house, *row))
    return made


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["a patient", "an allergy", "a visit", "a prescription"])
def test_a_blob_that_was_changed_does_not_open(house, rows, kind, change):
    row, other = rows[kind]
    assert row.word.encode() in row.ask().body, "before"
    row.write(CHANGES[change](row.blob, other.blob))
    try:
        reply = row.ask()
        # A key's name that is no key's looks like that of a key that was destroyed: then nobody is there.
        assert (reply.status, reply.code) in ((500, "corrupt"), (404, "not_found")), reply
        assert row.word.encode() not in reply.body
        act = f"SELECT outcome FROM audit_outbox WHERE act = '{reply.json['request_id']}'"
        assert all(found["outcome"] == "refused" for found in house.rows(row.service, act))
    finally:
        row.write(row.blob)
    assert row.word.encode() in row.ask().body, "and after it was put back"
