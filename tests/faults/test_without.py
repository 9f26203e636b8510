"""What stops and what goes on without each part (docs/architecture: "without"), row by row.

The part is taken away, and the supervisor is told to leave it away; what is asked meanwhile is
what people do. Then it comes back: nothing that was acknowledged is lost, and its effects arrive.
"""
import contextlib
import ssl
import time
import types
import uuid

import pytest

import ws
from door import Refused, refusal, until
from parts import patiently
from turn import relay
from visit import book, enter

POLL_S = 1


@pytest.fixture(scope="module")
def grants(clinic):
    """Ben is with Dr Roy all the time."""
    path, made = enter(clinic.ben, clinic.dr_roy)
    yield made
    clinic.dr_roy.put(f"{path}/note", text="Nothing to say.")
    clinic.dr_roy.post(f"{path}/end")


@contextlib.contextmanager
def at_replica(place, name, person, grant):
    """A chat with this replica of messaging, as the gateway would open it."""
    context = ssl.create_default_context(cafile=place.ca_file)
    context.load_cert_chain(place.run / "tls/gateway.crt", place.run / "tls/gateway.key")
    service = types.SimpleNamespace(port=place.port(name))
    with ws.connect(service, "/v1/stream", context=context) as chat:
        chat.ask("connect", token=person.token, grant=grant["grant"])
        yield chat


def say(chat, body):
    return chat.ask("send", message_id=str(uuid.uuid4()), body=body)["offset"]


def hears(chat, body, seconds=10):
    """Waits for that message; what stood there before passes by."""
    end = time.monotonic() + seconds
    while chat.push("message", end - time.monotonic())["body"] != body:
        pass


def chat_goes_on(place, clinic, grants):
    """Between the two replicas; how long a message took."""
    word = f"word {uuid.uuid4()}"
    with at_replica(place, "messaging", clinic.ben, grants[0]) as ben, \
            at_replica(place, "messaging-2", clinic.dr_roy, grants[1]) as dr_roy:
        say(ben, word)
        began = time.monotonic()
        hears(dr_roy, word)
        return time.monotonic() - began


def call_goes_on(patient, clinician, grants):
    """They see each other, and what the one sends through the relay the other gets."""
    with patient.call(grants[0]) as hers, clinician.call(grants[1]) as his:
        his.send("signal", to=patient.id, type="offer", gen=0, seq=1, data="v=0")
        assert hers.push("signal")["data"] == "v=0"
        with relay(hers) as one, relay(his) as other:
            one.permit(other)
            other.permit(one)
            assert one.carry(b"a frame", other) == one.relayed


def sign_in_anew(clinic):
    """So that no token ends while nobody can give another."""
    for person in clinic.people:
        patiently(person.sign_in)


def everything_is_in_the_log(clinic, parts):
    """Every act of anybody has its receipt; those about Ana are found, as they were."""
    parts.all_arrived()
    steps = {step.act: step for step in clinic.audited_steps() if step.outcome == "done"
             and (step.who == clinic.ana.id or clinic.patient in step.what)}
    log = until(lambda: (log := clinic.logged()).keys() >= steps.keys() and log,
                "every act in the log", 30)
    for act, step in steps.items():
        assert (log[act]["actor"], log[act]["action"], log[act]["outcome"]) == step[:3], step


# ---- Kafka ----

def test_without_kafka(place, parts, clinic, grants):
    """Booking, visit, chat and call go on; mail and the invoice come later."""
    parts.all_arrived()
    mails = clinic.door.mails_to(clinic.ana).keys()
    with parts.without("kafka"):
        path, own = enter(clinic.ana, clinic.dr_lee)
        later = book(clinic.ana, clinic.dr_lee)
        with clinic.ana.stream(own[0]) as ana, clinic.dr_lee.stream(own[1]) as dr_lee:
            say(ana, "It itches")
            hears(dr_lee, "It itches")
        call_goes_on(clinic.ana, clinic.dr_lee, own)
        assert chat_goes_on(place, clinic, grants) < 3 * POLL_S
        clinic.dr_lee.put(f"{path}/note", text="Contact dermatitis")
        clinic.dr_lee.post(f"{path}/end")
        assert clinic.door.mails_to(clinic.ana).keys() == mails
        visit_id = path.rpartition("/")[2]
        assert clinic.bob.get("/v1/invoices", visit_id=visit_id)["data"] == []
        assert parts.waiting() > 0 and parts.waiting("audit_outbox") > 0

    until(lambda: len(clinic.door.mails_to(clinic.ana).keys() - mails) >= 2, "both mails", 60)
    invoices = until(lambda: clinic.bob.get("/v1/invoices", visit_id=visit_id)["data"], "the invoice", 60)
    assert len(invoices) == 1
    assert clinic.ana.get(later)["state"] in ("scheduled", "confirmed")
    everything_is_in_the_log(clinic, parts)


# ---- audit ----

def test_without_audit(place, parts, clinic, grants):
    """All goes on; the rows wait where they were written, and get their receipts later."""
    parts.all_arrived()
    with parts.without("audit"):
        path = book(clinic.ana, clinic.dr_lee)
        act = clinic.ana.acts[-1][3]
        clinic.fay.get(f"/v1/patients/{clinic.patient}")
        chat_goes_on(place, clinic, grants)
        assert parts.count("appointments", "audit_outbox", f"act = '{act}'") == 1
        assert refusal(lambda: clinic.aud.get(f"/v1/audit/patients/{clinic.patient}/events")) == "unavailable"
    assert clinic.ana.get(path)["state"] in ("scheduled", "confirmed")
    everything_is_in_the_log(clinic, parts)
    assert clinic.logged_when({act: "the booking"})[act]["outcome"] == "done"


# ---- keyd ----

def test_without_keyd(place, parts, clinic, grants):
    """Whose key is at hand is cared for; of others nothing can be read or written, and it says so."""
    clinic.fay.get(f"/v1/patients/{clinic.patient}")
    clinic.ana.post(f"{book(clinic.ana, clinic.dr_lee)}/cancel")
    chat_goes_on(place, clinic, grants)
    new = clinic.demographics | {"mrn": f"new-{uuid.uuid4()}"}
    before = parts.count("patients", "patient")
    with parts.without("keyd"):
        assert clinic.fay.get(f"/v1/patients/{clinic.patient}")["family_name"] == "Reyes"
        path = book(clinic.ana, clinic.dr_lee)
        chat_goes_on(place, clinic, grants)
        began = time.monotonic()
        assert refusal(lambda: clinic.fay.post("/v1/patients", **new)) == "key_unavailable"
        assert time.monotonic() - began < 5
        assert parts.count("patients", "patient") == before
    made = patiently(lambda: clinic.fay.post("/v1/patients", **new))
    assert made["family_name"] == "Reyes"
    assert clinic.dr_lee.get(path)["reason"] == "A question"
    everything_is_in_the_log(clinic, parts)


# ---- Redis ----

def is_told(chat, person, state, seconds=10):
    """Waits until that is said of the person; nobody is said to be gone meanwhile."""
    end = time.monotonic() + seconds
    while (told := chat.push("presence", end - time.monotonic())) != {"person": person.id, "state": state}:
        assert told.get("person") != person.id or told["state"] != "gone", told


def test_without_redis(place, parts, clinic, grants):
    """Nothing stops; who is at the other replica is unknown, and seen again when Redis is back."""
    with at_replica(place, "messaging", clinic.ben, grants[0]) as ben, \
            at_replica(place, "messaging-2", clinic.dr_roy, grants[1]) as dr_roy:
        is_told(ben, clinic.dr_roy, "present")
        is_told(dr_roy, clinic.ben, "present")
        with parts.without("redis"):
            is_told(ben, clinic.dr_roy, "unknown")
            is_told(dr_roy, clinic.ben, "unknown")
            path = book(clinic.ana, clinic.dr_lee)
            assert clinic.ana.get(path)["state"] in ("scheduled", "confirmed")
            assert clinic.fay.get(f"/v1/patients/{clinic.patient}")["family_name"] == "Reyes"
            chat_goes_on(place, clinic, grants)
            call_goes_on(clinic.ben, clinic.dr_roy, grants)
        is_told(ben, clinic.dr_roy, "present")
        is_told(dr_roy, clinic.ben, "present")
    everything_is_in_the_log(clinic, parts)


# ---- PostgreSQL ----

def test_without_postgres(place, parts, clinic, grants):
    """Nothing about patients is said, and the answer is 503 at once; seated calls go on."""
    sign_in_anew(clinic)
    path = book(clinic.ana, clinic.dr_lee)
    with clinic.ben.call(grants[0]) as ben, clinic.dr_roy.call(grants[1]) as dr_roy:
        with parts.without("postgres"):
            for ask in (lambda: clinic.ana.get(path), lambda: book(clinic.ana, clinic.dr_lee),
                        lambda: clinic.fay.get(f"/v1/patients/{clinic.patient}")):
                began = time.monotonic()
                with pytest.raises(Refused) as refused:
                    ask()
                assert refused.value.status == 503 and refused.value.code == "unavailable"
                assert time.monotonic() - began < 6
            dr_roy.send("signal", to=clinic.ben.id, type="offer", gen=0, seq=1, data="v=0 still here")
            assert ben.push("signal")["data"] == "v=0 still here"
            with relay(ben) as one, relay(dr_roy) as other:
                one.permit(other)
                other.permit(one)
                assert one.carry(b"a frame", other) == one.relayed
    until(parts.all_well, "the services to find it again", 30)
    assert clinic.ana.get(path)["state"] in ("scheduled", "confirmed")
    patiently(clinic.door.person("pri").sign_in)
    book(clinic.ana, clinic.dr_lee)
    chat_goes_on(place, clinic, grants)
    everything_is_in_the_log(clinic, parts)


# ---- Keycloak ----

def test_without_keycloak(place, parts, clinic, grants):
    """Who is signed in stays so; nobody else can sign in."""
    sign_in_anew(clinic)
    with parts.without("keycloak"):
        path = book(clinic.ana, clinic.dr_lee)
        assert clinic.dr_lee.get(path)["reason"] == "A question"
        chat_goes_on(place, clinic, grants)
        with pytest.raises(Exception) as nobody:
            clinic.door.person("pri").sign_in()
        assert "503" in str(nobody.value), nobody.value
    clinic.door.person("pri").sign_in().get("/v1/me")
