"""Ana is erased, after all that the other files have done with her: two people decide it, and then nobody
reads a word of her, whatever copies they have kept. What was done about her is proven as before.

It comes last for Ana: run it only against a suite that may be thrown away.
"""
import json
import subprocess

import pytest

import copies
import database
import memory
import paseto
import visit as visits
from door import heard, refusal, until
from paper import proven, read_export
from place import SERVICES
from sealed import message

SOON_S = 30     # a timer, a topic, and a busy machine
YEARS = "interval '11 years'"


@pytest.fixture(scope="module")
def ana(visit):
    """Something of hers stands in every domain: a guest and an emergency are what the story leaves out."""
    visits.offer_hours(visit.dr_lee)
    visits.consent(visit.ana)
    path = visits.book(visit.ana, visit.dr_lee, reason=f"Stairs {visit.canary}")
    guest = {"visit_id": path.rpartition("/")[2], "display_name": "Aunt Flor", "birth_date": "1950-01-01"}
    until(lambda: heard(lambda: visit.ana.post("/v1/guests", **guest), "not_found"), "the visit known to access")
    visit.door.person("dr.roy").sign_in().post("/v1/break-glass", patient_id=visit.patient, reason="unresponsive",
                                               text="found on the stairs")
    return visit.ana


@pytest.fixture(scope="module")
def kept(place, visit, ana, tmp_path_factory):
    """What somebody has put aside: a backup, the topics, the keys that were in use, a proof."""
    act = visit.fay.get(f"/v1/patients/{visit.patient}") and visit.fay.acts[-1][3]
    leave_a_dead_letter(place, visit, tmp_path_factory.mktemp("dead") / "letter")
    backup = copies.dump(place)
    held = copies.blobs(visit.patient, [*copies.dumped(backup, visit.patient), *copies.topics(place)])
    return {"backup": backup, "held": held, "keys": copies.Keys(place).of(visit.patient, held),
            "event": visit.logged_when({act: act})[act]}


def leave_a_dead_letter(place, visit, file):
    """One of her own blobs comes as no event can be, and is put aside by who hears it."""
    blob = next(iter(copies.blobs(visit.patient, copies.topics(place))))
    file.write_bytes(b"\xff\xff" + blob.bound + message((7, blob.sealed)))
    settings = ("security.protocol=ssl", f"ssl.ca.location={place.ca_file}",
                f"ssl.certificate.location={place.run}/tls/patients.crt",
                f"ssl.key.location={place.run}/tls/patients.key")
    subprocess.run(["kcat", "-P", "-b", f"127.0.0.1:{place.port('kafka')}", "-t", "patients.records.v1", "-k", "no event",
                    *(word for setting in settings for word in ("-X", setting)), file], check=True, timeout=60)
    until(lambda: database.psql(place, "SELECT 1 FROM parked WHERE key = 'no event'", "prescriptions"), "it is put aside", SOON_S)


def test_before_it_all_of_it_opens(place, visit, kept):
    """So that the searches below are known to find what there is."""
    assert {domain for domain, _ in kept["keys"]} == set(copies.OPENERS) and None not in kept["keys"].values()
    word = visit.canary.encode()
    for places in (copies.dumped(kept["backup"], visit.patient), copies.topics(place)):
        said = copies.readable(copies.blobs(visit.patient, places), kept["keys"])
        assert any(word in text for text in said) and len(said) > 5
    assert in_memory(place, kept["keys"])


@pytest.fixture(scope="module")
def erasure(place, visit, kept):
    """Eleven years later, in the books of access; before, nobody may."""
    pri, adm = (visit.door.person(name).sign_in() for name in ("pri", "adm"))
    assert refusal(lambda: pri.post("/v1/erasures", patient_id=visit.patient, reason="request")) == "under_retention"
    database.psql(place, f"UPDATE visit SET starts_at = starts_at - {YEARS}, ends_at = ends_at - {YEARS} "
                         f"WHERE patient_id = '{visit.patient}'", "access")
    asked = pri.post("/v1/erasures", patient_id=visit.patient, reason="request")
    path = f"/v1/erasures/{asked['id']}"
    assert refusal(lambda: pri.post(f"{path}/approve")) == "second_person_required"
    adm.post(f"{path}/approve")
    return until(lambda: (row := visit.aud.get(path))["state"] == "erased" and row, "the erasure", SOON_S)


def test_no_copy_of_her_opens(place, visit, kept, erasure):
    """In the older backup, the databases as they are, projections, dead letters, topics."""
    assert set(copies.Keys(place).of(visit.patient, kept["held"]).values()) == {None}
    now = copies.blobs(visit.patient, [*copies.dumped(copies.dump(place), visit.patient), *copies.topics(place)])
    assert now and set(copies.Keys(place).of(visit.patient, now).values()) == {None}


def test_no_process_has_a_key_of_hers(place, kept, erasure):
    """Caches lie in memory that no core holds; that no key is elsewhere: tests/faults/test_memory.py."""
    until(lambda: not in_memory(place, kept["keys"]), "memories without her keys", SOON_S)


def test_nobody_reaches_her(visit, erasure):
    for who in (visit.fay, visit.nia, visit.dr_lee):
        assert refusal(lambda: who.get(f"/v1/patients/{visit.patient}")) == "not_found"


def test_it_is_certified(visit, kept, erasure, tmp_path):
    public = tmp_path / "public"
    public.write_text(erasure["public_key"] + "\n")
    claims = paseto.verify(erasure["certificate"], public, "destruction")
    assert (claims["erasure"], claims["patient"]) == (erasure["id"], visit.patient)
    assert {(key["domain"], key["dek_id"]) for key in claims["keys"]} >= set(kept["keys"])


def test_what_was_done_about_her_is_proven_as_before(visit, telectl, kept, erasure, tmp_path):
    """By the story's own arithmetic and by telectl: an act of before, and the erasure itself."""
    words = "audit", "search", "--action", "patient.erase", "--resource", erasure["id"], "--json"
    row = json.loads(until(lambda: telectl(visit.aud, *words).stdout, "the erasure in the log", SOON_S))
    assert row["outcome"] == "done"
    visit.export_log(tmp_path / "log")
    leaves = read_export(tmp_path / "log")
    for event in (kept["event"], row):
        proof = visit.aud.get("/v1/audit/proof", event=event["id"])
        assert proven(proof, leaves[event["index"]]) == event["index"]
    assert telectl(None, "audit", "verify", "--dir", tmp_path / "log").returncode == 0


def in_memory(place, keys):
    """(service, which) of each of @keys that a process of the suite holds."""
    secrets = {f"{domain} {dek}": key for (domain, dek), key in keys.items()}
    parts = json.loads((place.run / "state.json").read_text())["parts"]
    return [(name, which) for name, part in parts.items() if name.removesuffix("-2") in SERVICES
            for _, which in memory.found(memory.locked(part["pid"]), secrets)]
