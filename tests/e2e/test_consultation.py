"""One consultation, end to end, on the real parts: what Telecura is for.

Ana Reyes sees Dr Lee. Read it from top to bottom; each step is something that somebody does, all of
it through the gateway, and at the end the auditor finds every step in the log. `make up` carries out
the same functions in the same order (deploy/local/mainjob.py), `make test` under pytest.

`visit` is what the steps know of each other: the people (visit.ana, visit.dr_lee ...), and what came
of the steps before. visit.canary is a word that the story writes wherever something is said about
Ana; nobody may find it anywhere but with her.
"""
import uuid

from door import Refused, heard, refusal, until
from paper import proven, read_export
from turn import relay
from visit import CHECK_IN_MINUTES, care, next_minutes, offer_hours


# ---- who they are ----

def test_everybody_signs_in(visit):
    for person in visit.people:
        me = person.get("/v1/me")
        assert (me["person_id"], me["role"]) == (person.id, person.known["role"])


def test_the_front_desk_registers_ana(visit):
    """Her record is that of a Synthea patient, under her name."""
    try:
        record = visit.fay.get(f"/v1/patients/{visit.patient}")
    except Refused as refused:
        assert refused.code == "not_found"
        record = visit.fay.post("/v1/patients", patient_id=visit.patient, **visit.demographics)
    assert record["family_name"] == "Reyes"


def test_the_nurse_joins_her_care_team(visit):
    """The desk says so: a chart opens to those alone who care for the patient."""
    care(visit.fay, visit.nia, visit.patient)


def test_the_nurse_writes_her_chart(visit):
    """What that patient has, takes and cannot take; what is there from an earlier day stays."""
    for path in ("conditions", "medicines", "allergies"):
        known = {record["text"] for record in visit.nia.get(f"/v1/patients/{visit.patient}/{path}")["data"]}
        for record in visit.chart:
            if record.path == path and record.body["text"] not in known:
                visit.nia.post(f"/v1/patients/{visit.patient}/{path}", **record.body)


# ---- a time to meet ----

def test_dr_lee_offers_hours(visit):
    """All day long, so that it can always be now."""
    offer_hours(visit.dr_lee)


def test_ana_agrees_to_telehealth(visit):
    """She reads the text first, and agrees to the version that she has read."""
    given = visit.ana.get("/v1/consents", patient_id=visit.patient, scope="telehealth")["data"]
    if not any(consent["state"] == "active" for consent in given):
        text = visit.ana.get("/v1/consents/documents", scope="telehealth", language="en")["data"][0]
        visit.ana.post("/v1/consents", patient_id=visit.patient, scope="telehealth",
                       document_version=text["version"], language=text["language"])


def test_ana_finds_a_free_time(visit):
    """One so near that she can check in at once."""
    slots = visit.ana.get("/v1/slots", provider_id=visit.dr_lee.id, visit_type="consultation",
                          **next_minutes(CHECK_IN_MINUTES))["data"]
    visit.slot = slots[0]


def test_ana_books(visit):
    visit.told_before = {person: visit.door.mails_to(person) for person in (visit.ana, visit.dr_lee)}
    booked = visit.ana.post("/v1/appointments", patient_id=visit.patient,
                            provider_id=visit.dr_lee.id, visit_type="consultation",
                            starts_at=visit.slot["starts_at"], reason=f"A rash {visit.canary}")
    assert booked["state"] == "scheduled"
    visit.path = f"/v1/appointments/{booked['id']}"
    visit.id = booked["id"]


def test_both_are_told_by_mail(visit):
    """That there is news, in the language of each, and nothing about it."""
    for person, before in visit.told_before.items():
        mails = until(lambda: visit.door.mails_to(person).items() - before.items(),
                      f"a mail to {person.known['name']}")
        for _, mail in mails:
            text = mail.as_string()
            assert visit.canary not in text and "Reyes" not in text and "Lee" not in text
            assert mail["Content-Language"] == person.known["language"]


def test_dr_lee_sees_the_booking(visit):
    assert visit.canary in visit.dr_lee.get(visit.path)["reason"]


# ---- the waiting room ----

def test_ana_cannot_come_in_before_she_says_where_she_is(visit):
    assert refusal(lambda: visit.ana.post(f"{visit.path}/check_in")) == "place_missing"


def test_ana_says_where_she_is_and_how_to_call_back(visit):
    visit.ana.put(f"{visit.path}/place", place="12 Mill Lane, at home", call_back_number="+1 555 0100")


def test_ana_checks_in(visit):
    arrived = visit.ana.post(f"{visit.path}/check_in")
    assert arrived["state"] == "arrived"


def test_ana_sees_her_place_in_the_queue(visit):
    (mine,) = [row for row in visit.ana.get("/v1/queue")["data"] if row["appointment_id"] == visit.id]
    assert mine["position"] >= 1 and mine["wait_minutes"]


def test_dr_lee_admits_her(visit):
    queue = visit.dr_lee.get("/v1/queue")["data"]
    assert queue[0]["appointment_id"] == visit.id
    visit.pass_of_dr_lee = visit.dr_lee.post(f"{visit.path}/admit")["visit_pass"]


def test_each_is_given_a_key_to_exactly_this_visit(visit):
    (mine,) = [row for row in visit.ana.get("/v1/queue")["data"] if row["appointment_id"] == visit.id]
    visit.grants = {
        visit.ana: visit.ana.post("/v1/grants", **{"pass": mine["visit_pass"]}),
        visit.dr_lee: visit.dr_lee.post("/v1/grants", **{"pass": visit.pass_of_dr_lee}),
    }
    assert [grant["seat"] for grant in visit.grants.values()] == ["patient", "clinician"]
    assert len({grant["channel_id"] for grant in visit.grants.values()}) == 1


def test_dr_lee_begins(visit):
    assert visit.dr_lee.post(f"{visit.path}/start")["state"] == "in_progress"


# ---- face to face ----

def test_dr_lee_reads_her_chart(visit):
    """Because of the booking, once word of it is there: to who does not treat her it is not found."""
    read = {path: until(lambda: heard(lambda: visit.dr_lee.get(f"/v1/patients/{visit.patient}/{path}"),
                                      "not_found"), "the booking known there")["data"]
            for path in ("conditions", "medicines")}
    stands = {record["text"]: record["status"] for records in read.values() for record in records}
    assert stands["Hypertension"] == stands["Hydrochlorothiazide 25 MG"] == "active"
    assert stands["Laceration of foot"] == "resolved"


def test_they_write_to_each_other(visit):
    """A message is acknowledged once it is kept; both then see it, in the same order."""
    with visit.ana.stream(visit.grants[visit.ana]) as ana, \
            visit.dr_lee.stream(visit.grants[visit.dr_lee]) as dr_lee:
        ana.ask("send", message_id=str(uuid.uuid4()), body=f"It itches {visit.canary}")
        assert visit.canary in dr_lee.push("message")["body"]
        dr_lee.ask("send", message_id=str(uuid.uuid4()), body="Since when?")
        heard = [ana.push("message") for _ in range(2)]
        assert [said["sender"] for said in heard] == [visit.ana.id, visit.dr_lee.id]
        assert heard[1]["offset"] == heard[0]["offset"] + 1


def test_they_call_each_other(visit):
    """Dr Lee offers, Ana answers; then media flows both ways through the relay."""
    with visit.ana.call(visit.grants[visit.ana]) as ana, \
            visit.dr_lee.call(visit.grants[visit.dr_lee]) as dr_lee:
        assert [peer["person"] for peer in dr_lee.opened["peers"]] == [visit.ana.id]
        assert ana.push("peer")["person"] == visit.dr_lee.id

        dr_lee.send("signal", to=visit.ana.id, type="offer", gen=0, seq=1, data="v=0 offered")
        offer = ana.push("signal")
        assert (offer["from"], offer["type"], offer["data"]) == (visit.dr_lee.id, "offer", "v=0 offered")
        ana.send("signal", to=visit.dr_lee.id, type="answer", gen=0, seq=1, data="v=0 answered")
        assert dr_lee.push("signal")["data"] == "v=0 answered"

        with relay(ana) as hers, relay(dr_lee) as his:
            hers.permit(his)
            his.permit(hers)
            assert hers.carry(b"a frame of Ana's", his) == hers.relayed
            assert his.carry(b"a frame of Dr Lee's", hers) == his.relayed


# ---- what comes of it ----

def test_dr_lee_writes_a_note(visit):
    visit.dr_lee.put(f"{visit.path}/note", text=f"Contact dermatitis {visit.canary}")


def test_dr_lee_ends_the_visit(visit):
    ended = visit.dr_lee.post(f"{visit.path}/end", summary="Use the cream for a week.")
    assert ended["state"] == "completed"


def test_ana_takes_the_summary_home_but_not_the_note(visit):
    assert visit.ana.get(f"{visit.path}/summary")["text"] == "Use the cream for a week."
    assert refusal(lambda: visit.ana.get(f"{visit.path}/note")) == "forbidden"


def test_what_was_said_can_be_read_again(visit):
    said = visit.ana.get(f"/v1/channels/{visit.grants[visit.ana]['channel_id']}/messages")["data"]
    assert [message["body"] for message in said] == [f"It itches {visit.canary}", "Since when?"]


# ---- the prescription ----

def test_a_penicillin_is_not_let_through(visit):
    """Her chart says so. The pharmacy's side hears of chart and visit in its own time."""
    blocked = until(lambda: heard(lambda: visit.dr_lee.post(
        "/v1/prescriptions", **prescription(visit, "amoxicillin", 500_000, 3))), "the visit known there")
    assert blocked["state"] == "blocked" and "allergy: Penicillin" in blocked["findings"]


def test_dr_lee_prescribes_something_else(visit):
    """Somebody who was here today already has it: then the check says so, and the signer why."""
    visit.rx = visit.dr_lee.post("/v1/prescriptions", **prescription(visit, "azithromycin", 500_000, 1))
    visit.rx = visit.dr_lee.post(f"/v1/prescriptions/{visit.rx['id']}/check")
    visit.reason = {"override_reason": "Seen again today."} if visit.rx["findings"] else {}


def prescription(visit, drug, dose_micrograms, doses_per_day):
    return {"patient_id": visit.patient, "visit_id": visit.id, "drug": drug, "quantity": 6,
            "dose_micrograms": dose_micrograms, "doses_per_day": doses_per_day, "refills": 0,
            "directions": "Take with water."}


def test_a_password_alone_signs_nothing(visit):
    by_password = visit.door.person("dr.lee", second_factor=False)
    assert refusal(lambda: sign(visit, by_password)) == "second_factor_required"


def test_dr_lee_signs_with_a_fresh_second_factor(visit):
    """In the browser: password, then the code that her telephone shows."""
    visit.rx = sign(visit, visit.dr_lee.step_up())
    assert visit.rx["state"] == "signed" and visit.rx["signature"]


def sign(visit, who):
    return who.post(f"/v1/prescriptions/{visit.rx['id']}/sign", if_match=visit.rx["version"],
                    **visit.reason)


def test_dr_lee_sends_it(visit):
    visit.rx = visit.dr_lee.post(f"/v1/prescriptions/{visit.rx['id']}/send")
    assert visit.rx["state"] == "sent"


def test_the_pharmacist_hands_it_out_once(visit):
    fills = f"/v1/prescriptions/{visit.rx['id']}/fills"
    assert visit.pia.post(fills)["state"] == "filled"
    assert refusal(lambda: visit.pia.post(fills)) in ("no_fills_left", "bad_state")


# ---- the money ----

def test_the_visit_has_become_an_invoice(visit):
    """Nobody wrote it: billing heard that the visit ended."""
    visit.invoice, = until(lambda: visit.bob.get("/v1/invoices", visit_id=visit.id)["data"],
                           "an invoice for the visit")
    assert visit.invoice["state"] == "issued"
    assert visit.invoice["balance_minor"] == visit.invoice["amount_minor"] > 0


def test_ana_pays_it(visit):
    paid = visit.ana.post(f"/v1/invoices/{visit.invoice['id']}/payments", method="card",
                          amount_minor=visit.invoice["amount_minor"],
                          currency=visit.invoice["currency"])
    assert (paid["state"], paid["balance_minor"]) == ("balanced", 0)


# ---- other systems ----

def test_another_system_reads_it_as_fhir(visit):
    """With Ana's own token; what she may not see, it does not see either."""
    patient = visit.ana.get(f"/fhir/R4/Patient/{visit.patient}")
    assert (patient["resourceType"], patient["name"][0]["family"]) == ("Patient", "Reyes")
    appointment = visit.ana.get(f"/fhir/R4/Appointment/{visit.id}")
    assert (appointment["resourceType"], appointment["status"]) == ("Appointment", "fulfilled")


# ---- and who saw what ----

def test_the_auditor_finds_every_step_in_the_log(visit):
    """Every request above, also the refused ones, by the id that its answer bore: who did what to
    Ana's record, and how it ended."""
    steps = {step.act: step for step in visit.audited_steps()}
    log = visit.logged_when(steps)
    for act, step in steps.items():
        event = log[act]
        assert (event["actor"], event["action"], event["outcome"]) == step[:3], step
    visit.events = [log[act] for act in steps]


def test_the_auditor_finds_the_sockets_there_too(visit):
    """Frames have no id of their own to look for."""
    seen = {(event["action"], event.get("actor")) for event in visit.logged().values()}
    for person in (visit.ana, visit.dr_lee):
        assert {(action, person.id) for action in ("channel.open", "message.send", "call.join")} <= seen


def test_the_log_proves_it(visit, tmp_path):
    """Exported and checked offline by bin/audit-verify; then each event's own proof, by arithmetic
    that was written from the standard (paper.py)."""
    visit.export_log(tmp_path / "log")
    leaves = read_export(tmp_path / "log")
    for event in visit.events:
        proof = visit.aud.get("/v1/audit/proof", event=event["id"])
        assert proven(proof, leaves[event["index"]]) == event["index"]
