"""docs/how-to/keys.md on the whole suite: a privacy officer and an administrator turn keys over, hold a record, erase a
patient and prove it. The pages that need access alone: tests/integration/access/test_how_to.py."""
import os

from door import TREE, heard, until
from how_to import follow
from visit import care

TOM = {"family_name": "Ruiz", "given_name": "Tom", "birth_date": "1950-02-03", "gender": "male"}


def test_keys_are_turned_over_and_a_patient_erased_as_the_page_says(door, place, visit, tmp_path):
    (tmp_path / ".run").symlink_to(place.run)
    (tmp_path / "deploy").symlink_to(TREE / "deploy")
    env = {"PATH": f"{place.bin}:{os.environ['PATH']}", "PATIENT": someone(visit), "SHARD": visit.vkey.split("+")[0].rpartition("/")[2]}
    assert follow("keys", tmp_path, env) > 20


def someone(visit):
    """Was registered, has an allergy, and never came."""
    patient = visit.fay.post("/v1/people", role="patient", display_name="Tom Ruiz", email="tom@riverside.example")["patient_id"]
    until(lambda: heard(lambda: visit.fay.post("/v1/patients", patient_id=patient, **TOM), "not_found"), "Tom known to patients")
    care(visit.fay, visit.nia, patient)
    visit.nia.post(f"/v1/patients/{patient}/allergies", text="Latex")
    return patient
