/* What access makes of the feed of visits, on a real PostgreSQL; Kafka's part is test_bus.c's. */
#include "common/app/run.h"
#include "common/app/sql.h"
#include "common/base/log.h"
#include "common/io/sql.h"
#include "services/access/access.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct uuid org = {{0x0a}}, visit = {{1}}, patient = {{2}}, clinician = {{3}};
static const struct uuid other_clinician = {{4}};
static char folder[64], owner[160], conninfo[160];
static PGconn *sql;
static struct db *db;

static char *value(const char *query, char *ret_text, size_t n)
{
    PGresult *result = PQexec(sql, query);

    if (PQresultStatus(result) != PGRES_TUPLES_OK) fail_msg("%s: %s", query, PQerrorMessage(sql));
    snprintf(ret_text, n, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return ret_text;
}

#define assert_value(query, expected)                                                              \
    assert_string_equal(value(query, (char[200]){0}, 200), expected)

static void run_sql(const char *text)
{
    PGresult *result = PQexec(sql, text);

    if (PQresultStatus(result) == PGRES_FATAL_ERROR) fail_msg("%s", PQerrorMessage(sql));
    PQclear(result);
}

static int given_a_database(void **state)
{
    static const struct migration *const sets[] = {io_migrations, app_migrations, access_migrations,
                                                   NULL};
    char command[160];

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heard-%d", (int)getpid());
    snprintf(command, sizeof command, "tests/harness/pg.sh start %s >/dev/null", folder);
    if (system(command) != 0) return -1;
    snprintf(owner, sizeof owner, "host=%s user=postgres dbname=postgres", folder);
    sql = PQconnectdb(owner);
    run_sql("CREATE ROLE access LOGIN");
    FILE *quiet = fopen("/dev/null", "w");
    const err_t err = db_migrate(owner, "access", sets, quiet);
    fclose(quiet);
    snprintf(conninfo, sizeof conninfo, "host=%s user=access dbname=postgres", folder);
    db = db_new(conninfo, "test");
    run_set_service("access", NULL);
    return err == ERR_OK ? 0 : -1;
}

static int database_ended(void **state)
{
    char command[160];

    (void)state;
    db_free(db);
    PQfinish(sql);
    snprintf(command, sizeof command, "tests/harness/pg.sh stop %s", folder);
    return system(command);
}

static int nothing_known(void **state)
{
    (void)state;
    run_sql("TRUNCATE visit, visit_channel, relation, outbox CASCADE");
    return 0;
}

struct told {
    int64_t version, epoch, ends_at_us;
    const char *state;
    struct uuid provider;
};

static void given_event(struct told told)
{
    struct arena *arena = arena_new(ACT_ARENA_BYTES_MAX);
    Telecura__V1__VisitEvent message = TELECURA__V1__VISIT_EVENT__INIT;
    const struct event event = {
        .topic = TOPIC_VISITS,
        .org = org,
        .key = visit,
        .version = told.version,
        .epoch = told.epoch,
        .message = &message.base,
    };
    const struct run run = {.may = PERMISSION_NONE,
                            .audit = AUDIT_NONE,
                            .resource = "visits",
                            .ms = 5000,
                            .handler = access_hears[0].run};
    const struct run_input input = {.org = org, .in = &message, .event = &event, .if_match = -1};
    struct act act;

    message.patient = pb_uuid(arena, patient);
    message.provider = pb_uuid(arena, uuid_is_nil(told.provider) ? clinician : told.provider);
    message.state = pb_text(arena, str_of(told.state));
    message.starts_at_us = 4102444800000000;
    message.ends_at_us = told.ends_at_us ? told.ends_at_us : 4102446600000000;
    assert_int_equal(access_hears[0].topic, TOPIC_VISITS);
    assert_int_equal(run_act(&run, &input, db, arena, &act), ERR_OK);
    arena_free(arena);
}

#define TOPICS "SELECT string_agg(topic || ' ' || kind, ', ' ORDER BY seq) FROM outbox"

static void a_booking_relates_its_clinician_until_a_month_after(void **state)
{
    (void)state;
    given_event((struct told){.version = 1, .state = "scheduled"});
    assert_value("SELECT kind || ' ' || (ends_at = to_timestamp(4102446600) + interval '30 days') "
                 "FROM relation WHERE org = '0a000000-0000-0000-0000-000000000000' "
                 "AND id = '01000000-0000-0000-0000-000000000000' "
                 "AND person = '03000000-0000-0000-0000-000000000000'",
                 "booked true");
    assert_value("SELECT state FROM visit", "scheduled");
    assert_value(TOPICS, "access.relations.v1 1");
}

static void guests_go_when_their_visit_is_over(void **state)
{
    (void)state;
    given_event((struct told){.version = 1, .state = "in_progress"});
    run_sql("INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at, "
            "visit_id) SELECT org, gen_random_uuid(), act_id, gen_random_uuid(), patient_id, 'guest', "
            "now(), ends_at, v FROM visit, unnest(ARRAY[id, gen_random_uuid()]) AS v");
    given_event((struct told){.version = 2, .state = "completed"});
    assert_value("SELECT string_agg((visit_id = '01000000-0000-0000-0000-000000000000') || ' ' || "
                 "(ends_at <= now() + interval '5 seconds') || ' ' || version, ', ' "
                 "ORDER BY ends_at) FROM relation WHERE kind = 'guest'",
                 "true true 2, false false 1");
    assert_value("SELECT string_agg(topic || ' ' || kind, ', ' ORDER BY seq) FROM outbox "
                 "WHERE topic = 'access.relations.v1'",
                 "access.relations.v1 1, access.relations.v1 2");
}

static void a_state_alone_tells_no_relation_again(void **state)
{
    (void)state;
    given_event((struct told){.version = 1, .state = "scheduled"});
    given_event((struct told){.version = 2, .state = "confirmed"});
    given_event((struct told){.version = 3, .state = "arrived"});
    assert_value("SELECT state || ' ' || version FROM visit", "arrived 3");
    assert_value(TOPICS, "access.relations.v1 1");
}

static void another_time_or_clinician_is_told(void **state)
{
    (void)state;
    given_event((struct told){.version = 1, .state = "scheduled"});
    given_event((struct told){.version = 2, .state = "scheduled", .ends_at_us = 4102533000000000});
    given_event((struct told){.version = 3,
                              .state = "scheduled",
                              .ends_at_us = 4102533000000000,
                              .provider = other_clinician});
    assert_value("SELECT person || ' ' || version FROM relation",
                 "04000000-0000-0000-0000-000000000000 3");
    assert_value(TOPICS, "access.relations.v1 1, access.relations.v1 1, access.relations.v1 1");
}

static void old_news_changes_nothing(void **state)
{
    (void)state;
    given_event((struct told){.version = 5, .epoch = 1, .state = "in_progress"});
    given_event((struct told){.version = 4, .epoch = 1, .state = "arrived"});
    given_event((struct told){.version = 5, .epoch = 1, .state = "arrived"});
    assert_value("SELECT state || ' ' || version FROM visit", "in_progress 5");
    given_event((struct told){.version = 2, .epoch = 2, .state = "arrived"});
    assert_value("SELECT state || ' ' || version FROM visit", "arrived 2"); /* after a restore */
}

/* Epoch 0 is a pass's. */
static void a_pass_is_news_by_its_version_alone(void **state)
{
    (void)state;
    given_event((struct told){.version = 1, .epoch = 7, .state = "scheduled"});
    given_event((struct told){.version = 3, .state = "arrived"});
    assert_value("SELECT state || ' ' || version FROM visit", "arrived 3");
    given_event((struct told){.version = 2, .epoch = 7, .state = "confirmed"});
    assert_value("SELECT state || ' ' || version FROM visit", "arrived 3");

    nothing_known(state);
    given_event((struct told){.version = 3, .state = "arrived"});
    given_event((struct told){.version = 1, .epoch = 7, .state = "scheduled"});
    assert_value("SELECT state || ' ' || version FROM visit", "arrived 3");
    given_event((struct told){.version = 4, .epoch = 7, .state = "in_progress"});
    assert_value("SELECT state || ' ' || version FROM visit", "in_progress 4");
}

static void an_end_is_told_once(void **state)
{
    static const struct {
        const char *state, *told;
    } ends[] = {
        {"completed", "access.relations.v1 1, access.revocations.v1 5"},
        {"no_show", "access.relations.v1 1, access.revocations.v1 5"},
        {"cancelled", "access.relations.v1 1, access.relations.v1 2, access.revocations.v1 5"},
    };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        nothing_known(state);
        given_event((struct told){.version = 1, .state = "arrived"});
        given_event((struct told){.version = 2, .state = ends[i].state});
        /* the summary was written */
        given_event((struct told){.version = 3, .state = ends[i].state});
        assert_value(TOPICS, ends[i].told);
    }
}

#define STANDS "SELECT count(*) FROM relation WHERE ends_at > now()"

static void a_cancelled_visit_relates_nobody(void **state)
{
    (void)state;
    given_event((struct told){.version = 1, .epoch = 1, .state = "scheduled"});
    assert_value(STANDS, "1");
    given_event((struct told){.version = 2, .epoch = 1, .state = "cancelled"});
    assert_value(STANDS, "0");

    nothing_known(state);
    given_event((struct told){.version = 2, .epoch = 1, .state = "cancelled"});
    assert_value("SELECT count(*) FROM relation", "0");
}

/* Its grant goes, when it rests on no other relation of theirs to the patient. */
static void a_cancelled_visit_takes_the_clinicians_grants(void **state)
{
    static const char *const others[] = {"false", "true"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char query[300];

        nothing_known(state);
        given_event((struct told){.version = 1, .state = "arrived"});
        run_sql("INSERT INTO visit_channel (org, visit_id, channel_id) "
                "SELECT org, id, id FROM visit");
        run_sql("INSERT INTO visit_grant (org, id, act_id, visit_id, person, seat, minted_at, "
                "ends_at) SELECT org, gen_random_uuid(), act_id, id, provider_id, 'clinician', "
                "now(), now() + interval '10 minutes' FROM visit");
        snprintf(query, sizeof query,
                 "INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, "
                 "ends_at) SELECT org, gen_random_uuid(), act_id, person, patient_id, 'treating', "
                 "now(), ends_at FROM relation WHERE %s", others[i]);
        run_sql(query);
        given_event((struct told){.version = 2, .state = "cancelled"});
        assert_value("SELECT revoked_at IS NULL FROM visit_grant", i ? "t" : "f");
    }
}

static void what_the_desk_has_closed_a_visit_does_not_open_again(void **state)
{
    (void)state;
    given_event((struct told){.version = 1, .state = "scheduled"});
    run_sql("UPDATE relation SET ends_at = now(), version = version + 1");
    for (int64_t version = 2; version < 5; version++) {
        given_event((struct told){
            .version = version, .state = "arrived", .ends_at_us = 4102533000000000});
        assert_value(STANDS, "0");
    }
    assert_value(TOPICS, "access.relations.v1 1");
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup(t, nothing_known)
    const struct CMUnitTest tests[] = {
        TEST(a_booking_relates_its_clinician_until_a_month_after),
        TEST(guests_go_when_their_visit_is_over),
        TEST(a_state_alone_tells_no_relation_again),
        TEST(another_time_or_clinician_is_told),
        TEST(old_news_changes_nothing),
        TEST(a_pass_is_news_by_its_version_alone),
        TEST(an_end_is_told_once),
        TEST(a_cancelled_visit_relates_nobody),
        TEST(a_cancelled_visit_takes_the_clinicians_grants),
        TEST(what_the_desk_has_closed_a_visit_does_not_open_again),
    };
    log_open("test", LOG_FAULT);
    return cmocka_run_group_tests(tests, given_a_database, database_ended);
}
