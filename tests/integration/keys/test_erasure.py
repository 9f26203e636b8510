"""Crypto-shred of a patient: two people, no hold, no retention; then nothing of them opens anywhere."""
import subprocess
import time
import uuid

import paseto
from bus import event
from canary import Canary
from conftest import fresh, when_keyd_is_back
from peer import Peer
from postgres import binary
from sealed import message
from telecura import NO_ACT, ORG, Person, rfc3339

SOON_S = 20


def ask(record, who, role=None):
    return record.access.post("/v1/erasures", {"patient_id": record.id, "reason": "request"}, who=who,
                              headers={"Telecura-Role": role} if role else None)


def decide(record, erasure, who, how="approve", role=None):
    return record.access.post(f"/v1/erasures/{erasure}/{how}", who=who,
                              headers={"Telecura-Role": role} if role else None)


def approved(record, people):
    asked = ask(record, people["privacy"]).json["id"]
    assert decide(record, asked, people["admin"]).json["state"] == "approved"
    return asked


def erased(record, erasure, people, seconds=SOON_S):
    until = time.monotonic() + seconds
    while True:
        row = record.access.get(f"/v1/erasures/{erasure}", who=people["auditor"]).json
        if row["state"] == "erased":
            return row
        assert time.monotonic() < until, row
        time.sleep(0.05)


def deks(services, patient):
    """(domain, id) of every key that a blob of the patient names, in any table of any service."""
    return {(row["domain"], row["id"]) for row in services["keyd"].rows(
        f"SELECT domain, id FROM dek WHERE patient = '{patient}' AND domain <> 'none'")}


def test_one_person_cannot_erase(suite, services, people, twice, record):
    patient = record(Canary())
    asked = ask(patient, twice, "privacy")
    assert (asked.status, asked.json["state"]) == (201, "asked")
    for role in ("privacy", "admin"):  # the same human in another role is the same
        reply = decide(patient, asked.json["id"], twice, role=role)
        assert (reply.status, reply.code) == (409, "second_person_required"), reply
    for role in ("front_desk", "nurse", "auditor"):
        assert ask(patient, people[role]).status == 403
        assert decide(patient, asked.json["id"], people[role]).status == 403
    stale = suite.person("admin")
    assert decide(patient, asked.json["id"], stale).code == "second_factor_required"
    assert (ask(patient, people["privacy"]).status, ask(patient, people["privacy"]).code) == (409, "conflict")
    assert decide(patient, asked.json["id"], people["admin"], "refuse").json["state"] == "refused"
    assert decide(patient, asked.json["id"], people["admin"]).code == "bad_state"
    assert patient.name in patient.read().body.decode()


def enrolled(suite, services, by, role):
    made = services["access"].post("/v1/people", {"role": role, "display_name": "Also me"}, who=by).json
    other = fresh(suite, Person(None, None, None, f"other-{uuid.uuid4()}"))
    assert services["access"].post("/v1/me/bind", {"code": made["sign_in_code"]}, who=other).status == 200
    return other


def assert_one(patient, one, two):
    asked = ask(patient, one).json["id"]
    assert decide(patient, asked, two).code == "second_person_required"
    assert decide(patient, asked, two, "refuse").json["state"] == "refused"


def test_whom_one_has_enrolled_is_no_second_person(suite, services, people, record):
    """A second sign-in of one's own is easily made: neither of the two may ask where the other approves."""
    patient, admin = record(Canary()), people["admin"]
    other = enrolled(suite, services, admin, "privacy")
    for one, two in ((admin, other), (other, admin)):
        assert_one(patient, one, two)
    assert decide(patient, ask(patient, other).json["id"], people["privacy"]).json["state"] == "approved"


def test_two_whom_one_has_enrolled_are_one_and_so_are_theirs(suite, services, people, record):
    patient, admin = record(Canary()), people["admin"]
    puppets = [enrolled(suite, services, admin, role) for role in ("privacy", "admin")]
    theirs = enrolled(suite, services, puppets[1], "privacy")
    for one, two in (puppets, puppets[::-1], (theirs, puppets[0]), (admin, theirs)):
        assert_one(patient, one, two)
    assert decide(patient, ask(patient, theirs).json["id"], people["privacy"]).json["state"] == "approved"


def test_a_hold_and_retention_stand_in_the_way(suite, services, people, record):
    patient, access = record(Canary()), services["access"]
    held = access.post("/v1/holds", {"patient_id": patient.id, "reason": "litigation"}, who=people["privacy"])
    assert held.status == 201
    assert ask(patient, people["privacy"]).code == "on_hold"
    release = f"/v1/holds/{held.json['id']}/release"
    assert access.post(release, who=people["admin"]).status == 403
    assert access.post(release, who=people["privacy"]).status == 200
    asked = ask(patient, people["privacy"]).json["id"]
    again = access.post("/v1/holds", {"patient_id": patient.id, "reason": "audit"}, who=people["privacy"]).json
    assert decide(patient, asked, people["admin"]).code == "on_hold"
    access.post(f"/v1/holds/{again['id']}/release", who=people["privacy"])

    ended = rfc3339(suite.now_s() - 9 * 365 * 86400)  # within the ten years that are the rule
    access.execute("INSERT INTO visit (org, id, act_id, patient_id, provider_id, state, starts_at, ends_at, version, "
                   f"epoch) VALUES ('{ORG}', '{uuid.uuid4()}', '{NO_ACT}', '{patient.id}', '{uuid.uuid4()}', "
                   f"'completed', '{ended}', '{ended}', 3, 0)")
    assert decide(patient, asked, people["admin"]).code == "under_retention"
    other = record(Canary())
    access.execute(f"UPDATE visit SET patient_id = '{other.id}' WHERE patient_id = '{patient.id}'")
    assert ask(other, people["privacy"]).code == "under_retention"
    assert {r["error"] for r in suite.audit("access", patient=patient.id, outcome="refused")} >= {
        "on_hold", "under_retention"}
    assert patient.name in patient.read().body.decode()


def test_access_alone_may_destroy_and_only_for_two(services, suite):
    body = {"org": ORG, "patient": str(uuid.uuid4()), "erasure": str(uuid.uuid4()),
            "asked_by": str(uuid.uuid4()), "approved_by": str(uuid.uuid4())}
    assert Peer(suite, "patients").post("/v1/keys/destroy", **body).status == 403
    body["approved_by"] = body["asked_by"]
    alone = Peer(suite, "access").post("/v1/keys/destroy", **body)
    assert (alone.status, alone.at) == (422, ["/approved_by"])


def test_after_an_erasure_nothing_opens_anywhere(suite, services, people, record):
    canary = Canary()
    patient, keyd, access = record(canary), services["keyd"], services["access"]
    before = (patient.read(), patient.chart(),
              access.get(f"/v1/people/{patient.person}", who=people["front_desk"]))
    assert canary.found_in(*(reply.body for reply in before))  # readable, by those who may
    assert patient.found() == [patient.id]
    keys = deks(services, patient.id)
    assert {domain for domain, _ in keys} == {"chart", "person"}
    services["prescriptions"].wait_for(
        f"SELECT count(*) = 1 FROM allergy_heard WHERE patient_id = '{patient.id}'", SOON_S)
    older = f"{suite.folder}/older.dump"
    subprocess.run([binary("pg_dump"), "-h", suite.postgres.socket, "-U", "root_of_all", "-Fc", "-f", older,
                    "patients"], check=True)

    asked = approved(patient, people)
    access.kill()  # whatever it had begun: what two people decided is done
    access.start()
    row = erased(patient, asked, people)
    assert access.post("/v1/holds", {"patient_id": patient.id, "reason": "audit"}, who=people["privacy"]).status in (404, 409)

    # Caches: with keyd away only they could open it. The relation is put back, so that no guard helps.
    services["patients"].wait_for("SELECT count(*) = 0 FROM relation WHERE ends_at IS NULL "
                                  f"AND patient_id = '{patient.id}'", SOON_S)
    services["patients"].wait_for(f"SELECT name_index IS NULL AND phone_index IS NULL FROM patient "
                                  f"WHERE patient_id = '{patient.id}'", SOON_S)
    services["patients"].execute(f"UPDATE relation SET ends_at = NULL WHERE patient_id = '{patient.id}'")
    keyd.kill()
    for reply in (patient.read(), patient.chart()):
        assert (reply.status, reply.code) == (503, "key_unavailable")
    keyd.start()
    for asked_again in (patient.read, patient.chart, patient.register):
        reply = when_keyd_is_back(asked_again)
        assert reply.status in (404, 409) and not canary.found_in(reply.body)
    services["patients"].execute(f"UPDATE relation SET ends_at = now() WHERE patient_id = '{patient.id}'")

    # Every key that any blob names is gone for whoever could have it.
    for domain, dek in keys:
        for name in ("patients", "prescriptions", "access", "notifications"):
            assert Peer(suite, name).open(domain, dek, patient.id).status in (403, 404)
        assert Peer(suite, "patients").seal("chart", patient.id).status == 404
    assert keyd.value(f"SELECT count(*) FROM dek WHERE patient = '{patient.id}' AND wrapped IS NOT NULL") == 0

    # Nobody stumbles over them: lists go on, the sign-in is over, the search finds nothing.
    assert patient.found() == []
    for path, service in (("/v1/patients", "patients"), ("/v1/people", "access"), ("/v1/holds", "access")):
        reply = services[service].get(f"{path}?limit=200", who=people["privacy" if "holds" in path else "front_desk"])
        assert reply.status == 200 and patient.id not in reply.body.decode()

    # An older copy of the database brings back blobs, and no key.
    services["patients"].stop()
    suite.postgres.execute("postgres", 'DROP DATABASE "patients"')
    suite.postgres.execute("postgres", 'CREATE DATABASE "patients" OWNER "patients_owner"')
    subprocess.run([binary("pg_restore"), "-h", suite.postgres.socket, "-U", "root_of_all", "-d", "patients", older],
                   check=True)
    bus, services["patients"].settings["kafka"] = services["patients"].settings["kafka"], ""
    services["patients"].start()  # and nobody tells it of the erasure
    reply = patient.read()
    assert (reply.status, reply.code) == (404, "not_found")
    services["patients"].stop()
    services["patients"].settings["kafka"] = bus
    services["patients"].start()

    # The certificate: what went, when, at whose word; it verifies, and nothing else does.
    public = f"{suite.folder}/certificate.public"
    with open(public, "w") as f:
        f.write(row["public_key"] + "\n")
    claims = paseto.verify(row["certificate"], public, "destruction")
    assert (claims["erasure"], claims["org"], claims["patient"]) == (asked, ORG, patient.id)
    assert (claims["asked_by"], claims["approved_by"]) == (people["privacy"].id, people["admin"].id)
    assert {(key["domain"], key["dek_id"]) for key in claims["keys"]} == keys
    assert paseto.verify(row["certificate"], public, "grant") is None
    assert services["access"].get(f"/v1/erasures/{asked}", who=people["privacy"]).json["certificate"] == row["certificate"]

    # Nothing of it stood anywhere in the clear: data files with their WAL, logs, key files.
    assert canary.control(suite.folder, patient.id)
    assert canary.found_in(suite.folder) == []
    done = suite.audit("access", patient=patient.id, action="patient.erase", outcome="done")
    assert [r["resource_id"] for r in done] == [asked]
    assert suite.audit("keyd", patient=patient.id, action="key.destroy")[-1]["outcome"] == "done"


def test_a_late_word_of_a_visit_brings_nobody_back(suite, services, people, record):
    patient, access, visit, doctor = record(Canary()), services["access"], str(uuid.uuid4()), suite.person("clinician")
    erased(patient, approved(patient, people), people)
    ends = int(suite.now_s() * 1_000_000)
    event(services["prescriptions"], "appointments.visits.v1", key=visit, kind=9, version=7, payload=message(
        (1, 9), (2, uuid.UUID(patient.id).bytes), (3, uuid.UUID(doctor.id).bytes), (4, "no_show"), (5, ends), (6, ends)))
    access.wait_for(f"SELECT count(*) = 1 FROM visit WHERE id = '{visit}'", SOON_S)
    assert access.value(f"SELECT count(*) FROM relation WHERE id = '{visit}'") == 0


def test_the_cache_forgets_within_two_seconds(suite, services, people, record):
    """From the moment that keyd has destroyed it: patients, which has the key in memory, is asked all the while."""
    patient = record(Canary())
    assert patient.read().status == 200
    asked = approved(patient, people)
    until = time.monotonic() + SOON_S
    while patient.read().status == 200:
        assert time.monotonic() < until
    seen = time.time()
    row = erased(patient, asked, people)
    gone = time.mktime(time.strptime(row["erased_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert seen - gone < 3.0  # two seconds, and the one that erased_at leaves out
