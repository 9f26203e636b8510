"""The running access, its first people and a stand-in for the key of appointments."""
import dataclasses
import json
import os
import uuid

import pytest

import paseto
from identity import ISSUER
from telecura import NO_ACT, ORG, OTHER_ORG, rfc3339

CANARY = "canary-7f3e-Zoë"


@pytest.fixture(scope="session")
def first_people():
    return [
        {"org": ORG, "org_name": "Ward", "role": "admin", "issuer": ISSUER, "subject": "first-admin",
         "display_name": f"Ada {CANARY}", "language": "en",
         "sites": [{"id": str(uuid.uuid4()), "name": "Main", "time_zone": "Europe/Berlin"}]},
        {"org": OTHER_ORG, "org_name": "Stranger", "role": "admin", "issuer": ISSUER,
         "subject": "other-admin", "display_name": "Oskar"},
        {"org": ORG, "org_name": "Ward", "role": "patient", "issuer": ISSUER, "subject": "first-patient",
         "display_name": "Pia", "language": "de", "patient_id": str(uuid.uuid4())},
    ]


@pytest.fixture(scope="session")
def access(suite, first_people):
    folder = f"{suite.folder}/portal"
    os.makedirs(f"{folder}/app")
    for name, text in (("index.html", "<!doctype html><title>t</title>"), ("app/main.js", "'use strict';"),
                       (".secret.html", "no"), ("notes.md", "no")):
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)
    with open(f"{suite.folder}/openapi.json", "w") as f:
        f.write('{"openapi":"3.1.0"}')
    with open(f"{suite.folder}/people.json", "w") as f:
        json.dump(first_people, f)
    return suite.service("access", portal_dir=folder, openapi=f"{suite.folder}/openapi.json",
                         bootstrap_file=f"{suite.folder}/people.json")


@pytest.fixture(scope="session")
def staff(suite, access):
    """One of each role in ORG, and the stranger's front desk."""
    roles = ("front_desk", "nurse", "clinician", "pharmacist", "biller", "auditor", "privacy", "admin", "proxy")
    people = {role: suite.person(role) for role in roles}
    people["stranger"] = suite.person("front_desk", org=OTHER_ORG)
    people["other_admin"] = suite.person("admin", org=OTHER_ORG)
    return people


@pytest.fixture(scope="session")
def appointments_key(suite, access):
    signer = paseto.Signer()
    path = f"{suite.folder}/appointments.public"
    with open(path + ".new", "w") as f:
        f.write(signer.line)
    os.rename(path + ".new", path)
    return signer


@dataclasses.dataclass
class Visit:
    id: str
    patient: object
    clinician: object
    state: str
    version: int = 3


@pytest.fixture
def visit(suite, access, staff):
    """A visit in @state, as the feed of appointments would have told it."""
    def make(state="arrived", consent=True, clinician=None):
        patient = suite.patient()
        clinician = clinician or staff["clinician"]
        if consent:
            suite.consent(patient.patient)
        row = Visit(str(uuid.uuid4()), patient, clinician, state)
        now = suite.now_s()
        access.execute(
            "INSERT INTO visit (org, id, act_id, patient_id, provider_id, state, starts_at, ends_at, version, epoch) "
            f"VALUES ('{ORG}', '{row.id}', '{NO_ACT}', '{patient.patient}', '{clinician.id}', "
            f"'{state}', '{rfc3339(now)}', '{rfc3339(now + 1800)}', 3, 0)")
        suite.relation(clinician, patient.patient, "booked")
        return row
    return make


@pytest.fixture
def visit_pass(suite, appointments_key):
    """A pass for a visit that access has not heard of, unless @visit_id says which."""
    def make(patient, clinician, state="arrived", version=3, age_s=0, **claims):
        now = suite.now_s() - age_s
        body = {"org": ORG, "visit": str(uuid.uuid4()), "patient": patient.patient,
                "provider": clinician.id, "version": version, "state": state,
                "starts_at": rfc3339(now), "ends_at": rfc3339(now + 1800), "issued_at": rfc3339(now),
                "expires_at": rfc3339(now + 900), **claims}
        return body["visit"], appointments_key.sign(body, "pass")
    return make
