"""Two people, two browsers, one call: the portal on a running suite, from sign-in to summary.

Ana is the patient, Dr Lee the clinician. What they see and hear of each other goes through the relay
(coturn) and nothing else; what the browsers themselves count says whether it arrives.
"""
import os
import pathlib
import signal
import time

import pytest

import doctor
import place
from door import Refused

ALL_DAY = [{"weekday": day, "from": "00:00", "to": "24:00"} for day in range(1, 8)]
DEMOGRAPHICS = {"family_name": "Reyes", "given_name": "Ana", "birth_date": "1984-03-01", "gender": "female"}
DEAD_S = 10     # so long the call goes on while its replica is down and after


@pytest.fixture(scope="module", autouse=True)
def house(door):
    """A record for Ana, hours of Dr Lee: what the front desk has done before."""
    fay, clinician = door.person("fay"), door.person("dr.lee")
    patient_id = door.people["ana"]["patient_id"]
    try:
        fay.get(f"/v1/patients/{patient_id}")
    except Refused:
        fay.post("/v1/patients", patient_id=patient_id, **DEMOGRAPHICS)
    for visit in clinician.get("/v1/appointments", limit=200)["data"]:
        end_of_old(visit, fay, clinician)
    for rx in clinician.get("/v1/prescriptions", limit=200)["data"]:
        if rx["state"] != "cancelled":
            clinician.post(f"/v1/prescriptions/{rx['id']}/cancel")
    site = clinician.get("/v1/sites")["data"][0]
    clinician.put(f"/v1/providers/{clinician.id}/availability", site_id=site["id"],
                  time_zone=site["time_zone"], weeks=2, rules=ALL_DAY)


def end_of_old(visit, fay, clinician):
    """What a run that failed has left in this suite."""
    path = f"/v1/appointments/{visit['id']}"
    if visit["state"] in ("scheduled", "confirmed", "arrived"):
        fay.post(f"{path}/cancel")
    if visit["state"] == "in_progress":
        clinician.put(f"{path}/note", text="Broken off.")
        clinician.post(f"{path}/end", summary="Broken off.")


# ---- before ----

def test_both_sign_in(ana, dr_lee):
    ana.sign_in().see("Hello, Ana")
    dr_lee.sign_in().see("Hello, Dr Morgan")


def test_ana_agrees_after_reading(ana):
    ana.click("Book a visit")
    ana.until(lambda: "Free times" in ana.text or "Please read this first" in ana.text, "the booking")
    if "Please read this first" in ana.text:
        ana.click("I have read this and agree.")
        ana.click("Agree")
    ana.see("Free times")


def test_ana_books_the_first_free_time(ana, door):
    ana.choose("Clinician", "Dr Morgan Lee")
    slot = ana.until(lambda: ana.find(".slot span"), "a free time")
    slot.click()
    ana.fill("What is it about?", "A rash")
    ana.click("Book")
    ana.see("Dr Morgan Lee")
    ana.see("booked")


def test_ana_checks_in(ana):
    ana.click("Check in")
    ana.fill("Where are you now?", "12 Mill Lane")
    ana.fill("Under which number can we call you back?", "+1 555 0100")
    ana.click("Check in")
    ana.see("You are number 1.")
    ana.click("Try them")
    ana.see("Camera and microphone work.")


def test_dr_lee_admits_her(ana, dr_lee):
    dr_lee.click("Waiting room")
    dr_lee.click("Admit")
    dr_lee.see("born")
    dr_lee.click("Yes, admit")
    ana.see("You are next")


# ---- the call ----

def test_they_see_and_hear_each_other(ana, dr_lee):
    dr_lee.click("Start the visit")
    dr_lee.see("The other side is not here yet.")
    ana.click("Join the call")
    for person in (ana, dr_lee):
        person.see("Connected")
        person.receives()


def test_all_of_it_goes_through_the_relay(ana, dr_lee):
    for person in (ana, dr_lee):
        ways = person.received()["ways"]
        assert ways and set(ways) == {"relay"}


def test_they_write_to_each_other(ana, dr_lee):
    ana.write("It itches")
    dr_lee.see("It itches")
    dr_lee.write("Since when?")
    ana.see("Since when?")


def test_ana_loads_the_page_again_and_is_back(ana, dr_lee):
    ana.driver.refresh()
    ana.see("Connected")
    ana.see("Since when?")
    for person in (ana, dr_lee):
        person.receives()


def replica_of_the_call(door):
    """The one to which the gateway holds two connections (Linux: 01 is ESTABLISHED)."""
    def connections(port):
        rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[3] == "01" and int(row[1].split(":")[1], 16) == port for row in rows)
    ports = {name: door.parts["ports"] + place.PORTS[name] for name in ("signaling", "signaling-2")}
    return max(ports, key=lambda name: connections(ports[name]))


def test_the_call_goes_on_without_its_replica(ana, dr_lee, door, run):
    """kill -9 for the replica that holds it: pictures keep coming, and new signals find a way."""
    held_by = replica_of_the_call(door)
    before = {person: person.received() for person in (ana, dr_lee)}
    os.kill(doctor.read_state(place.Place(run))[held_by]["pid"], signal.SIGKILL)
    end = time.monotonic() + DEAD_S
    while time.monotonic() < end:
        for person in (ana, dr_lee):
            person.receives()
    for person in (ana, dr_lee):
        assert person.received()["ways"] == before[person]["ways"]
        person.see("Connected")
    ana.driver.refresh()            # needs signaling: a new offer and an answer
    ana.see("Connected")
    for person in (ana, dr_lee):
        person.receives()


# ---- after ----

def test_dr_lee_prescribes_with_a_second_factor(dr_lee):
    dr_lee.fill("Directions", "Take with water.")
    dr_lee.click("Draft and check")
    dr_lee.click("Sign")
    dr_lee.click("Confirm now")
    dr_lee.give_second_factor()
    dr_lee.click("Send to the pharmacies")
    dr_lee.see("at the pharmacies")
    dr_lee.see("Connected")         # the call did not notice


def test_dr_lee_ends_the_visit(ana, dr_lee):
    dr_lee.fill("Note", "Contact dermatitis.")
    dr_lee.fill("Summary", "Use the cream for a week.")
    dr_lee.click("End the visit")
    dr_lee.click("End the visit")   # asked once more
    ana.see("Use the cream for a week.")
    ana.see("at the pharmacies")


def test_the_browsers_had_nothing_to_complain_of(ana, dr_lee):
    """No script failed, and the pages' own policy (CSP) was never in the way."""
    assert [fault for person in (ana, dr_lee) for fault in person.faults()
            if "WebSocket" not in fault and "status of 503" not in fault] == []
