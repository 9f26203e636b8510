"""sqlgen: what it makes of small folders, and that bad SQL breaks the build with file and line."""

import glob
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NO_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}  # it frees nothing, on purpose
ROW = "-- row thing (id uuid, at timestamptz)\n"


@pytest.fixture(scope="session")
def sqlgen(tmp_path_factory):
    program = tmp_path_factory.mktemp("sqlgen") / "sqlgen"
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-fsanitize=address,undefined",
                    "-o", program, *glob.glob(os.path.join(ROOT, "tools/sqlgen/*.c"))], check=True)
    return program


@pytest.fixture
def run(sqlgen, tmp_path):
    """Runs sqlgen on one file and returns (exit status, complaints, sql.h, sql.c)."""
    def run(sql, *options, migrations=None):
        folder, out = tmp_path / "sql", tmp_path / "gen" / "deep"
        folder.mkdir(exist_ok=True)
        (folder / "a.sql").write_text(sql)
        for name, text in (migrations or {}).items():
            (folder / "migrations").mkdir(exist_ok=True)
            (folder / "migrations" / name).write_text(text)
        done = subprocess.run([sqlgen, *options, "sql", "demo", out], cwd=tmp_path, text=True,
                              capture_output=True, env=NO_LEAKS)
        if done.returncode:
            return done.returncode, done.stderr, "", ""
        compile_c(out)
        return 0, done.stderr, (out / "sql.h").read_text(), (out / "sql.c").read_text()
    return run


def compile_c(out):
    """With an act.h of nothing but what the wrappers need."""
    act = out / "common" / "app"
    act.mkdir(parents=True, exist_ok=True)
    (act / "act.h").write_text("#pragma once\nstruct act;\nstruct tx;\n"
                               "struct tx *act_tx(struct act *act);\n")
    subprocess.run(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", f"-I{out}", f"-I{ROOT}",
                    "-fsyntax-only", out / "sql.c"], check=True)


def the_sql(code):
    """The text of the one statement, as the compiler reads it."""
    literal = code.split(".sql =\n", 1)[1].split(",\n    .", 1)[0].split(",\n};", 1)[0]
    return "".join(eval(line.strip()) for line in literal.splitlines())


def test_a_statement_becomes_a_struct_and_a_wrapper(run):
    _, _, h, c = run(ROW + """
-- thing_add  :one thing  else ERR_SLOT_TAKEN  raises thing_fk ERR_NOT_FOUND
-- Why it is so.
INSERT INTO thing SELECT :org, :id::uuid, :note?::text, :starts_at::timestamptz, :id RETURNING *;
""")
    assert "struct thing {\n    struct uuid id;\n    int64_t at_us;\n};" in h
    assert ("struct thing_add {\n    struct uuid id;\n    struct str note; /* or NULL */\n"
            "    int64_t starts_at_us;\n};") in h
    assert " * Why it is so.\n" in h
    assert "err_t thing_add(struct act *act, const struct thing_add *in, struct thing *ret);" in h
    assert the_sql(c) == ("INSERT INTO thing SELECT $1, $2::uuid, $3::text, $4::timestamptz, $2 "
                          "RETURNING *")
    assert ".none = ERR_SLOT_TAKEN" in c and '{"thing_fk", ERR_NOT_FOUND}' in c
    assert '{"org", SQL_UUID, SQL_ORG, 0, false}' in c
    assert '{"note", SQL_TEXT, SQL_ARGS, offsetof(struct thing_add, note), true}' in c


def test_each_mode_has_its_wrapper(run):
    _, _, h, _ = run(ROW + """
-- one :one thing
SELECT :org;
-- maybe :maybe thing
SELECT :org;
-- many :many thing
SELECT :org;
-- gone :exec
DELETE FROM thing WHERE org = :org AND n = :n::int;
""", "--tx")
    assert "err_t one(struct tx *tx, struct thing *ret);" in h
    assert "err_t maybe(struct tx *tx, struct thing *ret, bool *ret_found);" in h
    assert "err_t many(struct tx *tx, struct thing_rows *ret);" in h
    assert "void gone(struct tx *tx, const struct gone *in);" in h
    assert "act" not in h.replace("extern", "")


@pytest.mark.parametrize("text", [
    "'a :b ''c; :d'", "E'\\' :b;'", '"a:b;"', "$$ :b; $$", "$x$ $$ :b; $x$", "'x'::text",
    "a[1:2]", "x := 3", "'now()'",
])
def test_what_looks_like_a_parameter_and_is_none(run, text):
    _, _, h, c = run(f"-- s :exec\nSELECT :org, {text};\n")
    assert the_sql(c) == f"SELECT $1, {text}"
    assert "struct s {" not in h


def test_comments_are_dropped_from_bodies(run):
    _, _, _, c = run("-- s :exec\nSELECT :org -- :x; '\n, /* :y; ' */ 1;\n")
    assert the_sql(c) == "SELECT $1 \n,  1"


def test_a_why_reads_the_arguments_of_its_statement(run):
    _, _, _, c = run(ROW + """-- row reason (code text)
-- thing_add :one thing else thing_add_why
SELECT :org, :pad::text, :id::uuid;
-- thing_add_why :one reason else ERR_STALE
SELECT 'stale' WHERE :org <> :id::uuid;
""")
    assert "static const struct stmt why_of_thing_add_stmt" in c
    assert "offsetof(struct thing_add, id)" in c.split("why_of_thing_add_stmt")[0]
    assert ".why = &why_of_thing_add_stmt" in c


def test_outcomes_may_stand_on_lines_of_their_own(run):
    _, _, _, c = run("-- s :exec\n-- raises a_fk ERR_NOT_FOUND\n-- raises b_fk ERR_STALE\n"
                     "SELECT :org;\n")
    assert '{"a_fk", ERR_NOT_FOUND},\n    {"b_fk", ERR_STALE},\n    {NULL, ERR_OK}' in c


def test_a_twin_takes_the_struct_of_the_other(run):
    _, _, h, c = run("-- s :exec\nSELECT :org, :b::int8, :a?::uuid;\n"
                     "-- t :exec  like s\nSELECT :org, :a::uuid;\n")
    assert "void t(struct act *act, const struct s *in);" in h and "struct t {" not in h
    assert '{"a", SQL_UUID, SQL_ARGS, offsetof(struct s, a), false}' in c.split("t_params", 1)[1]


def test_migrations_are_embedded_in_order(run):
    text = 'CREATE TABLE "x" (a text DEFAULT E\'\\n\');\n\nGRANT ALL ON x TO @service@;'
    _, _, _, c = run("", migrations={"0002_b.sql": "SELECT 2", "0001_a.sql": text, "notes.txt": ""})
    assert c.index('"0001_a"') < c.index('"0002_b"') < c.index("{NULL, NULL}")
    literal = c.split('{"0001_a",\n', 1)[1].split("},", 1)[0]
    assert "".join(eval(line.strip()) for line in literal.splitlines()) == text


def test_no_folder_gives_empty_arrays(sqlgen, tmp_path):
    subprocess.run([sqlgen, tmp_path / "none", "demo", tmp_path], check=True, env=NO_LEAKS)
    assert "demo_stmts[] = {\n    NULL,\n};" in (tmp_path / "sql.c").read_text()
    assert "demo_migrations[] = {\n    {NULL, NULL},\n};" in (tmp_path / "sql.c").read_text()


def test_the_header_is_written_only_when_it_changed(run, tmp_path):
    header = tmp_path / "gen" / "deep" / "sql.h"
    run("-- s :exec\nSELECT :org;\n")
    os.utime(header, (1, 1))
    run("-- s :exec\nSELECT :org, 2;\n")
    assert header.stat().st_mtime == 1
    run("-- s :exec\nSELECT :org, :n::int;\n")
    assert header.stat().st_mtime > 1


@pytest.mark.parametrize("line,complaint,sql", [
    (1, "no :org", "-- s :exec\nSELECT 1;\n"),
    (1, "no :org", "-- s :exec\n-- all orgs: \nSELECT 1;\n"),
    (1, "now is not the act's time", "-- s :exec\nSELECT :org, now();\n"),
    (1, "CURRENT_TIMESTAMP", "-- s :exec\nSELECT :org, CURRENT_TIMESTAMP;\n"),
    (1, "clock_timestamp", "-- s :exec\nSELECT :org, Clock_Timestamp ();\n"),
    (1, ":a has no type", "-- s :exec\nSELECT :org, :a;\n"),
    (3, "unknown type 'money'", "-- s :exec\nSELECT :org,\n:a::money;\n"),
    (1, "unknown type 'jsonb'", "-- row r (a jsonb)\n"),
    (4, "duplicate name 's'", "-- s :exec\nSELECT :org;\n\n-- s :exec\nSELECT :org;\n"),
    (2, "duplicate name 'r'", "-- row r (a uuid)\n-- row r (a uuid)\n"),
    (1, "no row 'r'", "-- s :one r\nSELECT :org;\n"),
    (1, "':two' is none of", "-- s :two r\nSELECT :org;\n"),
    (1, "statement s has no ;", "-- s :exec\nSELECT :org\n"),
    (1, "statement s has no ;", "-- s :exec\nSELECT :org\n-- t :exec\nSELECT :org;\n"),
    (2, "SQL without a header", "-- a note\nSELECT 1;\n"),
    (2, "an int4 cannot be NULL", "-- s :exec\nSELECT :org, :a?::int4;\n"),
    (2, "no statement 't'", "-- row r (code text)\n-- s :one r else t\nSELECT :org;\n"),
    (1, "only :one has an else", "-- s :exec else ERR_STALE\nSELECT :org;\n"),
    (1, "no statement 't'", "-- s :exec  like t\nSELECT :org;\n"),
    (1, "t needs :a int8", "-- s :exec\nSELECT :org, :a::uuid;\n-- t :exec  like s\nSELECT :org, :a::int8;\n"),
    (1, "raises CONSTRAINT ERR_X", "-- s :exec raises x\nSELECT :org;\n"),
    (1, "lower-case name", "-- S :exec\nSELECT :org;\n"),
])
def test_faults_break_the_build(run, line, complaint, sql):
    status, said, _, _ = run(sql)
    assert status == 1
    assert complaint.lower() in said.lower()
    assert said.startswith(f"sql/a.sql:{line}: ")


def test_a_why_that_asks_for_more_is_refused(run):
    status, said, _, _ = run("-- row r (code text)\n-- s :one r else w\nSELECT :org;\n"
                             "-- w :one r\nSELECT :org, :id::uuid;\n")
    assert status == 1 and "w needs :id uuid, which is not here" in said


def test_what_says_why_is_let_through(run):
    assert run("-- s :exec\n-- all orgs: a timer\nSELECT 1;\n")[0] == 0
    assert run("-- s :exec\n-- lease\nSELECT :org, clock_timestamp();\n")[0] == 0
    assert run("-- s :exec\nSELECT :org, now FROM t;\n")[0] == 0  # a column
