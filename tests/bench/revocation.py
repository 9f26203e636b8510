"""revocation: from the 200 to a consent's revoking to the last byte on each live socket.

p50_ms, p99_ms  over the chat's sockets of all visits: patient and clinician at each of three replicas of
                messaging, one of them talking all the while
call_p50_ms, call_p99_ms  over those of their calls: both seats, at one of three replicas of signaling
load_per_s      messages a second in other visits meanwhile: half of what the same clients reach when
                nobody holds them back

Real Kafka (mTLS, the suite's own rights), real access and its relay, real keyd, one PostgreSQL with
fsync. Access answers, says it on the feed, every replica hears it and closes. Each socket must end
with 4503 and nothing may come behind that; of the load, every message must be acknowledged.
"""
import concurrent.futures
import random
import ssl
import sys
import time

import rig
import revocation_work as work
import telecura
from broker_work import Kafka
from visits import Grants

REPLICAS, VISITS, WARM_VISITS = 3, 150, 5
PORTS = "47000"
BARS = {"p99_ms": ("≤", 2000), "call_p99_ms": ("≤", 2000)}
EDGES_MS = (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 1000, 2000)


class Bench:
    def __init__(self):
        self.suite = telecura.Suite(fsync=True)
        self.suite.idp.ttl_s = work.LONGEST_S
        self.grants, self.kafka, self.load = Grants(self.suite), None, None

    def prepare(self):
        self.kafka = Kafka(PORTS)
        for name in ("keyd", "access", "messaging", "signaling"):
            more = {"access_public": self.grants.public_file}
            if name == "access":
                more = {"http_plain": f"127.0.0.1:{telecura.free_port()}"}
            self.suite.service(name, **self.kafka.settings(name), **more)
        self.replicas, self.calls = map(self.replicas_of, ("messaging", "signaling"))
        plain = self.suite.services["access"].settings["http_plain"]
        self.access = telecura.Client(self.suite, int(plain.rsplit(":", 1)[1]), name=None)
        gateway = self.kafka.settings("gateway")
        self.tls = ssl.create_default_context(cafile=gateway["tls_ca"])
        self.tls.load_cert_chain(gateway["tls_cert"], gateway["tls_key"])
        self.visits = [self.visit() for _ in range(work.TALKERS + WARM_VISITS + VISITS)]

    def replicas_of(self, name):
        return [self.suite.services[name], *(self.suite.replica(name) for _ in range(REPLICAS - 1))]

    def seat_load(self):
        """Just before it begins: who is asked whether they are there, and does not answer, is let go."""
        self.load = work.Load(self.replicas, self.tls, self.visits[:work.TALKERS])
        del self.visits[:work.TALKERS]

    def close(self):
        if self.load:
            self.load.stop()
        self.suite.close()
        if self.kafka:
            self.kafka.close()

    def visit(self):
        visit = self.grants.visit(consent=False)
        visit.consent = self.suite.consent(visit.patient.patient)
        return visit

    def sockets(self, visit, replicas):
        """The patient's and the clinician's, at each of them."""
        return [work.enter(one, self.tls, visit, who)
                for one in replicas for who in (visit.patient, visit.clinician)]

    def revoke(self, visit):
        """Milliseconds of each socket: those of the chat, of which the last one talks, and of the call."""
        calls = self.sockets(visit, [random.choice(self.calls)])
        *listening, talking = self.sockets(visit, self.replicas)
        listening = calls + listening
        with concurrent.futures.ThreadPoolExecutor(len(listening) + 1) as hands:
            ends = [hands.submit(work.last_byte, ws) for ws in listening]
            ends.append(hands.submit(work.last_byte_of_talk, talking))
            time.sleep(random.uniform(0.05, 0.3))  # at no beat of anything's
            reply = self.access.post(f"/v1/consents/{visit.consent}/revoke", who=visit.patient)
            said = time.monotonic()
            if reply.status != 200:
                raise RuntimeError(f"revoking was answered with {reply}")
            took = [max(0.0, end.result() - said) * 1000 for end in ends]
        return took[len(calls):], took[:len(calls)]


def figures_of(prefix, took):
    """And how many sockets ended within each span, to standard error."""
    rig.note(f"{prefix or 'chat_'}sockets")
    low = 0
    for high in (*EDGES_MS, float("inf")):
        count = sum(low <= ms < high for ms in took)
        if count:
            bar = "#" * max(1, round(60 * count / len(took)))
            rig.note(f"{low:>5} - {high:>5} ms {count:>6} {bar}")
        low = high
    return {f"{prefix}{name}": round(ms, 1) for name, ms in
            (("p50_ms", rig.percentile(took, 0.5)), ("p99_ms", rig.percentile(took, 0.99)), ("max_ms", took[-1]))}


def main():
    rig.arguments()
    with rig.alone():
        bench = Bench()
        try:
            bench.prepare()
            busy = rig.calm()
            bench.seat_load()
            most = bench.load.measure()
            bench.load.run(most / 2)
            took = [bench.revoke(visit) for visit in bench.visits][WARM_VISITS:]
            rate = bench.load.end()
        finally:
            bench.close()
    chats, calls = (sorted(sum(of_each, [])) for of_each in zip(*took))
    figures = figures_of("", chats) | figures_of("call_", calls) | {
               "replicas": REPLICAS, "revocations": VISITS, "sockets": len(chats) + len(calls),
               "load_per_s": round(rate), "load_most_per_s": round(most), "others_busy_cores": busy}
    return rig.report("revocation", figures, BARS)


if __name__ == "__main__":
    sys.exit(main())
