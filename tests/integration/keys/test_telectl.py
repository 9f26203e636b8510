"""The operator's command line: keys, holds, erasures; each step is the person's, on record as theirs."""
import json
import os
import subprocess

from canary import Canary
from telecura import bin_folder


def telectl(services, who, *words, said=None):
    plain = services["access"].settings["http_plain"]
    done = subprocess.run([f"{bin_folder()}/telectl", *words, "--url", f"http://{plain}"], capture_output=True,
                          text=True, timeout=60, input=said, env={**os.environ, "TELECURA_TOKEN": who.token})
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_keys_are_looked_at_turned_and_renewed(suite, services, people, record):
    before = telectl(services, people["auditor"], "keys", "status")
    assert before["provider"] == "file" and before["healthy"]
    newest = max(kek["version"] for kek in before["keks"])
    assert "403 forbidden" in telectl(services, people["auditor"], "keys", "rotate")
    after = telectl(services, people["admin"], "keys", "rotate")
    assert max(kek["version"] for kek in after["keks"]) == newest + 1
    services["keyd"].wait_for(f"SELECT count(*) = 0 FROM dek WHERE kek = {newest} AND wrapped IS NOT NULL", 30)
    assert suite.audit("access", action="kek.rotate", outcome="done")[-1]["actor"] == people["admin"].id
    patient = record(Canary())
    assert telectl(services, people["admin"], "keys", "renew", patient.id, "--domain", "chart") == {"renewed": 1}
    assert telectl(services, people["admin"], "keys", "renew", "--domain", "idx") == {"renewed": 1}
    services["patients"].stop()     # it may have keys cached that are renewed already
    services["patients"].start()
    record(Canary())
    for domain in ("audit", "mac"):
        services["keyd"].wait_for(f"SELECT count(*) > 0 FROM dek WHERE domain = '{domain}' AND state = 'active'", 30)
        assert telectl(services, people["admin"], "keys", "renew", "--domain", domain)["renewed"] >= 1


def test_a_hold_an_erasure_and_their_lists(suite, services, people, record):
    patient = record(Canary())
    hold = telectl(services, people["privacy"], "hold", "place", patient.id, "--reason", "-", said="complaint\n")
    assert (hold["patient_id"], hold["reason"]) == (patient.id, "complaint"), "no list of processes shows it"
    assert "on_hold" in telectl(services, people["privacy"], "erase", "ask", patient.id, "--reason", "request")
    assert hold["id"] in [row["id"] for row in telectl(services, people["privacy"], "hold", "list")["data"]]
    assert telectl(services, people["privacy"], "hold", "release", hold["id"])["released_by"] == people["privacy"].id
    asked = telectl(services, people["privacy"], "erase", "ask", patient.id, "--reason", "request")
    assert "second_person_required" in telectl(services, people["privacy"], "erase", "approve", asked["id"])
    assert telectl(services, people["admin"], "erase", "refuse", asked["id"])["state"] == "refused"
    assert telectl(services, people["auditor"], "erase", "show", asked["id"])["state"] == "refused"
    assert asked["id"] in [row["id"] for row in telectl(services, people["auditor"], "erase", "list")["data"]]
