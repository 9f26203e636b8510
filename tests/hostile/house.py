"""One house of all services, for the whole folder: who works there, and what is on record."""
import json
import subprocess
import uuid

from postgres import binary
from telecura import ORG, Person

END = "--end--"


class House:
    def __init__(self, suite, grants):
        self.suite, self.grants = suite, grants
        self.people, self.consoles = {}, {}
        for name in ("access", "patients", "appointments", "prescriptions", "notifications", "billing", "audit"):
            suite.service(name)
        suite.service("messaging", access_public=grants.public_file)
        suite.service("signaling", access_public=grants.public_file, turn_uri="turn:127.0.0.1:9",
                      turn_secret=suite.secret("turn.secret", "a turn secret"))
        suite.service("fhir", **{name: f"127.0.0.1:{suite.service(name).port}"
                                 for name in ("patients", "appointments", "audit")})

    def person(self, role, org=ORG, fresh=False):
        """Somebody of that role, the same at each call; @fresh: has just shown the second factor."""
        if (role, org) not in self.people:
            self.people[role, org] = (self.suite.patient(org=org) if role == "patient"
                                      else self.suite.person(role, org=org))
        who = self.people[role, org]
        if not fresh:
            return who
        return Person(**{**who.__dict__, "token": self.suite.idp.token(who.subject, acr=2)})

    def another(self, who, **claims):
        """The same person by another token."""
        return Person(**{**who.__dict__, "token": self.suite.idp.token(who.subject, **claims)})

    def rows(self, service, query):
        """As Service.rows, by a psql that stays: thousands of cases ask for one row each."""
        if service not in self.consoles:
            self.consoles[service] = Console(self.suite.postgres.socket, service)
        return self.consoles[service].rows(query)

    def nobody(self):
        """A sound token of a subject whom no organisation knows."""
        return self.suite.idp.token(f"sub-{uuid.uuid4()}")

    def close(self):
        for console in self.consoles.values():
            console.close()


class Console:
    def __init__(self, socket, database):
        self.psql = subprocess.Popen(
            [binary("psql"), "-X", "-q", "-A", "-t", "-h", socket, "-U", "root_of_all", "-d", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def rows(self, query):
        self.psql.stdin.write(f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) AS q;\n\\echo {END}\n")
        self.psql.stdin.flush()
        lines = []
        while (line := self.psql.stdout.readline()) != END + "\n":
            assert line, "psql has ended"
            lines.append(line)
        assert lines, f"psql refuses: {query}"
        return json.loads("".join(lines))

    def close(self):
        self.psql.stdin.close()
        self.psql.wait(10)
