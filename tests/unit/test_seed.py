"""What the seed takes of a bundle, and what it refuses: each fault with resource and reason."""
import copy
import json
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy/local"))

import synthea  # noqa: E402

DATA = ROOT / "tests/data/synthea"
PATIENT = {
    "resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1984-07-02",
    "name": [{"use": "maiden", "family": "Old", "given": ["Ana"]},
             {"use": "official", "family": "Reyes", "given": ["Ana", "María"]}],
    "identifier": [{"system": "x", "value": "no"},
                   {"type": {"coding": [{"code": "MR"}]}, "value": "MR-17"}],
    "telecom": [{"system": "fax", "value": "1"}, {"system": "phone", "value": "555-0100"},
                {"system": "email", "value": "ana@example.org"}],
    "address": [{"line": ["1 Way", "Flat 2"], "city": "Dartmouth", "country": "US"}],
    "communication": [{"language": {"coding": [{"code": "en-US"}]}},
                      {"language": {"coding": [{"code": "es"}]}, "preferred": True}],
}
CODE = {"coding": [{"system": "http://snomed.info/sct", "code": "195967001", "display": "Asthma"}]}
ACTIVE = {"coding": [{"code": "active"}]}
CONDITION = {"resourceType": "Condition", "id": "c1", "code": {**CODE, "text": "Asthma (finding)"},
             "clinicalStatus": ACTIVE, "onsetDateTime": "2018-09-17T15:29:24+00:00",
             "subject": {"reference": "urn:uuid:p1"}}
ALLERGY = {"resourceType": "AllergyIntolerance", "id": "a1", "code": CODE, "criticality": "high",
           "patient": {"reference": "Patient/p1"}}
MEDICINE = {"resourceType": "MedicationRequest", "id": "m1", "status": "stopped",
            "medicationCodeableConcept": CODE, "authoredOn": "2009-08", "subject": {"reference": "Patient/p1"}}
PRACTITIONER = {"resourceType": "Practitioner", "id": "d1",
                "name": [{"family": "Upton", "given": ["Isaac"], "prefix": ["Dr."]}]}


def bundle(*resources):
    return {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": f"urn:uuid:{one['id']}", "resource": one} if isinstance(one, dict) and "id" in one
        else {"resource": one} for one in resources]}


def read(tmp_path, content):
    file = tmp_path / "bundle.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return synthea.read(file)


def changed(resource, **parts):
    """A copy with members replaced; None takes one away."""
    made = {**copy.deepcopy(resource), **parts}
    return {key: value for key, value in made.items() if value is not None}


# ---- what is taken ----

def test_a_patient_with_a_chart(tmp_path):
    made = read(tmp_path, bundle(CONDITION, PATIENT, ALLERGY, MEDICINE, PRACTITIONER))
    (patient,) = made.patients
    assert patient.where == "Patient/p1" and patient.body == {
        "family_name": "Reyes", "given_name": "Ana María", "birth_date": "1984-07-02",
        "gender": "female", "mrn": "MR-17", "phone": "555-0100", "email": "ana@example.org",
        "address": "1 Way, Flat 2, Dartmouth, US", "language": "es"}
    coded = {"system": "http://snomed.info/sct", "code": "195967001"}
    assert [(one.where, one.path, one.body) for one in patient.records] == [
        ("Condition/c1", "conditions", {**coded, "text": "Asthma (finding)", "onset": "2018-09-17",
                                        "status": "active"}),
        ("AllergyIntolerance/a1", "allergies", {**coded, "text": "Asthma", "criticality": "high"}),
        ("MedicationRequest/m1", "medicines", {**coded, "text": "Asthma", "status": "stopped"})]
    (clinician,) = made.clinicians
    assert clinician.body == {"role": "clinician", "display_name": "Dr. Isaac Upton"}


def test_the_least(tmp_path):
    least = {"resourceType": "Patient", "id": "p1", "gender": "unknown", "birthDate": "1900-01-01",
             "name": [{"family": "Lo", "given": ["Mi"]}]}
    (patient,) = read(tmp_path, bundle(least)).patients
    assert set(patient.body) == {"family_name", "given_name", "birth_date", "gender"}


@pytest.mark.parametrize("where, how", [
    ("contained", {"medicationReference": {"reference": "#in"},
                   "contained": [{"resourceType": "Medication", "id": "in", "code": CODE}]}),
    ("bundle", {"medicationReference": {"reference": "urn:uuid:med"}})])
def test_a_medicine_by_reference(tmp_path, where, how):
    asked = changed(MEDICINE, medicationCodeableConcept=None, **how)
    medication = {"resourceType": "Medication", "id": "med", "code": CODE}
    (patient,) = read(tmp_path, bundle(PATIENT, asked, medication)).patients
    assert patient.records[0].body["text"] == "Asthma"


def test_what_is_not_ours_is_left_alone(tmp_path):
    made = read(tmp_path, bundle({"resourceType": "Organization", "id": "o1", "name": 17}))
    assert (made.patients, made.clinicians) == ([], [])


@pytest.mark.parametrize("name, patients, clinicians, records", [
    ("1484a42d-0eaf-4654-9cbf-6b050a5cd73b", 1, 1, 1), ("e27d88b0-c5e5-4042-ad49-184f6a900ee3", 1, 1, 0),
    ("6d2eba67-5b4a-403f-a29f-e6da3f1ea963", 1, 1, 5), ("practitioners", 0, 102, 0),
    ("made-up-allergies", 1, 0, 5)])
def test_the_files_that_come_with_the_tree(name, patients, clinicians, records):
    made = synthea.read(DATA / f"{name}.json")
    assert (len(made.patients), len(made.clinicians)) == (patients, clinicians)
    assert sum(len(one.records) for one in made.patients) == records


# ---- what is refused ----

NOT_JSON = {
    b"": "is not JSON", b"{": "is not JSON", b"\xff\xfe": "is not UTF-8", b"[" * 100_000: "deeply",
    b'{"resourceType": "Bundle", "type": NaN}': "is not JSON", b'{"a": 1, "a": 2}': "stands twice",
    b"null": "not Bundle", b"[]": "not Bundle", b'{"resourceType": "Patient"}': "not Bundle",
}


@pytest.mark.parametrize("content", NOT_JSON, ids=lambda content: content[:20].decode(errors="replace"))
def test_no_bundle_at_all(tmp_path, content):
    with pytest.raises(synthea.Malformed) as fault:
        read(tmp_path, content)
    assert fault.value.where == "bundle" and NOT_JSON[content] in fault.value.reason


@pytest.mark.parametrize("content, where, reason", [
    ({"resourceType": "Bundle", "entry": []}, "bundle", "type is none of"),
    ({"resourceType": "Bundle", "type": ["batch"], "entry": []}, "bundle", "type is none of"),
    (bundle(), "bundle", "entry is missing or empty"),
    ({"resourceType": "Bundle", "type": "batch", "entry": {}}, "bundle", "not a list of objects"),
    ({"resourceType": "Bundle", "type": "batch", "entry": [7]}, "bundle", "not a list of objects"),
    ({"resourceType": "Bundle", "type": "batch", "entry": [{}]}, "entry 0", "has no resource"),
    (bundle(PATIENT, "x"), "entry 1", "has no resource"),
    (bundle(changed(PATIENT, resourceType=None)), "entry 0", "no resourceType"),
    (bundle(changed(PATIENT, resourceType="patient")), "entry 0", "no resourceType"),
    (bundle(changed(PATIENT, id=None)), "entry 0 (Patient)", "id is missing"),
    (bundle(changed(PATIENT, id="a b")), "entry 0 (Patient)", "no FHIR id"),
    (bundle(changed(PATIENT, id=7)), "entry 0 (Patient)", "no FHIR id"),
    (bundle(PATIENT, PATIENT), "Patient/p1", "stands twice"),
    (bundle(PATIENT, {"resourceType": "Organization", "id": "p1"}), "Organization/p1", "stands twice"),
])
def test_a_bundle_of_the_wrong_make(tmp_path, content, where, reason):
    with pytest.raises(synthea.Malformed) as fault:
        read(tmp_path, content)
    assert fault.value.where == where and reason in fault.value.reason


FAULTS = [      # resource, what is changed, what the reason says
    (PATIENT, {"name": None}, "name is missing or empty"),
    (PATIENT, {"name": []}, "name is missing or empty"),
    (PATIENT, {"name": "Ana"}, "name is not a list of objects"),
    (PATIENT, {"name": [{"given": ["Ana"]}]}, "family is missing"),
    (PATIENT, {"name": [{"family": "", "given": ["Ana"]}]}, "family is not of 1 to 200 bytes"),
    (PATIENT, {"name": [{"family": "x" * 201, "given": ["Ana"]}]}, "family is not of 1 to 200 bytes"),
    (PATIENT, {"name": [{"family": "ü" * 101, "given": ["Ana"]}]}, "family is not of 1 to 200 bytes"),
    (PATIENT, {"name": [{"family": "a\0b", "given": ["Ana"]}]}, "family is not of"),
    (PATIENT, {"name": [{"family": "a\ud800", "given": ["Ana"]}]}, "family is no sound Unicode"),
    (PATIENT, {"name": [{"family": "Reyes"}]}, "given is not of 1 to 200 bytes"),
    (PATIENT, {"name": [{"family": "Reyes", "given": "Ana"}]}, "given is not a list of texts"),
    (PATIENT, {"name": [{"family": "Reyes", "given": [7]}]}, "given is not a list of texts"),
    (PATIENT, {"gender": None}, "gender is missing"),
    (PATIENT, {"gender": "F"}, "gender is none of"),
    (PATIENT, {"gender": ["female"]}, "gender is missing or no text"),
    (PATIENT, {"birthDate": None}, "birthDate is missing"),
    (PATIENT, {"birthDate": "1984"}, "birthDate is no full day"),
    (PATIENT, {"birthDate": "1984-02-30"}, "birthDate is no full day"),
    (PATIENT, {"birthDate": "02.07.1984"}, "birthDate is no full day"),
    (PATIENT, {"birthDate": "1984-07-02T00:00:00Z"}, "birthDate is no full day"),
    (PATIENT, {"birthDate": "1884-07-02"}, "birthDate is before 1900 or in the future"),
    (PATIENT, {"birthDate": "2199-01-01"}, "birthDate is before 1900 or in the future"),
    (PATIENT, {"birthDate": 19840702}, "birthDate is missing or no text"),
    (PATIENT, {"identifier": {}}, "identifier is not a list of objects"),
    (PATIENT, {"identifier": [{"type": "MR"}]}, "type of an identifier is not an object"),
    (PATIENT, {"identifier": [{"type": {"coding": [{"code": "MR"}]}}]}, "value is missing"),
    (PATIENT, {"telecom": [{"system": "phone", "value": "1"}]}, "value is not of 3 to 40 bytes"),
    (PATIENT, {"telecom": [{"system": "email"}]}, "value is missing"),
    (PATIENT, {"address": [{"line": "1 Way"}]}, "line is not a list of texts"),
    (PATIENT, {"address": [{"line": ["x" * 501]}]}, "address is not of 0 to 500 bytes"),
    (PATIENT, {"address": [{"city": 7}]}, "city is missing or no text"),
    (PATIENT, {"communication": [{}]}, "language is missing"),
    (PATIENT, {"communication": [{"language": {"coding": [{"code": "x"}]}}]}, "language is not of 2 to 35"),
    (CONDITION, {"code": None}, "code is missing"),
    (CONDITION, {"code": {}}, "code has neither text nor code"),
    (CONDITION, {"code": {"coding": ["195967001"]}}, "coding is not a list of objects"),
    (CONDITION, {"code": {"coding": [{"code": 195967001}]}}, "code is missing or no text"),
    (CONDITION, {"code": {"text": "x" * 501}}, "text is not of 1 to 500 bytes"),
    (CONDITION, {"clinicalStatus": "active"}, "clinicalStatus is missing or not an object"),
    (CONDITION, {"clinicalStatus": {"coding": [{"code": "x" * 33}]}}, "clinicalStatus is not of 1 to 32"),
    (CONDITION, {"onsetDateTime": "last year"}, "onsetDateTime is no FHIR dateTime"),
    (CONDITION, {"onsetDateTime": "2018-13-01"}, "onsetDateTime is no FHIR dateTime"),
    (CONDITION, {"onsetDateTime": "2018-09-17T15:29:24"}, "onsetDateTime is no FHIR dateTime"),
    (CONDITION, {"onsetDateTime": "1492-10-12"}, "onsetDateTime is before 1900"),
    (CONDITION, {"subject": None}, "subject is no reference"),
    (CONDITION, {"subject": {"reference": 7}}, "subject is no reference"),
    (CONDITION, {"subject": {"reference": "Patient/p2"}}, "subject is no patient of this bundle"),
    (CONDITION, {"subject": {"reference": "urn:uuid:c1"}}, "subject is no patient of this bundle"),
    (ALLERGY, {"patient": None}, "patient is no reference"),
    (ALLERGY, {"criticality": "severe"}, "criticality is none of"),
    (ALLERGY, {"criticality": 3}, "criticality is missing or no text"),
    (ALLERGY, {"code": None}, "code is missing"),
    (MEDICINE, {"status": None}, "status is missing"),
    (MEDICINE, {"medicationCodeableConcept": None}, "medicationCodeableConcept is missing"),
    (MEDICINE, {"medicationReference": {"reference": "#x"}}, "medicationReference is no Medication"),
    (MEDICINE, {"medicationReference": {"reference": "Patient/p1"}}, "medicationReference is no Medication"),
    (MEDICINE, {"authoredOn": "yesterday"}, "authoredOn is no FHIR dateTime"),
    (PRACTITIONER, {"name": None}, "name is missing or empty"),
    (PRACTITIONER, {"name": [{"given": ["Isaac"]}]}, "family is missing"),
    (PRACTITIONER, {"name": [{"family": "x" * 199, "prefix": ["Dr."]}]}, "name is not of 1 to 200 bytes"),
]


@pytest.mark.parametrize("resource, parts, reason", FAULTS)
def test_a_fault_is_named_with_its_resource(tmp_path, resource, parts, reason):
    broken = changed(resource, **parts)
    others = [one for one in (PATIENT, CONDITION, PRACTITIONER) if one is not resource]
    with pytest.raises(synthea.Malformed) as fault:
        read(tmp_path, bundle(*others, broken))
    assert fault.value.where == f"{resource['resourceType']}/{resource['id']}"
    assert reason in fault.value.reason


@pytest.mark.parametrize("resource, parts, reason", FAULTS)
def test_a_reason_quotes_nothing(tmp_path, resource, parts, reason):
    broken = changed(resource, **parts)
    with pytest.raises(synthea.Malformed) as fault:
        read(tmp_path, bundle(PATIENT if resource is not PATIENT else PRACTITIONER, broken))
    for said in ("Reyes", "Ana", "1984", "1884", "severe", "yesterday", "last year", "x" * 20):
        assert said not in fault.value.reason


def places(value):
    """Every (container, key) below @value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inside:
        yield value, key
        yield from places(below)


def test_whatever_stands_where_it_is_taken_or_refused(tmp_path):
    """No junk anywhere makes it stumble: any other exception fails here."""
    junk = [None, 0, -1, 1.5, True, "", "x", "x" * 5000, [], {}, [[]], [{}], {"a": []}, [None], "\0", "\ud800"]
    whole = bundle(PATIENT, CONDITION, ALLERGY, MEDICINE, PRACTITIONER)
    refused = taken = 0
    for number, _ in enumerate(places(whole)):
        for one in junk:
            broken = copy.deepcopy(whole)
            container, key = list(places(broken))[number]
            container[key] = one
            try:
                read(tmp_path, broken)
                taken += 1
            except synthea.Malformed:
                refused += 1
    assert refused > 500 and taken > 200
