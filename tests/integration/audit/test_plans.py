"""Searches are planned once for all values, as the service does it; each is served by an index."""
import os
import re
import uuid

import pytest

from postgres import quote
from telecura import bin_folder

INDEX = {
    "events_of_patient": "event_index_patient", "events_of_thing": "event_index_thing",
    "events_of_person": "event_index_person", "events_of_address": "event_index_address",
    "events_between": "event_index_time", "patients_of_thing": "event_index_thing",
    "patients_of_person": "event_index_person", "patients_of_address": "event_index_address",
    "patients_of_token": "event_index_token", "patients_of_sign_in": "event_index_sign_in",
}


def statement(name):
    """Its SQL, as it is compiled into the service."""
    with open(os.path.join(bin_folder(), "../gen/services/audit/sql.c")) as f:
        text = f.read().split(f'.name = "audit.{name}",\n', 1)[1].split(".sql =", 1)[1]
    return re.match(r'\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', text)[1]


@pytest.fixture(scope="module")
def filled(feed):
    feed.api.execute(f"""
        INSERT INTO event_index SELECT {quote(uuid.uuid4())}, gen_random_uuid(), now() - n * interval '1 min', 'visit.read',
            'done', md5('p' || n % 200)::uuid, md5('q' || n % 2000)::uuid, md5('a' || n % 100)::uuid,
            md5('t' || n % 3000)::uuid, md5('k' || n % 1000)::uuid, md5('s' || n % 500)::uuid FROM generate_series(1, 20000) AS n;
        ANALYZE event_index""")
    return feed


@pytest.mark.parametrize("name", INDEX)
def test_a_search_has_its_index(filled, name):
    sql = eval(f"({statement(name)})")
    count = max(map(int, re.findall(r"\$(\d+)", sql)))
    plan = filled.api.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE asked AS {sql}; "
                              f"EXPLAIN EXECUTE asked ({', '.join(['NULL'] * count)})")
    used = re.findall(r"(?:Index.* using|Bitmap Index Scan on) (event_index\w*)", plan)
    assert used == [INDEX[name]] and "Seq Scan on event_index" not in plan, plan
