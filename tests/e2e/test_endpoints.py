"""What `make up` writes for clients, .run/endpoints.json: each line of it is true, and nothing else is in it."""
import base64
import hashlib
import json
import pathlib
import smtplib
import socket
import subprocess
import urllib.request

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import doctor
import login
import mainjob
import probe
from place import GROUP_ID, SERVICES

KEYS = {"gateway", "ca_file", "issuer", "token_endpoint", "openapi", "kafka", "postgres_socket", "redis", "turn",
        "smtp_sink", "canary", "audit_log", "people"}
OF_A_PERSON = {"name", "display_name", "role", "org", "username", "password", "totp_secret", "person_id"}


@pytest.fixture(scope="module")
def endpoints(place):
    file = place.run / "endpoints.json"
    assert file.stat().st_mode & 0o777 == 0o600
    return json.loads(file.read_text())


def test_its_keys(endpoints):
    assert endpoints.keys() == KEYS and endpoints["audit_log"].keys() == {"origin", "vkey", "url"}
    for one in endpoints["people"]:
        assert one.keys() - {"patient_id"} == OF_A_PERSON and ("patient_id" in one) == (one["role"] == "patient")
    for name in ("ca_file", "postgres_socket", "redis"):
        assert pathlib.Path(endpoints[name]).is_absolute() and pathlib.Path(endpoints[name]).exists(), name


def test_everything_answers_there(place, endpoints):
    with socket.create_connection(endpoints["kafka"].rsplit(":", 1), 5), \
            smtplib.SMTP(*endpoints["smtp_sink"].rsplit(":", 1)) as smtp:
        assert smtp.noop()[0] == 250
    for path in (endpoints["redis"], endpoints["postgres_socket"]):
        probe.unix(path).close()
    assert endpoints["turn"].split("?")[0] == f"turn:127.0.0.1:{place.port('turn')}"
    probe.turn(place)


def test_who_reads_it_can_sign_in(endpoints):
    browser = login.Browser(endpoints["ca_file"])
    assert endpoints["token_endpoint"].startswith(endpoints["issuer"] + "/")
    status, _, text = browser.open(endpoints["openapi"])        # needs no token
    assert status == 200 and "/v1/me" in json.loads(text)["paths"]
    ana = next(one for one in endpoints["people"] if one["name"] == "ana")
    answer = login.direct_grant(browser, endpoints["issuer"], ana)
    status, headers, _ = browser.open(endpoints["gateway"] + "/")
    assert answer["access_token"] and status == 200


def test_the_log_is_that_one_and_signed_with_that_key(door, endpoints):
    """A signed note (c2sp.org/signed-note), checked by what is written there alone."""
    log = endpoints["audit_log"]
    assert log["url"].startswith(endpoints["gateway"] + "/")
    note = door.person("aud").get(log["url"].removeprefix(endpoints["gateway"]) + "/checkpoint")
    text, signatures = note.split("\n\n")
    assert door.person("aud").get("/v1/audit/checkpoint").startswith(log["origin"] + "\n"), "the log without a name"
    name, key_hash, key = log["vkey"].split("+", 2)
    key = base64.b64decode(key)
    assert text.splitlines()[0] == name == log["origin"]
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_hash
    signed, = [base64.b64decode(line.split()[2]) for line in signatures.splitlines() if line.split()[1] == name]
    assert signed[:4].hex() == key_hash
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signed[4:], text.encode() + b"\n")


def test_the_story_leaves_nothing_outside(place, visit):
    """What a step keeps for a moment lies under the run folder, too."""
    seen = []
    mainjob.tell(place, "looks", lambda tmp_path: seen.append(tmp_path), visit)
    assert seen[0].is_relative_to(place.run) and not seen[0].exists()


# ---- the processes ----

def test_each_service_runs_under_its_own_uid(place):
    parts = doctor.read_state(place)
    uids = {name: pathlib.Path(f"/proc/{parts[name]['pid']}").stat().st_uid for name in [*SERVICES, "gateway", "turn"]}
    if place.owner("access")[0] == place.owner("audit")[0]:
        assert set(uids.values()) == {place.owner("access")[0]}     # an ordinary user's suite is all his
    else:
        assert len(set(uids.values())) == len(uids) and min(uids.values()) > GROUP_ID


def test_every_service_is_alive_and_telectl_says_so(place):
    for name in SERVICES:
        with urllib.request.urlopen(f"http://127.0.0.1:{place.inner_port(name)}/health/live", timeout=5) as answer:
            assert answer.status == 200, name
    done = subprocess.run([place.bin / "telectl", "--run", place.run, "status"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    said = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
    assert set(SERVICES) <= said.keys() and set(said.values()) == {"ready"}
