"""realm - the identity provider's realm: clients, keys and flows, and the demo's people.

deploy/keycloak/telecura-realm.json holds what is the same everywhere; this adds the gateway's
address, the scopes of machines and the users. Roles are not in the token: `access` knows them by the
subject. A scope is an action that permissions.def leaves to the role client (machine.py).
"""
import base64
import json
import re

import people
from place import TREE, write_file


PERMISSION_ROW = re.compile(r"^PERM\((\w+),((?: *\w+,){12})", re.M)


def scopes():
    """may:read_visit, ...: the client's column is the last of the roles'."""
    text = (TREE / "common/app/permissions.def").read_text()
    return [f"may:{name.lower()}" for name, cells in PERMISSION_ROW.findall(text)
            if cells.split(",")[11].strip() != "NO" and name != "BIND_SELF"]


def write(place):
    """The import file for Keycloak's first start; removed again once it has been read."""
    realm = json.loads((TREE / "deploy/keycloak/telecura-realm.json").read_text())
    for client in realm["clients"]:
        if client["clientId"] == "portal":
            client["rootUrl"] = place.gateway_url
            client["redirectUris"] = [place.gateway_url + "/*"]
    realm["clientScopes"] += [{"name": scope, "protocol": "openid-connect",
                               "attributes": {"include.in.token.scope": "true"}} for scope in scopes()]
    # Programs sign the demo's people in again and again within the half minute of a code.
    realm["otpPolicyCodeReusable"] = True
    realm["users"] = [user(person) for person in people.people(place)]
    write_file(import_file(place), json.dumps(realm), 0o600, place.owner("keycloak"))


def import_file(place):
    return place.run / "keycloak/data/import/telecura-realm.json"


def user(person):
    first, last = person["display_name"].rsplit(" ", 1)
    otp = {"value": base64.b32decode(person["totp_secret"]).decode()}
    policy = {"subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1"}
    return {
        "id": person["sub"], "username": person["username"], "email": person["email"],
        "firstName": first, "lastName": last, "enabled": True, "emailVerified": True,
        "credentials": [
            {"type": "password", "value": person["password"]},
            {"type": "otp", "secretData": json.dumps(otp), "credentialData": json.dumps(policy)},
        ],
    }
