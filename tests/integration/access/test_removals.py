"""Taken out of a visit: what one had ends, and there is nothing new, until one is let in again."""
import concurrent.futures
import uuid

import pytest

from telecura import OTHER_ORG


def remove(access, visit, person, who=None):
    return access.post("/v1/removals", {"visit_id": visit.id, "person_id": person.id}, who=who or visit.clinician)


def grant(access, visit, who):
    return access.post("/v1/grants", {"visit_id": visit.id}, who=who)


def revoked(suite, grant_id):
    return [row["topic"] for row in suite.outbox("access", key=grant_id)]


def test_the_old_grant_and_a_new_one_are_refused_until_one_is_let_in_again(suite, access, visit):
    it = visit("in_progress")
    proxy = suite.person("proxy")
    suite.relation(proxy, it.patient.patient, "proxy")
    old = [grant(access, it, proxy).json["id"] for _ in range(2)]
    theirs = grant(access, it, it.patient).json["id"]
    gone = remove(access, it, proxy)
    assert gone.status == 201, gone
    assert [revoked(suite, one) for one in old] == [["access.revocations.v1"]] * 2
    assert access.get(f"/v1/grants/{old[0]}", who=proxy).code == "bad_state"
    for _ in range(2):
        assert grant(access, it, proxy).code == "removed"
    assert revoked(suite, theirs) == [] and grant(access, it, it.patient).status == 201, "nobody else"
    other = visit("in_progress")
    suite.relation(proxy, other.patient.patient, "proxy")
    assert grant(access, other, proxy).status == 201, "nor another visit"
    assert remove(access, it, proxy).code == "conflict"
    back = access.post(f"/v1/removals/{gone.json['id']}/readmit", who=it.clinician)
    assert back.json["readmitted_by"] == it.clinician.id
    assert grant(access, it, proxy).status == 201
    assert access.post(f"/v1/removals/{gone.json['id']}/readmit", who=it.clinician).code == "bad_state"
    assert remove(access, it, proxy).status == 201, "and out again"
    assert [(row["topic"], row["kind"]) for row in suite.outbox("access", key=gone.json["id"])] == [
        ("access.removals.v1", 1), ("access.removals.v1", 2)]
    rows = suite.audit("access", actor=it.clinician.id, patient=it.patient.patient, outcome="done")
    assert [row["action"] for row in rows] == ["grant.remove", "grant.readmit", "grant.remove"]


@pytest.mark.family(6)
def test_it_is_for_whoever_leads_the_visit(suite, access, staff, visit):
    it = visit("in_progress")
    colleague = suite.person("clinician")
    suite.relation(colleague, it.patient.patient, "treating")
    gone = remove(access, it, it.patient).json["id"]
    for who in (colleague, suite.person("clinician", org=OTHER_ORG)):
        assert remove(access, it, staff["proxy"], who=who).code == "not_found"
        assert access.get(f"/v1/removals/{gone}", who=who).code == "not_found"
        assert access.post(f"/v1/removals/{gone}/readmit", who=who).code == "not_found"
    for who in (it.patient, staff["nurse"], staff["admin"], staff["privacy"], staff["front_desk"]):
        assert access.post(f"/v1/removals/{gone}/readmit", who=who).code == "forbidden"
    assert remove(access, it, it.clinician).at == ["/person_id"]
    stranger = suite.patient(org=OTHER_ORG)
    assert remove(access, it, stranger).code == "not_found"
    assert access.get(f"/v1/removals/{gone}", who=it.clinician).json["person_id"] == it.patient.id


@pytest.mark.family(22)
def test_whoever_mints_meanwhile_has_nothing_afterwards(suite, access, visit):
    """Both at once: either there was no grant, or it has been taken back."""
    for _ in range(5):
        it = visit("in_progress")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            minted = [pool.submit(grant, access, it, it.patient) for _ in range(5)]
            assert pool.submit(remove, access, it, it.patient).result().status == 201
        codes = {reply.result().code if reply.result().status != 201 else None for reply in minted}
        assert codes <= {None, "removed"}
        live = access.value(f"SELECT count(*) FROM visit_grant WHERE visit_id = '{it.id}' AND revoked_at IS NULL")
        assert live == 0
        for reply in minted:
            if reply.result().status == 201:
                assert revoked(suite, reply.result().json["id"]) == ["access.revocations.v1"]


def test_an_unknown_visit_or_person(access, visit):
    it = visit()
    for body in ({"visit_id": str(uuid.uuid4()), "person_id": it.patient.id},
                 {"visit_id": it.id, "person_id": str(uuid.uuid4())}):
        assert access.post("/v1/removals", body, who=it.clinician).code == "not_found"
