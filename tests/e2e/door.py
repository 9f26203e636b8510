"""The suite as its clients see it: HTTPS and WebSockets through the gateway, TURN, and mails.

    door = Door(".run")                             # the run folder of an `up`
    ana = door.person("ana")                        # signs in when she asks for something
    visit = ana.post("/v1/appointments", ...)       # the answer's body; raises Refused
    with ana.stream(grant) as chat: ...             # tests/harness/ws.py
    ana.acts                # (method, path, why not, Request-Id) of all that she has asked for

Needs nothing but Python's own library: `make up` runs the story with it, too.
"""
import email
import http.client
import json
import pathlib
import ssl
import sys
import time
import urllib.parse
import uuid

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TREE / "deploy/local"), str(TREE / "tests/harness")]

import login  # noqa: E402
import ws     # noqa: E402

TOKEN_S = 240       # the identity provider's tokens live for 300
AWAIT_S = 10


class Refused(Exception):
    """A problem document."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status, self.code = status, problem.get("code")


class NotInTime(Exception):
    pass


def refusal(ask):
    """The code by which @ask is refused."""
    try:
        done = ask()
    except Refused as refused:
        return refused.code or refused.status
    raise AssertionError(f"it was not refused: {done}")


def heard(ask, code="not_heard_yet"):
    """Its answer; nothing while the part that is asked has not heard of what the question is about."""
    try:
        return ask()
    except Refused as refused:
        if refused.code != code:
            raise
    return None


def until(question, what, seconds=AWAIT_S):
    """Asks again until there is an answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.05)
    raise NotInTime(f"{what}: not in {seconds} s")


class Door:
    def __init__(self, run, port=None):
        """@port: where a client goes instead of to the gateway."""
        self.run = pathlib.Path(run)
        self.parts = json.loads((self.run / "parts.json").read_text())
        self.people = {p["name"]: p for p in json.loads((self.run / "people.json").read_text())}
        self.port = port or urllib.parse.urlparse(self.parts["gateway"]).port
        self.context = ssl.create_default_context(cafile=self.parts["ca_file"])

    def person(self, name, second_factor=True):
        return Person(self, self.people[name], second_factor)

    def request(self, method, path, headers, body=None, seconds=20):
        """(status, headers, body) of one request on a connection of its own."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context,
                                                 timeout=seconds)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def openapi(self):
        """Asked again, and told, when it stalls: HAProxy 2.6.12 once in a dozen cold starts has a long answer
        whole and does not go on with it (its log: sD)."""
        try:
            return json.loads(self.request("GET", "/v1/openapi.json", {}, seconds=5)[2])
        except TimeoutError:
            print("GET /v1/openapi.json stalled in the gateway; asked again", file=sys.stderr)
            return json.loads(self.request("GET", "/v1/openapi.json", {})[2])

    def mails_to(self, person):
        """Every mail that this person has been sent, by its file."""
        found = {}
        for file in (self.run / "mail").glob("*.eml"):
            mail = email.message_from_bytes(file.read_bytes())
            if person.email in mail.get_all("X-Envelope-To"):
                found[file.name] = mail
        return found


class Person:
    """Somebody with a browser. @second_factor False: a password alone (acr 1)."""

    def __init__(self, door, known, second_factor):
        self.door, self.known, self.second_factor = door, known, second_factor
        self.id, self.email, self.patient = known["person_id"], known["email"], known.get("patient_id")
        self.acts = []
        self._token, self._signed_in_at = None, 0

    def sign_in(self):
        if not self.second_factor:
            return self._signed_in(self._by_portal("1"))
        browser, issuer = login.Browser(self.door.parts["ca_file"]), self.door.parts["issuer"]
        return self._signed_in(login.direct_grant(browser, issuer, self.known))

    def step_up(self):
        """Password and second factor on the identity provider's own pages (PKCE, acr 2)."""
        return self._signed_in(self._by_portal("2"))

    def _by_portal(self, acr):
        parts = self.door.parts
        return login.sign_in(login.Browser(parts["ca_file"]), parts["issuer"], parts["gateway"] + "/", self.known, acr)

    def _signed_in(self, answer):
        self._token, self._signed_in_at = answer["access_token"], time.monotonic()
        return self

    def stay(self, seconds):
        """Signed in for so long from here on, also if nobody could sign in meanwhile."""
        if time.monotonic() - self._signed_in_at > TOKEN_S - seconds:
            self.sign_in()

    @property
    def token(self):
        if time.monotonic() - self._signed_in_at > TOKEN_S or not self._token:
            self.sign_in()
        return self._token

    # REST.

    def get(self, path, **query):
        return self._ask("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def pages(self, path, **query):
        """Every row of a list."""
        page = self.get(path, **query)
        yield from page["data"]
        while "next_cursor" in page:
            page = self.get(path, **query | {"cursor": page["next_cursor"]})
            yield from page["data"]

    def post(self, path, **body):
        """The field `if_match` becomes the header."""
        return self._ask("POST", path, body)

    def put(self, path, **body):
        return self._ask("PUT", path, body)

    def _ask(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if body is not None:
            headers["Idempotency-Key"] = str(uuid.uuid4())
            if "if_match" in body:
                headers["If-Match"] = f'"{body.pop("if_match")}"'
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        status, answer, text = self.door.request(method, path, headers, body)
        is_json = "json" in answer.get("Content-Type", "")
        said = json.loads(text) if is_json else text.decode()
        if status < 400:
            if is_json and said.get("data") == []:
                return said     # an empty list tells of nobody, and its record names nobody
            self.acts.append((method, path.split("?")[0], None, answer["Request-Id"]))
            return said
        problem = said if is_json else {}
        self.acts.append((method, path.split("?")[0], problem.get("code"), problem.get("request_id")))
        raise Refused(status, problem)

    # WebSockets.

    def stream(self, grant):
        """The visit's chat, opened."""
        return self._open("/v1/stream", grant)

    def call(self, grant):
        """The visit's call, opened."""
        return self._open(f"/v1/calls/{grant['channel_id']}", grant)

    def _open(self, path, grant):
        socket = ws.connect(self.door, path, context=self.door.context)
        socket.opened = socket.ask("connect", token=self.token, grant=grant["grant"])
        return socket
