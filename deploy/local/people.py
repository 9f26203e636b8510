"""people - the demo's organisations and people, with secrets made for this install alone.

<run>/people.json (0600) is the list that tests and the seed read. The identity provider gets them
as its realm's users (realm.py); `access` gets them as its first people. A person's subject at the
identity provider is chosen here, so that both sides agree without asking each other.
"""
import base64
import json
import secrets
import uuid

from place import write_file

# slug: name, sites (name, time zone)
ORGANISATIONS = {
    "riverside": ("Riverside Health", [("Riverside East", "America/New_York"),
                                       ("Riverside West", "America/Los_Angeles")]),
    "hillside": ("Hillside Clinic", [("Hillside", "Europe/Madrid")]),
}

# name, shown as, role, organisation, language
PEOPLE = [
    ("ana",    "Ana Reyes",     "patient",    "riverside", "de"),
    ("ben",    "Ben Okafor",    "patient",    "riverside", "en"),
    ("dr.lee", "Dr Morgan Lee", "clinician",  "riverside", "en"),
    ("dr.roy", "Dr Anjali Roy", "clinician",  "riverside", "en"),
    ("fay",    "Fay Lindt",     "front_desk", "riverside", "en"),
    ("nia",    "Nia Mensah",    "nurse",      "riverside", "en"),
    ("pia",    "Pia Costa",     "pharmacist", "riverside", "en"),
    ("bob",    "Bob Tanaka",    "biller",     "riverside", "en"),
    ("aud",    "Audrey Novak",  "auditor",    "riverside", "en"),
    ("pri",    "Priya Shah",    "privacy",    "riverside", "en"),
    ("adm",    "Adam Moreau",   "admin",      "riverside", "en"),
    ("sam",    "Sam Virtanen",  "patient",    "hillside",  "en"),
    ("dr.sol", "Dr Sol Herrera", "clinician", "hillside",  "en"),
    ("sue",    "Sue Park",      "front_desk", "hillside",  "en"),
]


def fixed_id(name):
    """Organisations and sites have the same ids in every install."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.telecura.example"))


def people(place):
    """The people of this install; made at the first call."""
    file = place.run / "people.json"
    if not file.exists():
        write_file(file, json.dumps([person(*row) for row in PEOPLE], indent=2) + "\n", 0o600)
    return json.loads(file.read_text())


def person(name, display_name, role, slug, language):
    made = {"name": name, "display_name": display_name, "role": role, "org": fixed_id(slug),
            "org_slug": slug, "language": language, "email": f"{name}@{slug}.example",
            "username": name, "password": secrets.token_urlsafe(18),
            "totp_secret": base64.b32encode(secrets.token_hex(10).encode()).decode(),
            "sub": str(uuid.uuid4()), "person_id": str(uuid.uuid4())}
    if role == "patient":
        made["patient_id"] = str(uuid.uuid4())
    return made


def write_for_access(place):
    """access.bootstrap_file: read at every start, who is there already is left alone."""
    rows = []
    for one in people(place):
        name, sites = ORGANISATIONS[one["org_slug"]]
        row = {"org_name": name, "issuer": place.issuer, "subject": one["sub"],
               "sites": [{"id": fixed_id(site.lower().replace(" ", "-")), "name": site,
                          "time_zone": zone} for site, zone in sites]}
        rows.append(row | {key: one[key] for key in ("org", "role", "display_name", "email",
                                                     "language", "person_id", "patient_id")
                           if key in one})
    write_file(place.run / "etc/first-people.json", json.dumps(rows, indent=1) + "\n", 0o600,
               place.owner("access"))
