"""Without Kafka (none runs here): the pass that breaking the glass has answered opens the record elsewhere, at once,
for whom it names and as long as it says."""
import pytest

import paseto
from telecura import OTHER_ORG, rfc3339

MINUTE_S = 60


@pytest.fixture(scope="module")
def chart(suite, access):
    return suite.service("patients")


@pytest.fixture
def doctor(suite, access, chart):
    return suite.fresh(suite.person("clinician"))


@pytest.fixture
def patient(suite, access, chart):
    made = suite.patient()
    body = {"family_name": "Quill", "given_name": "Ida", "birth_date": "1990-01-01", "gender": "female",
            "patient_id": made.patient}
    assert chart.post("/v1/patients", body, who=suite.person("front_desk")).status == 201
    return made


def broken(access, doctor, patient):
    body = {"patient_id": patient.patient, "reason": "life", "text": "found unresponsive in the waiting room"}
    made = access.post("/v1/break-glass", body, who=doctor)
    assert made.status == 201, made
    return made.json


def read(chart, who, patient, emergency=None):
    return chart.get(f"/v1/patients/{patient.patient}", who=who,
                     headers={"Telecura-Emergency": emergency} if emergency else {}).status


def claims(suite, emergency):
    return paseto.verify(emergency, f"{suite.folder}/access.public", "emergency")


def test_r11_it_opens_without_kafka_and_ends_by_itself(suite, access, chart, doctor, patient):
    glass = broken(access, doctor, patient)
    assert claims(suite, glass["pass"]) == {
        "id": glass["id"], "org": doctor.org, "person": doctor.id, "patient": patient.patient,
        "starts_at": glass["opened_at"], "ends_at": glass["ends_at"]}
    assert read(chart, doctor, patient) == 404
    assert read(chart, doctor, patient, glass["pass"]) == 200
    row = suite.audit("patients", actor=doctor.id, outcome="done")[-1]
    assert (row["relation"], row["purpose"], row["patient"]) == ("break_glass", "BTG", patient.patient)
    assert read(chart, doctor, patient) == 200, "it is known there now"
    assert chart.post(f"/v1/patients/{patient.patient}/allergies", {"text": "Penicillin"}, who=doctor,
                      headers={"Telecura-Emergency": glass["pass"]}).status == 404
    suite.clock(31 * MINUTE_S)
    try:
        assert read(chart, doctor, patient, glass["pass"]) == read(chart, doctor, patient) == 404
    finally:
        suite.clock(0)


@pytest.mark.family(21)
def test_in_other_hands_or_for_another_it_opens_nothing(suite, access, chart, doctor, patient):
    other = suite.patient()
    opened = broken(access, doctor, patient)
    glass = opened["pass"]
    for who in (suite.person("clinician"), suite.person("clinician", org=OTHER_ORG)):
        assert read(chart, who, patient, glass) == 404
    assert read(chart, suite.person("pharmacist"), patient, glass) == 403
    assert read(chart, doctor, other, glass) == 404
    holders = chart.rows(f"SELECT person FROM relation WHERE id = '{opened['id']}'")
    assert holders in ([], [{"person": doctor.id}])


@pytest.mark.family(21)
def test_what_access_has_told_stands_against_it(suite, access, chart, doctor, patient):
    glass = broken(access, doctor, patient)
    chart.execute("INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at, version) VALUES "
                  f"('{doctor.org}', '{glass['id']}', gen_random_uuid(), '{doctor.id}', '{patient.patient}', "
                  "'break_glass', now() - interval '1 min', now() - interval '1 s', 2)")
    assert read(chart, doctor, patient, glass["pass"]) == 404


@pytest.mark.family(21)
def test_what_was_not_signed_so_opens_nothing(suite, access, chart, doctor, patient):
    now, glass = suite.now_s(), broken(access, doctor, patient)
    said = claims(suite, glass["pass"])
    forger = paseto.Signer()
    grant = {"grant": glass["pass"].rsplit(".", 1)[0]}
    for forged in (forger.sign(said, "emergency"), forger.sign({**said, "ends_at": rfc3339(now + 86400)}, "emergency"),
                   glass["pass"][:-3], grant["grant"], doctor.token, "v4.public.", "x" * 4000):
        assert read(chart, doctor, patient, forged) == 404
    assert read(chart, doctor, patient, glass["pass"]) == 200


def test_the_pass_is_for_who_has_broken_it_alone_while_it_lasts(suite, access, staff, doctor, patient):
    glass = broken(access, doctor, patient)
    path = f"/v1/break-glass/{glass['id']}"
    assert "pass" in access.get(path, who=doctor).json
    assert not [who for who in (patient, staff["privacy"], staff["auditor"]) if "pass" in access.get(path, who=who).json]
    assert "pass" not in access.post(f"{path}/end", who=doctor).json
