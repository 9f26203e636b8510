"""Each COMMIT of the audit service and of a producer's relay, from an act to its receipt, is cut off: before
PostgreSQL has heard of it, or after it is done and before anybody is told. Nothing is lost, nothing is there
twice, and the process goes on.

What fails in the log's files is test_append.py's.
"""
import itertools
import uuid

import acts
import witness
from cutting import Cutter
from door import until

ORG = str(uuid.uuid4())
COMMITS, ACTS = range(1, 13), 20    # hearing, head, receipts, index, relays, leases: a second has about ten
ARRIVE_S = 120


def test_each_commit_done_or_not(parts, tmp_path):
    parts.rows(acts.PRODUCER, witness.REMOVE + witness.INSTALL)
    with Cutter(parts.place, "audit", "audit_head", acts.PRODUCER) as cutter:
        for name in ("audit", acts.PRODUCER):
            parts.again(name, parts.kill(name), ARRIVE_S)       # through the cutter, from now on
        pids = [parts.row(name)["pid"] for name in ("audit", acts.PRODUCER)]
        for number, when in itertools.product(COMMITS, ("before", "after")):
            parts.rows(acts.PRODUCER, f"{acts.statement(ORG)}" * ACTS)
            cutter.arm(number, when)
            assert cutter.fired.wait(ARRIVE_S), (number, when)
        until(lambda: parts.count(acts.PRODUCER, "audit_outbox") == 0, "a receipt for each", ARRIVE_S)
        assert pids == [parts.row(name)["pid"] for name in ("audit", acts.PRODUCER)], "both went on"
    for name in ("audit", acts.PRODUCER):
        parts.again(name, parts.kill(name), ARRIVE_S)
    committed = {row[0] for row in parts.rows(acts.PRODUCER, f"SELECT id FROM witness.row WHERE org = '{ORG}'")}
    parts.rows(acts.PRODUCER, witness.REMOVE)
    assert len(committed) == 2 * len(COMMITS) * ACTS
    assert acts.misplaced(acts.published(parts.place, ORG, tmp_path), committed) == (set(), set(), set())
    assert parts.rows("audit", f"SELECT kind, seq, times FROM incident WHERE org = '{ORG}' AND closed_at IS NULL") == []
