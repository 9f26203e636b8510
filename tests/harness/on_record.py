"""Is all that clients were told on record? The tape (recording.py) against the audit rows.

    found, seen = check(tape.links(), rows, marks)
    assert not found and seen["read"] ...

Every answer below 400 of an audited route has its row: outcome done, of the act that the answer names
(Request-Id), committed before the answer's first byte. Whatever else holds PHI has one too:

  an answer     a row of its act about that patient. FHIR's face has no rows: there the owner's, by who
                asked, between question and answer.
  a frame       the row that opened its connection (the reply to `connect` names it), about that patient;
                a reply to an audited frame has a row of its own, by who asked, each counted once.
  a refusal     (a 4xx that names its act) a row with outcome refused.

PHI is what the test planted (words, each of one patient) and what a route's reply marks as such.
"""
import collections
import json
import re

Row = collections.namedtuple("Row", "committed service act action outcome actor patient")
Marks = collections.namedtuple("Marks", "words openapi frames people")
"""words: {word: patient}; frames: {type: audit word}; people: {subject of a token: person}."""


def check(links, rows, marks, margin_s=0.0):
    """(what is not on record, a counter of what was told by kind). A row counts if it committed
    @margin_s before the byte."""
    checker = Checker(rows, marks, margin_s)
    for link in links:
        checker.link(link)
    checker.replies()
    return checker.found, checker.seen


class Checker:
    def __init__(self, rows, marks, margin_s):
        self.marks, self.margin_s = marks, margin_s
        self.found, self.seen, self.asked = [], collections.Counter(), []
        self.by_act = collections.defaultdict(list)
        for row in rows:
            self.by_act[row.act].append(row)
        self.rows = sorted(rows, key=lambda row: row.committed)

    def link(self, link):
        for answer in link.answers:
            self.answer(answer)
        if link.frames:
            self.frames(link.frames)

    def told_of(self, data):
        """Whose planted words stand in there."""
        return {patient for word, patient in self.marks.words.items() if word.encode() in data}

    def before(self, row, at):
        return row.committed + self.margin_s <= at

    def done(self, act, at):
        return [row for row in self.by_act.get(act, []) if row.outcome == "done" and self.before(row, at)]

    # ---- HTTP ----

    def answer(self, answer):
        what = f"{answer.method} {answer.path.split('?')[0]} -> {answer.status}"
        operation = self.operation(answer)
        audited = operation and operation["x-audit"]
        about = self.told_of(answer.body) | self.told_of(str(answer.headers).encode())
        marked, named = self.marked(operation, answer)
        about |= named
        act = answer.headers.get("request-id")
        if answer.path.startswith("/fhir/"):
            on_record = [row for row in self.rows if answer.asked_at <= row.committed and row.outcome == "done"
                         and row.actor == self.marks.people.get(answer.who) and self.before(row, answer.at)]
        else:
            on_record = self.done(act, answer.at)
        if (audited and 200 <= answer.status < 400 or marked or about) and not on_record:
            self.found.append(f"{what} (act {act}): no row before it")
        for patient in about - {row.patient for row in on_record} if on_record else ():
            self.found.append(f"{what} (act {act}): no row about patient {patient}")
        if audited and 400 <= answer.status < 500 and (refused := act_of(answer)):
            rows = [row for row in self.by_act.get(refused, []) if row.outcome == "refused"]
            if not any(self.before(row, answer.at) for row in rows):
                self.found.append(f"{what} (act {refused}): a refusal without its row")
        if operation and (about or marked or audited and answer.status < 400):
            self.seen[operation["operationId"]] += 1

    def operation(self, answer):
        path = answer.path.split("?")[0]
        for known, operations in self.marks.openapi["paths"].items():
            if answer.method.lower() in operations and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path):
                return operations[answer.method.lower()]
        return None

    def marked(self, operation, answer):
        """(does it hold a value that its route marks as PHI, which patients it names beside)."""
        if not operation or answer.status >= 400 or "json" not in answer.headers.get("content-type", ""):
            return False, set()
        try:
            value = json.loads(answer.body)
        except ValueError:
            return True, set()      # cut short: whatever it was
        reply = next((reply for status, reply in operation["responses"].items() if status != "default"), {})
        for media in reply.get("content", {}).values():
            found = list(self.phi(media["schema"], value))
            return bool(found), set(found) - {None}
        return False, set()

    def phi(self, schema, value, patient=None):
        """The patient of each marked value, where the object that holds it says so."""
        schema = self.resolved(schema)
        if isinstance(value, list):
            for item in value:
                yield from self.phi(schema.get("items", {}), item, patient)
        elif isinstance(value, dict):
            patient = value.get("patient_id", patient)
            for name, part in schema.get("properties", {}).items():
                if name in value:
                    yield from self.phi(part, value[name], patient)
        if schema.get("x-phi") and value not in (None, "", [], {}):
            yield patient

    def resolved(self, schema):
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.marks.openapi["components"]["schemas"][name] if name else schema

    # ---- WebSocket ----

    def frames(self, frames):
        asks, opened, actor = {}, [], None
        for frame in frames:
            body = json.loads(frame.text)
            kinds = [kind for kind in body if kind != "id"]
            if not frame.to_client:
                asks[body.get("id")] = (kinds[0], frame.at)
                continue
            about = self.told_of(frame.text)
            if body.get("connect", {}).get("session"):
                opened = self.done(body["connect"]["session"], frame.at)
                actor = opened[0].actor if opened else None
                if not opened:
                    self.found.append(f"connect (act {body['connect']['session']}): no row before it")
            elif body.get("id") in asks and "error" not in body:
                kind, came = asks[body["id"]]
                self.asked.append((frame.at, came, kind, actor, about))
            for patient in about - {row.patient for row in opened}:
                self.found.append(f"frame {kinds[0]}: its connection has no row about patient {patient}")
            if about or opened:
                self.seen[kinds[0]] += 1

    def replies(self):
        """To each reply of an audited frame one row, and no row twice."""
        used = set()
        for at, came, kind, actor, about in sorted(self.asked, key=lambda one: one[0]):
            action = self.marks.frames.get(kind)
            if not action:
                continue
            for number, row in enumerate(self.rows):
                if number not in used and (row.action, row.actor, row.outcome) == (action, actor, "done") \
                        and row.committed >= came and self.before(row, at) and about <= {row.patient}:
                    used.add(number)
                    break
            else:
                self.found.append(f"reply to {kind}: no row {action} of {actor} before it")


def act_of(answer):
    try:
        return json.loads(answer.body).get("request_id")
    except ValueError:
        return None
