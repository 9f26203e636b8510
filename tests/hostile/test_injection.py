"""Family 14: SQL in every place that takes a text. Statements are prepared and take parameters alone, so that
none of these does anything: what is no id, date or word is refused, what is a text comes back as it was written."""
import uuid

import pytest

from routes import cross, guarded, quoted, walk
from world import CODED

pytestmark = pytest.mark.family(14)
SQL = {
    "a quote": "'", "two quotes": "''", "a double quote": '"', "or": "' OR '1'='1", "or, commented": "' OR 1=1 -- ",
    "another statement": "'; DROP TABLE member; --", "a sleep": "'||(SELECT pg_sleep(5))||'", "union": "' UNION SELECT NULL --",
    "a backslash": "\\'; SELECT 1; --", "dollars": "$$; SELECT 1; $$", "a parameter": "$1", "a comment": "/* */ OR 1=1",
    "wide quotes": "\uff07 OR 1=1", "a format": "%s%n%x", "a JSON path": "$.a ? (@ like_regex \"(a+)+$\")", "stars": "%%%%____",
    "a copy": "'; COPY member TO PROGRAM 'id'; --", "a cast": "'::int", "a name": '"; SELECT 1; --', "line ends": "a\n;SELECT 1;\n--",
}
LISTS = [route for route in guarded() if route.method == "GET" and not route.path.endswith("*")]


@pytest.fixture(scope="module", autouse=True)
def nothing_gone(house):
    """And nothing slept: the pg_sleep of a row above would show in a case that takes five seconds."""
    count = "SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public') AS t, (SELECT count(*) FROM member) AS m"
    names = [name for name in house.suite.services if name not in ("keyd", "fhir")]
    before = {name: house.rows(name, count) for name in names}
    yield
    after = {name: house.rows(name, count) for name in names}
    assert {name: rows[0]["t"] for name, rows in after.items()} == {name: rows[0]["t"] for name, rows in before.items()}
    assert all(after[name][0]["m"] >= before[name][0]["m"] for name in names)


def refused(house, route, reply, who):
    """For what it is, or as an unknown id before anybody looks at the rest."""
    assert reply.status in (400, 404, 422), reply
    if reply.code == "bad_request":
        return      # no line of a request holds such a sign: it is refused before anybody knows who asks
    route.refused_and_on_record(house, reply, who, reply.status, reply.code)


@cross([route for route in guarded() if "{id}" in route.path], SQL)
def test_in_place_of_an_id(house, route, name):
    """A path with what is no id is no path of ours, for whoever asks: no person, so no record."""
    reply = route.ask(house, who=route.asker(house), ids=quoted(SQL[name]))
    assert reply.status in (400, 404, 405), reply       # 405: the path is another's, without an id


@cross([route for route in LISTS if route.fields("query")], SQL)
def test_in_place_of_each_parameter(house, route, name):
    """Cursors are signed, ids and dates have one shape, words stand in a list: all of it is refused."""
    who = route.asker(house)
    for field, schema in route.shape("query")["properties"].items():
        reply = route.ask(house, who=who, query={field: SQL[name]})
        if reply.status == 200:     # a text, and of nothing
            assert schema["type"] == "string" and not {"format", "enum"} & schema.keys() and field != "cursor"
            assert reply.json["data"] == []
        else:
            refused(house, route, reply, who)


@cross(LISTS, SQL)
def test_in_the_name_of_a_parameter(house, route, name):
    who = route.asker(house)
    refused(house, route, route.ask(house, who=who, query={f"limit{SQL[name]}": "1"}), who)


@cross([route for route in guarded() if route.method != "GET" and "body" in route.said], SQL)
def test_in_each_text_of_a_body(house, route, name):
    """A text is taken or its thing is unknown; nowhere is it a fault."""
    who = route.asker(house)
    for field, schema in route.shape("body")["properties"].items():
        if schema.get("type") == "string":
            reply = route.ask(house, who=who, body={**route.body(), field: SQL[name]})
            assert reply.status < 500, (field, reply)
            if {"format", "enum"} & schema.keys():
                route.refused_and_on_record(house, reply, who, 400, "bad_body")


HEADERS = ("Idempotency-Key", "If-Match", "Telecura-Org", "Telecura-Role", "Traceparent", "X-Request-Id")


@cross([route for route in guarded() if not route.by_claims], [f"{header}: {name}" for header in HEADERS for name in SQL
                                                              if SQL[name].isascii() and "\n" not in SQL[name]])
def test_in_a_header(house, route, name):
    header, sql = name.split(": ", 1)
    reply = route.ask(house, who=route.asker(house), headers={header: SQL[sql]})
    assert reply.status < 500, reply


@pytest.mark.parametrize("name", SQL)
def test_what_was_written_comes_back_and_does_nothing(house, name):
    """Second-order: kept, listed and searched for, it is still a text."""
    patients, desk, nurse = house.suite.service("patients"), house.person("front_desk"), house.person("nurse")
    text = SQL[name].replace("\n", " ")
    body = {"family_name": text, "given_name": text, "birth_date": "1990-01-01", "gender": "other"}
    made = patients.post("/v1/patients", body, who=desk)
    assert made.status == 201, made
    seen = patients.get(f"/v1/patients/{made.json['id']}", who=desk).json
    assert (seen["family_name"], seen["given_name"]) == (text, text)
    found = patients.post("/v1/patients/search", {"family_name": text, "birth_date": "1990-01-01"}, who=desk)
    if any(c.isalnum() for c in text):      # of nothing but signs there is nothing to look for
        assert found.status == 200 and made.json["id"] in {row["id"] for row in found.json["data"]}
    else:
        assert (found.status, found.code) == (422, "unprocessable")
    path = f"/v1/patients/{made.json['id']}/allergies"
    house.suite.relation(nurse, made.json["id"], "care_team")
    assert patients.post(path, {**CODED, "text": text}, who=nurse).status == 201
    assert [row["text"] for row in patients.get(path, who=nurse).json["data"]] == [text]


@walk([route for route in LISTS if "cursor" in route.fields("query")])
@pytest.mark.parametrize("cursor", ["AAAA", "A" * 120, "../..", "-1", "0", "null", str(uuid.UUID(int=0)), "eyJpZCI6MX0"])
def test_a_cursor_that_nobody_was_given(house, route, cursor):
    who = route.asker(house)
    refused(house, route, route.ask(house, who=who, query={"cursor": cursor}), who)
