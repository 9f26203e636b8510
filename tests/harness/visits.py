"""A visit as messaging and signaling see it: a patient, a clinician and what access would sign."""
import dataclasses
import os
import time
import uuid

import paseto
from telecura import ORG, rfc3339
from ws import Refused


class Grants:
    """Stands in for access: signs grants with a key of its own."""

    def __init__(self, suite):
        self.suite, self.signer = suite, paseto.Signer()
        self.public_file = f"{suite.folder}/grants.public"
        with open(self.public_file + ".new", "w") as f:
            f.write(self.signer.line)
        os.rename(self.public_file + ".new", self.public_file)

    def visit(self, consent=True, org=ORG):
        return Visit(self, self.suite.patient(org=org, consent=consent),
                     self.suite.person("clinician", org=org), org)


@dataclasses.dataclass
class Visit:
    grants: Grants
    patient: object
    clinician: object
    org: str

    def __post_init__(self):
        self.id, self.channel = str(uuid.uuid4()), str(uuid.uuid4())

    def grant(self, who, ttl_s=600, signer=None, purpose="grant", **claims):
        now = self.grants.suite.now_s()
        body = {"id": str(uuid.uuid4()), "org": self.org, "person": who.id, "patient": self.patient.patient,
                "provider": self.clinician.id, "visit": self.id, "channel": self.channel,
                "role": "patient" if who.role in ("patient", "proxy") else "clinician", "rights": "chat call",
                "minted_at": rfc3339(now), "ends_at": rfc3339(now + ttl_s), **claims}
        return (signer or self.grants.signer).sign(body, purpose)


def patiently(run, seconds=10):
    """Runs @run until it is not refused with "try again": a replica that has just started reads the
    revocations first."""
    end = time.monotonic() + seconds
    while True:
        try:
            return run()
        except Refused as refused:
            if not refused.retryable or time.monotonic() > end:
                raise
            time.sleep(0.05)


def until(condition, seconds=10, what="what was awaited"):
    """Asks again until it is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come in {seconds} s")
