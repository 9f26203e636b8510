"""The recorder and the checker of tests/faults/test_fail_closed.py, on a made-up server: what is sound
they let pass, and each way of telling too much or too early they name."""
import json
import socket
import ssl
import threading


import pytest

import on_record
from identity import Authority, base64url
from on_record import Row
from recording import Recorder
from ws import TEXT, frame

ANA, BEN, NIA, ACT = "patient-ana", "patient-ben", "nia", "act-1"
OPENAPI = {
    "paths": {"/v1/patients/{id}": {"get": {
        "operationId": "read", "x-audit": "patient.read", "responses": {"200": {"content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Patient"}}}}}}},
        "/v1/sites": {"get": {"operationId": "sites", "x-audit": "", "responses": {"200": {}}}}},
    "components": {"schemas": {"Patient": {"type": "object", "properties": {
        "id": {"type": "string"}, "name": {"type": "string", "x-phi": True}}}}}}
MARKS = on_record.Marks(words={"canary-ana": ANA, "canary-ben": BEN}, openapi=OPENAPI,
                        frames={"send": "message.send", "history": "message.read"}, people={"sub-nia": NIA})
ASKS_FOR_ANA = (f"GET /v1/patients/{ANA} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer a.{base64url(json.dumps({'sub': 'sub-nia'}).encode())}.c\r\n\r\n").encode()
ASKS_FHIR = ASKS_FOR_ANA.replace(b"/v1/patients", b"/fhir/R4/Patient")
ASKS_SITES = b"GET /v1/sites HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADES = b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def answer(body, status=200, act=ACT, more=""):
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n" + (f"Request-Id: {act}\r\n" if act else "")
    return f"{head}{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def chunked(body, act=ACT):
    half = len(body) // 2
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: {act}\r\nTransfer-Encoding: chunked\r\n"
    return (f"{head}\r\n{half:x}\r\n{body[:half]}\r\n{len(body) - half:x}\r\n{body[half:]}\r\n0\r\n\r\n").encode()


def said(**what):
    return frame(TEXT, json.dumps(what).encode(), mask=False)


def asked(**what):
    return frame(TEXT, json.dumps(what).encode())


def row(act=ACT, action="patient.read", outcome="done", actor=NIA, patient=ANA, late_s=-0.5):
    return late_s, (act, action, outcome, actor, patient)


HERS = '{"id":"1","name":"canary-ana"}'
TOLD = answer(HERS)
OPENED = said(id=1, connect={"session": ACT})
JOINED = row(action="channel.open")
WORD = said(message={"body": "canary-ana"})
SENDS = [UPGRADES, asked(id=1, connect={}), asked(id=2, send={"body": "canary-ana"})]
READS = [UPGRADES, asked(id=1, connect={}), asked(id=2, history={})]
PAGE = said(id=2, history={"messages": ["canary-ana"]})
READ = row("act-2", "message.read", late_s=0.0)

# name: (what a client sends, what it is told for each, what is on record, what is found)
CASES = {
    "its row was first": ([ASKS_FOR_ANA], [TOLD], [row()], None),
    "so it is in pieces": ([ASKS_FOR_ANA], [chunked(HERS)], [row()], None),
    "who tells nothing needs no row": ([ASKS_SITES], [answer("{}", act=None)], [], None),
    "a refusal on record": ([ASKS_FOR_ANA], [answer('{"request_id":"act-1"}', 404)],
                            [row(outcome="refused")], None),
    "no row": ([ASKS_FOR_ANA], [TOLD], [], "no row before"),
    "no row, in pieces": ([ASKS_FOR_ANA], [chunked(HERS)], [], "no row before"),
    "another act's row": ([ASKS_FOR_ANA], [TOLD], [row("act-2")], "no row before"),
    "a row that says refused": ([ASKS_FOR_ANA], [TOLD], [row(outcome="refused")], "no row before"),
    "a row about somebody else": ([ASKS_FOR_ANA], [TOLD], [row(patient=BEN)], "about patient " + ANA),
    "a row that came after": ([ASKS_FOR_ANA], [TOLD], [row(late_s=0.5)], "no row before"),
    "two patients and one row": ([ASKS_FOR_ANA], [answer('{"name":"canary-ana canary-ben"}')], [row()],
                                 "about patient " + BEN),
    "PHI that nobody planted": ([ASKS_FOR_ANA], [answer('{"id":"1","name":"Reyes"}')], [], "no row before"),
    "PHI where none is asked for": ([ASKS_SITES], [answer('["canary-ana"]', act=None)], [], "no row before"),
    "PHI in a problem": ([ASKS_FOR_ANA], [answer('{"detail":"canary-ana"}', 500)], [], "no row before"),
    "PHI in a header": ([ASKS_SITES], [answer("{}", act=None, more="Link: canary-ana\r\n")], [], "no row before"),
    "a body that is cut": ([ASKS_FOR_ANA], [TOLD[:-4]], [], "no row before"),
    "an answer that names no act": ([ASKS_FOR_ANA], [answer(HERS, act=None)], [row()], "no row before"),
    "a second answer on a connection": ([ASKS_FOR_ANA, ASKS_SITES], [TOLD, answer('"canary-ben"', act=None)],
                                        [row()], "sites -> 200"),
    "an answer that nobody asked for": ([ASKS_FOR_ANA], [TOLD + answer('"canary-ben"', act="act-2")], [row()],
                                        "- - -> 200"),
    "a refusal without its row": ([ASKS_FOR_ANA], [answer('{"request_id":"act-1"}', 404)], [], "a refusal"),
    "FHIR by the owner's row": ([ASKS_FHIR], [answer(HERS, act="act-9")], [row(late_s=0.0)], None),
    "FHIR by somebody else's row": ([ASKS_FHIR], [answer(HERS, act="act-9")], [row(actor="pia", late_s=0.0)],
                                    "no row before"),
    "FHIR by an older row": ([ASKS_FHIR], [answer(HERS, act="act-9")], [row(late_s=-9)], "no row before"),
    "a channel that was opened": (SENDS[:2], [UPGRADED, OPENED + WORD], [JOINED], None),
    "a channel opened without a row": (SENDS[:2], [UPGRADED, OPENED], [], "connect (act act-1)"),
    "a word before the opening": (SENDS[:2], [UPGRADED + WORD, OPENED], [JOINED], "frame message"),
    "a word of somebody else": (SENDS[:2], [UPGRADED, OPENED + said(message={"body": "canary-ben"})], [JOINED],
                                "about patient " + BEN),
    "a page on record": (READS, [UPGRADED, OPENED, PAGE], [JOINED, READ], None),
    "a page without its row": (READS, [UPGRADED, OPENED, PAGE], [JOINED], "reply to history"),
    "two pages and one row": ([*READS, asked(id=3, history={})],
                              [UPGRADED, OPENED, PAGE, said(id=3, history={})], [JOINED, READ], "reply to history"),
    "a word kept before it was recorded": (SENDS, [UPGRADED, OPENED, said(id=2, send={"offset": 1})], [JOINED],
                                           "reply to send"),
}


class MadeUp:
    """Tells the next thing for each that it is sent; then it hangs up."""

    def __init__(self, context, answers):
        self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port, self.answers = self.listener.getsockname()[1], answers
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        link, _ = self.listener.accept()
        with link:
            for text in self.answers:
                link.recv(65536)
                link.sendall(text)
        self.listener.close()


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    authority = Authority(str(tmp_path_factory.mktemp("ca") / "ca"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.leaf("gateway"))
    return server, ssl.create_default_context(cafile=authority.ca)


def talk(contexts, asks, answers):
    """What a client got, and the tape of it."""
    server, client = contexts
    got = b""
    with Recorder(server, MadeUp(server, answers).port, client) as tape:
        with client.wrap_socket(socket.create_connection(("127.0.0.1", tape.port)),
                                server_hostname="localhost") as link:
            for ask, told in zip(asks, answers):
                link.sendall(ask)
                end = len(got) + len(told)
                while len(got) < end:
                    got += link.recv(65536)
        return got, tape.links()


@pytest.mark.parametrize("name", CASES)
def test_the_checker_names_what_is_not_on_record(contexts, name):
    asks, answers, record, expected = CASES[name]
    got, links = talk(contexts, asks, answers)
    assert got == b"".join(answers)
    at = [*links[0].answers, *links[0].frames][-1].at
    found, _ = on_record.check(links, [Row(at + late_s, "patients", *values) for late_s, values in record], MARKS)
    assert not found if expected is None else any(expected in why for why in found), found
