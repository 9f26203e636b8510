"""machine - API clients at the identity provider: registered with a public key, known by what it signs.

usage: machine.py [--run .run] register NAME PUBLIC.pem --may read_visit,read_demographics
       machine.py [--run .run] token NAME PRIVATE.pem [--may read_visit]      prints an access token

The key is P-256; its private half never leaves who made it:
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out PRIVATE.pem
    openssl pkey -in PRIVATE.pem -pubout -out PUBLIC.pem
`register` is for who runs the suite: it needs the provider's administrator (a secret of the run
folder) and its inner port. `token` is what the client itself does, by private_key_jwt (RFC 7523): it
signs an assertion that lives a minute and serves once. docs/how-to/api-clients.md goes through both.
"""
import argparse
import base64
import json
import pathlib
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import login
import realm
from place import Place

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_S = 60


class MachineError(Exception):
    pass


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


# ---- at the identity provider ----

class Provider:
    """Its administration, on the inner port: the gateway lets nobody there."""

    def __init__(self, place):
        self.base = place.keycloak_url
        context = ssl.create_default_context(cafile=place.ca_file)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPSHandler(context=context))
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin",
                "password": place.secret("keycloak-admin")}
        answer = self.opener.open(f"{self.base}/realms/master/protocol/openid-connect/token",
                                  urllib.parse.urlencode(form).encode(), timeout=20)
        self.token = json.load(answer)["access_token"]

    def post(self, path, body):
        request = urllib.request.Request(
            f"{self.base}/admin/realms/telecura/{path}", json.dumps(body).encode(), method="POST",
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"})
        try:
            self.opener.open(request, timeout=20).close()
        except urllib.error.HTTPError as error:
            raise MachineError(f"the identity provider answered {error.code}: {error.read()[:200]}") from None


def jwk(public_pem):
    """RFC 7517, of a P-256 key: its SPKI ends with the point."""
    der = openssl("pkey", "-pubin", "-in", str(public_pem), "-outform", "DER")
    if len(der) != 91 or der[26] != 4:
        raise MachineError("that is no public key of P-256")
    return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": str(uuid.uuid4()),
            "x": base64url(der[27:59]), "y": base64url(der[59:91])}


def client(name, key, may):
    """No page, no password, no refresh: a token of five minutes for each assertion."""
    wanted = [f"may:{action}" for action in may]
    unknown = set(wanted) - set(realm.scopes())
    if unknown:
        raise MachineError(f"no machine may: {', '.join(sorted(unknown))}")
    return {
        "clientId": name, "enabled": True, "publicClient": False, "serviceAccountsEnabled": True,
        "standardFlowEnabled": False, "directAccessGrantsEnabled": False, "fullScopeAllowed": False,
        "clientAuthenticatorType": "client-jwt",
        "attributes": {
            "use.jwks.string": "true", "jwks.string": json.dumps({"keys": [key]}),
            "token.endpoint.auth.signing.alg": "ES256", "access.token.signed.response.alg": "ES256",
            "client_credentials.use_refresh_token": "false", "access.token.lifespan": "300"},
        "defaultClientScopes": ["basic", "telecura-machine"], "optionalClientScopes": wanted}


def register(place, name, public_pem, may):
    Provider(place).post("clients", client(name, jwk(public_pem), may))


# ---- the client's own part ----

def raw_signature(der):
    """r and s, 32 bytes each, of ECDSA's SEQUENCE of two INTEGERs."""
    at, parts = 2, []
    for _ in range(2):
        size = der[at + 1]
        parts.append(int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(32, "big"))
        at += 2 + size
    return b"".join(parts)


def assertion(issuer, name, private_pem, **change):
    """What the client signs; @change is for who tries wrong ones."""
    now = int(time.time())
    claims = {"iss": name, "sub": name, "aud": issuer, "jti": str(uuid.uuid4()), "iat": now,
              "exp": now + ASSERTION_S, **change}
    text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "JWT"}, claims))
    signed = openssl("dgst", "-sha256", "-sign", str(private_pem), data=text.encode())
    return f"{text}.{base64url(raw_signature(signed))}"


def ask(browser, issuer, shown, may):
    """(status, the answer) of the token endpoint."""
    scope = {"scope": " ".join(f"may:{action}" for action in may)} if may else {}
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": shown, **scope}
    status, _, text = browser.open(f"{issuer}/protocol/openid-connect/token", form)
    return status, json.loads(text)


def token(run, name, private_pem, may):
    parts = json.loads((pathlib.Path(run) / "parts.json").read_text())
    shown = assertion(parts["issuer"], name, private_pem)
    status, said = ask(login.Browser(parts["ca_file"]), parts["issuer"], shown, may)
    if status != 200:
        raise MachineError(f"no token: {said.get('error_description', said)}")
    return said["access_token"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=".run", type=pathlib.Path)
    parser.add_argument("deed", choices=["register", "token"])
    parser.add_argument("name")
    parser.add_argument("key", type=pathlib.Path)
    parser.add_argument("--may", default="", help="actions of permissions.def, in small letters, with commas")
    wanted = parser.parse_args()
    may = [action for action in wanted.may.split(",") if action]
    try:
        if wanted.deed == "register":
            register(Place(wanted.run), wanted.name, wanted.key, may)
        else:
            print(token(wanted.run, wanted.name, wanted.key, may))
    except (MachineError, subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"machine: {error}")


if __name__ == "__main__":
    main()
