"""What is revoked on the feed ends live calls (S7), over a mock Kafka."""
import time
import uuid

import pytest

from bus import Bus, event
from sealed import message, uuid_bytes
from visits import patiently, until
from ws import Refused, connect

PERSON_DISABLED, GRANT_REVOKED, CONSENT_REVOKED, VISIT_CLOSED = 2, 3, 4, 5
CANCELLED = 4


@pytest.fixture(scope="module")
def bus():
    bus = Bus()
    yield bus
    bus.close()


@pytest.fixture(scope="module")
def hearing(suite, signaling, bus):
    made = suite.replica("signaling", kafka=bus.address)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def access(suite, bus):
    """Whose word it is."""
    service = suite.service("access", kafka=bus.address)
    yield service
    service.stop()


@pytest.mark.family(7)
def test_a_cancelled_visit_ends_its_call_and_says_so(suite, signaling, hearing, visit, join):
    """By signaling's own hearing: the first test, before access runs and says it as well."""
    sockets = [patiently(lambda: join(visit, who, service=hearing)[0]) for who in (visit.clinician, visit.patient)]
    event(signaling, "appointments.visits.v1", visit.id, message((1, CANCELLED), (4, "cancelled")), CANCELLED)
    assert [ws.closed(10) for ws in sockets] == [(4503, "visit closed")] * 2
    assert signaling.value(f"SELECT closed_at IS NOT NULL FROM call WHERE id = '{visit.channel}'")
    for who in (visit.clinician, visit.patient):
        until(lambda: suite.audit("signaling", action="call.leave", actor=who.id), 20)


REASONS = {
    "the clinician is disabled": (PERSON_DISABLED, lambda v: (2, uuid_bytes(v.clinician.id))),
    "consent is revoked": (CONSENT_REVOKED, lambda v: (4, uuid_bytes(v.patient.patient))),
    "the visit is closed": (VISIT_CLOSED, lambda v: (6, uuid_bytes(v.id))),
}


@pytest.mark.family(7)
@pytest.mark.parametrize("why", REASONS)
def test_s7_a_call_ends_within_two_seconds_when(why, suite, access, hearing, grants, join):
    visit, other = grants.visit(), grants.visit()
    patiently(lambda: join(other, other.patient, service=hearing))
    doctor, _ = join(visit, visit.clinician, service=hearing)
    bystander, _ = join(other, other.clinician, service=hearing)
    kind, member = REASONS[why]
    scope = [(5, "telehealth")] if kind == CONSENT_REVOKED else []
    began = time.monotonic()
    event(access, "access.revocations.v1", str(uuid.uuid4()), message((1, kind), member(visit), *scope), kind)
    assert doctor.closed(5) == (4503, "revoked")
    assert time.monotonic() - began < 2
    with connect(hearing, f"/v1/calls/{visit.channel}") as again:
        with pytest.raises(Refused) as caught:
            again.ask("connect", token=visit.clinician.token, grant=visit.grant(
                visit.clinician, minted_at="2026-01-01T00:00:00Z"))
    if caught.value.code != "unauthenticated":
        refused = suite.audit("signaling", action="call.join", actor=visit.clinician.id)[-1]
        assert (refused["outcome"], refused["error"]) == ("refused", caught.value.code)
    until(lambda: suite.audit("signaling", action="call.leave", actor=visit.clinician.id), 20)
    assert bystander.ask("refresh", grant=other.grant(other.clinician))
