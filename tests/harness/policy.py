"""The decision once more, from the printed tables (`telectl policy matrix --json`) and from nothing of
the program that makes it: what a cell says in docs/how-to/who-can-see-this.md, put into Python."""
import dataclasses
import json
import subprocess

from telecura import bin_folder

# Whom each word of a cell stands for: by which relations one gets there.
WHO = {"-": set(), "own": {"own"}, "proxy": {"proxy"}, "guest": {"guest"}, "care": {"care"},
       "glass": {"glass"}, "care+glass": {"care", "glass"}, "site": {"site", "care", "glass"}}
EVERYBODY = {"any", "site", "care", "glass", "own", "proxy", "guest"}


def telectl(*words, text=None):
    done = subprocess.run([f"{bin_folder()}/telectl", *words], input=text, capture_output=True, text=True,
                          timeout=60)
    assert not done.stderr, done.stderr
    return done.stdout


@dataclasses.dataclass(frozen=True)
class Case:
    role: str
    action: str
    relations: frozenset = frozenset()   # that hold between the person and the patient, now
    labels: frozenset = frozenset()      # of the row
    consents: frozenset = frozenset()    # of the patient, in force
    facts: frozenset = frozenset()       # mine, known, fresh

    def line(self):
        return " ".join([self.role, self.action] + [",".join(sorted(s)) or "-" for s in (
            self.relations, self.labels, self.consents, self.facts)])


class Oracle:
    def __init__(self):
        self.cells = {}
        for line in telectl("policy", "matrix", "--json").splitlines():
            cell = json.loads(line)
            self.cells[cell["table"], cell["row"], cell["column"]] = cell["says"]

    def names(self, table, of="row"):
        at = {"row": 1, "column": 2}[of]
        return list(dict.fromkeys(key[at] for key in self.cells if key[0] == table))

    def roles(self):
        return self.names("role")

    def says(self, table, row, column):
        return self.cells[table, row, column]

    def decide(self, case):
        """"allow", or what is missing."""
        action = self.says("action", case.action, case.role)
        if action == "-":
            return "no_role"
        reached = EVERYBODY if action == "any" else WHO[action]
        consents = {self.says("action", case.action, "consent")} - {"-"}
        for label in case.labels:
            cell = self.says("label", label, case.role)
            if cell == "mine":
                reached = reached if "mine" in case.facts else set()
            elif cell == "asked":
                consents.add(self.says("label", label, "consent"))
            elif cell != "any":
                reached = reached & WHO[cell]
            if not reached:
                return "no_label"
        if self.says("action", case.action, "factor") == "second" and "fresh" not in case.facts:
            return "no_second_factor"
        ways = {self.says("relation", kind, "opens") for kind in case.relations}
        if "any" not in reached:
            by_site = "site" in reached and "known" in case.facts
            # Where the whole organisation is reached, one's own relation adds nothing to it.
            by_relation = "site" not in reached and ways & reached
            if not by_site and not by_relation:
                return "no_relation"
        return "no_consent" if consents - case.consents else "allow"
