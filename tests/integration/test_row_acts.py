"""Every version of every row names the act that made it, and that act is on record.

The catalog of each service's database is asked, after all its migrations: a table has a column
`act_id uuid NOT NULL` without a default, so that a statement which forgets it fails, or it stands
below with the reason. A new table needs one or the other.
"""
import pathlib

import pytest

import telecura

TREE = pathlib.Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parents[1].name for path in TREE.glob("services/*/sql/migrations"))

BUS = "the bus: no patient's data, and gone when it is delivered"
CONFIGURED = "set up by the operator: about no patient"
HOURS = "when a clinician offers time: about no patient"
NOW = "who is where now, not what was done; an end of it is an act with the row as its resource"
ANYWHERE = {
    "outbox": BUS, "audit_outbox": "these are the acts", "audit_chain": BUS, "inbox": BUS, "feed_pos": BUS,
    "parked": BUS, "dead_letter": BUS, "lease": BUS, "migration": CONFIGURED,
    "idempotency": "the key of a request whose rows name its act; forgotten after 7 days",
}
IN = {
    "access": {
        "organisation": CONFIGURED, "site": CONFIGURED, "consent_document": CONFIGURED,
        "majority": CONFIGURED,
        "sign_in_code": "a hash, used once; the acts person.code and self.bind name whose it was",
        "visit_channel": "one random id for another, made with the first grant and never changed",
    },
    "appointments": {
        "visit_type": CONFIGURED, "schedule": HOURS, "schedule_rule": HOURS, "availability": HOURS,
        "presence_heard": NOW,
    },
    "audit": dict.fromkeys(
        ("producer", "entry", "waiting", "log_end", "browsing", "browsing_end", "event_index", "event_index_end",
         "incident", "published", "heads.log", "heads.tree"),
        "made from the log, which is the record"),
    "billing": {"tariff": CONFIGURED},
    "keyd": {"kek": "versions of the installation's own key: about no patient",
             "dek": "wrapped keys; making and destroying one is an act with the key as its resource",
             "dek_rest": "which service has yet to say that no row names a key: what a renewal waits for"},
    "messaging": {"presence": NOW},
    "prescriptions": {"formulary": CONFIGURED, "allergen": CONFIGURED},
    "signaling": {"seat": NOW},
}

TABLES = """
SELECT CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name,
       EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'act_id'
               AND a.atttypid = 'uuid'::regtype AND a.attnotnull AND NOT a.atthasdef) AS names_its_act
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""


@pytest.fixture(scope="module")
def tables():
    """{service: {table: does each row name its act}}, of empty databases after all migrations."""
    suite = telecura.Suite()
    made = {name: {row["name"]: row["names_its_act"] for row in suite.service(name, start=False).rows(TABLES)}
            for name in SERVICES}
    yield made
    suite.close()


@pytest.mark.parametrize("service", SERVICES)
def test_every_row_names_its_act(tables, service):
    excused = ANYWHERE | IN.get(service, {})
    silent = {name for name, names_its_act in tables[service].items() if not names_its_act}
    assert not silent - excused.keys(), "give it `act_id uuid NOT NULL`, or say here why not"


def test_no_excuse_outlives_its_table(tables):
    for service, excused in IN.items():
        assert excused.keys() <= {name for name, names in tables[service].items() if not names}, service
    for table in ANYWHERE:
        assert any(table in known and not known[table] for known in tables.values()), table
