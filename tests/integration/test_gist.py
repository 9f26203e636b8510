"""The PostgreSQL that is installed keeps each entry of a GiST index, which our exclusion constraints stand on.

Up to 15.18 it does not (deploy/local/packages.py, AT_LEAST). A scan remembers which entries of a leaf it
found dead. When it is begun again (the inner side of a nested loop that stops early) it takes the root's
LSN for the leaf's, and both have one LSN after that leaf was split: what it remembers is then marked on
the new page, where other entries stand. One session shows it.
"""
ROWS, DEAD = 1600, 90

BEFORE = f"""
CREATE TABLE t (id int, during int4range) WITH (autovacuum_enabled = off);
CREATE INDEX t_during ON t USING gist (during);
INSERT INTO t SELECT n, int4range(1000 + n, 1001 + n) FROM generate_series(1, 100) AS n;
INSERT INTO t SELECT n, int4range(1000000 + n, 1000001 + n) FROM generate_series(101, {ROWS}) AS n"""
PLAN = "SET enable_seqscan = off; SET enable_bitmapscan = off;"
SCAN = """SELECT g, one.id FROM generate_series(1, 2) AS g,
    LATERAL (SELECT id FROM t WHERE during && int4range(1001, 2000 + g) LIMIT 1) AS one"""
BEGUN_AGAIN = f"""
{PLAN}
DECLARE scan CURSOR FOR {SCAN};
FETCH 1 FROM scan;
DO $$
DECLARE
    was bigint := pg_relation_size('t_during');
    n int := 0;
BEGIN
    WHILE pg_relation_size('t_during') = was LOOP
        n := n + 1;
        INSERT INTO t VALUES ({ROWS} + n, int4range(n, n + 1));
    END LOOP;
END $$;
FETCH 1 FROM scan;
CLOSE scan"""


def test_a_scan_that_is_begun_again_loses_no_entry(suite):
    postgres = suite.postgres
    postgres.execute("postgres", "CREATE DATABASE gist")
    postgres.execute("gist", BEFORE)
    postgres.execute("gist", f"DELETE FROM t WHERE id <= {DEAD}")
    plan = postgres.execute("gist", f"{PLAN} EXPLAIN (COSTS OFF) {SCAN}")
    assert "Index Scan using t_during" in plan, plan
    by_index = postgres.execute("gist", f"{BEGUN_AGAIN}; SELECT count(*) FROM t WHERE during && int4range(0, 2000000)")
    by_table = postgres.execute("gist", "SELECT count(*) FROM t")
    assert by_index == by_table, postgres.execute("gist", "SELECT version()")
