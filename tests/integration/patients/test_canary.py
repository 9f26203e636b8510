"""40 canaries in every PHI field; afterwards none lies in the clear anywhere."""
import subprocess
import urllib.request

from canary import Canary
from postgres import binary


def demographics(canary):
    # The rest of PatientPhi, birth date and gender, has too few values to be told from chance.
    return {"birth_date": "1971-03-04", "gender": "female", **{
        name: canary.word() for name in ("family_name", "given_name", "mrn", "phone", "email",
                                         "address", "language")}}


def coded(canary):
    return {name: canary.word() for name in ("system", "code", "text", "status")}


def fill(ward, canary):
    """Registers, changes, searches, writes a chart, and is refused; returns the error texts."""
    api = ward.api
    given = demographics(canary)
    patient = api.post("/v1/patients", given, who=ward.desk).json
    path = f"/v1/patients/{patient['id']}"
    ward.suite.relation(ward.nurse, patient["id"], "care_team")
    records = [ward.added(patient, kind, **coded(canary)) for kind in ("allergies", "conditions", "medicines")]
    assert api.put(f"/v1/records/{records[0]['id']}", coded(canary), who=ward.nurse, match=1).status == 200
    assert api.put(path, demographics(canary), who=ward.desk, match=1).status == 200
    for name in ("mrn", "phone", "email"):
        assert ward.search(**{name: canary.word()}).status == 200
    assert api.get(path, who=ward.desk).json["family_name"] in canary.words
    assert ward.list(patient, "allergies")[0]["text"] in canary.words

    refused = [
        api.post("/v1/patients", demographics(canary), who=ward.nurse),
        api.post("/v1/patients", {**given, "mrn": given["mrn"], "surprise": canary.word()}, who=ward.desk),
        api.post("/v1/patients", {**given, "gender": canary.word(size=12)}, who=ward.desk),
        api.post("/v1/patients", {**given, "birth_date": canary.word()}, who=ward.desk),
        api.put(path, demographics(canary), who=ward.desk, match=1),
        ward.search(family_name=canary.word()),
        ward.add(patient, "conditions", **{**coded(canary), "criticality": canary.word()}),
    ]
    assert [reply.status for reply in refused] == [403, 400, 400, 400, 412, 422, 400]
    return [reply.body for reply in refused]


def test_no_word_of_a_patient_lies_in_the_clear(ward, suite):
    canary = Canary()
    errors = fill(ward, canary)
    assert len(canary.words) >= 40

    # What is no secret is found by the same search: the search works.
    ward.api.execute("CHECKPOINT")
    assert canary.control(suite.postgres.socket, "patient_created")
    assert canary.control(f"{suite.folder}/patients.log", "patients")

    dump = subprocess.run([binary("pg_dump"), "-h", suite.postgres.socket, "-U", "root_of_all",
                           "patients"], capture_output=True, check=True).stdout
    metrics = urllib.request.urlopen(f"http://127.0.0.1:{ward.api.inner}/metrics").read()
    assert b"COPY public.patient" in dump and len(metrics) > 100
    assert canary.found_in(dump, metrics, *errors) == []
    assert canary.found_in(suite.folder) == []      # data files, WAL, logs, settings
