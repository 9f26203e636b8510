"""Family 18: what clients send ends up in no log as they sent it: a line stays a line of JSON, and its fields
stay its own."""
import json
import os

import pytest

from routes import cross, guarded, quoted, with_body

pytestmark = pytest.mark.family(18)
MARK = "forged7f3e"
TEXTS = {
    "a line of ours": '\n{"level":"fault","what":"' + MARK + '"}', "CR LF": f"\r\n{MARK}: 1", "ANSI": f"\x1b[2J\x1b[31m{MARK}",
    "the end of a text": f'","level":"fault","what":"{MARK}', "bidi": f"\u202e{MARK}\u2066", "a line separator": f"\u2028{MARK}",
    "a NUL": f"a\0{MARK}", "backspaces": f"\b\b\b\b{MARK}", "a bell": f"\a{MARK}", "a format": f"%s%n{MARK}",
    "a terminal's title": f"\x1b]0;{MARK}\x07", "JNDI": "${jndi:ldap://127.0.0.1/" + MARK + "}", "next line": f"\x85{MARK}",
}


@pytest.fixture(autouse=True)
def lines(house):
    """What the services say meanwhile: each line is one JSON object, and none has the mark in it."""
    sizes = {one.log: os.path.getsize(one.log) for one in house.suite.services.values()}
    yield
    for file, size in sizes.items():
        if os.path.getsize(file) == size:
            continue
        with open(file, "rb") as f:
            f.seek(size)
            for line in f.read().splitlines():
                assert MARK.encode() not in line
                assert isinstance(json.loads(line), dict), line


@cross(guarded(), TEXTS)
def test_in_a_path(house, route, name):
    path = quoted(TEXTS[name])
    reply = house.suite.service(route.service).get(route.path.split("/{id}")[0].replace("*", "") + "/" + path,
                                                   who=route.asker(house))
    assert reply.status in (400, 404, 405), reply


@cross(guarded(), TEXTS)
def test_in_a_parameter(house, route, name):
    reply = route.ask(house, who=route.asker(house), query={"q" + TEXTS[name]: TEXTS[name]})
    assert 400 <= reply.status < 500 or route.method != "GET", reply
    if reply.status >= 400 and reply.code == "bad_request":
        return      # the line itself cannot be read: nobody has asked for anything yet
    row = route.row(house, reply)
    assert not row or (row["outcome"] == "refused") == (reply.status >= 400)


@cross(guarded(), [name for name, text in TEXTS.items() if text.isascii() and text.isprintable()])
@pytest.mark.parametrize("header", ["User-Agent", "Referer", "X-Request-Id", "Traceparent", "X-Forwarded-For", "Idempotency-Key"])
def test_in_a_header(house, route, name, header):
    reply = route.ask(house, who=route.asker(house), headers={header: TEXTS[name]})
    assert reply.status < 500, reply


@cross(with_body(), TEXTS)
def test_in_a_field(house, route, name):
    """In its name and in its value; the refusal quotes neither."""
    who = route.asker(house)
    for body in ({TEXTS[name]: 1}, {next(iter(route.shape("body")["properties"])): {TEXTS[name]: TEXTS[name]}}):
        reply = route.ask(house, who=who, body=body)
        route.refused_and_on_record(house, reply, who, 400, "bad_body")
        assert MARK.encode() not in reply.body, reply


@cross([route for route in guarded() if not route.by_claims], TEXTS)
def test_in_a_token(house, route, name):
    token = house.suite.idp.token(TEXTS[name], sid=TEXTS[name])
    assert route.ask(house, token=token).status in (401, 403)
