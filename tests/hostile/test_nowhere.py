"""Family 17: the canaries. Every body above had a word of its own in every field that takes PHI, whether it was
taken or refused: none of them stands in a file, a log, a metric, a table or an answer that is a refusal."""
import subprocess
import urllib.request

import pytest

import routes
from postgres import binary
from routes import guarded

pytestmark = pytest.mark.family(17)


@pytest.fixture(scope="module")
def swept(house):
    """Every route has been asked once more with all its canaries, and PostgreSQL has written all it knows."""
    for route in guarded():
        if "body" in route.said:
            body = {**route.body(), **{name: routes.canary(name) for name in route.fields("body", **{"x-phi": True})
                                       if not {"format", "enum"} & route.shape("body")["properties"][name].keys()
                                       and route.shape("body")["properties"][name].get("maxLength", 0) >= routes.WORD_BYTES}}
            route.ask(house, who=route.asker(house), body=body)
    for name in house.suite.services:
        if name != "fhir":
            house.suite.postgres.execute(name, "CHECKPOINT")
    assert len(routes.CANARIES.words) >= 10
    return house.suite


def test_in_no_file(swept):
    """Tables, indexes and write-ahead log of PostgreSQL, the services' logs, the audit log's tiles."""
    assert routes.CANARIES.found_in(swept.folder) == []
    assert routes.CANARIES.control(swept.folder, "telecura")


def test_in_no_dump(swept, tmp_path):
    for name in swept.services:
        if name != "fhir":
            dump = subprocess.run([binary("pg_dump"), "-h", swept.postgres.socket, "-U", "root_of_all", name],
                                  capture_output=True, check=True).stdout
            assert routes.CANARIES.found_in(dump) == [], name
            assert b"CREATE TABLE" in dump


def test_in_no_metric(swept):
    for service in swept.services.values():
        with urllib.request.urlopen(f"http://127.0.0.1:{service.inner}/metrics") as answer:
            said = answer.read()
        assert routes.CANARIES.found_in(said) == [] and b"telecura" in said, service.name


def test_in_no_refusal(swept):
    """Not even to who has sent it."""
    assert len(routes.REFUSALS) > 20
    assert [body for body in routes.REFUSALS if routes.CANARIES.found_in(body)] == []


def test_the_search_would_find_them(swept, tmp_path):
    for n, form in enumerate((str.encode, lambda w: w.encode().hex().encode())):
        (tmp_path / str(n)).write_bytes(b"x" + form(routes.CANARIES.words[0]) + b"x")
    assert {where for where, _ in routes.CANARIES.found_in(tmp_path)} == {str(tmp_path / str(n)).encode() for n in range(2)}
