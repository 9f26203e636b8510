/*
 * EFFECT: effect, inbox row and next offset in one transaction; of some topics, many at once. While
 * PostgreSQL commits many, the next are read: all else waits for the answer first (settle), so no
 * record overtakes one of its partition.
 */
#include "common/io/consumer_own.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/aead.h"
#include "common/io/db.h"

#include "common/io/sql.h"

#include <stdlib.h>

#define EFFECT_US (10 * SECOND_US)
#define PATIENCE_MS_MAX 5000
#define OUR_FAULTS_MAX 5 /* of one event, before its key is parked */
#define PRUNE_US HOUR_US
#define CLUSTER_MS 1000
#define MANY_MAX 2000 /* more than a fetch has */
#define MANY_BYTES ((size_t)2 << 20)
#define MANY_ARENA_BYTES (4 * MANY_BYTES) /* kept from one to the next */

/* A record whose effect must wait, and those of its partition behind it. */
struct held {
    rd_kafka_message_t *record;
    struct held *next;
    int64_t again_us;
    unsigned tries, our_faults;
};

/* Records of one partition, key and organisation, in their order. */
struct many {
    struct arena *arena; /* of the events, and of their transaction */
    rd_kafka_message_t *records[MANY_MAX];
    struct event events[MANY_MAX];
    size_t n, bytes;
};

struct feed {
    struct consumer *consumer;
    rd_kafka_t *rk;
    struct db *db;
    struct arena *arena;
    struct tx_frame frame;
    char *cluster; /* librdkafka's */
    struct held *first, **last;
    struct many *reading, *committing; /* what @under_way commits */
    struct tx *under_way;              /* its COMMIT was sent; NULL: none is */
    int64_t pruned_us;
};

enum outcome { DONE, AGAIN, OUR_FAULT };

static struct tx *begin(struct feed *feed, struct arena *arena, struct uuid org, struct uuid act)
{
    feed->frame = (struct tx_frame){
        .org = org,
        .act = act,
        .now_us = clock_now_us(),
        .deadline_us = clock_mono_us() + EFFECT_US,
        .arena = arena,
    };
    return tx_begin(feed->db, &feed->frame);
}

static struct str cluster_name(const struct feed *feed)
{
    return str_of(feed->cluster);
}

static void advance(struct tx *tx, const struct event *event)
{
    const struct feed_advance set = {
        .next_offset = event->offset + 1,
        .topic = str_of(topic_info(event->topic)->name),
        .partition = event->partition,
    };

    feed_advance(tx, &set);
}

/* ---- parking ---- */

static struct str headers_text(struct arena *arena, const rd_kafka_message_t *record)
{
    struct str text = STR("");
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t n;

    if (rd_kafka_message_headers(record, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return text;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &n) == 0; i++) {
        text = arena_printf(arena, STR_FMT "%s=%.*s\n", STR_ARG(text), name, (int)n,
                            value ? (const char *)value : "");
    }
    return text;
}

/* @reason NULL: it only waits behind one that could not be understood. */
static enum outcome park(struct feed *feed, const rd_kafka_message_t *record,
                         const struct event *event, const char *reason)
{
    const struct str topic = str_of(topic_info(event->topic)->name);
    const struct bytes key = bytes_of(record->key ? record->key : "", record->key_len);
    const int64_t next = event->offset + 1;
    struct tx *tx = begin(feed, feed->arena, event->org, event->id);
    struct feed_at at;
    const err_t err =
        feed_lock(tx,
                  &(struct feed_lock){
                      .topic = topic, .partition = event->partition, .cluster = cluster_name(feed)},
                  &at);

    if (err != ERR_OK || at.next_offset > event->offset) {
        tx_rollback(tx);
        return err == ERR_OK || err == ERR_NOT_FOUND ? DONE : AGAIN;
    }
    parked_insert(tx, &(struct parked_insert){
                          .topic = topic,
                          .partition = event->partition,
                          .next_offset = next,
                          .cluster = cluster_name(feed),
                          .key = key,
                          .event_id = event->id,
                          .headers = str_bytes(headers_text(feed->arena, record)),
                          .payload = bytes_of(record->payload, record->len),
                      });
    if (reason) {
        log_line(LOG_FAULT, "parked", STR_FMT " %d/%lld: %s", STR_ARG(topic), (int)event->partition,
                 (long long)event->offset, reason);
        dead_letter_insert(tx, &(struct dead_letter_insert){
                                   .topic = topic,
                                   .partition = event->partition,
                                   .next_offset = next,
                                   .cluster = cluster_name(feed),
                                   .key = key,
                                   .event_id = event->id,
                                   .reason = str_of(reason),
                               });
    }
    advance(tx, event);
    return tx_commit(tx) == ERR_OK ? DONE : AGAIN;
}

/* ---- effects ---- */

/* What became of a transaction that did not commit. */
static enum outcome failed(struct feed *feed, const rd_kafka_message_t *record,
                           const struct event *event, err_t err, bool last_try)
{
    const bool ours = err == ERR_INTERNAL || err == ERR_CORRUPT;

    if (err_is_fault(err) && !(ours && last_try)) return ours ? OUR_FAULT : AGAIN;
    return park(feed, record, event, err_info(err)->code);
}

static bool hears_many(const struct feed *feed, enum topic topic)
{
    for (const struct consumer_topic *t = feed->consumer->config.topics; t->topic != TOPIC_NONE;
         t++) {
        if (t->topic == topic && t->mode == EFFECT) return t->many;
    }
    return false;
}

/* Holds the partition; of what is not heard as many, enters the event into the inbox. */
static err_t step(struct feed *feed, struct tx *tx, const struct event *event,
                  struct feed_found *ret)
{
    const struct str topic = str_of(topic_info(event->topic)->name);
    const struct bytes key = bytes_of(event->key.b, sizeof event->key.b);

    if (hears_many(feed, event->topic))
        return feed_hold(tx,
                         &(struct feed_hold){.offset = event->offset,
                                             .topic = topic,
                                             .key = key,
                                             .partition = event->partition,
                                             .cluster = cluster_name(feed)},
                         ret);
    return feed_step(tx,
                     &(struct feed_step){.offset = event->offset,
                                         .topic = topic,
                                         .key = key,
                                         .partition = event->partition,
                                         .cluster = cluster_name(feed),
                                         .event_id = event->id},
                     ret);
}

static enum outcome effect(struct feed *feed, const rd_kafka_message_t *record,
                           const struct event *event, bool last_try)
{
    const struct consumer_config *config = &feed->consumer->config;
    struct tx *tx = begin(feed, feed->arena, event->org, event->id);
    struct feed_found found = {0};
    err_t err = step(feed, tx, event, &found);

    if (err == ERR_NOT_FOUND || (err == ERR_OK && (!found.ours || found.parked))) {
        tx_rollback(tx); /* not ours: another replica has the partition, or this one has heard it */
        return err == ERR_OK && found.ours ? park(feed, record, event, NULL) : DONE;
    }
    if (err == ERR_OK && found.fresh) err = config->effect(tx, feed->arena, event, 1, config->user);
    const bool commits = err == ERR_OK;
    if (commits) {
        advance(tx, event);
        err = tx_commit(tx);
    }
    const bool retryable = tx_retryable(tx);
    if (!commits) tx_rollback(tx);
    if (retryable) return AGAIN;
    if (err != ERR_OK) return failed(feed, record, event, err, last_try);
    if (found.fresh && config->committed) config->committed(event, config->user);
    return DONE;
}

static err_t prepare(const struct feed *feed, struct arena *arena, struct event *event)
{
    const struct consumer_config *config = &feed->consumer->config;

    return config->prepare ? config->prepare(arena, event, config->user) : ERR_OK;
}

static enum outcome hear(struct feed *feed, const rd_kafka_message_t *record, bool last_try)
{
    struct event event;
    const char *reason;
    enum outcome outcome;

    arena_reset(feed->arena);
    reason = consumer_read(record, feed->arena, &event);
    if (event.topic == TOPIC_NONE) return DONE;
    const err_t err = reason ? ERR_OK : prepare(feed, feed->arena, &event);
    if (reason) outcome = park(feed, record, &event, reason);
    else if (err != ERR_OK) outcome = failed(feed, record, &event, err, last_try);
    else outcome = effect(feed, record, &event, last_try);
    if (outcome == DONE) rd_kafka_offset_store(record->rkt, record->partition, record->offset);
    return outcome;
}

/* ---- what must wait ---- */

static bool same_partition(const rd_kafka_message_t *a, const rd_kafka_message_t *b)
{
    return a->partition == b->partition && a->rkt == b->rkt;
}

static bool waits_before(const struct feed *feed, const struct held *end,
                         const rd_kafka_message_t *record)
{
    for (const struct held *held = feed->first; held && held != end; held = held->next) {
        if (same_partition(held->record, record)) return true;
    }
    return false;
}

static void partition_pause(struct feed *feed, const rd_kafka_message_t *record, bool paused)
{
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(one, rd_kafka_topic_name(record->rkt), record->partition);
    if (paused) {
        rd_kafka_pause_partitions(feed->rk, one);
    } else {
        rd_kafka_resume_partitions(feed->rk, one);
    }
    rd_kafka_topic_partition_list_destroy(one);
}

static void hold(struct feed *feed, rd_kafka_message_t *record)
{
    struct held *held = calloc(1, sizeof *held);

    if (!held) abort();
    held->record = record;
    held->tries = 1;
    held->again_us = clock_mono_us();
    *feed->last = held;
    feed->last = &held->next;
    partition_pause(feed, record, true);
}

/* Takes *@at out of the list. */
static void unhold(struct feed *feed, struct held **at)
{
    struct held *held = *at;

    *at = held->next;
    if (feed->last == &held->next) feed->last = at;
    if (!waits_before(feed, NULL, held->record)) partition_pause(feed, held->record, false);
    rd_kafka_message_destroy(held->record);
    free(held);
}

static void held_drop(struct feed *feed)
{
    while (feed->first) unhold(feed, &feed->first);
}

static int64_t patience_us(unsigned tries)
{
    const int64_t ms = 100LL << (tries < 6 ? tries : 6);

    return (ms < PATIENCE_MS_MAX ? ms : PATIENCE_MS_MAX) * MS_US;
}

static void held_retry(struct feed *feed)
{
    for (struct held **at = &feed->first; *at && !feed->consumer->stopping;) {
        struct held *held = *at;
        const bool due =
            clock_mono_us() >= held->again_us && !waits_before(feed, held, held->record);
        const enum outcome outcome =
            due ? hear(feed, held->record, held->our_faults >= OUR_FAULTS_MAX) : AGAIN;
        if (outcome == DONE) {
            unhold(feed, at);
            continue;
        }
        held->our_faults += outcome == OUR_FAULT;
        if (due) held->again_us = clock_mono_us() + patience_us(held->tries++);
        at = &held->next;
    }
}

static void take(struct feed *feed, rd_kafka_message_t *record)
{
    if (record->err) {
        log_line(LOG_WARN, "kafka_refused", "%s: %s",
                 record->rkt ? rd_kafka_topic_name(record->rkt) : "-",
                 rd_kafka_err2name(record->err));
        rd_kafka_message_destroy(record);
    } else if (waits_before(feed, NULL, record) || hear(feed, record, false) != DONE) {
        hold(feed, record);
    } else {
        rd_kafka_message_destroy(record);
    }
}

/* ---- many at once ---- */

static bool many_continues(const struct feed *feed, const struct many *many,
                           const rd_kafka_message_t *record)
{
    if (many->n > 0) return same_partition(record, many->records[0]);
    return hears_many(feed, topic_find(str_of(rd_kafka_topic_name(record->rkt)))) &&
           !waits_before(feed, NULL, record);
}

static bool many_add(struct feed *feed, rd_kafka_message_t *record)
{
    struct many *const many = feed->reading;
    struct event *const event = &many->events[many->n];
    const struct event *const first = &many->events[0];

    if (record->err || !many_continues(feed, many, record) ||
        consumer_read(record, many->arena, event) || !event->message ||
        !uuid_equal(event->key, first->key) || !uuid_equal(event->org, first->org))
        return false;
    if (prepare(feed, many->arena, event) != ERR_OK) return false;
    many->records[many->n++] = record;
    many->bytes += record->len;
    return true;
}

static struct many *many_new(void)
{
    struct many *const many = calloc(1, sizeof *many);

    if (!many) abort();
    many->arena = arena_new(CONSUMER_ARENA_BYTES_MAX);
    arena_keeps(many->arena, MANY_ARENA_BYTES);
    return many;
}

static void many_free(struct many *many)
{
    arena_free(many->arena);
    free(many);
}

static void many_drop(struct many *many)
{
    for (size_t i = 0; i < many->n; i++) rd_kafka_message_destroy(many->records[i]);
    many->n = many->bytes = 0;
}

/* Each in its own transaction, where it is known which one it was. */
static void many_by_one(struct feed *feed, struct many *many)
{
    for (size_t i = 0; i < many->n; i++) take(feed, many->records[i]);
    many->n = many->bytes = 0;
}

/* Waits for the COMMIT that is under way. */
static void settle(struct feed *feed)
{
    const struct consumer_config *const config = &feed->consumer->config;
    struct many *const many = feed->committing;
    struct tx *const tx = feed->under_way;

    if (!tx) return;
    feed->under_way = NULL;
    if (tx_commit(tx) != ERR_OK) {
        many_by_one(feed, many);
        return;
    }
    const rd_kafka_message_t *const last = many->records[many->n - 1];
    rd_kafka_offset_store(last->rkt, last->partition, last->offset);
    if (config->committed) config->committed(&many->events[0], config->user);
    many_drop(many);
}

/* False: nothing was done. */
static bool many_effect(struct feed *feed, const struct many *many)
{
    const struct consumer_config *const config = &feed->consumer->config;
    const struct event *const first = &many->events[0];
    struct tx *const tx = begin(feed, many->arena, first->org, first->id);
    struct feed_found found = {0};
    err_t err = step(feed, tx, first, &found);
    const bool runs = err == ERR_OK && found.ours && !found.parked;

    if (runs) err = config->effect(tx, many->arena, first, many->n, config->user);
    if (!runs || err != ERR_OK) {
        tx_rollback(tx);
        return false;
    }
    advance(tx, &many->events[many->n - 1]);
    feed->under_way = tx;
    (void)!tx_commit_send(tx); /* settle() hears of it */
    return true;
}

/* What was read, all in one transaction. */
static void many_take(struct feed *feed)
{
    struct many *const many = feed->reading;

    if (many->n > 1 && !waits_before(feed, NULL, many->records[0]) && many_effect(feed, many)) {
        feed->reading = feed->committing;
        feed->committing = many;
    } else {
        many_by_one(feed, many);
    }
}

/* @record, and what is there already and belongs to it. */
static void take_waiting(struct feed *feed, rd_kafka_message_t *record)
{
    const struct many *const many = feed->reading;

    arena_reset(many->arena);
    while (record && many_add(feed, record)) {
        record = many->n < MANY_MAX && many->bytes < MANY_BYTES
                     ? rd_kafka_consumer_poll(feed->rk, 0)
                     : NULL;
    }
    settle(feed);
    many_take(feed);
    if (record) {
        settle(feed);
        take(feed, record);
    }
}

/* Nobody sleeps on keys, or on a COMMIT. */
static rd_kafka_message_t *next_record(struct feed *feed)
{
    rd_kafka_message_t *const record = rd_kafka_consumer_poll(feed->rk, 0);

    if (record) return record;
    settle(feed);
    crypto_forget();
    return rd_kafka_consumer_poll(feed->rk, CONSUMER_POLL_MS);
}

/* ---- partitions come and go ---- */

static err_t position(struct feed *feed, rd_kafka_topic_partition_t *partition)
{
    const struct feed_start start = {
        .topic = str_of(partition->topic),
        .partition = partition->partition,
        .cluster = cluster_name(feed),
    };
    struct tx *tx;
    struct feed_at at;
    err_t err;

    arena_reset(feed->arena);
    tx = begin(feed, feed->arena, UUID_NIL, UUID_NIL);
    err = feed_start(tx, &start, &at);
    if (err != ERR_OK) {
        tx_rollback(tx);
        return err;
    }
    TRY(tx_commit(tx));
    partition->offset = at.next_offset > 0 ? at.next_offset : RD_KAFKA_OFFSET_BEGINNING;
    return ERR_OK;
}

static void assign(struct feed *feed, rd_kafka_topic_partition_list_t *partitions)
{
    struct consumer *consumer = feed->consumer;

    while (!feed->cluster && !consumer->stopping)
        feed->cluster = rd_kafka_clusterid(feed->rk, CLUSTER_MS);
    for (int i = 0; i < partitions->cnt && !consumer->stopping;) {
        if (position(feed, &partitions->elems[i]) == ERR_OK)
            i++;
        else
            consumer_rest(consumer, 1000);
    }
    rd_kafka_assign(feed->rk, consumer->stopping ? NULL : partitions);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *partitions, void *user)
{
    struct feed *feed = user;

    feed->rk = rk;
    settle(feed);
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assign(feed, partitions);
        return;
    }
    held_drop(feed);
    many_drop(feed->reading);
    rd_kafka_assign(rk, NULL);
}

static void prune(struct feed *feed)
{
    struct tx *tx;

    if (clock_mono_us() - feed->pruned_us < PRUNE_US) return;
    feed->pruned_us = clock_mono_us();
    settle(feed);
    arena_reset(feed->arena);
    tx = begin(feed, feed->arena, UUID_NIL, UUID_NIL);
    inbox_prune(tx);
    (void)!tx_commit(tx); /* raised; again in an hour */
}

static void feed_open(struct feed *feed)
{
    /* Earliest: where retention has deleted what was not heard yet, go on with the oldest there is.
     * EAGER: cooperative rebalancing of Debian's librdkafka has bugs that later ones fixed. */
    /* Room for what is heard in a second of a backlog: Debian's librdkafka asks for more only that
     * long after it had too many. */
    /* clang-format off */
    const char *const settings[] = {
        "group.id", feed->consumer->config.service,
        "partition.assignment.strategy", "range,roundrobin",
        "session.timeout.ms", "6000",
        "heartbeat.interval.ms", "1000",
        "auto.offset.reset", "earliest",
        "enable.auto.commit", "true",
        "enable.auto.offset.store", "false",
        "queued.min.messages", "100000",
        "queued.max.messages.kbytes", "65536",
        "fetch.message.max.bytes", "1048576",
        NULL,
    };
    /* clang-format on */
    rd_kafka_topic_partition_list_t *topics = consumer_topics(feed->consumer, EFFECT);

    feed->rk = consumer_client(feed->consumer, settings, on_rebalance, feed);
    if (feed->rk) rd_kafka_subscribe(feed->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
}

static void feed_close(struct feed *feed)
{
    if (!feed->rk) return;
    settle(feed);
    held_drop(feed);
    if (feed->cluster) rd_kafka_mem_free(feed->rk, feed->cluster);
    feed->cluster = NULL;
    consumer_client_end(feed->rk);
    feed->rk = NULL;
}

void *feed_run(void *user)
{
    struct consumer *consumer = user;
    struct feed feed = {.consumer = consumer, .last = &feed.first};

    pthread_setname_np(pthread_self(), "feed"); /* top -H tells who works */
    feed.db = db_new(consumer->config.conninfo, "consumer");
    feed.arena = arena_new(CONSUMER_ARENA_BYTES_MAX);
    feed.reading = many_new();
    feed.committing = many_new();
    while (!consumer->stopping) {
        char why[256];
        if (!feed.rk) feed_open(&feed);
        if (!feed.rk) break;
        rd_kafka_message_t *const record = next_record(&feed);
        if (record) take_waiting(&feed, record);
        if (feed.first) settle(&feed);
        held_retry(&feed);
        prune(&feed);
        if (rd_kafka_fatal_error(feed.rk, why, sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            (void)!err_raise(ERR_UNAVAILABLE, "kafka client broke: %s", why);
            feed_close(&feed);
        }
    }
    feed_close(&feed);
    db_free(feed.db);
    arena_free(feed.arena);
    many_free(feed.reading);
    many_free(feed.committing);
    return NULL;
}
