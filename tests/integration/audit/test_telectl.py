"""The auditor's command line: what it asks, prints, proves; and that a proof which was touched fails."""
import base64
import json
import os
import random
import subprocess
import uuid

import pytest

from conftest import EVERY
from telecura import bin_folder


def telectl(feed, *words, who=None, plain=None):
    env = {**os.environ, "TELECURA_TOKEN": who.token} if who else os.environ
    return subprocess.run([f"{bin_folder()}/telectl", *words, "--url", f"http://{plain or feed.plain}"],
                          capture_output=True, text=True, timeout=60, env=env)


def lines(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_search_prints_every_page_as_json_or_as_a_table(feed):
    doctor, auditor = str(uuid.uuid4()), feed.suite.person("auditor")
    done = feed.act(120, actor=doctor)
    feed.indexed()
    words = ("audit", "search", "--person", doctor, "--action", "visit.read")
    assert sorted(row["id"] for row in lines(telectl(feed, *words, "--json", who=auditor))) == sorted(done)
    table = telectl(feed, *words, "--limit", "3", who=auditor).stdout.splitlines()
    assert table[0].split()[:3] == ["at", "actor", "role"] and len(table) == 4
    assert all(row.split()[1:4] == [doctor, "clinician", "visit.read"] for row in table[1:])


def test_tail_shows_the_newest_first(feed):
    auditor, (last,) = feed.suite.person("auditor"), feed.act()
    feed.indexed()
    rows = lines(telectl(feed, "audit", "tail", "--not-action", "audit.search", "--json", who=auditor))
    assert rows[0]["id"] == last and len(rows) == 30


def test_disclosures_and_who_has_which_role(feed):
    ada, privacy = feed.suite.patient(), feed.suite.person("privacy")
    (event,) = feed.act(patient=ada.patient, action="prescription.send")
    feed.indexed()
    rows = lines(telectl(feed, "report", "disclosures", ada.patient, "--json", who=privacy))
    assert [(row["id"], row["recipient"]) for row in rows] == [(event, "pharmacy")]
    rows = lines(telectl(feed, "access-review", "--json", who=privacy))
    assert (privacy.id, "privacy", 0) in [(row["person"], row["role"], row["relations"]) for row in rows]


def test_the_report_of_accesses_says_why_and_keeps_to_its_period(feed):
    """Who, what, when, why, under which consent, through a broken glass; and nothing of another day."""
    ada, doctor, nurse, consent = feed.suite.patient(), *(str(uuid.uuid4()) for _ in range(3))
    (broken,) = feed.act(patient=ada.patient, actor=doctor, relation="break_glass", purpose="BTG", at="2026-03-05 10:00Z")
    (agreed,) = feed.act(patient=ada.patient, actor=nurse, role="nurse", relation="consented", purpose="TREAT",
                         consent=consent, at="2026-03-05 23:59:59.999Z")
    feed.act(patient=ada.patient, at="2026-03-04 23:59:59.999Z")
    feed.act(patient=ada.patient, at="2026-03-06 00:00Z")
    feed.act(patient=feed.suite.patient().patient, at="2026-03-05 10:00Z")
    feed.indexed()
    words = ("report", "access", ada.patient, "--from", "2026-03-05T00:00:00Z", "--to", "2026-03-06T00:00:00Z")
    privacy = feed.suite.person("privacy")
    rows = lines(telectl(feed, *words, "--json", who=privacy))
    assert [(row["id"], row["actor"], row["action"], row["purpose"], row["relation"], row.get("consent_id"))
            for row in rows] == [(agreed, nurse, "visit.read", "TREAT", "consented", consent),
                                 (broken, doctor, "visit.read", "BTG", "break_glass", None)]
    table = telectl(feed, *words, who=privacy).stdout.splitlines()
    assert len(table) == 3 and "purpose" in table[0] and consent in table[1] and " BTG " in table[2]


def test_access_and_breach(feed):
    ada, doctor = feed.suite.patient(), str(uuid.uuid4())
    (event,) = feed.act(patient=ada.patient, actor=doctor)
    feed.indexed()
    privacy = feed.suite.person("privacy")
    privacy.token = feed.suite.idp.token(privacy.subject, acr=2)
    rows = lines(telectl(feed, "report", "access", ada.patient, "--json", who=privacy))
    assert [row["id"] for row in rows] == [event]
    period = ("--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z")
    rows = lines(telectl(feed, "breach", "scope", "--person", doctor, *period, "--json", who=privacy))
    assert [(row["patient_id"], row["events"]) for row in rows] == [(ada.patient, 1)]


def test_a_proof_is_a_file_that_needs_nobody(feed, verifiers, go_reader, tmp_path):
    """Checked by both verifiers and, from its bytes alone, by golang.org/x/mod."""
    (event,) = feed.act()
    feed.indexed()
    name = str(tmp_path / "proof")
    done = telectl(feed, "audit", "prove", event, "--out", name, "--vkey", feed.vkey(),
                   who=feed.suite.person("auditor"))
    assert done.returncode == 0 and done.stdout.startswith("proved: entry "), done
    for program in verifiers:
        assert verify(program, name, feed.vkey()).returncode == 0
    theirs = subprocess.run([go_reader, "--proof", name, feed.vkey()], capture_output=True, text=True)
    assert theirs.returncode == 0, theirs.stdout
    assert done.stdout.split()[2] in theirs.stdout
    with open(name, "rb") as f:
        whole = f.read()
    extra = whole.split(b"\n")[1]
    other = b"extra " + base64.b64encode(base64.b64decode(extra[6:]) + b"x")
    for touched in (whole.replace(extra, other), whole[:-5], whole.replace(b"index ", b"index 1"),
                    whole.replace(b"\n\n", b"\n" + whole.split(b"\n")[3] + b"\n\n"), b""):
        with open(f"{name}.touched", "wb") as f:
            f.write(touched)
        for program in verifiers:
            assert verify(program, f"{name}.touched", feed.vkey()).returncode == 1
        assert subprocess.run([go_reader, "--proof", f"{name}.touched", feed.vkey()],
                              capture_output=True).returncode == 1


def test_every_byte_of_a_proof_matters(feed, verifiers, tmp_path):
    """make faults: each byte; make test: a few."""
    (event,) = feed.act()
    feed.indexed()
    chance = random.Random(os.environ.get("SEED", "proof"))
    proof = feed.api.get(f"/v1/audit/proof?event={event}", who=feed.suite.person("auditor")).body
    name = tmp_path / "proof"
    for at in range(len(proof)) if EVERY else chance.sample(range(len(proof)), 25):
        name.write_bytes(proof[:at] + bytes([proof[at] ^ 1 << chance.randrange(8)]) + proof[at + 1:])
        assert verify(verifiers[1], str(name), feed.vkey()).returncode == 1, (at, name.read_bytes())
    name.write_bytes(proof)
    assert verify(verifiers[1], str(name), feed.vkey()).returncode == 0


def verify(program, name, vkey):
    return subprocess.run([program, "--proof", name, "--key", vkey], capture_output=True, text=True)


def test_what_goes_wrong_is_said_with_what_mends_it(feed):
    for words, who, code, said in (
            (("audit", "tail"), None, 1, "TELECURA_TOKEN"),
            (("audit", "tail"), feed.suite.person("clinician"), 1, "policy matrix"),
            (("audit", "search", "--person", "me"), feed.suite.person("auditor"), 1, "bad_query"),
            (("audit", "prove", str(uuid.uuid4()), "--vkey", "x"), feed.suite.person("auditor"), 1, "404"),
            (("audit",), None, 2, "usage"), (("audit", "tail", "--nonsense"), None, 2, "usage")):
        done = telectl(feed, *words, who=who)
        assert done.returncode == code and said in done.stderr, (words, done)


def test_breach_by_a_token_and_by_a_sign_in(feed, tmp_path):
    """The suite is told a hash; whoever has the token, or another of the same sign-in, finds what they did."""
    ada, bea = feed.suite.patient(), feed.suite.patient()
    tokens = [feed.suite.idp.token(ada.subject, jti=str(uuid.uuid4())) for _ in range(2)]
    for who, patient in ((tokens[0], ada), (tokens[1], ada), (bea, bea)):
        assert feed.api.get(f"/v1/audit/patients/{patient.patient}/events", who=who).status == 200
    feed.indexed()
    privacy, file = feed.suite.person("privacy"), tmp_path / "token"
    privacy.token = feed.suite.idp.token(privacy.subject, acr=2)
    period = ("--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z")
    file.write_text(tokens[0] + "\n")
    for words, events in ((("--token", file), 1), (("--sign-in", file), 2), (("--token", file, "--sign-in", file), 1)):
        rows = lines(telectl(feed, "breach", "scope", *words, *period, "--json", who=privacy))
        assert [(row["patient_id"], row["events"]) for row in rows] == [(ada.patient, events)], words
    file.write_text(feed.suite.idp.token(ada.subject, jti=str(uuid.uuid4())))     # was never used
    assert lines(telectl(feed, "breach", "scope", "--token", file, *period, "--json", who=privacy)) == []
    for text, why in (("no token", "holds no access token"), (bea.token, "names no token")):
        file.write_text(text)
        done = telectl(feed, "breach", "scope", "--token", file, *period, who=privacy)
        assert done.returncode == 1 and why in done.stderr
