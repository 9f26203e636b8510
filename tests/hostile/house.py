"""One house of all services, for the whole folder: who works there, and what is on record."""
import time
import uuid

from telecura import ORG, Person

FRESH_S = 60      # of the five minutes that a second factor counts


class House:
    def __init__(self, suite, grants):
        self.suite, self.grants = suite, grants
        self.people, self.fresh = {}, {}
        for name in ("access", "patients", "appointments", "prescriptions", "notifications", "billing", "audit"):
            suite.service(name)
        suite.service("messaging", access_public=grants.public_file)
        suite.service("signaling", access_public=grants.public_file, turn_uri="turn:127.0.0.1:9",
                      turn_secret=suite.secret("turn.secret", "a turn secret"))
        suite.service("fhir", **{name: f"127.0.0.1:{suite.service(name).port}"
                                 for name in ("patients", "appointments", "audit")})
        # What no service asks for: the rows of one act, of which a case looks at one among thousands.
        suite.everywhere("CREATE INDEX ON audit_outbox (act)")

    def person(self, role, org=ORG, fresh=False):
        """Somebody of that role, the same at each call; @fresh: has just shown the second factor."""
        if (role, org) not in self.people:
            self.people[role, org] = (self.suite.patient(org=org) if role == "patient"
                                      else self.suite.person(role, org=org))
        return self.just_signed_in(self.people[role, org]) if fresh else self.people[role, org]

    def just_signed_in(self, who):
        """By a token that serves a minute of cases: to sign one and to check it costs more than many a case."""
        until, again = self.fresh.get(who.id, (0, None))
        if time.monotonic() > until:
            again = self.another(who, acr=2)
            self.fresh[who.id] = time.monotonic() + FRESH_S, again
        return again

    def another(self, who, **claims):
        """The same person by another token."""
        return Person(**{**who.__dict__, "token": self.suite.idp.token(who.subject, **claims)})

    def rows(self, service, query):
        return self.suite.postgres.rows(service, query)

    def nobody(self):
        """A sound token of a subject whom no organisation knows."""
        return self.suite.idp.token(f"sub-{uuid.uuid4()}")
