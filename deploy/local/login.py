"""login - get a token as a person does: code + PKCE through the gateway, with a second factor.

usage: login.py [--run .run] [--acr 1|2] [--direct] NAME       prints the access token

NAME is a person of <run>/people.json. `--acr 2` steps up: password, then the TOTP code. `--direct`
asks the token endpoint with password and code (client telectl) instead of walking the forms.
Nothing is cached: each call is a new sign-in.
"""
import argparse
import base64
import hashlib
import hmac
import html
import http.cookiejar
import json
import pathlib
import re
import secrets
import ssl
import struct
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


class LoginError(Exception):
    pass


def totp(secret, now=None):
    """RFC 6238: six digits, 30 seconds, HMAC-SHA-1. @secret is base32, as an app would scan it."""
    counter = struct.pack(">Q", int(now or time.time()) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start:start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """One person's browser: cookies, our CA, and no redirect followed behind our back."""

    def __init__(self, ca_file):
        context = ssl.create_default_context(cafile=str(ca_file))
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context),
            NoRedirect(), urllib.request.HTTPCookieProcessor(self.cookies))

    def open(self, url, form=None):
        """(status, headers, text) of a GET, or of a POST when there is a form."""
        body = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            answer = self.opener.open(url, body, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, answer.read().decode()


def sign_in(browser, issuer, redirect_uri, person, acr="1", client_id="portal"):
    """The token endpoint's answer. The same @browser again steps up within its session."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    query = urllib.parse.urlencode({
        "client_id": client_id, "response_type": "code", "scope": "openid", "state": state,
        "redirect_uri": redirect_uri, "acr_values": acr, "code_challenge_method": "S256",
        "code_challenge": challenge.rstrip(b"=").decode()})
    step = browser.open(f"{issuer}/protocol/openid-connect/auth?{query}")
    for _ in range(4):      # password, code, and one wait for the next code
        status, headers, page = step
        if status in (302, 303):
            break
        action = re.search(r'<form[^>]*action="([^"]+)"', page)
        if status != 200 or not action:
            raise LoginError(f"the sign-in page answered {status} without a form")
        step = browser.open(html.unescape(action[1]), answers(page, person))
    if status not in (302, 303):
        raise LoginError("the identity provider keeps asking: wrong password or code")
    back = urllib.parse.parse_qs(urllib.parse.urlparse(headers["Location"]).query)
    if back.get("state") != [state] or "code" not in back:
        raise LoginError(f"no code came back: {back.get('error_description', back)}")
    return ask_token(browser, issuer, grant_type="authorization_code", client_id=client_id,
                     code=back["code"][0], redirect_uri=redirect_uri, code_verifier=verifier)


def answers(page, person):
    if 'name="password"' in page:
        return {"username": person["username"], "password": person["password"]}
    if 'name="otp"' in page and person.get("totp_secret"):
        return {"otp": totp(person["totp_secret"])}
    raise LoginError("the sign-in page asks for something that this person does not have")


def direct_grant(browser, issuer, person):
    code = {"totp": totp(person["totp_secret"])} if person.get("totp_secret") else {}
    return ask_token(browser, issuer, grant_type="password", client_id="telectl", scope="openid",
                     username=person["username"], password=person["password"], **code)


def ask_token(browser, issuer, **form):
    status, _, text = browser.open(f"{issuer}/protocol/openid-connect/token", form)
    if status != 200:
        raise LoginError(f"the token endpoint answered {status}: {text[:200]}")
    return json.loads(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=".run", type=pathlib.Path)
    parser.add_argument("--acr", default="1", choices=["1", "2"])
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("name")
    wanted = parser.parse_args()
    people = json.loads((wanted.run / "people.json").read_text())
    parts = json.loads((wanted.run / "parts.json").read_text())
    person = next((p for p in people if p["name"] == wanted.name), None)
    if not person:
        sys.exit(f"no such person; there are: {', '.join(p['name'] for p in people)}")
    browser = Browser(parts["ca_file"])
    if wanted.direct:
        token = direct_grant(browser, parts["issuer"], person)
    else:
        token = sign_in(browser, parts["issuer"], parts["gateway"] + "/", person, wanted.acr)
    print(token["access_token"])


if __name__ == "__main__":
    try:
        main()
    except LoginError as error:
        sys.exit(f"✗ {error}")
