"""Family 12: bodies that are no JSON, or too much of it. Every route that takes a body refuses each, says so
in its record and quotes nothing of it."""
import json

import pytest

from routes import cross, with_body

pytestmark = pytest.mark.family(12)
BIG = 300 * 1024


def put(text):
    """In place of the first field's value."""
    return lambda field, body: json.dumps({**body, field: "VALUE"}).replace('"VALUE"', text).encode("utf-8", "surrogatepass")


def whole(data):
    return lambda field, body: data


BODIES = {
    "10,000 lists": put("[" * 10000 + "]" * 10000), "10,000 objects": put('{"a":' * 10000 + "1" + "}" * 10000),
    "lists without end": whole(b"[" * 60000), "1e400": put("1e400"), "-1e400": put("-1e400"), "NaN": put("NaN"),
    "Infinity": put("Infinity"), "a hexadecimal number": put("0x10"), "a leading zero": put("01"), "a plus": put("+1"),
    "1e5": put("1e5"), "a point and no more": put("1."), "100 digits": put("9" * 100), "60,000 digits": put("9" * 60000),
    "a lone high surrogate": put('"\\ud800"'), "a lone low surrogate": put('"\\udc00"'),
    "surrogates changed round": put('"\\udc00\\ud800"'), "a surrogate in UTF-8": put('"\ud800"'),
    "a NUL, escaped": put('"a\\u0000b"'), "a NUL": put('"a\0b"'), "a control character": put('"a\x01b"'),
    "a line end": put('"a\nb"'), "an unknown escape": put('"\\x41"'), "a short escape": put('"\\u12"'),
    "not UTF-8": lambda field, body: json.dumps({**body, field: "V"}).encode().replace(b'"V"', b'"\xff\xfe"'),
    "overlong UTF-8": lambda field, body: json.dumps({**body, field: "V"}).encode().replace(b'"V"', b'"\xc0\xaf"'),
    "UTF-8 cut off": lambda field, body: json.dumps({**body, field: "V"}).encode().replace(b'"V"', b'"\xe2\x98"'),
    "UTF-16": lambda field, body: json.dumps(body).encode("utf-16"), "a BOM": lambda f, body: b"\xef\xbb\xbf" + json.dumps(body).encode(),
    "a name twice": lambda field, body: json.dumps(body).encode()[:-1] + b',"%s":1,"%s":1}' % (field.encode(), field.encode()),
    "a name twice, escaped": lambda field, body: json.dumps({**body, field: 1}).encode()[:-1] + b',"\\u%04x%s":1}' % (
        ord(field[0]), field[1:].encode()),
    "null": whole(b"null"), "true": whole(b"true"), "a number": whole(b"1"), "a text": whole(b'"x"'), "a list": whole(b"[]"),
    "a list of it": lambda field, body: json.dumps([body]).encode(), "nothing": whole(b" "), "cut off": lambda f, b: json.dumps(b).encode()[:-1],
    "and more": lambda field, body: json.dumps(body).encode() + b"{}", "a comma too many": lambda f, b: json.dumps(b).encode()[:-1] + b",}",
    "a comment": lambda field, body: b"/*x*/" + json.dumps(body).encode(), "single quotes": lambda f, b: f"{{'{f}': 1}}".encode(),
    "a form": whole(b"a=b&c=d"), "XML": whole(b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'),
    "YAML": whole(b"a: !!python/object/apply:os.system [id]"), "zeros": whole(bytes(1000)), "gzip": whole(b"\x1f\x8b\x08" + bytes(50)),
    "an object where a value stands": put('{"a":1}'), "a list where a value stands": put('["a"]'),
    "1000 names": lambda field, body: json.dumps({**body, **{f"n{n}": 1 for n in range(1000)}}).encode(),
}


@cross(with_body(), BODIES)
def test_what_is_no_body_of_ours_is_refused(house, route, name):
    who, field = route.asker(house), next(iter(route.shape("body")["properties"]))
    reply = route.ask(house, who=who, raw=BODIES[name](field, route.body()))
    route.refused_and_on_record(house, reply, who, 400, "bad_body")


TOO_LARGE = {
    "one text": b'{"x":"' + b"a" * BIG + b'"}', "spaces": b" " * BIG, "lists": b"[" * BIG, "bytes": b"\xff" * BIG,
}


@cross(with_body(), TOO_LARGE)
def test_too_much_is_refused(house, route, name):
    reply = route.ask(house, who=route.asker(house), raw=TOO_LARGE[name])
    assert (reply.status, reply.code) == (413, "too_large")


MEDIA = ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
         "application/jsonp", "text/json", "", "application/json, text/plain"]


@cross(with_body(), MEDIA)
def test_another_media_type_is_refused(house, route, name):
    who = route.asker(house)
    reply = route.ask(house, who=who, headers={"Content-Type": name})
    assert reply.status in (400, 415) and reply.code in ("unsupported_media_type", "bad_request"), reply
    row = route.row(house, reply)
    assert row is None or row["outcome"] == "refused"
