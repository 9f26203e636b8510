/* Relay and consumer between a real PostgreSQL and librdkafka's mock cluster, whose faults can be
 * ordered. The service that is killed is this program again, with the word `service`. */
#include "common/base/clock.h"
#include "common/codec/pb.h"
#include "common/io/chain.h"
#include "common/io/db.h"
#include "common/io/kafka.h"
#include "common/io/keys.h"
#include "common/io/leaf.h"
#include "common/io/relay.h"
#include "common/io/sql.h"

#include "telecura/v1/audit.pb-c.h"
#include "telecura/v1/events.pb-c.h"
#include "telecura/v1/sealed.pb-c.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_US (60 * SECOND_US)

static char folder[64], owner[160], conninfo[160];
static PGconn *sql;
static rd_kafka_t *mock_client;
static rd_kafka_mock_cluster_t *mock;
static const char *brokers;
static char self[256];

static const struct uuid orgs[] = {{{1}}, {{2}}};

/* ---- keyd's place: a fixed key each; organisation 3 has none ---- */

#define KEYLESS 3

err_t keys_to_seal(struct keys *keys, const struct key_name *name, struct key *ret_key)
{
    (void)keys;
    if (name->org.b[0] == KEYLESS) return ERR_KEY_UNAVAILABLE;
    *ret_key = (struct key){.id = name->org, .secret = {(uint8_t)name->domain[0], name->org.b[0]}};
    return ERR_OK;
}

/* ---- SQL ---- */

static long long number(const char *query)
{
    PGresult *result = PQexec(sql, query);

    if (PQresultStatus(result) != PGRES_TUPLES_OK) fail_msg("%s: %s", query, PQerrorMessage(sql));
    const long long n = atoll(PQgetvalue(result, 0, 0));
    PQclear(result);
    return n;
}

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *fmt, ...)
{
    char text[4096];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    PGresult *result = PQexec(sql, text);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(sql));
    PQclear(result);
}

static void wait_for(const char *query, long long wanted)
{
    const int64_t until_us = clock_mono_us() + PATIENCE_US;
    long long n = 0;

    while ((n = number(query)) != wanted && clock_mono_us() < until_us) poll(NULL, 0, 10);
    if (n != wanted) fail_msg("%s: %lld, not %lld", query, n, wanted);
}

/* @count events of @topic over 10 keys, versions in order; payload is a packed event of @kind. */
static void events_insert(const char *topic, int from, int count, int kind)
{
    run("INSERT INTO outbox (org, id, topic, key, kind, version, at, act, payload) "
        "SELECT '01000000-0000-0000-0000-000000000000', md5('%s' || n)::uuid, '%s', "
        "md5('%s' || n %% 10)::uuid, %d, n, now(), gen_random_uuid(), decode('08%02x', 'hex') "
        "FROM generate_series(%d, %d) AS n ORDER BY n",
        topic, topic, topic, kind, kind, from, from + count - 1);
}

/* ---- the mock ---- */

/* The mock answers after 40 ms because of Nagle; accepted sockets inherit the option. */
static void mock_hurry(void)
{
    DIR *fds = opendir("/proc/self/fd");
    const int on = 1;

    for (const struct dirent *entry; (entry = readdir(fds));) {
        int listening = 0;
        socklen_t n = sizeof listening;
        const int fd = atoi(entry->d_name);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
    closedir(fds);
}

static void mock_start(void)
{
    mock_client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
    mock = rd_kafka_mock_cluster_new(mock_client, 1);
    for (enum topic topic = TOPIC_NONE + 1; topic < TOPIC_MAX; topic++) {
        const struct topic_info *info = topic_info(topic);
        rd_kafka_mock_topic_create(mock, info->name, info->partitions ? info->partitions : 3, 1);
    }
    brokers = rd_kafka_mock_cluster_bootstraps(mock);
    mock_hurry();
}

/* ---- what stands in a topic: every record, by a WATCH-like reader of its own ---- */

struct seen {
    struct uuid id, key;
    int64_t version;
    char payload[2048];
    size_t n;
};

struct reader {
    rd_kafka_t *rk;
    struct seen seen[4096];
    size_t n;
};

static struct reader *reader_new(enum topic topic)
{
    static const char *const settings[] = {
        "group.id", "reader", "auto.offset.reset", "earliest", "fetch.wait.max.ms", "10", NULL,
    };
    struct reader *reader = calloc(1, sizeof *reader);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(3);
    const struct topic_info *info = topic_info(topic);

    reader->rk = kafka_new(RD_KAFKA_CONSUMER, kafka_conf(brokers, NULL, "reader", settings));
    for (int p = 0; p < (info->partitions ? info->partitions : 3); p++) {
        rd_kafka_topic_partition_list_add(all, info->name, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_poll_set_consumer(reader->rk);
    rd_kafka_assign(reader->rk, all);
    rd_kafka_topic_partition_list_destroy(all);
    return reader;
}

static void reader_take(struct reader *reader, const rd_kafka_message_t *record)
{
    struct seen *seen = &reader->seen[reader->n];
    struct event event = {0};
    rd_kafka_headers_t *headers;

    if (record->err) return;
    assert_int_equal(rd_kafka_message_headers(record, &headers), 0);
    assert_true(kafka_headers_read(headers, &event));
    assert_true(uuid_from_bytes(bytes_of(record->key, record->key_len), &event.key));
    seen->id = event.id;
    seen->key = event.key;
    seen->version = event.version;
    seen->n = record->len;
    assert_true(record->len <= sizeof seen->payload);
    memcpy(seen->payload, record->payload, record->len);
    assert_true(++reader->n < sizeof reader->seen / sizeof *reader->seen);
}

static size_t distinct(const struct reader *reader)
{
    size_t n = 0;

    for (size_t i = 0; i < reader->n; i++) {
        bool again = false;
        for (size_t j = 0; j < i && !again; j++)
            again = uuid_equal(reader->seen[i].id, reader->seen[j].id);
        n += !again;
    }
    return n;
}

/* Reads until @wanted records are there. */
static void reader_read(struct reader *reader, size_t wanted)
{
    const int64_t until_us = clock_mono_us() + PATIENCE_US;

    while (reader->n < wanted && clock_mono_us() < until_us) {
        rd_kafka_message_t *record = rd_kafka_consumer_poll(reader->rk, 50);
        if (!record) continue;
        reader_take(reader, record);
        rd_kafka_message_destroy(record);
    }
    assert_true(reader->n >= wanted);
}

static void reader_free(struct reader *reader)
{
    rd_kafka_consumer_close(reader->rk);
    rd_kafka_destroy(reader->rk);
    free(reader);
}

/* ---- effects: a row each, without any constraint that would hide a second one ---- */

static _Atomic int refuse_version, unready_version, faults_left, committed;

static err_t on_effect(struct tx *tx, struct arena *arena, const struct event *event, size_t n,
                       void *user)
{
    static const struct sql_slot slots[] = {
        {"id", SQL_UUID, SQL_ARGS, 0, false},
        {"key", SQL_UUID, SQL_ARGS, 16, false},
        {"version", SQL_INT8, SQL_ARGS, 32, false},
    };
    static const struct stmt insert = {
        .name = "effect_insert",
        .params = slots,
        .param_count = 3,
        .sql = "INSERT INTO effect (id, key, version) VALUES ($1, $2, $3)",
    };

    (void)arena, (void)user;
    for (const struct event *one = event; one < event + n; one++) {
        struct {
            struct uuid id, key;
            int64_t version;
        } row = {one->id, one->key, one->prepared ? *(const int64_t *)one->prepared : one->version};
        tx_queue(tx, &insert, &row);
    }
    if (event->version == refuse_version) return ERR_UNPROCESSABLE;
    if (faults_left > 0) {
        faults_left--;
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

static void on_committed(const struct event *event, void *user)
{
    (void)event, (void)user;
    committed++;
}

/* What an effect needs of an event, which is not there at the first try of one of them. */
static err_t on_prepare(struct arena *arena, struct event *event, void *user)
{
    int64_t *const version = ARENA_NEW(arena, int64_t);

    (void)user;
    if (event->version == unready_version) {
        unready_version = 0;
        return ERR_UNAVAILABLE;
    }
    *version = event->version;
    event->prepared = version;
    return ERR_OK;
}

static struct consumer *many_start(const char *group, enum topic topic)
{
    static struct consumer_topic topics[2];

    topics[0] = (struct consumer_topic){topic, EFFECT, .many = true};
    return consumer_start(&(struct consumer_config){
        .service = group,
        .conninfo = conninfo,
        .kafka = brokers,
        .topics = topics,
        .prepare = on_prepare,
        .effect = on_effect,
        .committed = on_committed,
    });
}

static struct consumer *effects_start(const char *group, enum topic topic)
{
    static struct consumer_topic topics[2];

    topics[0] = (struct consumer_topic){topic, EFFECT};
    return consumer_start(&(struct consumer_config){
        .service = group,
        .conninfo = conninfo,
        .kafka = brokers,
        .topics = topics,
        .effect = on_effect,
        .committed = on_committed,
    });
}

static struct relay *relay_up(struct keys *keys, bool heartbeat)
{
    return relay_start(&(struct relay_config){
        .service = "bus",
        .conninfo = conninfo,
        .kafka = brokers,
        .keys = keys,
        .heartbeat = heartbeat,
    });
}

/* ---- tests ---- */

static void every_row_leaves_in_order(void **state)
{
    struct reader *reader = reader_new(TOPIC_VISITS);
    int64_t last[256] = {0};

    (void)state;
    events_insert("appointments.visits.v1", 1, 1000, 1);
    struct relay *relay = relay_up(NULL, false);
    reader_read(reader, 1000);
    wait_for("SELECT count(*) FROM outbox", 0);
    assert_int_equal(distinct(reader), 1000);
    for (size_t i = 0; i < reader->n; i++) {
        const uint8_t key = reader->seen[i].key.b[0]; /* the ten keys differ in it */
        assert_true(reader->seen[i].version > last[key]);
        last[key] = reader->seen[i].version;
    }
    /* A poke is enough; nobody waits for the safety poll. */
    events_insert("appointments.visits.v1", 1001, 1, 1);
    relay_poke(relay);
    reader_read(reader, 1001);
    relay_stop(relay);
    reader_free(reader);
}

static void kafka_faults_lose_nothing(void **state)
{
    struct reader *reader = reader_new(TOPIC_CONSENTS);
    struct relay *relay;

    (void)state;
    rd_kafka_mock_push_request_errors(
        mock, 0 /* Produce */, 4, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    rd_kafka_mock_broker_set_down(mock, 1);
    events_insert("access.consents.v1", 1, 500, 1);
    relay = relay_up(NULL, false);
    wait_for("SELECT count(*) FROM lease WHERE until > clock_timestamp()", 1);
    assert_int_equal(number("SELECT count(*) FROM outbox"), 500);
    rd_kafka_mock_broker_set_up(mock, 1);
    wait_for("SELECT count(*) FROM outbox", 0);
    reader_read(reader, 500);
    assert_int_equal(distinct(reader), 500);
    relay_stop(relay);
    reader_free(reader);
}

/* A topic that Kafka refuses waits alone. */
static void a_refused_topic_holds_up_no_other(void **state)
{
    struct relay *relay;

    (void)state;
    rd_kafka_mock_topic_set_error(mock, "signaling.calls.v1",
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    events_insert("signaling.calls.v1", 1, 300, 1);
    events_insert("billing.invoices.v1", 1, 20, 1);
    relay = relay_up(NULL, false);
    wait_for("SELECT count(*) FROM outbox WHERE topic = 'billing.invoices.v1'", 0);
    assert_int_equal(number("SELECT count(*) FROM outbox"), 300);
    relay_stop(relay);
    rd_kafka_mock_topic_set_error(mock, "signaling.calls.v1", RD_KAFKA_RESP_ERR_NO_ERROR);
    run("DELETE FROM outbox");
}

/* Before the first rights exist, Kafka refuses the producer id, and the client is dead then. */
static void a_refused_producer_id_is_asked_for_again(void **state)
{
    struct relay *relay;

    (void)state;
    rd_kafka_mock_push_request_errors(mock, 22 /* InitProducerId */, 2,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    events_insert("billing.invoices.v1", 1, 20, 1);
    relay = relay_up(NULL, false);
    wait_for("SELECT count(*) FROM outbox", 0);
    relay_stop(relay);
}

static pid_t service_spawn(void)
{
    const pid_t pid = fork();

    if (pid == 0) {
        execl(self, self, "service", conninfo, brokers, NULL);
        _exit(127);
    }
    return pid;
}

static void service_kill(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status)); /* it did not die of itself before */
}

/* Relay and consumer of one service, killed in the midst of their work. */
static void kills_lose_nothing_and_repeat_nothing(void **state)
{
    int inserted = 0;

    (void)state;
    for (int round = 0; round < 3; round++) {
        const pid_t pid = service_spawn();
        const int64_t until_us = clock_mono_us() + PATIENCE_US;
        const long long before = number("SELECT count(*) FROM effect");
        while (number("SELECT count(*) FROM effect") < before + 50 && clock_mono_us() < until_us) {
            events_insert("messaging.messages.v1", inserted + 1, 10, 1);
            inserted += 10;
            poll(NULL, 0, 20);
        }
        service_kill(pid);
    }
    const pid_t pid = service_spawn();
    wait_for("SELECT count(*) FROM outbox", 0);
    wait_for("SELECT count(DISTINCT id) FROM effect", inserted);
    /* Rows that are sent again keep their id: no second effect. */
    events_insert("messaging.messages.v1", 1, 20, 1);
    wait_for("SELECT count(*) FROM outbox", 0);
    events_insert("messaging.messages.v1", inserted + 1, 10, 1);
    inserted += 10;
    wait_for("SELECT count(DISTINCT id) FROM effect", inserted);
    service_kill(pid);
    assert_int_equal(number("SELECT count(*) FROM effect"), inserted);
    assert_int_equal(number("SELECT count(*) FROM (SELECT version < lag(version) OVER "
                            "(PARTITION BY key ORDER BY n) AS back FROM effect) AS e WHERE back"),
                     0);
    assert_int_equal(number("SELECT count(*) FROM parked"), 0);
    run("TRUNCATE effect");
}

/* The next are read while many commit. They wait when that COMMIT fails, and when it fails again
 * for one of them alone; and when one cannot be prepared yet. */
static void a_commit_that_failed_is_overtaken_by_none(void **state)
{
    enum { ALL = 7000, BROKEN = 2500, UNREADY = 4500 };

    (void)state;
    run("CREATE SEQUENCE broken");
    run("GRANT USAGE ON SEQUENCE broken TO bus");
    run("CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('broken') <= 2 THEN RAISE serialization_failure; END IF; RETURN NULL; END $$");
    run("CREATE CONSTRAINT TRIGGER breaks AFTER INSERT ON effect DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW WHEN (NEW.version = %d) EXECUTE FUNCTION break()", BROKEN);
    run("INSERT INTO outbox (org, id, topic, key, kind, version, at, act, payload) "
        "SELECT '01000000-0000-0000-0000-000000000000', gen_random_uuid(), "
        "'notifications.deliveries.v1', md5('one')::uuid, 1, n, now(), gen_random_uuid(), decode('0801', 'hex') "
        "FROM generate_series(1, %d) AS n ORDER BY n", ALL);
    struct relay *relay = relay_up(NULL, false);
    wait_for("SELECT count(*) FROM outbox", 0);
    unready_version = UNREADY;
    struct consumer *consumer = many_start("many", TOPIC_DELIVERIES);
    wait_for("SELECT count(*) FROM effect", ALL);
    consumer_stop(consumer);
    relay_stop(relay);
    assert_int_equal(number("SELECT count(*) FROM (SELECT version <> row_number() OVER "
                            "(ORDER BY n) AS wrong FROM effect) AS e WHERE wrong"),
                     0);
    assert_int_equal(number("SELECT last_value FROM broken"), 3);
    assert_int_equal(number("SELECT count(*) FROM parked"), 0);
    assert_int_equal(unready_version, 0);
    run("DROP TRIGGER breaks ON effect");
    run("TRUNCATE effect");
}

static void garbage_send(const char *topic, const char *key)
{
    static const char *const settings[] = {NULL};
    rd_kafka_t *rk = kafka_new(RD_KAFKA_PRODUCER, kafka_conf(brokers, NULL, "garbage", settings));
    const struct event event = {
        .topic = topic_find(str_of(topic)),
        .id = uuid_v4(),
        .org = orgs[0],
        .kind = 1,
        .version = 1,
    };

    assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_KEY((void *)(uintptr_t)key, strlen(key)),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t) "\xff\xff", 2),
                                       RD_KAFKA_V_HEADERS(kafka_headers(&event, "bus")),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     0);
    assert_int_equal(rd_kafka_flush(rk, 10000), 0);
    rd_kafka_destroy(rk);
}

static void poison_parks_its_key_and_no_other(void **state)
{
    struct consumer *consumer;
    struct relay *relay;

    (void)state;
    garbage_send("prescriptions.prescriptions.v1", "sixteen bytes ok");
    garbage_send("prescriptions.prescriptions.v1", "short");
    refuse_version = 14;
    faults_left = 2; /* a transient fault repeats and parks nothing */
    committed = 0;
    events_insert("prescriptions.prescriptions.v1", 1, 40, 1);
    relay = relay_up(NULL, false);
    consumer = effects_start("poison", TOPIC_PRESCRIPTIONS);
    wait_for("SELECT count(*) FROM effect", 37); /* 14, 24 and 34 are of one key */
    wait_for("SELECT count(*) FROM parked", 5);
    assert_int_equal(
        number("SELECT count(*) FROM parked JOIN dead_letter USING (topic, partition, next_offset) "
               "WHERE reason = 'unprocessable'"),
        1);
    assert_int_equal(number("SELECT count(*) FROM dead_letter WHERE reason = 'bad_body'"), 1);
    assert_int_equal(number("SELECT count(*) FROM dead_letter WHERE reason = 'bad_key'"), 1);
    assert_int_equal(number("SELECT count(*) FROM dead_letter"), 3);
    assert_int_equal(number("SELECT count(*) FROM effect WHERE version IN (14, 24, 34)"), 0);
    consumer_stop(consumer);
    relay_stop(relay);
    assert_int_equal(committed, 37);
    assert_int_equal(faults_left, 0);
    refuse_version = 0;
    run("TRUNCATE effect, parked, dead_letter");
}

/* ---- audit ---- */

static void audit_insert_rows(int from, int count)
{
    run("INSERT INTO audit_outbox (org, id, act, at, action, outcome, role, acr, resource, "
        "resource_version) "
        "SELECT CASE WHEN n %% 2 = 0 THEN '01000000-0000-0000-0000-000000000000'::uuid "
        "ELSE '02000000-0000-0000-0000-000000000000' END, md5('audit' || n)::uuid, "
        "gen_random_uuid(), now(), "
        "'visit.read', 'done', 'nurse', 1, '/v1/appointments/{id}', n FROM generate_series(%d, %d) "
        "AS n",
        from, from + count - 1);
}

struct tail {
    int64_t seq;
    struct hash mac;
};

/* Checks one record as the service audit does; @tails of both organisations move on. */
static bool record_check(struct arena *arena, const struct seen *seen, struct tail tails[2])
{
    struct key_name mac_name = {.domain = "mac"}, name = {.domain = "audit"};
    struct key mac, dek;
    ProtobufCMessage *message, *body;
    struct leaf leaf;
    struct uuid org;
    struct bytes plain;

    assert_int_equal(pb_unpack(&telecura__v1__audit_record__descriptor,
                               bytes_of(seen->payload, seen->n), arena, &message),
                     ERR_OK);
    const Telecura__V1__AuditRecord *record = (const void *)message;
    assert_int_equal(leaf_decode(pb_to_bytes(record->leaf), &leaf), ERR_OK);
    assert_true(uuid_parse(leaf.log, &org));
    struct tail *tail = &tails[org.b[0] - 1];
    assert_int_equal(keys_to_seal(NULL, &mac_name, &mac), ERR_OK);
    const struct hash wanted = leaf_mac(mac.secret, &tail->mac, pb_to_bytes(record->leaf));
    if (leaf.class == LEAF_EVENT && (int64_t)leaf.seq <= tail->seq) return false; /* sent again */
    assert_int_equal(record->prev_mac.len, HASH_BYTES);
    assert_memory_equal(record->prev_mac.data, tail->mac.b, HASH_BYTES);
    assert_memory_equal(record->mac.data, wanted.b, HASH_BYTES);
    assert_int_equal(record->seq, (int64_t)leaf.seq);
    if (leaf.class == LEAF_HEARTBEAT) {
        assert_int_equal((int64_t)leaf.seq, tail->seq);
        return false;
    }
    assert_int_equal((int64_t)leaf.seq, tail->seq + 1);
    name.org = org;
    assert_int_equal(keys_to_seal(NULL, &name, &dek), ERR_OK);
    assert_int_equal(leaf_open(arena, &leaf, dek.secret, &plain), ERR_OK);
    assert_int_equal(pb_unpack(&telecura__v1__audit_phi__descriptor, plain, arena, &body), ERR_OK);
    const Telecura__V1__AuditPhi *phi = (const void *)body;
    assert_string_equal(phi->action, "visit.read");
    assert_string_equal(phi->service, "bus");
    assert_int_equal(phi->patient.len, 0);
    *tail = (struct tail){(int64_t)leaf.seq, wanted};
    return true;
}

/* AuditReceipt{INCLUDED, "bus", @event, seq, first_seq 1}, one for each organisation, of its last
 * number: as the service audit writes them into its own outbox. */
static void receipts_insert(const char *event)
{
    run("INSERT INTO outbox (org, id, topic, key, kind, version, at, act, payload) "
        "SELECT DISTINCT ON (org) org, gen_random_uuid(), 'audit.receipts.v1', org, 1, 1, now(), "
        "gen_random_uuid(), decode('080112036275731a10', 'hex') || uuid_send(%s) || "
        "set_byte(set_byte('\\x200000'::bytea, 1, (seq & 127 | 128)::int), 2, (seq >> 7)::int) || "
        "'\\x4001'::bytea FROM audit_outbox ORDER BY org, seq DESC", event);
}

static void audit_rows_stay_until_their_receipt(void **state)
{
    struct arena *arena = arena_new(16 << 20);
    struct reader *reader = reader_new(TOPIC_AUDIT_EVENTS);
    struct tail tails[2] = {0};
    struct keys *keys = (struct keys *)(uintptr_t)1; /* only passed on */
    size_t events = 0;

    (void)state;
    audit_insert_rows(1, 500);
    struct relay *relay = relay_up(keys, false);
    wait_for("SELECT count(*) FROM audit_outbox WHERE sent_at IS NOT NULL", 500);
    relay_stop(relay);
    audit_insert_rows(501, 10);
    relay = relay_up(keys, false); /* the chain goes on */
    wait_for("SELECT count(*) FROM audit_outbox WHERE sent_at IS NOT NULL", 510);
    reader_read(reader, 510);
    for (size_t i = 0; i < reader->n; i++) events += record_check(arena, &reader->seen[i], tails);
    while (events < 510) {
        reader_read(reader, reader->n + 1);
        events += record_check(arena, &reader->seen[reader->n - 1], tails);
    }
    assert_int_equal(tails[0].seq + tails[1].seq, 510);
    assert_int_equal(number("SELECT sum(seq) FROM audit_chain"), 510);
    /* Without a receipt they are sent again, byte for byte: record_check() saw each number once. */
    const size_t before = reader->n;
    run("UPDATE audit_outbox SET sent_at = sent_at - interval '11 s'");
    reader_read(reader, before + 510);
    assert_int_equal(number("SELECT count(*) FROM audit_outbox"), 510);
    /* Of a database that was restored since: another event had that number. */
    receipts_insert("gen_random_uuid()");
    relay_poke(relay);
    wait_for("SELECT count(*) FROM outbox", 0);
    receipts_insert("id");
    relay_poke(relay);
    wait_for("SELECT count(*) FROM audit_outbox", 0);
    relay_stop(relay);
    reader_free(reader);
    arena_free(arena);
}

static void a_log_without_a_key_holds_up_no_other(void **state)
{
    struct keys *keys = (struct keys *)(uintptr_t)1; /* only passed on */

    (void)state;
    audit_insert_rows(1001, 450); /* older than the others, and more than a turn takes */
    run("UPDATE audit_outbox SET org = '%02x000000-0000-0000-0000-000000000000', "
        "at = now() - interval '1 hour'", KEYLESS);
    audit_insert_rows(2001, 10);
    struct relay *relay = relay_up(keys, false);
    wait_for("SELECT count(*) FROM audit_outbox WHERE sent_at IS NOT NULL", 10);
    assert_int_equal(number("SELECT count(*) FROM audit_outbox WHERE seq IS NULL"), 450);
    relay_stop(relay);
    run("DELETE FROM audit_outbox");
}

/* ---- watching ---- */

static _Atomic int beats, disabled;

static void on_watch(const struct event *event, void *user)
{
    (void)user;
    if (event->kind == TELECURA__V1__REVOCATION_EVENT__KIND__HEARTBEAT) beats++;
    if (event->kind == TELECURA__V1__REVOCATION_EVENT__KIND__PERSON_DISABLED) disabled++;
}

static void revocations_are_heard_from_their_beginning(void **state)
{
    static const struct consumer_topic topics[] = {{TOPIC_REVOCATIONS, WATCH}, {TOPIC_NONE, WATCH}};
    const int64_t until_us = clock_mono_us() + PATIENCE_US;
    struct relay *relay = relay_up(NULL, true);
    struct consumer *consumer;

    (void)state;
    events_insert("access.revocations.v1", 1, 5,
                  TELECURA__V1__REVOCATION_EVENT__KIND__PERSON_DISABLED);
    relay_poke(relay);
    wait_for("SELECT count(*) FROM outbox", 0);
    consumer = consumer_start(&(struct consumer_config){
        .service = "watcher",
        .kafka = brokers,
        .topics = topics,
        .watch = on_watch,
    });
    assert_false(consumer_caught_up(consumer, TOPIC_REVOCATIONS));
    while (!consumer_caught_up(consumer, TOPIC_REVOCATIONS) && clock_mono_us() < until_us)
        poll(NULL, 0, 5);
    assert_true(consumer_caught_up(consumer, TOPIC_REVOCATIONS));
    assert_int_equal(disabled, 5); /* all that was there when it began */
    const int first = beats;
    while (beats < first + 2 && clock_mono_us() < until_us) poll(NULL, 0, 5);
    assert_true(beats >= first + 2);
    consumer_stop(consumer);
    relay_stop(relay);
}

/* ---- the program ---- */

__attribute__((noreturn)) static void service_main(char **argv)
{
    snprintf(conninfo, sizeof conninfo, "%s", argv[2]);
    brokers = argv[3];
    (void)relay_up(NULL, false);
    (void)effects_start("killed", TOPIC_MESSAGES);
    for (;;) pause(); /* until it is killed */
}

static int start(void **state)
{
    static const struct migration *const sets[] = {io_migrations, NULL};
    char command[200];

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/telecura-bus-%d", (int)getpid());
    snprintf(command, sizeof command, "tests/harness/pg.sh start %s >/dev/null", folder);
    if (system(command) != 0) return -1;
    snprintf(owner, sizeof owner, "host=%s user=postgres dbname=postgres", folder);
    snprintf(conninfo, sizeof conninfo, "host=%s user=bus dbname=postgres", folder);
    sql = PQconnectdb(owner);
    run("CREATE ROLE bus LOGIN");
    run("CREATE TABLE effect (n bigint GENERATED ALWAYS AS IDENTITY, id uuid, key uuid, version "
        "bigint)");
    run("GRANT INSERT ON effect TO bus");
    if (db_migrate(owner, "bus", sets, stderr) != ERR_OK) return -1;
    mock_start();
    return 0;
}

static int stop(void **state)
{
    char command[200];

    (void)state;
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(mock_client);
    PQfinish(sql);
    snprintf(command, sizeof command, "tests/harness/pg.sh stop %s", folder);
    return system(command);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_leaves_in_order),
        cmocka_unit_test(kafka_faults_lose_nothing),
        cmocka_unit_test(a_refused_topic_holds_up_no_other),
        cmocka_unit_test(a_refused_producer_id_is_asked_for_again),
        cmocka_unit_test(audit_rows_stay_until_their_receipt),
        cmocka_unit_test(a_log_without_a_key_holds_up_no_other),
        cmocka_unit_test(revocations_are_heard_from_their_beginning),
        cmocka_unit_test(poison_parks_its_key_and_no_other),
        cmocka_unit_test(kills_lose_nothing_and_repeat_nothing),
        cmocka_unit_test(a_commit_that_failed_is_overtaken_by_none),
    };

    if (argc == 4) service_main(argv);
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 1;
    return cmocka_run_group_tests_name("bus", tests, start, stop);
}
