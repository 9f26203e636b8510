"""Family 6: grants that were not given so. Each is shown to both services that have sockets: nothing opens, the
try is on record, and no channel and no call come to be."""
import base64
import json
import struct
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import paseto
from routes import spread
from telecura import ORG, OTHER_ORG, rfc3339
from ws import Closed, Refused, connect

pytestmark = pytest.mark.family(6)
ID = "00000000-0000-4000-8000-000000000001"
PATHS = {"messaging": "/v1/stream", "signaling": "/v1/calls/{channel}"}
OPENS = {"messaging": "channel.open", "signaling": "call.join"}
REFUSED = {"grant_required", "grant_expired", "not_found", "consent_required", "forbidden", "unauthenticated", "bad_body"}


def claims(**more):
    return lambda v, who: v.grant(who, **more)


def at(minted_s, ends_s):
    return lambda v, who: v.grant(who, minted_at=rfc3339(v.grants.suite.now_s() + minted_s),
                                  ends_at=rfc3339(v.grants.suite.now_s() + ends_s))


def text(change):
    return lambda v, who: change(v.grant(who))


def resigned(change):
    """Signed by the right key over other bytes: @change(signer, payload) -> (header, payload, footer, assertion)."""
    def run(v, who):
        signer, raw = v.grants.signer, paseto.decode(v.grant(who).split(".")[2])
        header, payload, footer, purpose = change(signer, raw[:-64])
        pieces = (header, payload, footer, purpose)
        signed = struct.pack("<Q", 4) + b"".join(struct.pack("<Q", len(p)) + p for p in pieces)
        return header.decode() + paseto.encode(payload + signer.key.sign(signed)) + "." + paseto.encode(footer)
    return run


def flipped(at_bit):
    def run(grant):
        head, body, foot = grant.rsplit(".", 2)
        raw = bytearray(paseto.decode(body))
        raw[at_bit // 8] ^= 1 << at_bit % 8
        return ".".join((head, paseto.encode(bytes(raw)), foot))
    return text(run)


GRANTS = {
    "the clinician's": lambda v, who: v.grant(v.clinician), "another visit's": lambda v, who: v.grants.visit().grant(who),
    "another signer's": lambda v, who: v.grant(who, signer=paseto.Signer()), "a visit pass": lambda v, who: v.grant(who, purpose="pass"),
    "of no purpose": lambda v, who: v.grant(who, purpose=""), "of a wider purpose": lambda v, who: v.grant(who, purpose="grants"),
    "expired by 61 s": at(-661, -61), "expired long ago": at(-86400, -86000), "not begun": at(3600, 4200), "ends before it begins": at(0, -600),
    "for an hour, a patient's": at(0, 3600), "for a day": at(0, 86400), "an end that is no time": claims(ends_at="not a time"), "without an end": claims(ends_at=None), "without a beginning": claims(minted_at=None),
    "an end that is a number": claims(ends_at=4102444800), "another organisation's": claims(org=OTHER_ORG), "of no organisation": claims(org=None),
    "of nobody": claims(person=None), "of another person": claims(person=ID), "an id that is none": claims(id="1"),
    "no visit": claims(visit=None), "no channel": claims(channel=None), "a star for a channel": claims(channel="*"),
    "a prefix of the channel": lambda v, who: v.grant(who, channel=v.channel[:8]), "a longer channel": lambda v, who: v.grant(who, channel=v.channel + "2"),
    "channels": lambda v, who: v.grant(who, channel=[v.channel]), "a pattern": claims(channel="consultation.provider_1.*"),
    "another patient": claims(patient=ID), "no patient": claims(patient=None), "no rights": claims(rights=""), "rights of nothing": claims(rights=None),
    "a right more": claims(rights="chat call admin"), "rights with a star": claims(rights="*"), "chat*": claims(rights="chat*"),
    "rights in a list": claims(rights=["chat", "call"]), "upper case": claims(rights="CHAT CALL"), "only another right": claims(rights="file"),
    "no role": claims(role=None), "acting as admin": claims(**{"as": "admin"}), "SQL for an id": claims(id="' OR 1=1 --"),
    "cut": text(lambda g: g[:-9]), "cut in the claims": text(lambda g: g[:60]), "longer": text(lambda g: g + "A"), "padded": text(lambda g: g + "=="),
    "a dot behind": text(lambda g: g + "."), "no footer": text(lambda g: g.rsplit(".", 1)[0]), "another footer": text(lambda g: g.rsplit(".", 1)[0] + ".AAAA"),
    "a footer of JSON": text(lambda g: g.rsplit(".", 1)[0] + "." + paseto.encode(b'{"kid":"x"}')), "v2": text(lambda g: g.replace("v4", "v2")),
    "v3": text(lambda g: g.replace("v4", "v3")), "v1": text(lambda g: g.replace("v4", "v1")), "local": text(lambda g: g.replace("public", "local")),
    "upper case header": text(lambda g: g.replace("v4.public", "V4.PUBLIC")), "no header": text(lambda g: g[10:]), "a JWT": lambda v, who: who.token,
    "spaces": text(lambda g: f" {g} "), "a line end": text(lambda g: g + "\n"), "standard base64": text(lambda g: g.replace("-", "+").replace("_", "/") + "+"),
    "nothing": text(lambda g: ""), "a header alone": text(lambda g: "v4.public."), "AAAA": text(lambda g: "v4.public.AAAA"), "a NUL": text(lambda g: g + "\0"),
    "twice": text(lambda g: g + g), "8 KiB": claims(x="a" * 8000), **{f"bit {n} flipped": flipped(n) for n in (0, 9, 100, 777, 1500)},
    "a signature of zeros": text(lambda g: ".".join((*g.split(".")[:2], paseto.encode(paseto.decode(g.split(".")[2])[:-64] + bytes(64)), g.split(".")[3]))),
    "no pre-authentication": lambda v, who: unbound(v, who),
    "claims twice": resigned(lambda s, p: (b"v4.public.", p[:-1] + b',"person":"%s"}' % ID.encode(), s.kid.encode(), b"grant")),
    "claims and more": resigned(lambda s, p: (b"v4.public.", p + b"{}", s.kid.encode(), b"grant")),
    "claims in a list": resigned(lambda s, p: (b"v4.public.", b"[" + p + b"]", s.kid.encode(), b"grant")),
    "no claims": resigned(lambda s, p: (b"v4.public.", b"", s.kid.encode(), b"grant")),
    "deep claims": resigned(lambda s, p: (b"v4.public.", b"[" * 2000, s.kid.encode(), b"grant")),
    "claims of another version": resigned(lambda s, p: (b"v3.public.", p, s.kid.encode(), b"grant")),
    "a key of the forger under our id": lambda v, who: stolen_name(v, who),
}


def unbound(v, who):
    """Signed over the claims alone, as one would who has not read the standard."""
    signer, raw = v.grants.signer, paseto.decode(v.grant(who).split(".")[2])
    return "v4.public." + paseto.encode(raw[:-64] + signer.key.sign(raw[:-64])) + "." + paseto.encode(signer.kid.encode())


def stolen_name(v, who):
    forger = paseto.Signer()
    forger.key, forger.kid = Ed25519PrivateKey.generate(), v.grants.signer.kid
    return v.grant(who, signer=forger)


@pytest.fixture(scope="module")
def visit(house):
    return house.grants.visit()


def tried(house, service, visit, who, grant, channel=None):
    """The code by which it is refused."""
    path = PATHS[service].format(channel=channel or visit.channel)
    with connect(house.suite.service(service), path) as ws:
        with pytest.raises((Refused, Closed)) as ended:
            ws.ask("connect", token=who.token, grant=grant)
        return ended.value.code


@pytest.mark.parametrize("service,name", spread(PATHS, GRANTS))
def test_a_grant_that_was_not_given_so(house, visit, service, name):
    who = visit.patient
    last = f"SELECT error, outcome FROM audit_outbox WHERE actor = '{who.id}' AND action = '{OPENS[service]}'"
    before = len(house.rows(service, last))
    code = tried(house, service, visit, who, GRANTS[name](visit, who))
    assert code in REFUSED | {4500}, code
    assert (code == "grant_expired") == name.startswith("expired"), code
    if code != 4500:
        rows = house.rows(service, last)
        assert len(rows) == before + 1 and {row["outcome"] for row in rows} == {"refused"}


@pytest.mark.parametrize("service", PATHS)
def test_the_grant_that_was_given_opens(house, service):
    """Else all of the above might be refused for something else."""
    visit = house.grants.visit()
    with connect(house.suite.service(service), PATHS[service].format(channel=visit.channel)) as ws:
        ws.ask("connect", token=visit.patient.token, grant=visit.grant(visit.patient))


@pytest.mark.parametrize("whose", ["a stranger's", "another patient's", "another organisation's", "nobody's", "the clinician's"])
@pytest.mark.parametrize("service", PATHS)
def test_a_grant_in_other_hands_opens_nothing(house, visit, service, whose):
    """Replayed with a token that is sound, by who has seen it pass."""
    hands = {"a stranger's": lambda: house.person("clinician"), "another patient's": lambda: house.person("patient"),
             "another organisation's": lambda: house.person("clinician", OTHER_ORG), "the clinician's": lambda: visit.clinician,
             "nobody's": lambda: type(visit.patient)(str(uuid.uuid4()), ORG, "patient", "sub-x", token=house.nobody())}
    assert tried(house, service, visit, hands[whose](), visit.grant(visit.patient)) in REFUSED


@pytest.mark.parametrize("channel", ["another", "a prefix", "nothing"])
def test_a_grant_of_another_call_opens_none(house, visit, channel):
    other = {"another": str(uuid.uuid4()), "a prefix": visit.channel[:-1] + "0" if visit.channel[-1] != "0" else visit.channel[:-1] + "1",
             "nothing": ID}[channel]
    assert tried(house, "signaling", visit, visit.patient, visit.grant(visit.patient), channel=other) in REFUSED


PASSES = {
    "a grant": lambda v: v.grant(v.patient), "a token": lambda v: v.patient.token, "nothing": lambda v: "x", "AAAA": lambda v: "v4.public.AAAA.AAAA",
    "of another key": lambda v: paseto.Signer().sign({"org": ORG, "visit": v.id, "patient": v.patient.patient}, "pass"),
    "base64": lambda v: base64.b64encode(json.dumps({"visit": v.id}).encode()).decode(), "JSON": lambda v: json.dumps({"visit": v.id}),
    "long": lambda v: "v4.public." + "A" * 4000, "a NUL": lambda v: "v4.public.\0", "SQL": lambda v: "' OR 1=1 --",
}


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("who", ["patient", "clinician"])
def test_a_pass_that_is_none_gets_no_grant(house, visit, who, name):
    asker = getattr(visit, who)
    reply = house.suite.service("access").post("/v1/grants", {"pass": PASSES[name](visit)}, who=asker)
    assert reply.status in (400, 403, 404, 422), reply
    (row,) = house.rows("access", f"SELECT outcome, actor FROM audit_outbox WHERE act = '{reply.json['request_id']}'")
    assert row == {"outcome": "refused", "actor": asker.id}
