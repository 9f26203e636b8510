"""Drafting, checking, signing, sending and handing out."""
import base64
import concurrent.futures
import json
import re
import threading
import uuid

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sealed import ALLERGY, message, seal
from telecura import ORG

SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def words(rx):
    return [finding.split(":")[0] for finding in rx["findings"]]


def test_from_draft_to_the_last_fill(surgery, suite):
    ada = surgery.patient()
    rx = surgery.drafted(ada, refills=1)
    assert (rx["state"], rx["findings"], rx["fills_authorised"]) == ("ready", [], 2)
    assert (rx["drug_text"], rx["dose_text"]) == ("Amoxicillin", "500 mg, 3 times a day")

    signed = surgery.sign(rx)
    assert signed.status == 200 and signed.json["state"] == "signed", signed
    assert signed.json["signed_by"] == surgery.doctor.id
    assert surgery.step(rx, "send").json["state"] == "sent"
    first, last, beyond = surgery.fill(rx), surgery.fill(rx), surgery.fill(rx)
    assert (first.status, first.json["state"]) == (201, "partially_filled")
    assert (last.status, last.json["state"]) == (201, "filled")
    assert [fill["number"] for fill in last.json["fills"]] == [1, 2]
    assert (beyond.status, beyond.code) == (409, "no_fills_left")

    seen = surgery.read(rx, who=ada)
    assert seen.status == 200 and seen.json["directions"] == "one capsule with water"
    events = suite.outbox("prescriptions", key=rx["id"])
    assert [(e["topic"], e["kind"], e["version"]) for e in events] == [
        ("prescriptions.prescriptions.v1", kind, n + 1) for n, kind in enumerate((1, 2, 3, 4, 4))]
    assert [row["action"] for row in suite.audit("prescriptions", resource_id=rx["id"], outcome="done")] == [
        f"prescription.{word}" for word in ("draft", "sign", "send", "fill", "fill", "read")]
    (row,) = suite.audit("prescriptions", resource_id=rx["id"], action="prescription.sign")
    assert (row["acr"], row["patient"], row["relation"]) == (2, ada.patient, "booked")
    history = surgery.api.rows("SELECT event, state FROM prescription_history "
                               f"WHERE prescription_id = '{rx['id']}' ORDER BY version")
    assert [(h["event"], h["state"]) for h in history] == [
        ("draft", "ready"), ("sign", "signed"), ("send", "sent"), ("fill", "partially_filled"),
        ("fill", "filled")]


def test_the_formulary(surgery):
    reply = surgery.api.get("/v1/formulary", who=surgery.doctor)
    assert reply.status == 200 and len(reply.json["data"]) == 10
    (drug,) = [d for d in reply.json["data"] if d["code"] == "amoxicillin"]
    assert (drug["rxnorm"], drug["drug_class"]) == ("723", "penicillin")


def test_an_unknown_drug_or_visit(surgery):
    ada, bob = surgery.patient(), surgery.patient()
    for wrong in ({"drug": "moonshine"}, {"visit_id": bob.visit}):
        reply = surgery.draft(ada, **wrong)
        assert (reply.status, reply.code, reply.at) == (422, "unprocessable", [f"/{field}" for field in wrong]), reply
    reply = surgery.draft(ada, visit_id=str(uuid.uuid4()))  # appointments may be about to tell of it
    assert (reply.status, reply.code) == (503, "not_heard_yet") and reply.headers["retry-after"]


@pytest.mark.parametrize("system, code, text, drug, hit", [
    (RXNORM, "723", "x", "amoxicillin", True),                       # the ingredient
    (RXNORM, "7984", "Penicillin V", "amoxicillin", True),           # another of its class
    (SNOMED, "91936005", "x", "amoxicillin", True),                  # the finding
    (SNOMED, "0", "Rash after AMOXICILLIN", "amoxicillin", True),    # only words
    (RXNORM, "1191", "Aspirin", "ibuprofen", True),
    (RXNORM, "1191", "Aspirin", "amoxicillin", False),
    (SNOMED, "91935009", "Allergy to peanuts", "amoxicillin", False),
    (SNOMED, "723", "a number of another system", "amoxicillin", False),
])
def test_an_allergy(surgery, system, code, text, drug, hit):
    ada = surgery.patient()
    surgery.allergy(ada, code, system, text)
    rx = surgery.drafted(ada, drug=drug, dose_micrograms=400000)
    assert (rx["state"], rx["findings"]) == (
        ("blocked", [f"allergy: {text}"]) if hit else ("ready", []))


def test_a_refuted_allergy_and_one_of_somebody_else(surgery):
    ada, bob = surgery.patient(), surgery.patient()
    surgery.allergy(ada, "723", status="refuted")
    surgery.allergy(bob, "723")
    assert surgery.drafted(ada)["state"] == "ready"


@pytest.mark.parametrize("dose, times, found", [
    (249999, 1, ["dose_low"]), (250000, 1, []), (1000000, 3, []), (1000001, 1, ["dose_high"]),
    (1000000, 4, ["daily_dose_high"]), (5000000, 24, ["dose_high", "daily_dose_high"]),
])
def test_a_dose(surgery, dose, times, found):
    rx = surgery.drafted(surgery.patient(), dose_micrograms=dose, doses_per_day=times)
    assert words(rx) == found and rx["state"] == ("blocked" if found else "ready")


def test_the_same_therapy_twice(surgery):
    ada = surgery.patient()
    first = surgery.signed(ada, drug="ibuprofen", dose_micrograms=400000)
    same = surgery.drafted(ada, drug="ibuprofen", dose_micrograms=400000)
    akin = surgery.drafted(ada, drug="naproxen", dose_micrograms=250000)
    other = surgery.drafted(ada, drug="lisinopril", dose_micrograms=10000, doses_per_day=1)
    assert same["findings"] == akin["findings"] == ["duplicate: Ibuprofen"]
    assert other["state"] == "ready"

    assert surgery.step(first, "cancel").status == 200
    again = surgery.step(same, "check")
    assert (again.status, again.json["state"], again.json["findings"]) == (200, "ready", [])


@pytest.mark.family(22)
def test_two_of_a_kind_signed_at_once(surgery):
    """Both were ready; one is signed, the other meets it."""
    for _ in range(8):
        ada = surgery.patient()
        both = [surgery.drafted(ada), surgery.drafted(ada)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            replies = list(pool.map(surgery.sign, both))
        assert sorted((reply.status, reply.json.get("code")) for reply in replies) == [
            (200, None), (409, "check_blocked")]


@pytest.mark.parametrize("how", ["destroyed key", "damaged blob", "another row's blob"])
def test_a_check_that_cannot_see_blocks_and_says_so(surgery, suite, how):
    ada = surgery.patient()
    surgery.drafted(ada)  # the key of the domain `prescription` is known from here on
    phi = message((1, RXNORM), (2, "1191"), (3, "Aspirin"))
    row = surgery.allergy(ada, "1191")
    blob = seal(suite, "patients", ORG, ada.patient, ALLERGY,
                str(uuid.uuid4()) if how == "another row's blob" else row, phi)
    if how == "damaged blob":
        blob = blob[:-1] + bytes([blob[-1] ^ 1])
    if how == "destroyed key":
        suite.services["keyd"].execute("UPDATE dek SET wrapped = NULL, state = 'destroyed' "
                                       f"WHERE patient = '{ada.patient}' AND domain = 'chart'")
    surgery.api.execute(f"UPDATE allergy_heard SET sealed = decode('{blob.hex()}', 'hex') WHERE id = '{row}'")

    rx = surgery.drafted(ada)
    assert (rx["state"], rx["findings"]) == ("blocked", ["unchecked"])
    refused = surgery.sign(rx)
    assert (refused.status, refused.code) == (409, "check_blocked")


def test_as_much_in_force_as_one_can_have(surgery):
    """The check opens them all in one act, and so does a page; each holds what was found against it, which the
    longest texts of as many allergies as are looked at do not make longer than that bears."""
    ada = surgery.patient()
    for n in range(199):
        surgery.allergy(ada, "723", text=f"{n} " + "\x01" * 1000)
    made = surgery.drafted(ada, directions="\x01" * 1000)
    assert len(made["findings"]) == 17 and made["findings"][-1].startswith("unchecked: 183 more allergies #")
    assert all(len(finding) <= len("allergy: ") + 100 + len("… #01234567") for finding in made["findings"])
    for _ in range(199):
        signed = surgery.sign(made, override_reason="\x01" * 500)
        assert signed.status == 200, signed
        made = surgery.drafted(ada, directions="\x01" * 1000)
    assert made["findings"].count("duplicate: Amoxicillin") == 1
    path, shown = f"/v1/prescriptions?patient_id={ada.patient}&limit=200", []
    page = surgery.api.get(path, who=surgery.doctor).json
    while page["data"]:
        shown += page["data"]
        if "next_cursor" not in page:
            break
        page = surgery.api.get(f"{path}&cursor={page['next_cursor']}", who=surgery.doctor).json
    assert len({rx["id"] for rx in shown}) == len(shown) == 200


def test_what_is_found_twice_is_said_once_and_briefly(surgery):
    ada = surgery.patient()
    long = "ä" * 120 + " from Amoxicillin, " + "ö" * 120
    for text in ["Penicillin V", "Penicillin V", "ä" * 120]:
        surgery.allergy(ada, "723", text=text)
    surgery.allergy(ada, "unknown", text=long)
    once, cut, named = sorted(surgery.drafted(ada)["findings"])
    assert once == "allergy: Penicillin V"
    assert re.fullmatch("allergy: ä{100}… #[0-9a-f]{8}", cut)
    assert re.fullmatch("allergy: …ä{17} from Amoxicillin, ö{64}… #[0-9a-f]{8}", named)


@pytest.mark.parametrize("texts, later", [
    (["ä" * 120], "ä" * 119 + "!"), ([f"Penicillin {n}" for n in range(17)], "Penicillin 18")])
def test_a_reason_covers_nothing_that_is_only_cut_or_counted_alike(surgery, texts, later):
    ada = surgery.patient()
    for text in texts:
        surgery.allergy(ada, "723", text=text)
    rx = surgery.drafted(ada)
    surgery.allergy(ada, "723", text=later)
    refused = surgery.sign(rx, override_reason="tolerated before")
    assert (refused.status, refused.code) == (409, "check_blocked")


def test_the_signer_may_override_with_a_reason(surgery):
    ada = surgery.patient()
    surgery.allergy(ada, "723", text="Amoxicillin")
    rx = surgery.drafted(ada)
    refused = surgery.sign(rx)
    assert (refused.status, refused.code) == (409, "check_blocked")

    signed = surgery.sign(rx, override_reason="tolerated twice since")
    assert signed.status == 200 and signed.json["override_reason"] == "tolerated twice since"
    text = json.loads(signed.json["signed_text"])
    assert text["override_reason"] == "tolerated twice since" and text["findings"] == rx["findings"]


def test_a_reason_covers_only_what_was_shown(surgery):
    """An allergy that came up after the draft: neither ready nor a reason carries it through."""
    ada = surgery.patient()
    rx = surgery.drafted(ada)
    surgery.allergy(ada, "723", text="Amoxicillin")
    for body in ({}, {"override_reason": "I know her"}):
        refused = surgery.sign(rx, **body)
        assert (refused.status, refused.code) == (409, "check_blocked")
    checked = surgery.step(rx, "check").json
    assert checked["state"] == "blocked"
    assert surgery.sign(checked, override_reason="I know her").status == 200


def test_signing_needs_a_second_factor_of_the_last_five_minutes(surgery, suite):
    rx = surgery.drafted(surgery.patient())
    subject = surgery.doctor.subject
    for token in (suite.idp.token(subject), suite.idp.token(subject, acr=2, auth_age_s=301),
                  suite.idp.token(subject, acr=2, auth_time=None)):
        refused = surgery.sign(rx, who=token)
        assert (refused.status, refused.code) == (403, "second_factor_required")
    row = suite.audit("prescriptions", action="prescription.sign", outcome="refused",
                      actor=surgery.doctor.id)[-1]
    assert row["error"] == "second_factor_required"
    assert surgery.sign(rx, who=suite.idp.token(subject, acr=2, auth_age_s=280)).status == 200


@pytest.mark.family(22)
def test_a_signature_is_for_the_version_that_was_seen(surgery):
    rx = surgery.drafted(surgery.patient())
    assert surgery.step(rx, "check").json["version"] == rx["version"] + 1
    stale = surgery.sign(rx)
    assert (stale.status, stale.code) == (412, "stale")
    blind = surgery.step(rx, "sign", surgery.fresh(), {})
    assert (blind.status, blind.code) == (428, "if_match_required")


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_anybody_verifies_with_only_the_public_key(surgery, suite):
    rx = surgery.signed(surgery.patient(), refills=2)
    with open(f"{suite.folder}/prescriptions.public") as f:
        kid, public = f.read().split()
    assert rx["signing_key"] == kid
    key, text = Ed25519PublicKey.from_public_bytes(unpadded(public)), rx["signed_text"].encode()
    signature = unpadded(rx["signature"])

    key.verify(signature, text)
    said = json.loads(text)
    for name in ("id", "patient_id", "visit_id", "drug", "drug_text", "dose_micrograms", "doses_per_day",
                 "quantity", "refills", "directions", "findings", "signed_by"):
        assert said[name] == rx[name], name
    assert (said["org"], said["format"]) == (ORG, "telecura-prescription-1")
    for changed in (text.replace(b'"quantity":21', b'"quantity":91'), text + b" ", text[:-1]):
        with pytest.raises(InvalidSignature):
            key.verify(signature, changed)


def test_what_is_signed_stays(surgery):
    rx = surgery.signed(surgery.patient(), refills=2)
    for change in ("sealed = 'x'", "signature = 'x'", "fills_authorised = 12", "signed_at = now()",
                   "patient_id = gen_random_uuid()", "signing_key = 'x'"):
        with pytest.raises(RuntimeError, match="cannot be changed"):
            surgery.api.execute(f"UPDATE prescription SET {change} WHERE id = '{rx['id']}'")
    for name, body in (("check", None), ("sign", {})):
        reply = surgery.step(rx, name, surgery.fresh(), body, rx["version"])
        assert (reply.status, reply.code) == (409, "bad_state")


@pytest.mark.family(22)
def test_fills_never_exceed_what_was_authorised(surgery, suite):
    """64 at once, for three."""
    rx = surgery.sent(surgery.patient(), refills=2)
    everybody = threading.Barrier(64)

    def want(_):
        everybody.wait()
        return surgery.fill(rx)

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(want, range(64)))
    statuses = [reply.status for reply in replies]
    assert statuses.count(201) == 3 and statuses.count(409) == 61, sorted(statuses)
    assert {reply.code for reply in replies if reply.status == 409} == {"no_fills_left"}
    assert surgery.api.value(f"SELECT count(*) FROM fill WHERE prescription_id = '{rx['id']}'") == 3
    assert surgery.read(rx).json["state"] == "filled"
    assert len(suite.audit("prescriptions", resource_id=rx["id"], action="prescription.fill",
                           outcome="done")) == 3
    with pytest.raises(RuntimeError, match="prescription_fills"):
        surgery.api.execute(f"UPDATE prescription SET fills_used = 4 WHERE id = '{rx['id']}'")


@pytest.mark.family(22)
def test_the_same_key_hands_out_once(surgery):
    rx, key = surgery.sent(surgery.patient(), refills=3), str(uuid.uuid4())
    first, again = surgery.fill(rx, key=key), surgery.fill(rx, key=key)
    assert (first.status, again.status) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true" and again.json["fills_used"] == 1
    without = surgery.fill(rx, key="")
    assert (without.status, without.code) == (400, "idempotency_key_missing")


@pytest.mark.family(22)
def test_the_same_key_drafts_once(surgery):
    ada, key = surgery.patient(), str(uuid.uuid4())
    first, again = surgery.draft(ada, key=key), surgery.draft(ada, key=key)
    other = surgery.draft(ada, key=key, quantity=7)
    assert again.json["id"] == first.json["id"] and again.headers["idempotency-replayed"] == "true"
    assert (other.status, other.code) == (422, "idempotency_key_reused")


def test_nothing_is_handed_out_before_sending_or_after_cancelling(surgery):
    ada = surgery.patient()
    rx = surgery.signed(ada, refills=3)
    for ready in (False, True):
        if ready:
            assert surgery.step(rx, "send").status == 200
            assert surgery.fill(rx).status == 201
            cancelled = surgery.step(rx, "cancel")
            assert (cancelled.json["state"], cancelled.json["fills_used"]) == ("cancelled", 1)
        reply = surgery.fill(rx)
        assert (reply.status, reply.code) == (409, "bad_state")
    assert surgery.step(rx, "cancel").status == 409


def test_a_nurse_drafts_and_cannot_sign(surgery):
    rx = surgery.drafted(surgery.patient(), who=None)
    nurse = surgery.nurse
    surgery.suite.relation(nurse, rx["patient_id"], "care_team")
    assert surgery.step(rx, "check", nurse).status == 200
    assert surgery.sign(rx, who=surgery.fresh(nurse)).status == 403


def test_lists(surgery):
    ada = surgery.patient()
    hidden = surgery.drafted(ada, drug="metformin", dose_micrograms=500000, doses_per_day=2)
    shown = surgery.signed(ada)

    def ids(who, more=""):
        reply = surgery.api.get(f"/v1/prescriptions?patient_id={ada.patient}{more}", who=who)
        assert reply.status == 200, reply
        return [row["id"] for row in reply.json["data"]]

    assert ids(surgery.doctor) == [hidden["id"], shown["id"]]
    assert ids(ada) == ids(surgery.pharmacist) == [shown["id"]]
    assert ids(surgery.doctor, "&state=ready") == [hidden["id"]]
    assert ids(surgery.suite.patient()) == []
    assert surgery.read(hidden, who=ada).status == 404
    assert surgery.read(hidden, who=surgery.pharmacist).status == 404
    page = surgery.api.get(f"/v1/prescriptions?patient_id={ada.patient}&limit=1", who=surgery.doctor).json
    rest = surgery.api.get(f"/v1/prescriptions?patient_id={ada.patient}&limit=1"
                           f"&cursor={page['next_cursor']}", who=surgery.doctor).json
    assert [page["data"][0]["id"], rest["data"][0]["id"]] == [hidden["id"], shown["id"]]
    assert page["data"][0]["drug_text"] == "Metformin"


def test_no_phi_rests_in_the_clear(surgery, suite):
    ada, canary = surgery.patient(), f"canary{uuid.uuid4().hex}"
    surgery.allergy(ada, "723", text=f"Amoxicillin {canary}")
    rx = surgery.drafted(ada, directions=canary)
    assert surgery.sign(rx, override_reason=canary).status == 200
    dump = surgery.api.execute("SELECT string_agg(t::text, '') FROM (SELECT p::text FROM prescription p "
                               "UNION ALL SELECT o::text FROM outbox o UNION ALL "
                               "SELECT a::text FROM audit_outbox a UNION ALL "
                               "SELECT h::text FROM allergy_heard h UNION ALL "
                               "SELECT i::text FROM idempotency i) AS t")
    assert rx["id"] in dump
    with open(surgery.api.log, errors="replace") as f:
        log = f.read()
    for sink in (dump, log):
        assert canary not in sink and canary.encode().hex() not in sink
