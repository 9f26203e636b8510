"""Family 26: Schemathesis reads our OpenAPI document and asks through the gateway what it makes up from it, in two
runs: what the document allows must be taken and answered as it says, and what it forbids must be refused. Each
operation is asked by a patient where patients may, else by the first of the staff whose role it takes. A case is an
operation in one run."""
import contextlib
import json
import os
import pathlib
import subprocess
import time
import xml.etree.ElementTree as xml

import pytest

import login
import pypi
import routes
import visit as visits
from door import Refused, until
from place import write_file

HERE = pathlib.Path(__file__).parent
PEOPLE = {"patient": "ana", "clinician": "dr.roy", "front_desk": "fay", "nurse": "nia", "pharmacist": "pia", "biller": "bob",
          "auditor": "aud", "privacy": "pri", "admin": "adm"}
ANSWERS = ["not_a_server_error", "content_type_conformance", "response_headers_conformance", "response_schema_conformance"]
RUNS = {     # checks, phases, examples made up for an operation
    "positive": (["positive_data_acceptance"], "fuzzing", 5),
    "negative": (["negative_data_rejection", "missing_required_header", "ignored_auth"], "coverage,fuzzing", 4),
}
RUN_S_MAX = 900     # of a busy machine; a calm one takes a minute or two
CODE_S = 30         # a second factor's
TOKENS_S = 20       # the file of tokens is looked after so often
# What is not made up when an answer is expected, and why.
LEFT_OUT = {
    "cursor": "only what an answer has told is one", "_cursor": "likewise",
    "Telecura-Org": "one of which the person is a member; else 403 is all that is seen", "Telecura-Role": "likewise",
    "Telecura-Emergency": "only what breaking the glass has answered is one",
    "agent": "an id, which FHIR has as a text",
}
NEEDED = {"/v1/audit/breach": "person"}     # one of five is, which no document can say


def asked():
    """{"GET /v1/me": who asks, or None where it takes no token}."""
    found = {}
    for route in routes.ROUTES:
        role = next((role for role in PEOPLE if role in route.roles or route.by_claims), None)
        if role or not route.guarded:
            found[route.name.replace("/*", "/{rest}")] = PEOPLE.get(role)
    return found


ASKED = asked()


def has_heard(clinician, patient, visit):
    """503 not_heard_yet is an answer to a visit of which nobody knows."""
    draft = {"drug": "amoxicillin", "dose_micrograms": 500000, "doses_per_day": 3, "quantity": 21, "refills": 0, "directions": "-"}
    try:
        return clinician.post("/v1/prescriptions", patient_id=patient, visit_id=visit, **draft)
    except Refused as refused:
        return refused.code != "not_heard_yet"


class Known:
    """Things that are there, so that more is seen than that others are not."""

    def __init__(self, people):
        ana, doctor = people["ana"], people["dr.roy"]
        # It disables whom it can name: ids that one answer tells are asked for in the next.
        nobody = people["fay"].post("/v1/people", role="patient", display_name="Nobody Else")["id"]
        visits.offer_hours(doctor)
        visits.consent(ana)
        visit = visits.book(ana, doctor).rsplit("/", 1)[1]
        site = doctor.get("/v1/sites")["data"][0]["id"]
        until(lambda: has_heard(doctor, ana.patient, visit), "prescriptions hears of the visit", 120)
        self.fields = {"patient_id": ana.patient, "patient": ana.patient, "provider_id": doctor.id, "site_id": site, "visit_id": visit}
        self.paths = {"/v1/people/": nobody, "/v1/patients/": ana.patient, "/v1/audit/patients/": ana.patient, "/v1/providers/": doctor.id,
                      "/v1/appointments/": visit, "/fhir/R4/Patient/": ana.patient, "/fhir/R4/Appointment/": visit}

    def narrow(self, document):
        """Has the document name them, and leave out what cannot be made up."""
        for path, operations in document["paths"].items():
            for said in operations.values():
                said["parameters"] = [self.named(path, one) for one in said["parameters"] if one["name"] not in LEFT_OUT]
                for one in said["parameters"]:
                    one["required"] |= NEEDED.get(path) == one["name"]
                for content in said.get("requestBody", {}).get("content", {}).values():
                    fields = document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]["properties"]
                    fields.update({name: {"enum": [value]} for name, value in self.fields.items() if name in fields})

    def named(self, path, parameter):
        value = self.fields.get(parameter["name"])
        if parameter["in"] == "path":
            value = next((id for start, id in self.paths.items() if path.startswith(start + "{id}")), None)
        return {**parameter, "schema": {"enum": [value]}} if value else parameter


def document(people, way):
    """What is asked of it; WebSockets are others' affair (test_autobahn.py)."""
    said = people["ana"].door.openapi()
    for path, operations in said["paths"].items():
        said["paths"][path] = {method: one for method, one in operations.items() if f"{method.upper()} {path}" in ASKED}
    if way == "positive":
        Known(people).narrow(said)
    return said


def signed_in(person):
    """Its token; where the code of this half minute has served, the next one is waited for. So is a busy provider."""
    try:
        return person.token
    except (login.LoginError, TimeoutError):
        time.sleep(CODE_S - time.time() % CODE_S)
        return person.token


def run(people, folder, way):
    """{operation: what it has against it}"""
    for person in people.values():
        signed_in(person)
    checks, phases, examples = RUNS[way]
    (folder / "openapi.json").write_text(json.dumps(document(people, way)))
    python = pypi.environment("schemathesis", HERE / "schemathesis.txt")
    door = people["ana"].door
    work(people, folder, [
        python, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "--no-color", "run", folder / "openapi.json",
        "--url", door.parts["gateway"], "--tls-verify", door.parts["ca_file"], "--mode", way, "--checks", ",".join(ANSWERS + checks),
        "--phases", phases, "--max-examples", str(examples), "--report-junit-path", folder / "said.xml"], way)
    cases = xml.parse(folder / "said.xml").iter("testcase")
    return {case.get("name"): "\n".join(one.text or one.tag for one in case) for case in cases}


def work(people, folder, words, way):
    """What it says goes to said.txt; meanwhile its people stay signed in."""
    tokens = folder / "tokens.json"

    def sign_in():
        write_file(tokens, json.dumps({name: signed_in(people[asker]) for name, asker in ASKED.items() if asker}))
    sign_in()
    with open(folder / "said.txt", "w") as out:
        process = subprocess.Popen(words, cwd=folder, stdout=out, stderr=subprocess.STDOUT, env={
            **os.environ, "PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "TELECURA_TOKENS": str(tokens), "TELECURA_WAY": way})
    end = time.monotonic() + RUN_S_MAX
    try:
        while process.poll() is None:
            assert time.monotonic() < end, "it takes too long"
            sign_in()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(TOKENS_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode in (0, 1), (folder / "said.txt").read_text()[-3000:]


@pytest.fixture(scope="module")
def runs(door, tmp_path_factory):
    made, people = {}, {name: door.person(name) for name in PEOPLE.values()}

    def said(way):
        if way not in made:
            made[way] = {}      # one that did not come to its end is not tried again for each case
            made[way] = run(people, tmp_path_factory.mktemp(way), way)
        return made[way]
    return said


@pytest.mark.family(26)
@pytest.mark.parametrize("operation", ASKED)
@pytest.mark.parametrize("way", RUNS)
def test_it_answers_as_its_document_says(runs, way, operation):
    assert runs(way)[operation] == ""
