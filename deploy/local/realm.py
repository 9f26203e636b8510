"""realm - the demo realm: who may sign in, with secrets made for this install alone.

deploy/keycloak/telecura-realm.json holds clients, scopes, keys and flows. This module adds the
people and the gateway's address, and keeps the secrets in <run>/people.json (0600). A person's
subject is chosen here, so that the seed can bind it without asking Keycloak. Roles are not in the
token: `access` knows them by the subject.
"""
import base64
import json
import secrets
import uuid

from place import TREE, write_file

# name, first and last name, role, organisation
PEOPLE = [
    ("ana",    "Ana",    "Reyes",   "patient",    "riverside"),
    ("ben",    "Ben",    "Okafor",  "patient",    "riverside"),
    ("dr.lee", "Morgan", "Lee",     "clinician",  "riverside"),
    ("dr.roy", "Anjali", "Roy",     "clinician",  "riverside"),
    ("fay",    "Fay",    "Lindt",   "front_desk", "riverside"),
    ("nia",    "Nia",    "Mensah",  "nurse",      "riverside"),
    ("pia",    "Pia",    "Costa",   "pharmacist", "riverside"),
    ("bob",    "Bob",    "Tanaka",  "biller",     "riverside"),
    ("aud",    "Audrey", "Novak",   "auditor",    "riverside"),
    ("pri",    "Priya",  "Shah",    "privacy",    "riverside"),
    ("adm",    "Adam",   "Moreau",  "admin",      "riverside"),
    ("sam",    "Sam",    "Virtanen", "patient",   "hillside"),
    ("dr.sol", "Sol",    "Herrera", "clinician",  "hillside"),
    ("sue",    "Sue",    "Park",    "front_desk", "hillside"),
]


def people(place):
    """The people of this install; made at the first call."""
    file = place.run / "people.json"
    if not file.exists():
        made = [{"name": name, "username": name, "first_name": first, "last_name": last,
                 "email": f"{name}@{org}.example", "role": role, "org_slug": org,
                 "sub": str(uuid.uuid4()), "password": secrets.token_urlsafe(18),
                 "totp_secret": base64.b32encode(secrets.token_hex(10).encode()).decode()}
                for name, first, last, role, org in PEOPLE]
        write_file(file, json.dumps(made, indent=2) + "\n", 0o600)
    return json.loads(file.read_text())


def write(place):
    """The import file for Keycloak's first start; removed again once it has been read."""
    realm = json.loads((TREE / "deploy/keycloak/telecura-realm.json").read_text())
    for client in realm["clients"]:
        if client["clientId"] == "portal":
            client["rootUrl"] = place.gateway_url
            client["redirectUris"] = [place.gateway_url + "/*"]
    realm["users"] = [keycloak_user(person) for person in people(place)]
    write_file(import_file(place), json.dumps(realm), 0o600, place.owner("keycloak"))


def import_file(place):
    return place.run / "keycloak/data/import/telecura-realm.json"


def keycloak_user(person):
    otp = {"value": base64.b32decode(person["totp_secret"]).decode()}
    policy = {"subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1"}
    return {
        "id": person["sub"], "username": person["username"], "email": person["email"],
        "firstName": person["first_name"], "lastName": person["last_name"],
        "enabled": True, "emailVerified": True,
        "credentials": [
            {"type": "password", "value": person["password"]},
            {"type": "otp", "secretData": json.dumps(otp), "credentialData": json.dumps(policy)},
        ],
    }
