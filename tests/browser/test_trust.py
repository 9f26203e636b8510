"""What people do about trust in the portal: guests of a visit, somebody taken out of it, an emergency, one's
consents, and a sign-in that is several people. Real browsers, on the suite of conftest.py.
"""
import pytest

from browser import Browser
from conftest import browser_of
from door import Refused, until
from test_call import DEMOGRAPHICS, end_of_old
from visit import consent, enter, now, offer_hours

PHONE = "+1 555 010 2030"
WORDS = "Found without consciousness."


bo = browser_of("ben")      # from which Uncle Bo comes later, who has no sign-in


@pytest.fixture(scope="module")
def house(door):
    """Both patients are known, Ana has agreed to remote visits, and Dr Lee has time."""
    fay, clinician, ana = door.person("fay"), door.person("dr.lee"), door.person("ana")
    for name, given in (("ana", "Ana"), ("ben", "Ben")):
        known = door.people[name]
        try:
            fay.get(f"/v1/patients/{known['patient_id']}")
        except Refused:
            fay.post("/v1/patients", patient_id=known["patient_id"], **DEMOGRAPHICS | {"given_name": given})
    for visit in clinician.get("/v1/appointments", limit=200)["data"]:
        end_of_old(visit, fay, clinician)
    offer_hours(clinician)
    consent(ana)


@pytest.fixture(scope="module")
def visit(door, house):
    """Ana's visit with Dr Lee, which runs: its id."""
    path, _ = enter(door.person("ana"), door.person("dr.lee"))
    return path.rsplit("/", 1)[1]


def go(browser, fragment):
    browser.driver.execute_script("location.hash = arguments[0]", fragment)


def test_both_sign_in(ana, dr_lee, house):
    for browser in (ana, dr_lee):
        browser.sign_in()


def test_ana_reads_what_she_has_agreed_to(ana):
    go(ana, "my_consents")
    ana.see("Remote visits")
    ana.see("agreed on")


def test_dr_lee_opens_bens_record_in_an_emergency(door, dr_lee):
    go(dr_lee, "glass")
    dr_lee.fill("Patient", door.people["ben"]["patient_id"])
    dr_lee.choose("Why", "they cannot be asked")
    dr_lee.fill("What has happened", WORDS)
    dr_lee.click("Open the record")
    dr_lee.see("somebody reviews it")
    dr_lee.click("Open the record")
    dr_lee.click("Confirm now")
    dr_lee.give_second_factor()
    dr_lee.see("Open in an emergency until")
    dr_lee.see("Ben Reyes")
    dr_lee.click("Close the record")
    dr_lee.see("What has happened")


def test_ben_sees_that_his_record_was_opened(bo, door):
    bo.driver.get(door.parts["gateway"] + "/")
    bo.sign_in()
    bo.see("Your record was opened")
    bo.see("because you could not be asked")
    assert WORDS not in bo.text


def test_ben_sees_who_saw_it_and_why(door, bo):
    ben = door.person("ben")
    on_record = lambda: {(one["action"], one.get("purpose")) for one in ben.get(      # noqa: E731
        f"/v1/audit/patients/{ben.patient}/events", limit=200)["data"]}
    until(lambda: ("chart.read", "BTG") in on_record(), "what Dr Lee has read in the log")
    bo.click("Who saw my record")
    bo.see("Dr Morgan Lee, Clinician")
    bo.see("In an emergency, without treating you otherwise")
    bo.see("Chart read")
    assert "You · " not in bo.text
    bo.click("Show also what I did myself")
    bo.see("You · ")
    bo.shot("who_saw_my_record")
    bo.click("Deutsch")
    bo.see("Im Notfall, ohne Sie sonst zu behandeln")
    bo.see("Krankenakte gelesen")
    bo.click("English")
    bo.see("Chart read")


def enrolled_besides(door, name, role, display_name):
    """@name in another role, by the same sign-in; None: a run before this one has done it."""
    person = door.person(name)
    if len(person.get("/v1/me")["memberships"]) > 1:
        return None
    enrolled = door.person("adm").post("/v1/people", role=role, display_name=display_name, language="en")
    person.post("/v1/me/bind", code=enrolled["sign_in_code"])
    return enrolled


def test_who_acts_for_ben_sees_it_too(door, bo):
    """Bob of the billing desk is Ben's proxy besides: the same list, and no other patient's."""
    fay, ben = door.person("fay"), door.people["ben"]["patient_id"]
    if (besides := enrolled_besides(door, "bob", "proxy", "Bob Tanaka")):
        fay.post("/v1/relations", patient_id=ben, person_id=besides["person_id"], kind="proxy",
                 proof="power_of_attorney", ends_at=now(30 * 24 * 60))
    proxy = Browser(door, "bob")
    try:
        proxy.sign_in().see("As whom are you here?")
        proxy.click("Proxy · Riverside Health")
        proxy.click("Who saw my record")
        proxy.see("Whose record")
        proxy.see("Dr Morgan Lee, Clinician")
        assert len(proxy.driver.find_elements("css selector", "select option")) == 1
        assert_no_faults(proxy)
    finally:
        proxy.close()


def test_who_is_two_people_says_as_whom(door, ana, bo):
    """Dr Roy is enrolled as a nurse besides, and chooses; a page that is loaded again has not forgotten."""
    enrolled_besides(door, "dr.roy", "nurse", "Anjali Roy")
    roy = Browser(door, "dr.roy")
    try:
        roy.sign_in().see("As whom are you here?")
        roy.click("Clinician · Riverside Health")
        roy.click("Waiting room")
        roy.see("Nobody")
        roy.driver.refresh()
        roy.see("Nobody")
        roy.click("Other role")
        roy.see("As whom are you here?")
        roy.click("Nurse · Riverside Health")
        roy.see("Hello")
        assert "Waiting room" not in roy.text
        assert_no_faults(roy)
    finally:
        roy.close()


def test_both_are_in_the_visit(ana, dr_lee, visit):
    for browser in (ana, dr_lee):
        go(browser, f"visit/{visit}")
    for browser in (ana, dr_lee):
        browser.see("Connected")


def test_dr_lee_asks_a_guest_who_comes(dr_lee, bo):
    dr_lee.fill("Who is asked?", "Uncle Bo")
    dr_lee.choose("They confirm it with", "their phone number")
    dr_lee.fill("Phone number of the guest", PHONE)
    dr_lee.click("Make a link")
    link = dr_lee.until(lambda: dr_lee.find("input[name=link]"), "the link").get_attribute("value")
    bo.driver.get(link)
    bo.fill("Your phone number", PHONE)
    bo.click("Join")
    bo.see("Connected")
    bo.receives()


def test_dr_lee_sends_the_guest_away(dr_lee, bo, ana, visit):
    go(dr_lee, "")
    dr_lee.see("Hello, Dr Morgan")
    go(dr_lee, f"visit/{visit}")
    dr_lee.see("was here")
    dr_lee.click("Send away")
    dr_lee.see("leaves the call at once")
    dr_lee.click("Send away")
    bo.see("This visit is closed.")
    for browser in (ana, dr_lee):
        browser.see("Connected")


def test_dr_lee_takes_ana_out_and_lets_her_in_again(ana, dr_lee, visit):
    dr_lee.click("Take out of the visit")
    dr_lee.see("cannot come back until you let them in")
    dr_lee.click("Take out of the visit")
    ana.see("This visit is closed.")
    ana.driver.refresh()
    ana.see("You have been taken out of this visit.")
    dr_lee.click("Let in again")
    dr_lee.until(lambda: "Let in again" not in dr_lee.text, "that she may come")
    ana.driver.refresh()
    ana.until(lambda: "You are in." in ana.text or "Connected" in ana.text, "her seat")


def test_the_browsers_had_nothing_to_complain_of(ana, dr_lee, bo):
    for browser in (ana, dr_lee, bo):
        assert_no_faults(browser)


def assert_no_faults(browser):
    assert [fault for fault in browser.faults() if "WebSocket" not in fault and "status of 503" not in fault] == []
