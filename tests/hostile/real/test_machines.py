"""Family 3 at the identity provider: programs that are not who they say, or want more than they were given. A client
shows what its registered key has signed (private_key_jwt), once, and gets a token for five minutes."""
import base64
import json
import os
import re
import subprocess
import time
import uuid

import pytest

import login
import machine
from place import TREE

pytestmark = pytest.mark.family(3)
MAY = ["read_demographics", "read_people"]


def key_pair(folder, name):
    """(private, public): files that openssl makes, as the how-to says."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private],
                   check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private, public


class Feed:
    """A laboratory's program, registered, enrolled and bound."""

    def __init__(self, door, place, folder):
        self.door, self.name = door, f"feed-{uuid.uuid4().hex[:8]}"
        self.key, public = key_pair(folder, "feed")
        self.other_key, _ = key_pair(folder, "other")
        machine.register(place, self.name, public, MAY)
        self.issuer = door.parts["issuer"]
        admin = door.person("adm")
        self.person = admin.post("/v1/people", role="client", display_name="Laboratory feed")
        status, _ = self.post("/v1/me/bind", self.token(), {"code": self.person["sign_in_code"]})
        assert status == 200

    def ask(self, shown=None, may=MAY):
        shown = shown or machine.assertion(self.issuer, self.name, self.key)
        return machine.ask(login.Browser(self.door.parts["ca_file"]), self.issuer, shown, may)

    def token(self, may=MAY):
        status, said = self.ask(may=may)
        assert status == 200, said
        return said["access_token"]

    def get(self, path, token):
        status, _, body = self.door.request("GET", path, {"Authorization": f"Bearer {token}"})
        return status, json.loads(body)

    def post(self, path, token, body):
        status, _, text = self.door.request("POST", path, {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json", "If-Match": '"1"',
            "Idempotency-Key": str(uuid.uuid4())}, json.dumps(body))
        return status, json.loads(text)


@pytest.fixture(scope="module")
def feed(door, place, tmp_path_factory):
    return Feed(door, place, tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def ana(door):
    return door.person("ana")


def claims_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def test_a_program_does_what_its_scopes_and_its_role_leave_it(feed, ana):
    token = feed.token()
    said = claims_of(token)
    assert said["machine"] is True and said["exp"] - said["iat"] == 300
    assert "may:read_demographics" in said["scope"].split() and "may:read_chart" not in said["scope"]
    me = feed.get("/v1/me", token)[1]
    assert [one["role"] for one in me["memberships"]] == ["client"]
    assert feed.get(f"/v1/patients/{ana.patient}", token)[0] == 200
    assert feed.get(f"/v1/patients/{ana.patient}/allergies", token)[0] == 403, "the role may, the token may not"
    assert feed.get(f"/v1/patients/{ana.patient}", feed.token(["read_people"]))[0] == 403, "a narrower token"
    assert feed.get(f"/v1/patients/{ana.patient}", feed.token([]))[0] == 403


def test_what_a_person_answers_for_no_program_does(feed, ana):
    token = feed.token()
    for path, body in ((f"/v1/prescriptions/{uuid.uuid4()}/sign", {}), ("/v1/keys/rotate", {}),
                       ("/v1/break-glass", {"patient_id": ana.patient, "reason": "life", "text": "a faint in the street"}),
                       ("/v1/people", {"role": "admin", "display_name": "x"}), ("/v1/grants", {"visit_id": str(uuid.uuid4())})):
        status, said = feed.post(path, token, body)
        assert (status, said["code"]) == (403, "forbidden"), (path, said)


def test_an_assertion_serves_once(feed):
    shown = machine.assertion(feed.issuer, feed.name, feed.key)
    assert feed.ask(shown)[0] == 200
    status, said = feed.ask(shown)
    assert status in (400, 401) and "access_token" not in said


def test_it_asks_for_no_more_than_it_was_registered_with(feed):
    for may in (["read_chart"], ["sign_rx"], MAY + ["read_chart"]):
        status, said = feed.ask(may=may)
        assert status == 400 and said["error"] == "invalid_scope", (may, said)


def spoiled(**change):
    return lambda feed: machine.assertion(feed.issuer, feed.name, feed.key, **change)


NOT_ITS_WORD = {
    "another key": lambda feed: machine.assertion(feed.issuer, feed.name, feed.other_key),
    "expired": spoiled(iat=int(time.time()) - 700, exp=int(time.time()) - 640), "without an end": spoiled(exp=None),
    "for another reader": spoiled(aud="https://elsewhere.example/"), "for nobody": spoiled(aud=None), "of no id": spoiled(jti=None),
    "another's name": spoiled(iss="telectl", sub="telectl"), "two names": spoiled(sub="telectl"),
    "unsigned": lambda feed: machine.assertion(feed.issuer, feed.name, feed.key).rsplit(".", 1)[0] + ".",
    "alg none": lambda feed: base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + "."
    + machine.assertion(feed.issuer, feed.name, feed.key).split(".")[1] + ".", "nothing": lambda feed: "x.y.z",
}


@pytest.mark.parametrize("name", NOT_ITS_WORD)
def test_what_it_has_not_signed_so_is_no_word_of_its(feed, name):
    status, said = feed.ask(NOT_ITS_WORD[name](feed))
    assert status in (400, 401) and "access_token" not in said, said


def test_a_program_has_no_password(feed):
    browser = login.Browser(feed.door.parts["ca_file"])
    for form in ({"grant_type": "client_credentials", "client_id": feed.name},
                 {"grant_type": "client_credentials", "client_id": feed.name, "client_secret": "x"},
                 {"grant_type": "password", "client_id": feed.name, "username": "ana", "password": "x"}):
        status, _, said = browser.open(f"{feed.issuer}/protocol/openid-connect/token", form)
        assert status in (400, 401) and "access_token" not in said


def test_the_how_to_does_what_it_says(door, place, tmp_path):
    """Its commands, as they stand there."""
    page = (TREE / "docs/how-to/api-clients.md").read_text()
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)).replace("python3 deploy", f"python3 {TREE}/deploy")
    assert commands.count("machine.py") == 2
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "RUN": str(place.run), "ADMIN": door.person("adm").token})
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"role":"client"' in done.stdout and '"data":[' in done.stdout


def test_an_admin_ends_it(feed, door):
    token = feed.token()
    admin = door.person("adm")
    assert feed.get("/v1/sites", token)[0] in (200, 403)
    admin.post(f"/v1/people/{feed.person['person_id']}/disable")
    end = time.monotonic() + 10
    while feed.get("/v1/people?limit=1", token)[0] == 200:
        assert time.monotonic() < end, "not within 10 s"
        time.sleep(0.05)
    assert feed.get("/v1/people?limit=1", feed.token())[0] in (401, 403), "nor by a new token"
