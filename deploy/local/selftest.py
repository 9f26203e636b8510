"""selftest - is the door real? A few sign-ins and refusals through the gateway, in some seconds."""
import json
import ssl
import urllib.error
import urllib.request

import login
import people


def run(place):
    faults = 0
    for what, test in TESTS.items():
        try:
            test(place)
            print(f"✓ {what}")
        except Exception as error:      # a test says with any exception that it failed
            faults += 1
            print(f"✗ {what}: {error}")
    return 1 if faults else 0


def person(place, name):
    return next(p for p in people.people(place) if p["name"] == name)


def claims_of(token):
    body = token["access_token"].split(".")[1]
    return json.loads(login.base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"got {found}, wanted {wanted}")


def status_of(place, path, token=None, method="GET"):
    context = ssl.create_default_context(cafile=place.ca_file)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(place.gateway_url + path, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def everybody_has_a_token(place):
    for one in people.people(place):
        claims = claims_of(login.direct_grant(login.Browser(place.ca_file), place.issuer, one))
        expect((claims["sub"], claims["iss"], claims["aud"], claims["acr"]),
               (one["sub"], place.issuer, "telecura-api", "2"))


def password_then_step_up(place):
    browser, doctor = login.Browser(place.ca_file), person(place, "dr.lee")
    home = place.gateway_url + "/"
    first = claims_of(login.sign_in(browser, place.issuer, home, doctor, "1"))
    second = claims_of(login.sign_in(browser, place.issuer, home, doctor, "2"))
    expect((first["acr"], second["acr"], second["auth_time"] >= first["auth_time"]),
           ("1", "2", True))


def wrong_password_is_refused(place):
    stranger = person(place, "ana") | {"password": "not the password"}
    try:
        login.direct_grant(login.Browser(place.ca_file), place.issuer, stranger)
    except login.LoginError:
        return
    raise AssertionError("it was accepted")


def no_token_no_entry(place):
    ana = login.direct_grant(login.Browser(place.ca_file), place.issuer, person(place, "ana"))
    token = ana["access_token"]
    forged = token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8)
    expect([status_of(place, "/v1/me"), status_of(place, "/v1/me", forged),
            status_of(place, "/v1/me", token) in (200, 404, 503)], [401, 401, True])


def bad_requests_are_refused(place):
    expect([status_of(place, "/v1/%00"), status_of(place, "/v1/me", method="TRACE"),
            status_of(place, "/idp/admin/"), status_of(place, "/v1/nothing")],
           [400, 405, 404, 404])


TESTS = {
    "everybody gets a token by password and code": everybody_has_a_token,
    "password alone is acr 1, a code steps up to 2": password_then_step_up,
    "a wrong password is refused": wrong_password_is_refused,
    "no token or a forged one: 401": no_token_no_entry,
    "what is malformed or unknown is refused": bad_requests_are_refused,
}
