/* db against a real PostgreSQL, through a proxy that counts round trips and can go silent. */
#include "common/base/clock.h"
#include "common/io/db.h"
#include "tests/integration/sql.h"

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];   /* PostgreSQL's socket */
static char proxied[80];  /* the proxy's */
static char owner[200], conninfo[200], direct[200];

/* ---- the proxy ---- */

static _Atomic unsigned trips; /* the client spoke after the server had */
static _Atomic bool silent;    /* answers are read and dropped */
static int proxy_fd;

static int socket_at(const char *dir, bool listening)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof to.sun_path, "%s/.s.PGSQL.5432", dir);
    if (listening) {
        assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
        assert_int_equal(listen(fd, 16), 0);
    } else if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        abort();
    }
    return fd;
}

static bool pass(int from, int to, bool drop)
{
    char buf[16384];
    const ssize_t n = read(from, buf, sizeof buf);

    return n > 0 && (drop || write(to, buf, (size_t)n) == n);
}

static void *proxy_one(void *user)
{
    const int client = *(int *)user, server = socket_at(folder, false);
    struct pollfd both[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    bool server_spoke = true;

    free(user);
    for (bool whole = true; whole;) {
        if (poll(both, 2, -1) < 0) break;
        if (both[0].revents) {
            if (server_spoke) trips++;
            server_spoke = false;
            whole = pass(client, server, false);
        }
        if (both[1].revents && whole) {
            server_spoke = true;
            whole = pass(server, client, silent);
        }
    }
    close(client);
    close(server);
    return NULL;
}

static void *proxy_run(void *user)
{
    for (;;) {
        pthread_t thread;
        int *client = malloc(sizeof *client);
        if (!client) abort();
        *client = accept(proxy_fd, NULL, NULL);
        if (*client < 0) {
            free(client);
            return user;
        }
        pthread_create(&thread, NULL, proxy_one, client);
        pthread_detach(thread);
    }
}

/* ---- fixture ---- */

struct fixture {
    struct db *db;
    struct arena *arena;
    struct tx_frame frame;
};

static void run(const char *command)
{
    if (system(command) != 0) fail_msg("failed: %s", command);
}

static void psql(const char *sql)
{
    PGconn *conn = PQconnectdb(owner);
    PGresult *result = PQexec(conn, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    }
    PQclear(result);
    PQfinish(conn);
}

static const struct migration *const sets[] = {integration_migrations, NULL};

static int start(void **state)
{
    static pthread_t thread;
    char command[200];

    (void)state;
    signal(SIGPIPE, SIG_IGN); /* the proxy writes to clients that have gone */
    snprintf(folder, sizeof folder, "/tmp/test_db.%d", (int)getpid());
    snprintf(command, sizeof command, "tests/harness/pg.sh start %s >/dev/null", folder);
    run(command);
    snprintf(proxied, sizeof proxied, "%s/proxy", folder);
    snprintf(command, sizeof command, "mkdir %s", proxied);
    run(command);
    snprintf(owner, sizeof owner, "host=%s user=postgres dbname=postgres", folder);
    snprintf(conninfo, sizeof conninfo, "host=%s user=tester dbname=postgres", proxied);
    snprintf(direct, sizeof direct, "host=%s user=tester dbname=postgres", folder);
    proxy_fd = socket_at(proxied, true);
    psql("CREATE ROLE tester LOGIN");
    pthread_create(&thread, NULL, proxy_run, NULL);
    return db_migrate(owner, "tester", sets, stderr) == ERR_OK ? 0 : -1;
}

static int stop(void **state)
{
    char command[200];

    (void)state;
    shutdown(proxy_fd, SHUT_RDWR);
    snprintf(command, sizeof command, "tests/harness/pg.sh stop %s", folder);
    run(command);
    return 0;
}

static int given(void **state)
{
    static struct fixture f;

    silent = false;
    f.db = db_new(conninfo, "test_db");
    f.arena = arena_new(4 << 20);
    f.frame = (struct tx_frame){
        .org = uuid_v4(), .act = uuid_v4(), .actor = uuid_v4(), .now_us = clock_now_us(),
        .deadline_us = clock_mono_us() + 5 * SECOND_US, .arena = f.arena,
    };
    *state = &f;
    return 0;
}

static int over(void **state)
{
    struct fixture *f = *state;

    db_free(f->db);
    arena_free(f->arena);
    return 0;
}

static struct thing_insert a_thing(const char *name)
{
    return (struct thing_insert){.id = uuid_v4(), .name = str_of(name)};
}

static struct uuid given_thing(struct fixture *f, const char *name)
{
    const struct thing_insert new = a_thing(name);
    struct thing row;
    struct tx *tx = tx_begin(f->db, &f->frame);

    assert_int_equal(thing_insert(tx, &new, &row), ERR_OK);
    assert_int_equal(tx_commit(tx), ERR_OK);
    return new.id;
}

static size_t names_count(struct fixture *f)
{
    struct thing_name_rows rows;
    struct tx *tx = tx_begin(f->db, &f->frame);

    assert_int_equal(thing_names(tx, &rows), ERR_OK);
    assert_int_equal(tx_commit(tx), ERR_OK);
    return rows.n;
}

static void assert_str(struct str is, const char *want)
{
    assert_int_equal(is.n, strlen(want));
    assert_memory_equal(is.p, want, is.n);
}

/* ---- trips ---- */

/* A first result, five queued statements and the commit: two trips; rollback waits for nothing. */
static void work_travels_in_two_trips(void **state)
{
    struct fixture *f = *state;
    const struct uuid id = given_thing(f, "first");
    const struct thing_guard yes = {STR("")};
    struct thing_name row;

    struct tx *tx = tx_begin(f->db, &f->frame);
    assert_false(tx_began(tx));
    trips = 0;
    thing_guard(tx, &yes);
    thing_guard(tx, &yes);
    assert_true(tx_began(tx));
    assert_int_equal(trips, 0);
    assert_int_equal(thing_find(tx, &(struct thing_find){id}, &row), ERR_OK);
    assert_int_equal(trips, 1);
    for (int i = 0; i < 5; i++) thing_rename(tx, &(struct thing_rename){STR("second"), id});
    assert_int_equal(tx_commit(tx), ERR_OK);
    assert_int_equal(trips, 2);

    trips = 0;
    tx = tx_begin(f->db, &f->frame);
    thing_rename(tx, &(struct thing_rename){STR("third"), id});
    assert_int_equal(tx_commit(tx), ERR_OK);
    assert_int_equal(trips, 1);
    assert_int_equal(names_count(f), 1);
}

static void nothing_asked_costs_nothing(void **state)
{
    struct fixture *f = *state;

    names_count(f);
    trips = 0;
    struct tx *tx = tx_begin(f->db, &f->frame);
    assert_int_equal(tx_flush(tx), ERR_OK);
    assert_int_equal(tx_commit(tx), ERR_OK);
    tx = tx_begin(f->db, &f->frame);
    thing_guard(tx, &(struct thing_guard){STR("TC001")});
    tx_rollback(tx);
    assert_int_equal(trips, 0);
}

/* ---- values ---- */

static void every_type_goes_there_and_back(void **state)
{
    struct fixture *f = *state;
    const struct uuid ids[] = {uuid_v4(), uuid_v4()};
    const struct str words[] = {STR("one"), STR(""), STR("drei \xc3\xa4")};
    struct thing_insert new = {
        .id = uuid_v4(), .name = STR("all"), .note = STR("n'ote"), .n = 2147483647,
        .big = INT64_MIN, .ok = true, .at_us = 1234567, .day = STR("2024-02-29"),
        .blob = {(const uint8_t *)"\0\xff", 2}, .owner = uuid_v4(), .ids = {ids, 2},
        .words = {words, 3},
    };
    struct thing row;
    struct tx *tx = tx_begin(f->db, &f->frame);

    assert_int_equal(thing_insert(tx, &new, &row), ERR_OK);
    assert_true(uuid_equal(row.id, new.id) && uuid_equal(row.owner, new.owner));
    assert_str(row.name, "all");
    assert_str(row.note, "n'ote");
    assert_int_equal(row.n, 2147483647);
    assert_true(row.big == INT64_MIN && row.ok && row.at_us == 1234567);
    assert_str(row.day, "2024-02-29");
    assert_memory_equal(row.blob.p, "\0\xff", 2);
    assert_int_equal(row.ids.n, 2);
    assert_true(uuid_equal(row.ids.p[1], ids[1]));
    assert_int_equal(row.words.n, 3);
    assert_str(row.words.p[1], "");
    assert_str(row.words.p[2], words[2].p);
    assert_int_equal(tx_commit(tx), ERR_OK);
}

static void days_of_four_centuries_are_right(void **state)
{
    static const char *const days[] = {"1900-02-28", "1999-12-31", "2000-01-01", "2000-02-29",
                                       "2100-03-01", "0001-01-01", "2399-12-31", "1970-01-01"};
    struct fixture *f = *state;
    struct tx *tx = tx_begin(f->db, &f->frame);

    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        struct thing_insert new = a_thing(days[i]);
        struct thing row;
        new.day = str_of(days[i]);
        assert_int_equal(thing_insert(tx, &new, &row), ERR_OK);
        assert_str(row.day, days[i]);
    }
    tx_rollback(tx);
}

static void absent_values_are_null(void **state)
{
    struct fixture *f = *state;
    const struct thing_insert new = a_thing("empty");
    struct thing row;
    struct tx *tx = tx_begin(f->db, &f->frame);

    assert_int_equal(thing_insert(tx, &new, &row), ERR_OK);
    assert_int_equal(tx_commit(tx), ERR_OK);
    assert_null(row.note.p);
    assert_null(row.day.p);
    assert_null(row.blob.p);
    assert_true(row.at_us == 0 && uuid_is_nil(row.owner) && row.ids.n == 0 && row.words.n == 0);
    psql("DO $$ BEGIN ASSERT (SELECT note IS NULL AND at IS NULL AND day IS NULL AND blob IS NULL"
         " AND owner IS NULL AND ids IS NULL AND words = '{}' FROM thing WHERE name = 'empty');"
         " END $$");
}

static void the_frame_fills_its_parameters(void **state)
{
    struct fixture *f = *state;
    struct frame_row row;
    struct tx *tx = tx_begin(f->db, &f->frame);

    assert_int_equal(frame_read(tx, &row), ERR_OK);
    assert_true(uuid_equal(row.org, f->frame.org) && uuid_equal(row.act, f->frame.act));
    assert_true(uuid_equal(row.actor, f->frame.actor) && row.now_us == f->frame.now_us);
    tx_rollback(tx);
}

/* ---- refusals ---- */

static void no_row_is_a_refusal_that_breaks_nothing(void **state)
{
    struct fixture *f = *state;
    struct thing_insert new = a_thing("why");
    struct thing row;
    struct thing_name name;
    bool found = true;
    struct tx *tx = tx_begin(f->db, &f->frame);

    assert_int_equal(thing_find(tx, &(struct thing_find){uuid_v4()}, &name), ERR_NOT_FOUND);
    assert_int_equal(thing_seek(tx, &(struct thing_seek){uuid_v4()}, &name, &found), ERR_OK);
    assert_false(found);
    new.n = -1; /* the statement that tells why has an answer for -1 only */
    assert_int_equal(thing_insert(tx, &new, &row), ERR_UNPROCESSABLE);
    new.n = -2;
    assert_int_equal(thing_insert(tx, &new, &row), ERR_CONFLICT);
    new.n = 0;
    assert_int_equal(thing_insert(tx, &new, &row), ERR_OK);
    assert_int_equal(tx_commit(tx), ERR_OK);
}

static void a_named_constraint_is_a_refusal(void **state)
{
    struct fixture *f = *state;
    const struct thing_insert same = a_thing("same");
    struct thing row;

    given_thing(f, "same");
    struct tx *tx = tx_begin(f->db, &f->frame);
    assert_int_equal(thing_insert(tx, &same, &row), ERR_SLOT_TAKEN);
    assert_false(tx_retryable(tx));
    assert_int_equal(tx_commit(tx), ERR_SLOT_TAKEN);
    assert_int_equal(names_count(f), 1);
}

static void an_unnamed_constraint_is_a_fault(void **state)
{
    struct fixture *f = *state;
    struct thing_insert again = a_thing("other");
    struct thing row;

    again.id = given_thing(f, "one");
    struct tx *tx = tx_begin(f->db, &f->frame);
    assert_int_equal(thing_insert(tx, &again, &row), ERR_INTERNAL);
    tx_rollback(tx);
}

/* The guard is queued; its no comes with the insert's trip, and the insert has not happened. */
static void a_queued_no_surfaces_first_and_is_sticky(void **state)
{
    static const struct { const char *code; err_t err; } cases[] = {
        {"TC001", ERR_NOT_FOUND}, {"TC002", ERR_CONSENT_REQUIRED}, {"TC003", ERR_FORBIDDEN},
        {"XX001", ERR_INTERNAL},
    };
    struct fixture *f = *state;
    const struct thing_insert new = a_thing("never");
    struct thing row;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tx *tx = tx_begin(f->db, &f->frame);
        thing_guard(tx, &(struct thing_guard){str_of(cases[i].code)});
        thing_guard(tx, &(struct thing_guard){STR("XX002")}); /* the first decides */
        assert_int_equal(thing_insert(tx, &new, &row), cases[i].err);
        trips = 0;
        assert_int_equal(thing_insert(tx, &new, &row), cases[i].err);
        assert_int_equal(tx_flush(tx), cases[i].err);
        assert_int_equal(trips, 0);
        assert_int_equal(tx_commit(tx), cases[i].err);
    }
    assert_int_equal(names_count(f), 0);
}

static void a_no_in_the_last_flush_stops_the_commit(void **state)
{
    struct fixture *f = *state;
    const struct uuid id = given_thing(f, "kept");
    struct tx *tx = tx_begin(f->db, &f->frame);
    struct thing_name row;

    thing_rename(tx, &(struct thing_rename){STR("lost"), id});
    thing_guard(tx, &(struct thing_guard){STR("TC002")});
    assert_int_equal(tx_commit(tx), ERR_CONSENT_REQUIRED);
    tx = tx_begin(f->db, &f->frame);
    assert_int_equal(thing_find(tx, &(struct thing_find){id}, &row), ERR_OK);
    assert_str(row.name, "kept");
    assert_int_equal(tx_commit(tx), ERR_OK);
}

/* ---- trouble ---- */

struct rival {
    struct fixture f;
    struct uuid first, second;
    pthread_barrier_t *both;
    err_t err;
    bool retryable;
};

static void *lock_both(void *user)
{
    struct rival *r = user;
    struct thing_name row;
    struct tx *tx = tx_begin(r->f.db, &r->f.frame);

    r->err = thing_lock(tx, &(struct thing_lock){r->first}, &row);
    pthread_barrier_wait(r->both);
    if (r->err == ERR_OK) r->err = thing_lock(tx, &(struct thing_lock){r->second}, &row);
    r->retryable = tx_retryable(tx);
    tx_rollback(tx);
    return NULL;
}

static void a_deadlock_says_that_it_may_be_tried_again(void **state)
{
    struct fixture *f = *state;
    const struct uuid a = given_thing(f, "a"), b = given_thing(f, "b");
    pthread_barrier_t both;
    struct rival rivals[] = {{*f, a, b, &both, ERR_OK, false}, {*f, b, a, &both, ERR_OK, false}};
    pthread_t threads[2];

    pthread_barrier_init(&both, NULL, 2);
    for (int i = 0; i < 2; i++) {
        rivals[i].f.db = db_new(direct, "rival");
        rivals[i].f.frame.arena = arena_new(1 << 20);
        pthread_create(&threads[i], NULL, lock_both, &rivals[i]);
    }
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    const struct rival *loser = &rivals[rivals[0].err == ERR_OK];
    const struct rival *winner = &rivals[rivals[0].err != ERR_OK];
    assert_int_equal(winner->err, ERR_OK);
    assert_false(winner->retryable);
    assert_int_equal(loser->err, ERR_CONFLICT);
    assert_true(loser->retryable);
    for (int i = 0; i < 2; i++) {
        db_free(rivals[i].f.db);
        arena_free(rivals[i].f.frame.arena);
    }
    pthread_barrier_destroy(&both);
}

static void a_late_answer_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    struct thing_name row;
    struct tx_frame hurried = f->frame;

    names_count(f);
    hurried.deadline_us = clock_mono_us() + 100 * MS_US;
    struct tx *tx = tx_begin(f->db, &hurried);
    assert_int_equal(nap(tx, &(struct nap){3000}, &row), ERR_DEADLINE);
    assert_true(clock_mono_us() < hurried.deadline_us + SECOND_US);
    tx_rollback(tx);
    assert_int_equal(names_count(f), 0); /* by a new one */
}

static void no_time_left_asks_nothing(void **state)
{
    struct fixture *f = *state;
    struct thing_name row;
    struct tx_frame late = f->frame;

    names_count(f);
    trips = 0;
    late.deadline_us = clock_mono_us();
    struct tx *tx = tx_begin(f->db, &late);
    assert_int_equal(nap(tx, &(struct nap){0}, &row), ERR_DEADLINE);
    tx_rollback(tx);
    assert_int_equal(trips, 0);
}

/* It is committed and nobody has told us: the answer is DEADLINE and not "try again". */
static void a_commit_without_answer_is_unknown(void **state)
{
    struct fixture *f = *state;
    const struct thing_insert new = a_thing("unknown");
    struct thing row;
    struct tx_frame hurried = f->frame;

    hurried.deadline_us = clock_mono_us() + 300 * MS_US;
    struct tx *tx = tx_begin(f->db, &hurried);
    assert_int_equal(thing_insert(tx, &new, &row), ERR_OK);
    silent = true;
    assert_int_equal(tx_commit(tx), ERR_DEADLINE);
    silent = false;
    assert_int_equal(names_count(f), 1);
}

static void a_killed_backend_is_unavailable_and_then_replaced(void **state)
{
    struct fixture *f = *state;
    struct thing_name row;
    struct tx *tx = tx_begin(f->db, &f->frame);

    assert_int_equal(backend_end(tx, &row), ERR_UNAVAILABLE);
    assert_int_equal(tx_commit(tx), ERR_UNAVAILABLE);
    assert_int_equal(names_count(f), 0);
}

/* Killed between two transactions: nobody notices. */
static void an_idle_connection_that_died_costs_nothing(void **state)
{
    struct fixture f = *(struct fixture *)*state;

    f.db = db_new(direct, "idler");
    names_count(&f);
    psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
         " WHERE application_name = 'idler'");
    assert_int_equal(names_count(&f), 0);
    db_free(f.db);
}

static void no_server_is_unavailable(void **state)
{
    struct fixture *f = *state;
    struct db *nowhere = db_new("host=/nonexistent user=x", "test_db");
    struct thing_name row;
    int64_t skew_us;
    struct tx *tx = tx_begin(nowhere, &f->frame);

    assert_int_equal(nap(tx, &(struct nap){0}, &row), ERR_UNAVAILABLE);
    tx_rollback(tx);
    assert_int_equal(db_check(nowhere, &skew_us), ERR_UNAVAILABLE);
    db_free(nowhere);
}

static void the_skew_of_one_machine_is_small(void **state)
{
    struct fixture *f = *state;
    int64_t skew_us = INT64_MAX;

    assert_int_equal(db_check(f->db, &skew_us), ERR_OK);
    assert_in_range(skew_us + 100 * MS_US, 0, 200 * MS_US);
    assert_int_equal(db_check(f->db, &skew_us), ERR_OK);
}

/* ---- migrations and statements ---- */

static char *said;
static size_t said_bytes;

static void migrations_apply_once_and_in_order(void **state)
{
    struct fixture *f = *state;
    static const struct migration more[] = {
        {"0003_first", "CREATE TABLE ordered (n int); GRANT INSERT ON ordered TO @service@"},
        {"0004_second", "INSERT INTO ordered VALUES (1)"},
        {NULL, NULL},
    };
    const struct migration *const both[] = {integration_migrations, more, NULL};
    FILE *out = open_memstream(&said, &said_bytes);

    assert_int_equal(db_migrated(f->db, sets), ERR_OK);
    assert_int_equal(db_migrated(f->db, both), ERR_UNAVAILABLE);
    assert_int_equal(db_migrate(owner, "tester", both, out), ERR_OK);
    fflush(out);
    assert_string_equal(said, "0003_first: applied\n0004_second: applied\n");
    assert_int_equal(db_migrate(owner, "tester", both, out), ERR_OK);
    fclose(out);
    assert_string_equal(said, "0003_first: applied\n0004_second: applied\n");
    free(said);
    assert_int_equal(db_migrated(f->db, both), ERR_OK);
    psql("DO $$ BEGIN ASSERT (SELECT count(*) = 1 FROM ordered); END $$");
}

static void a_changed_migration_is_refused(void **state)
{
    static const struct migration changed[] = {{"0001_thing", "SELECT 1"}, {NULL, NULL}};
    const struct migration *const one[] = {changed, NULL};
    FILE *out = open_memstream(&said, &said_bytes);

    (void)state;
    assert_int_equal(db_migrate(owner, "tester", one, out), ERR_INTERNAL);
    fclose(out);
    assert_non_null(strstr(said, "0001_thing was changed"));
    free(said);
}

/* What failed leaves nothing, and says where, but quotes no row. */
static void a_failed_migration_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    static const struct migration bad[] = {
        {"0009_bad", "CREATE TABLE half (a text PRIMARY KEY);\n"
                     "INSERT INTO half VALUES ('canary'), ('canary')"},
        {NULL, NULL},
    };
    static const struct migration typo[] = {{"0009_typo", "SELECT\n1 +\nnonsense"}, {NULL, NULL}};
    const struct migration *const one[] = {bad, NULL}, *const two[] = {typo, NULL};
    FILE *out = open_memstream(&said, &said_bytes);

    assert_int_equal(db_migrate(owner, "tester", one, out), ERR_INTERNAL);
    assert_int_equal(db_migrate(owner, "tester", two, out), ERR_INTERNAL);
    fclose(out);
    assert_non_null(strstr(said, "0009_bad, line 1: SQLSTATE 23505"));
    assert_non_null(strstr(said, "0009_typo, line 3: SQLSTATE 42703: column"));
    assert_null(strstr(said, "canary"));
    free(said);
    assert_int_equal(db_migrated(f->db, one), ERR_UNAVAILABLE);
    psql("DO $$ BEGIN ASSERT to_regclass('half') IS NULL; END $$");
}

static void statements_are_verified(void **state)
{
    static const struct sql_slot columns[] = {
        {"id", SQL_TEXT, SQL_ARGS, 0, false}, {"called", SQL_TEXT, SQL_ARGS, 16, false},
    };
    static const struct stmt wrong = {
        .name = "wrong", .sql = "SELECT id, name FROM thing", .columns = columns,
        .column_count = 2, .row_bytes = 32,
    };
    static const struct stmt unknown = {.name = "unknown", .sql = "SELECT x FROM nowhere"};
    const struct stmt *const bad[] = {&wrong, &unknown, NULL};
    struct fixture *f = *state;
    FILE *out = open_memstream(&said, &said_bytes);

    assert_int_equal(db_verify(f->db, integration_stmts, out), ERR_OK);
    fflush(out);
    assert_int_equal(said_bytes, 0);
    assert_int_equal(db_verify(f->db, bad, out), ERR_INTERNAL);
    fclose(out);
    assert_non_null(strstr(said, "wrong: column id has type oid 2950, in the row it is text"));
    assert_non_null(strstr(said, "wrong: column 2 is called name, in the row called"));
    assert_non_null(strstr(said, "unknown, line 1: SQLSTATE 42P01"));
    free(said);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, given, over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(work_travels_in_two_trips),
        TEST(nothing_asked_costs_nothing),
        TEST(every_type_goes_there_and_back),
        TEST(days_of_four_centuries_are_right),
        TEST(absent_values_are_null),
        TEST(the_frame_fills_its_parameters),
        TEST(no_row_is_a_refusal_that_breaks_nothing),
        TEST(a_named_constraint_is_a_refusal),
        TEST(an_unnamed_constraint_is_a_fault),
        TEST(a_queued_no_surfaces_first_and_is_sticky),
        TEST(a_no_in_the_last_flush_stops_the_commit),
        TEST(a_deadlock_says_that_it_may_be_tried_again),
        TEST(a_late_answer_ends_the_connection),
        TEST(no_time_left_asks_nothing),
        TEST(a_commit_without_answer_is_unknown),
        TEST(a_killed_backend_is_unavailable_and_then_replaced),
        TEST(an_idle_connection_that_died_costs_nothing),
        TEST(no_server_is_unavailable),
        TEST(the_skew_of_one_machine_is_small),
        TEST(migrations_apply_once_and_in_order),
        TEST(a_changed_migration_is_refused),
        TEST(a_failed_migration_leaves_nothing),
        TEST(statements_are_verified),
    };

    return cmocka_run_group_tests_name("db", tests, start, stop);
}
