"""Family 4: ids that one knows and may not use. Every route is asked for every kind of thing of somebody else:
by a member of the same house who stands in no relation to them, and by one of another house. The answer is,
but for its own id, that to an id which nobody has ever had."""
import collections
import uuid

import pytest

from routes import ANY, BY_CLAIMS, CARE, GLASS, OWN, PROXY, ROUTES, URGENT, Route, spread, walk
from telecura import ORG, OTHER_ORG
from world import World

pytestmark = pytest.mark.family(4)

# What stands in place of {id}: the first of these that a path begins with. A new path needs a row, so that
# the test of its owner can show that the id is a true one.
IDS_OF = {
    "/v1/people/": "person", "/v1/relations/": "relation", "/v1/consents/": "consent", "/v1/grants/": "grant", "/v1/guests/": "guest",
    "/v1/providers/": "provider", "/v1/appointments/": "visit", "/v1/patients/": "patient", "/v1/records/": "record",
    "/v1/channels/": "channel", "/v1/prescriptions/": "prescription", "/v1/invoices/": "invoice",
    "/v1/audit/holds/": "audit_hold", "/v1/audit/destructions/": "destruction",
    "/v1/break-glass/": "glass", "/v1/removals/": "removal", "/v1/holds/": "hold", "/v1/erasures/": "erasure",
    "/v1/audit/events/": "audit_row", "/v1/audit/patients/": "patient", "/v1/audit/{id}/": "organisation",
    "/fhir/R4/Patient/": "patient", "/fhir/R4/Appointment/": "visit",
}
Slot = collections.namedtuple("Slot", "route where field")     # where: path, body or query


def slots():
    """Every place of every route that takes an id."""
    for route in ROUTES:
        if not route.guarded or route.said["permission"] in BY_CLAIMS - {"PASS_ON"}:
            continue
        if "{id}" in route.path:
            yield Slot(route, "path", "id")
        for part in ("body", "query"):
            for field in route.fields(part, format="uuid"):
                yield Slot(route, part, field)


def attackers(route):
    """(role, organisation): who gets past the table of roles and stands in no relation."""
    near = "patient" if route.by_claims else route.role(reach=(OWN, PROXY, CARE, GLASS, URGENT))
    if near:
        yield near, ORG
    yield "front_desk" if route.by_claims else route.role(reach=(ANY,)) or route.role(), OTHER_ORG


SEEN = ("GET /v1/people/{id}", "provider", "patient", ORG)      # patients see whom they can book
ENROLS = "POST /v1/people"      # makes somebody of any id in the other house, so that all else is asked before
CASES = sorted(((slot, role, org, kind) for slot, kind in spread(list(slots()), World.KINDS)
                for role, org in attackers(slot.route) if (slot.route.name, kind, role, org) != SEEN),
               key=lambda case: case[0].route.name == ENROLS)


@pytest.fixture(scope="module")
def world(house):
    return World(house)


def ask(house, slot, who, value):
    own = {name: who.patient for name in slot.route.fields("body", format="uuid") if name == "patient_id" and who.patient}
    body = {**slot.route.body(), **own} if "body" in slot.route.said else None
    if slot.where == "path":
        return slot.route.ask(house, who=who, ids=value, body=body)
    if slot.where == "query":
        return slot.route.ask(house, who=who, query={slot.field: value})
    return slot.route.ask(house, who=who, body={**body, slot.field: value})


def without_ids(reply):
    said = reply.json
    if reply.status >= 400:
        return {k: v for k, v in said.items() if k not in ("request_id", "instance")}
    return said.get("data", said) if reply.status == 200 else None


@pytest.mark.parametrize("slot,role,org,kind", CASES, ids=[
    f"{slot.route.name}-{slot.where} {slot.field}-{kind} as {role} {'here' if org == ORG else 'elsewhere'}"
    for slot, role, org, kind in CASES])
def test_a_foreign_id_is_an_unknown_id(house, world, slot, role, org, kind):
    who = house.person(role, org, fresh=slot.route.said["fresh"])
    foreign, unknown = (ask(house, slot, who, value) for value in (getattr(world, kind), str(uuid.uuid4())))
    assert foreign.status == unknown.status, (foreign, unknown)
    assert without_ids(foreign) == without_ids(unknown)
    assert foreign.headers.keys() == unknown.headers.keys()
    if foreign.status >= 400:
        row = slot.route.row(house, foreign)
        if row:
            assert (row["outcome"], row["error"], row["actor"], row["relation"]) == (
                "refused", foreign.code, who.id, None)
            assert slot.where != "path" or row["resource_id"] == getattr(world, kind)
    else:   # made for themselves, of an id that means nothing in their own house
        assert foreign.status != 200 or not foreign.json.get("data")


def kind_of(route: Route):
    return next(kind for start, kind in IDS_OF.items() if route.path.startswith(start))


# What is there and cannot be shown to be, and why.
UNSHOWN = {
    "GET /v1/appointments/{id}/note": "nobody has written it", "GET /v1/appointments/{id}/summary": "nor that",
    "GET /v1/appointments/{id}/psychotherapy_note": "nor that",
    "POST /v1/prescriptions/{id}/fills": "a pharmacist sees no draft",
    "GET /v1/audit/events/{id}": "it has not reached the log", "GET /v1/audit/{id}/tile/entries/*": "the log is empty",
    "GET /v1/audit/{id}/{shard}/tile/entries/*": "and so is its shard",
}
OWNED = [route for route in ROUTES if route.guarded and not route.by_claims and "{id}" in route.path]


@walk(sorted((route for route in OWNED if route.name not in UNSHOWN), key=lambda route: "disable" in route.path))
def test_who_may_reaches_it_by_the_same_id(house, world, route):
    """Else the ids above might be of nothing. Nobody is disabled before all others have been asked."""
    assert world.record     # a chart, too, belongs to who is registered
    near = [who for who in (world.doctor, world.who, world.nurse) if who.role in route.roles]
    replies = [route.ask(house, who=house.another(who, acr=2) if route.said["fresh"] else who,
                         ids=getattr(world, kind_of(route))) for who in near or [house.person(route.role())]]
    assert any(reply.status not in (401, 403, 404) for reply in replies), replies


def test_every_path_with_an_id_has_a_kind():
    assert {kind_of(route) for route in OWNED} <= set(World.KINDS)
