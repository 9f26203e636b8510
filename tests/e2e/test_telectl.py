"""What an auditor and a privacy officer ask on the command line: telectl, through the gateway, with the
access token of who has signed in."""
import json

import pytest

from door import until

EVER = "--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"


def lines(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def seen(visit):
    """The act by which the front desk has looked at Ana's record."""
    visit.fay.get(f"/v1/patients/{visit.patient}")
    return visit.fay.acts[-1][3]


def test_who_looked_at_a_record(telectl, visit, seen, tmp_path):
    """Reported, searched, counted for a breach, proved, and verified offline."""
    rows = until(lambda: [row for row in lines(telectl(visit.aud, "report", "access", visit.patient, "--json", *EVER))
                          if row["act"] == seen], "the act in the log", 30)
    assert [(row["actor"], row["role"], row["outcome"]) for row in rows] == [(visit.fay.id, "front_desk", "done")]
    found = lines(telectl(visit.aud, "audit", "search", "--person", visit.fay.id, "--action", rows[0]["action"], "--json"))
    assert seen in [row["act"] for row in found]
    reached = lines(telectl(visit.door.person("pri"), "breach", "scope", "--person", visit.fay.id, *EVER, "--json"))
    assert visit.patient in [row["patient_id"] for row in reached]
    done = telectl(visit.aud, "audit", "prove", rows[0]["id"], "--out", tmp_path / "proof")
    assert done.returncode == 0 and done.stdout.startswith("proved: "), done
    assert telectl(visit.aud, "audit", "export", tmp_path / "log").returncode == 0
    done = telectl(None, "audit", "verify", "--dir", tmp_path / "log")
    assert done.returncode == 0 and done.stdout.endswith(" entries\n"), done


def test_reports(telectl, visit):
    """What was told to others about Ana, and who has which role; as tables too."""
    sent = [row["recipient"] for row in lines(telectl(visit.aud, "report", "disclosures", visit.patient, "--json", *EVER))]
    assert "pharmacy" in sent
    members = {row["person"]: row["role"] for row in lines(telectl(visit.aud, "access-review", "--json"))}
    assert (members[visit.fay.id], members[visit.dr_lee.id]) == ("front_desk", "clinician")
    for words in (("audit", "tail", "--limit", "3"), ("report", "access", visit.patient, "--limit", "3")):
        done = telectl(visit.aud, *words)
        assert done.returncode == 0 and len(done.stdout.splitlines()) == 4 and done.stdout.startswith("at "), done


def test_a_hold_and_the_end_of_a_shard(telectl, visit):
    pri = visit.door.person("pri")
    hold, = lines(telectl(pri, "audit", "hold", "--patient", visit.patient, "--reason", "litigation"))
    standing = {row["id"]: row["state"] for row in lines(telectl(visit.aud, "audit", "holds", "--json"))}
    assert standing[hold["id"]] == "open"
    lifted, = lines(telectl(pri, "audit", "lift", hold["id"], "--reason", "settled"))
    assert (lifted["state"], lifted["lift_reason"]) == ("lifted", "settled")
    shard = visit.vkey.split("+")[0].rpartition("/")[2]
    done = telectl(pri, "audit", "destroy", shard)      # it is written now
    assert done.returncode == 1 and "409" in done.stderr, done
    assert lines(telectl(visit.aud, "audit", "destructions", "--json")) == []


def test_who_may_not(telectl, visit):
    for who, words, said in ((visit.fay, ("audit", "tail"), "policy matrix"), (None, ("audit", "tail"), "TELECURA_TOKEN"),
                             (visit.aud, ("audit", "hold", "--reason", "none of theirs"), "policy matrix")):
        done = telectl(who, *words)
        assert done.returncode == 1 and said in done.stderr, (words, done)
