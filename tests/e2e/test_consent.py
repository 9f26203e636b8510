"""Consent is asked for at the moment of use, across services and over the real Kafka."""
import pytest

import visit
from door import Refused, refusal, until


@pytest.fixture(scope="module")
def sam_and_dr_sol(door):
    sam, dr_sol = door.person("sam"), door.person("dr.sol")
    visit.offer_hours(dr_sol)
    return sam, dr_sol


def test_without_consent_nothing_is_booked(sam_and_dr_sol):
    sam, dr_sol = sam_and_dr_sol
    assert refusal(lambda: visit.book(sam, dr_sol)) == "consent_required"


def test_who_agrees_can_book_at_once(sam_and_dr_sol):
    """appointments may not have heard of it yet; it waits a second for the news before it refuses."""
    sam, dr_sol = sam_and_dr_sol
    visit.consent(sam)
    assert visit.book(sam, dr_sol)


def test_who_takes_it_back_cannot(sam_and_dr_sol):
    sam, dr_sol = sam_and_dr_sol
    sam.post(f"/v1/consents/{visit.consent(sam)}/revoke")

    until(lambda: refused_for_consent(sam, dr_sol), "the news at appointments", seconds=2)


def refused_for_consent(patient, clinician):
    try:
        visit.book(patient, clinician)
    except Refused as why:
        return why.code == "consent_required"
    return False


def test_the_neighbour_sees_nothing_of_it(door, sam_and_dr_sol):
    """Another organisation's patient is as unknown as one who does not exist."""
    sam, _ = sam_and_dr_sol
    fay = door.person("fay")
    unknown = "00000000-0000-4000-8000-000000000000"
    assert refusal(lambda: fay.get(f"/v1/patients/{sam.patient}")) == \
        refusal(lambda: fay.get(f"/v1/patients/{unknown}")) == "not_found"
