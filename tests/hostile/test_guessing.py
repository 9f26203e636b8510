"""Family 19: who guesses. What is guessed at is long, one wrong guess looks like any other, and each is on record.
Passwords and their lockout are the identity provider's: real/test_signing_in.py."""
import secrets
import uuid

import pytest

from telecura import OTHER_ORG
from world import World

pytestmark = pytest.mark.family(19)


@pytest.fixture(scope="module")
def code(house):
    """One that was given to somebody who has not come yet."""
    body = {"role": "nurse", "display_name": "Nobody Yet"}
    made = house.suite.service("access").post("/v1/people", body, who=house.person("admin", fresh=True))
    assert made.status == 201, made
    return made.json["sign_in_code"]


GUESSES = {
    "at random": lambda c: secrets.token_urlsafe(32), "cut": lambda c: c[:-1], "longer": lambda c: c + "A", "a letter off": lambda c:
    c[:-1] + ("A" if c[-1] != "A" else "B"), "the first off": lambda c: ("A" if c[0] != "A" else "B") + c[1:], "upper case": str.upper,
    "lower case": str.lower, "turned round": lambda c: c[::-1], "padded": lambda c: c + "=", "a space": lambda c: " " + c, "twice": lambda c: (c + c)[:100],
    "zeros": lambda c: "0" * 43, "a star": lambda c: "*", "a percent sign": lambda c: "%", "SQL": lambda c: "' OR '1'='1", "an id": lambda c: str(uuid.uuid4()),
    "half": lambda c: c[:21], "a NUL": lambda c: c[:20] + "\0", "wide": lambda c: "\uff21" * 43, "its last bit": lambda c: c[:-1] + chr(ord(c[-1]) ^ 1),
}


@pytest.mark.parametrize("name", GUESSES)
def test_a_wrong_code_is_a_wrong_code(house, code, name):
    """Near or far, the answer is one: nothing says how near."""
    guess = GUESSES[name](code)
    assert guess != code
    reply = house.suite.service("access").post("/v1/me/bind", {"code": guess}, who=house.nobody(), key="")
    assert (reply.status, reply.code) in ((409, "code_invalid"), (400, "bad_body")), reply
    if reply.status == 409:
        assert {k: v for k, v in reply.json.items() if k != "request_id"} == {
            "type": "/problems/code_invalid", "title": "That code is unknown, used or expired.", "status": 409,
            "code": "code_invalid", "retryable": False}


def test_the_code_itself_serves_once(house, code):
    access, who = house.suite.service("access"), house.nobody()
    assert access.post("/v1/me/bind", {"code": code}, who=who, key="").status == 200
    for asker in (who, house.nobody()):
        assert access.post("/v1/me/bind", {"code": code}, who=asker, key="").code in ("code_invalid", "conflict")


def test_a_code_is_long_and_of_chance(house):
    """43 digits of base64url: the house's id, and 128 bits of which no two are alike but by chance."""
    codes = []
    for _ in range(8):
        made = house.suite.service("access").post("/v1/people", {"role": "nurse", "display_name": "N"}, who=house.person("admin", fresh=True))
        codes.append(made.json["sign_in_code"])
    assert all(len(code) == 43 for code in codes)
    secret = [code[22:] for code in codes]
    assert all(sum(a == b for a, b in zip(one, other)) < 8 for one in secret for other in secret if one is not other)


@pytest.fixture(scope="module")
def link(house):
    """To a visit that is open, which its guest has not taken yet."""
    world = World(house)
    made = house.suite.service("access").post("/v1/guests", {
        "visit_id": world.arrived, "display_name": "Bo", "birth_date": "1961-04-30"}, who=world.who)
    assert made.status == 201, made
    return made.json["link"]


@pytest.mark.parametrize("name", GUESSES)
def test_a_wrong_link_is_no_link(house, link, name):
    """Who has none is nobody: one answer, and no row that a stranger could fill the record with."""
    body = {"link": GUESSES[name](link), "device": uuid.uuid4().hex, "birth_date": "1961-04-30"}
    count = "SELECT count(*) AS n FROM audit_outbox"
    before = house.rows("access", count)
    reply = house.suite.service("access").post("/v1/guests/enter", body, key="")
    assert (reply.status, reply.code) in ((404, "not_found"), (400, "bad_body")), reply
    assert house.rows("access", count) == before


def test_the_link_itself_was_there_to_be_guessed(house, link):
    body = {"link": link, "device": uuid.uuid4().hex, "birth_date": "1961-04-30"}
    assert house.suite.service("access").post("/v1/guests/enter", body, key="").status == 201


SEARCHES = [{"mrn": "1"}, {"phone": "+1 555 0100"}, {"email": "ana@example.org"}, {"family_name": "Quill", "birth_date": "1990-01-01"}]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: "+".join(search))
@pytest.mark.parametrize("who", ["a patient", "a clinician", "another house's desk"])
def test_a_search_tells_of_nobody_else(house, search, who):
    """Whether somebody is a patient here is itself a secret: found or not, the answer is an empty list."""
    desk, patients = house.person("front_desk"), house.suite.service("patients")
    body = {"family_name": "Quill", "given_name": "Ida", "birth_date": "1990-01-01", "gender": "female",
            **{k: v for k, v in search.items() if k != "mrn"}}
    unique = uuid.uuid4().hex[:12]
    wanted = {k: v if k in ("birth_date", "phone") else f"{unique}{v}" for k, v in search.items()}
    assert patients.post("/v1/patients", {**body, **wanted}, who=desk).status == 201
    asker = {"a patient": ("patient",), "a clinician": ("clinician",), "another house's desk": ("front_desk", OTHER_ORG)}[who]
    found = patients.post("/v1/patients/search", wanted, who=house.person(*asker))
    assert found.status == 200 and found.json["data"] == [], found
    assert len(patients.post("/v1/patients/search", wanted, who=desk).json["data"]) >= 1, "and it was there to be found"


@pytest.mark.parametrize("subject", ["", "unknown"])
def test_who_is_unknown_gets_one_answer_everywhere(house, subject):
    """Neither a house nor a role can be learnt by trying."""
    token, seen = house.nobody(), set()
    for name in ("patients", "appointments", "billing", "prescriptions", "audit"):
        path = {"patients": "/v1/patients", "appointments": "/v1/appointments", "billing": "/v1/invoices",
                "prescriptions": "/v1/prescriptions", "audit": "/v1/audit/events"}[name]
        headers = {"Telecura-Org": str(uuid.uuid4())} if subject else {}
        reply = house.suite.service(name).get(path, who=token, headers=headers)
        seen.add((reply.status, reply.code))
    assert seen == {(403, "forbidden")}
