"""Whoever waits is not forgotten and holds up nobody: a deadline counts from the asking, and a timer's
long list takes turns with people."""
import concurrent.futures
import threading
import time

import pytest

from telecura import ORG

SLEEP_S = 6


@pytest.fixture
def locked(suite):
    """locked(service, table): nobody reads it for SLEEP_S seconds."""
    threads = []

    def lock(service, table):
        text = f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({SLEEP_S}); COMMIT"
        threads.append(threading.Thread(target=service.execute, args=(text,)))
        threads[-1].start()
        service.wait_for("SELECT count(*) > 0 FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation "
                         f"WHERE c.relname = '{table}' AND l.mode = 'AccessExclusiveLock' AND l.granted")
    yield lock
    for thread in threads:
        thread.join()


@pytest.mark.family(10)
def test_a_deadline_counts_from_the_asking(suite, locked):
    """One worker, and what it asks for does not come: who stands behind it in the queue is answered at
    the end of their own two seconds, not of everybody's before them."""
    suite.service("patients")
    one = suite.replica("patients", workers=1)
    desk, path = suite.person("front_desk"), f"/v1/patients/{suite.patient().patient}"
    assert one.get(path, who=desk).status == 404, "known to access, and no record of theirs yet"

    def ask(_):
        began = time.monotonic()
        reply = one.get(path, who=desk)
        return reply.status, time.monotonic() - began

    locked(one, "patient")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert {status for status, _ in answers} == {503}
    assert max(waited for _, waited in answers) < 3.5, answers
    one.stop()


@pytest.mark.family(10)
def test_a_timers_list_takes_turns(suite):
    """A hundred visits that nobody came to, and one worker: who asks meanwhile is not behind them all."""
    suite.service("appointments")
    alone = suite.replica("appointments", workers=1)
    desk = suite.person("front_desk")
    assert alone.get("/v1/queue", who=desk).status == 200
    suite.services["appointments"].stop()
    try:
        alone.execute(f"""
            INSERT INTO appointment (org, id, act_id, patient_id, provider_id, site_id, time_zone, visit_type,
                                     target_minutes, state, during, starts_at, ends_at, local_start,
                                     sealed)
            SELECT '{ORG}', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
                   gen_random_uuid(), 'UTC', 'consultation', 15, 'scheduled',
                   tstzrange(starts, ends), starts, ends, '2031-05-05T09:00:00', ''
            FROM generate_series(1, 100), (VALUES (now() - interval '2 hours', now() - interval '1 hour'))
                 AS at (starts, ends)""")
        missed = "SELECT count(*) FROM appointment_history WHERE event = 'no_show'"
        between, until = 0, time.monotonic() + 30
        while not between:  # a fast machine is through the list before anybody can see it begin
            assert time.monotonic() < until
            assert alone.get("/v1/queue", who=desk).status == 200
            between = alone.value(missed)
        alone.wait_for(f"SELECT ({missed}) = 100", 30)
        assert between < 100, "asked while the list was under way, answered after its end"
    finally:
        alone.stop()
        suite.services["appointments"].start()
