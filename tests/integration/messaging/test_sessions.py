"""What sessions.def says of each role's connections: idle log-off, and a person's further windows."""
import re

import pytest

from visits import Visit, until

ROWS = {word: (int(idle), int(most), int(windows)) for word, idle, most, windows in re.findall(
    r'^SESSION\(\w+, "(\w+)", (\d+), (\d+), (\d+),', open("common/app/sessions.def").read(), re.M)}


@pytest.fixture
def people(suite, grants):
    """One of each role, at one visit."""
    visit, proxy = grants.visit(), suite.person("proxy")
    suite.relation(proxy, visit.patient.patient, "proxy")
    return visit, {"patient": visit.patient, "proxy": proxy, "clinician": visit.clinician}


@pytest.mark.family(7)
def test_who_gives_no_sign_is_logged_off(suite, messaging, people, enter):
    """R12, on the test clock: by the minutes of one's role; what a client says by itself is no sign, and a page
    that says somebody is there goes on."""
    visit, who = people
    hasty = suite.replica("messaging", idle_minutes_patient=1, idle_minutes_clinician=2)
    try:
        enter_at = {name: enter(visit, one, service=hasty)[0] for name, one in who.items()}
        left, here = enter_at["patient"], enter(visit, who["patient"], service=hasty)[0]
        suite.clock(50)
        for ws, one in ((left, who["patient"]), (here, who["patient"]), (enter_at["clinician"], who["clinician"])):
            if ws is here:
                ws.send("active")
            assert ws.ask("refresh", grant=visit.grant(one))["ends_at"]
        suite.clock(100)
        assert left.closed(10) == (4506, "idle")
        assert here.ask("history", after_offset=0, limit=1)["top"] == 0
        suite.clock(122)
        assert enter_at["clinician"].closed(10) == (4506, "idle")
        assert enter_at["proxy"].ask("history", after_offset=0, limit=1)["top"] == 0, "half an hour"
        assert enter(visit, who["patient"], service=hasty)[1]["session"], "and may come back"
        until(lambda: {row["actor"] for row in suite.audit("messaging", action="channel.close", resource_id=visit.channel)}
              == {who["patient"].id, who["clinician"].id}, 20)
    finally:
        suite.clock(0)
        hasty.stop()


@pytest.mark.parametrize("role", ROWS)
def test_nobody_is_left_alone_for_longer_than_the_role_may(role, messaging):
    _, most, _ = ROWS[role]
    for minutes, exit_code in ((most + 1, 78), (0, 78)):
        with open(f"{messaging.config}.idle", "w") as f:
            f.write(open(messaging.config).read() + f"\nidle_minutes_{role} = {minutes}\n")
        done = messaging.command("--config", f"{messaging.config}.idle", "--health")
        assert done.returncode == exit_code and f"idle_minutes_{role}" in done.stderr


@pytest.mark.parametrize("role", [role for role in ROWS if role != "guest"])
def test_of_too_many_windows_at_a_visit_the_oldest_ends(role, people, enter):
    """A guest has none here: no chat."""
    visit, who = people
    windows = [enter(visit, who[role])[0] for _ in range(ROWS[role][2] + 1)]
    assert windows[0].closed(5) == (4505, "too many windows")
    for ws in windows[1:]:
        assert ws.ask("history", after_offset=0, limit=1)["top"] == 0


def test_of_too_many_connections_of_a_person_the_oldest_gives_way(grants, enter):
    first = grants.visit()
    visits = [first] + [Visit(grants, first.patient, first.clinician, first.org) for _ in range(2)]
    sockets = [enter(visit, first.patient)[0] for visit in visits for _ in range(3)]
    assert sockets[0].closed(5) == (4505, "too many connections")
    for ws in (sockets[1], sockets[8]):
        assert ws.ask("history", after_offset=0, limit=1)["top"] == 0


def test_when_the_consent_ends_the_clinician_is_told_what_is_left(visit, enter):
    """What a grant says that ends with it; no feed is needed. Of the others: test_feed.py."""
    doctor, _ = enter(visit, visit.clinician, grant=visit.grant(visit.clinician, ttl_s=2, last=True))
    patient, _ = enter(visit, visit.patient, grant=visit.grant(visit.patient, ttl_s=2, last=True))
    assert doctor.push("consent") == {"scope": "telehealth", "state": "expired", "left": ["phone", "in_person", "note"]}
    assert doctor.closed(6) == patient.closed(6) == (4503, "consent ended")
    assert not patient.pushes or all("consent" not in push for push in patient.pushes)
