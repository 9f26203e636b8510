"""Pages of docs/how-to do what they say: their commands are run, in order, and print what stands under them."""
import json
import os

import pytest

from how_to import follow
from telecura import bin_folder, free_port

def a_child(suite, access, staff):
    child, doctor, guardian = suite.patient(), suite.person("clinician"), suite.person("proxy")
    for who, more in ((doctor, {"kind": "treating", "proof": "referral"}),
                      (guardian, {"kind": "guardian", "proof": "court_order", "birth_date": "2020-02-03"})):
        made = access.post("/v1/relations", {"person_id": who.id, "patient_id": child.patient, **more},
                           who=staff["front_desk"])
        assert made.status == 201, made
    return {"PATIENT": child.patient, "DOCTOR": doctor.id, "GUARDIAN": guardian.id}


def an_emergency(suite, access, staff):
    access.execute("UPDATE glass SET finding = 'justified', finding_sealed = sealed, state = 'reviewed'")  # of other tests
    patient, doctor = suite.patient(), suite.fresh(suite.person("clinician"))
    made = access.post("/v1/break-glass", {"patient_id": patient.patient, "reason": "unresponsive",
                                           "text": "found on the floor of the waiting room"}, who=doctor)
    assert made.status == 201, made
    return {"PATIENT": patient.patient, "DOCTOR": doctor.id, "GLASS": made.json["id"]}


def a_consent(suite, access, staff):
    patient, doctor = suite.patient(), suite.person("clinician")
    suite.relation(doctor, patient.patient, "booked")
    made = access.post("/v1/consents", {"patient_id": patient.patient, "scope": "telehealth", "document_version": 1},
                       who=patient)
    assert made.status == 201, made
    return {"PATIENT": patient.patient, "DOCTOR": doctor.id, "CONSENT": made.json["id"],
            "DESK": staff["front_desk"].token}


@pytest.mark.parametrize("name,scene", [("who-can-see-this", a_child), ("review-a-break-glass", an_emergency),
                                        ("take-a-consent-back", a_consent)])
def test_the_page_does_what_it_says(suite, access, staff, tmp_path, name, scene):
    plain = f"127.0.0.1:{free_port()}"
    suite.replica("access", http_plain=plain)
    (tmp_path / ".run").mkdir()
    (tmp_path / ".run/parts.json").write_text(json.dumps({"gateway": f"http://{plain}", "ca_file": "none"}))
    env = {**os.environ, **scene(suite, access, staff), "TELECURA_TOKEN": suite.fresh(staff["privacy"]).token,
           "PATH": f"{bin_folder()}:{os.environ['PATH']}"}
    assert follow(name, tmp_path, env) > 5
