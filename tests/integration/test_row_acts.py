"""Every version of every row names the act that made it, and that act is on record; every row is one
organisation's, and so is every key.

The catalog of each service's database is asked, after all its migrations: a table has a column
`act_id uuid NOT NULL` without a default, so that a statement which forgets it fails, or it stands
below with the reason. A new table needs one or the other. The same for `org uuid NOT NULL`, which
stands in every key (primary, unique, exclusion, and foreign to what has one): no row of one organisation can be in the
way of another's, or be taken for it.
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


WHERE_IT_IS = "how far this process has read or what it keeps doing, by topic and partition: of no organisation"
NO_ORG = {      # in every database that has them
    "inbox": WHERE_IT_IS, "feed_pos": WHERE_IT_IS, "parked": WHERE_IT_IS, "dead_letter": WHERE_IT_IS,
    "lease": WHERE_IT_IS, "migration": CONFIGURED,
    "kek": "the installation's own key, which wraps those of every organisation",
}

TABLES = """
SELECT CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name,
       EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'act_id'
               AND a.atttypid = 'uuid'::regtype AND a.attnotnull AND NOT a.atthasdef) AS names_its_act,
       org.attnum IS NOT NULL AS has_org,
       ARRAY(SELECT i.indexrelid::regclass::text FROM pg_index AS i WHERE i.indrelid = c.oid
             AND (i.indisunique OR i.indisexclusion) AND NOT coalesce(org.attnum = ANY (i.indkey), false))
       || ARRAY(SELECT f.conname::text FROM pg_constraint AS f WHERE f.conrelid = c.oid AND f.contype = 'f'
                AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = f.confrelid AND a.attname = 'org')
                AND NOT coalesce(org.attnum = ANY (f.conkey), false)) AS keys_without_org
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute AS org ON org.attrelid = c.oid AND org.attname = 'org'
    AND org.atttypid = 'uuid'::regtype AND org.attnotnull
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""


@pytest.fixture(scope="module")
def tables():
    """{service: {table: what the catalog knows of it}}, of empty databases after all migrations."""
    suite = telecura.Suite()
    made = {name: {row["name"]: row for row in suite.service(name, start=False).rows(TABLES)}
            for name in SERVICES}
    yield made
    suite.close()


def silent(known):
    return {name for name, table in known.items() if not table["names_its_act"]}


def ownerless(known):
    return {name for name, table in known.items() if not table["has_org"] or table["keys_without_org"]}


@pytest.mark.parametrize("service", SERVICES)
def test_every_row_names_its_act(tables, service):
    excused = ANYWHERE | IN.get(service, {})
    assert not silent(tables[service]) - excused.keys(), "give it `act_id uuid NOT NULL`, or say here why not"


@pytest.mark.parametrize("service", SERVICES)
def test_every_row_and_every_key_is_one_organisations(tables, service):
    known = tables[service]
    assert not {name: known[name]["keys_without_org"] for name in ownerless(known) - NO_ORG.keys()}, (
        "give it `org uuid NOT NULL`, in each key, or say here why not")


def test_no_excuse_outlives_its_table(tables):
    for service, excused in IN.items():
        assert excused.keys() <= silent(tables[service]), service
    for table in ANYWHERE:
        assert any(table in silent(known) for known in tables.values()), table
    for table in NO_ORG:
        assert any(table in ownerless(known) for known in tables.values()), table
