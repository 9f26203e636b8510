"""Family 5: fields that were not asked for. What decides who one is, whose a thing is or how far it has come
is never taken from a body, a query or a header of the client."""
import uuid

import pytest

from routes import cross, guarded, walk, with_body

pytestmark = pytest.mark.family(5)
ID = "00000000-0000-4000-8000-000000000001"
FIELDS = {
    "id": ID, "org": ID, "org_id": ID, "role": "admin", "roles": ["admin"], "actor": ID, "person": ID, "person_id": ID,
    "patient": ID, "patient_id": ID, "subject": "root", "status": "completed", "state": "signed", "version": 1,
    "epoch": 0, "created_at": "2020-01-01T00:00:00Z", "deleted_at": None, "audit_event_id": ID, "act": ID,
    "signature": "AAAA", "sealed": "AAAA", "consent_verified": True, "encrypted": True, "is_admin": True,
    "permissions": ["*"], "acr": 2, "break_glass": True, "amount_minor": 1, "fills_used": 0, "relation": "treating",
    "__proto__": {"role": "admin"}, "constructor": {}, "$where": "1", "": "",
}
HEADERS = {
    "X-User": "root", "X-Remote-User": "root", "X-Forwarded-User": "root", "X-Role": "admin", "X-Original-URL": "/v1/me",
    "X-HTTP-Method-Override": "DELETE", "X-Org": ID, "Telecura-Person": ID, "Telecura-Patient": ID, "Telecura-Acr": "2",
    "X-SSL-Client-CN": "keyd", "X-Client-Cert": "access", "Forwarded": "for=10.0.0.1;by=root", "X-Real-IP": "10.0.0.1",
}


@cross(with_body(), FIELDS)
def test_a_field_that_was_not_asked_for(house, route, name):
    if name in route.shape("body")["properties"]:
        name += "_"     # the route asks for it: then a name beside it
    who = route.asker(house)
    reply = route.ask(house, who=who, body={**route.body(), name: FIELDS.get(name, ID)})
    route.refused_and_on_record(house, reply, who, 400, "bad_body")


@walk(with_body())
@pytest.mark.parametrize("how", ["upper case", "a space behind", "a dot", "a list of it", "a NUL behind"])
def test_a_name_that_is_nearly_one_that_was(house, route, how):
    field = next(iter(route.shape("body")["properties"]))
    near = {"upper case": field.upper(), "a space behind": field + " ", "a dot": "body." + field,
            "a list of it": field + "[]", "a NUL behind": field + "\0"}[how]
    who = route.asker(house)
    reply = route.ask(house, who=who, body={**route.body(), near: "x"})
    route.refused_and_on_record(house, reply, who, 400, "bad_body")


@cross([route for route in guarded() if route.method == "GET" and not route.path.endswith("*")],
       [name for name in FIELDS if name.isidentifier()])
def test_a_parameter_that_was_not_asked_for(house, route, name):
    if name in route.fields("query"):
        name += "_"
    who = route.asker(house)
    reply = route.ask(house, who=who, query={name: "1"})
    route.refused_and_on_record(house, reply, who, 400, "bad_query")


@cross([route for route in guarded() if "{id}" in route.path and not route.by_claims], HEADERS)
def test_a_header_makes_nobody_somebody_else(house, route, name):
    """The same answer as without it, and the same person on record."""
    who, unknown = route.asker(house), str(uuid.uuid4())
    with_it, without = (route.ask(house, who=who, ids=unknown, headers=headers) for headers in ({name: HEADERS[name]}, {}))
    assert (with_it.status, with_it.json.get("code")) == (without.status, without.json.get("code"))
    row = route.row(house, with_it)
    if row:
        assert (row["actor"], row["role"]) == (who.id, who.role)
        assert "10.0.0.1" not in str(row["remote"])
