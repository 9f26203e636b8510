"""effect: from the commit of a booking to the commit of its effect in another service.

ms_p50, ms_p99   appointments commits a visit, its relay tells Kafka, prescriptions hears and commits;
                 200 bookings a second over HTTP, come what may (an open loop)

Real Kafka (mTLS, the suite's own rights), real keyd, one PostgreSQL with fsync, which says itself
when each transaction committed (track_commit_timestamp). Every booking must have its effect.
"""
import http.client
import json
import sys
import threading
import time

import booking_work as work
import rig
import telecura
from broker_work import Kafka
from identity import ISSUER

RATE, CLIENTS = 200, 8
WARM_S = 3
BARS = {"ms_p50": ("≤", 10), "ms_p99": ("≤", 50)}
COMMITS = "SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at_ms FROM"


def requests(tokens, count):
    """(head, body) of each booking; no two want the same time of the same person."""
    for i in range(count):
        who, whom, slot = (i * work.STRIDE % work.PATIENTS,
                           i * work.STRIDE_PROVIDERS % work.PROVIDERS, i // work.PROVIDERS)
        yield ({"Authorization": f"Bearer {tokens[who]}", "Idempotency-Key": f"effect-{i}",
                "Content-Type": "application/json"},
               json.dumps({"patient_id": work.patient(who), "provider_id": work.provider(whom),
                           "visit_type": "consultation", "reason": work.REASON,
                           "starts_at": work.rfc3339(work.slot_s(slot))}))


def book(port, todo, first, begin, answers):
    """One client: every CLIENTS-th request at its time, however long the one before took."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for i in range(first, len(todo), CLIENTS):
        time.sleep(max(0.0, begin + i / RATE - time.monotonic()))
        head, body = todo[i]
        connection.request("POST", "/v1/appointments", body, head)
        reply = connection.getresponse()
        reply.read()
        answers.append(reply.status)


def load(port, todo):
    answers, begin = [], time.monotonic() + 0.1
    clients = [threading.Thread(target=book, args=(port, todo, n, begin, answers))
               for n in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if answers.count(201) != len(todo):
        raise RuntimeError(f"{len(todo)} bookings, {answers.count(201)} of them answered with 201")


def effects(suite, todo):
    """Milliseconds of each booking, in the order of their commits."""
    heard = suite.services["prescriptions"]
    heard.wait_for(f"SELECT count(*) = {len(todo)} FROM visit_heard", 60)
    booked = suite.services["appointments"].rows(
        f"{COMMITS} appointment WHERE local_start <> '' ORDER BY 2")
    effect = {row["id"]: row["at_ms"] for row in heard.rows(f"{COMMITS} visit_heard")}
    return [effect[row["id"]] - row["at_ms"] for row in booked]


def main():
    seconds = rig.arguments().seconds + WARM_S
    with rig.alone():
        suite = telecura.Suite(fsync=True, track_commit_timestamp="on")
        kafka = None
        try:
            kafka = Kafka()
            for name in ("keyd", "prescriptions", "appointments"):
                plain = {"http_plain": f"127.0.0.1:{telecura.free_port()}"} \
                    if name == "appointments" else {}
                suite.service(name, start=False, **kafka.settings(name), **plain)
                if name == "appointments":
                    work.fill(suite.postgres, name, work.clinic_sql(ISSUER))
                suite.services[name].start()
            tokens = [suite.idp.token(f"patient-{n}", ttl_s=7200) for n in range(work.PATIENTS)]
            port = int(suite.services["appointments"].settings["http_plain"].rsplit(":", 1)[1])
            todo = list(requests(tokens, RATE * seconds))
            busy = rig.calm()
            load(port, todo)
            took = sorted(effects(suite, todo)[RATE * WARM_S:])
        finally:
            if kafka:
                kafka.close()
            suite.close()
    figures = {"ms_p50": round(rig.percentile(took, 0.5), 2),
               "ms_p99": round(rig.percentile(took, 0.99), 2), "ms_max": round(took[-1], 2),
               "bookings": len(took), "per_s": RATE, "others_busy_cores": busy}
    return rig.report("effect", figures, BARS)


if __name__ == "__main__":
    sys.exit(main())
