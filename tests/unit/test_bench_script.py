"""The bench of bookings writes a pgbench script out of the services' own statements. A parameter that a
statement learns has to reach it: make test never runs a bench, and would not notice."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/bench"))

import booking_work as work  # noqa: E402

# What a booking leaves, as far as the script takes its constants from there.
SAMPLE = {
    "visit": {"sealed": "\\x00"},
    "event": {"topic": "appointments", "kind": 1, "payload": "\\x00"},
    "audit": dict.fromkeys(("act", "at", "remote", "action", "resource", "purpose", "request",
                            "token", "sign_in"), "x"),
    "key": {"body_hash": "\\x00"},
}


def test_every_parameter_of_a_booking_has_its_value():
    statements = work.statements_of(ROOT / "common/app/sql/act.sql",
                                    ROOT / "services/appointments/sql/appointment.sql")
    script, _ = work.pgbench_script(statements, SAMPLE, clients=8)
    asked = {name for flush in work.FLUSHES for name in flush if not name.isupper()}
    assert asked <= statements.keys()
    assert all(re.match(r"(SELECT|INSERT|WITH) ", statements[name]) for name in asked), statements
    assert script.count("\\startpipeline") == len(work.FLUSHES)
