#include "common/io/relay.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/pb.h"
#include "common/crypto/aead.h"
#include "common/io/chain.h"
#include "common/io/db.h"
#include "common/io/producer.h"

#include "common/io/sql.h"
#include "telecura/v1/audit.pb-c.h"
#include "telecura/v1/events.pb-c.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define POLL_MS 250
#define RETRY_MS 1000 /* after a fault */
#define LEASE_MS 3000
#define RENEW_US SECOND_US
#define REFUSED_US (5 * SECOND_US)
#define STOP_US (5 * SECOND_US)
#define DB_US (5 * SECOND_US)
#define ARENA_BYTES_MAX ((size_t)256 << 20)
/* Without a receipt a row is sent again. While receipts of others come the log is merely behind,
 * and sending all again would keep it there. */
#define SILENCE_S 10
#define PATIENCE_S 60
#define RECEIPTS_MAX 1024 /* what does not fit is sent again and receipted again */

struct receipts {
    struct audit_receipted p[RECEIPTS_MAX];
    size_t n;
};

struct relay {
    struct relay_config config;
    struct chain chain;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool poked;               /* under lock */
    struct receipts receipts; /* under lock */
    int64_t receipt_us;       /* when the last came (monotonic); under lock */
    int64_t disk_us;          /* when the log last spoke to anybody; under lock */
    unsigned disk_percent;    /* and how full its disk was then; under lock */
    atomic_bool stopping;
    _Atomic int64_t stop_by_us;
    struct consumer *consumer; /* of receipts */

    /* the thread's own */
    struct db *db;
    struct arena *arena;
    struct producer *producer;
    struct tx_frame frame;
    struct chain_lease lease;
    bool holds;
    int64_t renewed_us, beat_us, tails_us, refused_until_us[TOPIC_MAX];
};

/* ---- small things ---- */

static struct tx *begin(struct relay *relay)
{
    relay->frame = (struct tx_frame){
        .now_us = clock_real_us(), .deadline_us = clock_mono_us() + DB_US, .arena = relay->arena};
    return tx_begin(relay->db, &relay->frame);
}

static void lock_begin(struct relay *relay)
{
    if (pthread_mutex_lock(&relay->lock) != 0) abort();
}

static void lock_end(struct relay *relay)
{
    if (pthread_mutex_unlock(&relay->lock) != 0) abort();
}

/* ---- the lease ---- */

static err_t lease_renew(struct relay *relay)
{
    const struct lease_take take = {
        .name = STR("relay"), .holder = relay->lease.holder, .ttl_ms = LEASE_MS};
    struct tx *tx = begin(relay);
    struct lease_held held = {0};
    bool found = false;
    const err_t err = lease_take(tx, &take, &held, &found);

    if (err != ERR_OK) {
        tx_rollback(tx);
        return err;
    }
    TRY(tx_commit(tx));
    if (found && held.epoch != relay->lease.epoch) {
        log_line(LOG_INFO, "relay", "holds the lease, epoch %lld", (long long)held.epoch);
    }
    relay->holds = found;
    if (found) relay->lease.epoch = held.epoch;
    relay->renewed_us = clock_mono_us();
    return ERR_OK;
}

static err_t lease_keep(struct relay *relay)
{
    if (relay->holds && clock_mono_us() - relay->renewed_us < RENEW_US) return ERR_OK;
    return lease_renew(relay);
}

static void lease_leave(struct relay *relay)
{
    struct tx *tx;

    if (!relay->holds) return;
    tx = begin(relay);
    lease_drop(tx, &(struct lease_drop){.name = STR("relay"), .holder = relay->lease.holder});
    (void)!tx_commit(tx);
}

/* While Kafka is waited for: keeps the lease; gives up when another has it or time is over. */
static bool goes_on(void *user)
{
    struct relay *relay = user;

    if (relay->stopping && clock_mono_us() > relay->stop_by_us) return false;
    (void)!lease_keep(relay); /* PostgreSQL away: who else could take it? */
    return relay->holds;
}

/* ---- sending ---- */

/* Waits, remembers refused topics; orgs and ids of what was sent. */
static struct uuids await(struct relay *relay, const struct sending *sendings, size_t n,
                          struct uuid *orgs, struct uuid *ids)
{
    struct uuids sent = {ids, 0};

    producer_wait(relay->producer, goes_on, relay);
    for (size_t i = 0; i < n; i++) {
        const struct sending *sending = &sendings[i];
        if (sending->refused) {
            relay->refused_until_us[sending->topic] = clock_mono_us() + REFUSED_US;
        }
        if (!sending->sent) continue;
        orgs[sent.n] = sending->org;
        ids[sent.n++] = sending->id;
    }
    return sent;
}

static struct strs refused_topics(struct relay *relay)
{
    struct str *names = ARENA_ARRAY(relay->arena, struct str, TOPIC_MAX);
    size_t n = 0;

    for (enum topic topic = TOPIC_NONE + 1; topic < TOPIC_MAX; topic++) {
        if (clock_mono_us() < relay->refused_until_us[topic])
            names[n++] = str_of(topic_info(topic)->name);
    }
    return (struct strs){names, n};
}

static void outbox_send(struct relay *relay, const struct outbox_event *row,
                        struct sending *sending)
{
    const struct event event = {
        .topic = topic_find(row->topic),
        .id = row->id,
        .org = row->org,
        .key = row->key,
        .act = row->act,
        .version = row->version,
        .epoch = relay->lease.epoch,
        .at_us = row->at_us,
        .kind = row->kind,
    };

    if (event.topic != TOPIC_NONE) {
        producer_send(relay->producer, &event, row->payload, sending);
    } else {
        (void)!err_raise(ERR_INTERNAL, "outbox: an event of a topic that topics.def does not name");
    }
}

static err_t outbox_turn(struct relay *relay, bool *ret_more)
{
    const struct outbox_read read = {.refused = refused_topics(relay)};
    struct outbox_event_rows rows = {0};
    struct tx *tx = begin(relay);
    const err_t err = outbox_read(tx, &read, &rows);

    tx_rollback(tx);
    if (err != ERR_OK || rows.n == 0) return err;
    struct sending *sendings = ARENA_ARRAY(relay->arena, struct sending, rows.n);
    struct uuid *orgs = ARENA_ARRAY(relay->arena, struct uuid, rows.n);
    struct uuid *ids = ARENA_ARRAY(relay->arena, struct uuid, rows.n);
    for (size_t i = 0; i < rows.n; i++) outbox_send(relay, &rows.p[i], &sendings[i]);
    const struct uuids sent = await(relay, sendings, rows.n, orgs, ids);
    *ret_more = sent.n > 0;
    if (sent.n == 0) return ERR_OK;
    tx = begin(relay);
    commit_lazily(tx);
    outbox_delete(tx, &(struct outbox_delete){.orgs = {orgs, sent.n}, .ids = sent});
    return tx_commit(tx);
}

/* ---- audit ---- */

static void on_receipt(const struct event *event, void *user)
{
    struct relay *relay = user;
    const Telecura__V1__AuditReceipt *receipt = (const void *)event->message;
    struct receipts *receipts = &relay->receipts;

    if (!receipt) return;
    const bool own = str_is(str_of(relay->config.service), receipt->producer);
    const int64_t now_us = clock_mono_us();
    lock_begin(relay);
    relay->disk_us = now_us;
    relay->disk_percent = receipt->disk_percent;
    if (own) relay->receipt_us = now_us;
    if (own && receipts->n < RECEIPTS_MAX) {
        receipts->p[receipts->n++] = (struct audit_receipted){
            .log = event->org,
            .first = receipt->first_seq ? receipt->first_seq : receipt->seq, /* an older audit's */
            .seq = receipt->seq,
            .id = pb_to_uuid(receipt->event),
        };
    }
    lock_end(relay);
}

static err_t receipts_turn(struct relay *relay)
{
    struct receipts *taken = ARENA_NEW(relay->arena, struct receipts);
    struct tx *tx;

    lock_begin(relay);
    *taken = relay->receipts;
    relay->receipts.n = 0;
    lock_end(relay);
    if (taken->n == 0) return ERR_OK;
    tx = begin(relay);
    commit_lazily(tx);
    for (size_t i = 0; i < taken->n; i++) audit_receipted(tx, &taken->p[i]);
    return tx_commit(tx);
}

static int32_t patience_s(struct relay *relay)
{
    lock_begin(relay);
    const bool silent = clock_mono_us() - relay->receipt_us > SILENCE_S * SECOND_US;
    lock_end(relay);
    return silent ? SILENCE_S : PATIENCE_S;
}

static err_t audit_turn(struct relay *relay, bool *ret_more)
{
    const struct audit_unsent ask = {patience_s(relay)};
    struct audit_numbered_rows rows = {0};
    struct tx *tx;
    err_t err;

    if (clock_mono_us() < relay->refused_until_us[TOPIC_AUDIT_EVENTS]) return ERR_OK;
    tx = begin(relay);
    err = audit_unsent(tx, &ask, &rows);
    tx_rollback(tx);
    if (err != ERR_OK || rows.n == 0) return err;
    struct sending *sendings = ARENA_ARRAY(relay->arena, struct sending, rows.n);
    struct uuid *orgs = ARENA_ARRAY(relay->arena, struct uuid, rows.n);
    struct uuid *ids = ARENA_ARRAY(relay->arena, struct uuid, rows.n);
    for (size_t i = 0; i < rows.n; i++) {
        struct event event;
        const struct bytes payload = chain_record(&relay->chain, relay->arena, &rows.p[i], &event);
        producer_send(relay->producer, &event, payload, &sendings[i]);
    }
    const struct uuids sent = await(relay, sendings, rows.n, orgs, ids);
    if (sent.n == 0) return ERR_OK;
    *ret_more = true;
    tx = begin(relay);
    commit_lazily(tx);
    audit_sent(tx, &(struct audit_sent){.orgs = {orgs, sent.n}, .ids = sent});
    return tx_commit(tx);
}

static err_t tails_turn(struct relay *relay)
{
    struct audit_tail_rows tails = {0};
    struct tx *tx;
    err_t err;

    if (clock_mono_us() - relay->tails_us < relay->config.tails_s * SECOND_US) return ERR_OK;
    relay->tails_us = clock_mono_us();
    tx = begin(relay);
    err = audit_tails(tx, &tails);
    tx_rollback(tx);
    if (err != ERR_OK) return err;
    struct sending *sendings = ARENA_ARRAY(relay->arena, struct sending, tails.n);
    for (size_t i = 0; i < tails.n && err == ERR_OK; i++) {
        struct event event;
        struct bytes payload;
        err = chain_heartbeat(&relay->chain, relay->arena, &tails.p[i], relay->lease.epoch, &event,
                              &payload);
        if (err == ERR_OK) producer_send(relay->producer, &event, payload, &sendings[i]);
    }
    producer_wait(relay->producer, goes_on, relay);
    return err;
}

/* ---- access: the pulse of the revocation feed ---- */

static void beat_turn(struct relay *relay)
{
    Telecura__V1__RevocationEvent beat = TELECURA__V1__REVOCATION_EVENT__INIT;
    struct sending sending;
    const struct event event = {
        .topic = TOPIC_REVOCATIONS,
        .id = uuid_v7(clock_real_us()),
        .epoch = relay->lease.epoch,
        .at_us = clock_real_us(),
        .kind = TELECURA__V1__REVOCATION_EVENT__KIND__HEARTBEAT,
    };

    if (clock_mono_us() - relay->beat_us < SECOND_US) return;
    relay->beat_us = clock_mono_us();
    beat.kind = TELECURA__V1__REVOCATION_EVENT__KIND__HEARTBEAT;
    producer_send(relay->producer, &event, pb_pack(relay->arena, &beat.base), &sending);
    producer_wait(relay->producer, goes_on, relay);
}

/* ---- the thread ---- */

/* A beat says that all revocations before it are out, so it waits until the outbox is empty. */
static err_t turn(struct relay *relay, bool *ret_more)
{
    bool more_events = false, more_audit = false, more_rows = false;

    arena_reset(relay->arena);
    TRY(lease_keep(relay));
    if (!relay->holds) return ERR_OK;
    TRY(outbox_turn(relay, &more_events));
    if (relay->config.heartbeat && !more_events) beat_turn(relay);
    *ret_more = more_events;
    if (!relay->config.keys) return ERR_OK;
    TRY(receipts_turn(relay));
    TRY(chain_number(&relay->chain, relay->db, relay->arena, &relay->lease, &more_rows));
    TRY(audit_turn(relay, &more_audit));
    *ret_more = more_events || more_rows || more_audit;
    return tails_turn(relay);
}

static void sleep_until_poked(struct relay *relay, unsigned ms)
{
    const int64_t until_us = clock_mono_us() + (int64_t)ms * MS_US;

    lock_begin(relay);
    while (!relay->poked && clock_wait(&relay->wake, &relay->lock, until_us)) continue;
    relay->poked = false;
    lock_end(relay);
}

static void *run(void *user)
{
    struct relay *relay = user;

    while (!relay->stopping || clock_mono_us() < relay->stop_by_us) {
        bool more = false;
        const err_t err = turn(relay, &more);
        if (err != ERR_OK) relay->holds = false; /* asks for the lease before it goes on */
        if (more && err == ERR_OK) continue;
        if (relay->stopping) break;
        arena_reset(relay->arena); /* nobody sleeps on keys */
        crypto_forget();
        sleep_until_poked(relay, err == ERR_OK ? POLL_MS : RETRY_MS);
    }
    lease_leave(relay);
    return NULL;
}

struct relay *relay_start(const struct relay_config *config)
{
    static const struct consumer_topic receipts[] = {{TOPIC_AUDIT_RECEIPTS, WATCH},
                                                     {TOPIC_NONE, WATCH}};
    struct relay *relay = calloc(1, sizeof *relay);

    if (!relay) abort();
    relay->config = *config;
    relay->chain = (struct chain){config->service, config->keys};
    relay->lease.holder = uuid_v4();
    relay->db = db_new(config->conninfo, "relay");
    relay->arena = arena_new(ARENA_BYTES_MAX);
    relay->producer = producer_new(config->service, config->kafka, config->tls);
    if (pthread_cond_init(&relay->wake, NULL) != 0) abort();
    if (pthread_mutex_init(&relay->lock, NULL) != 0) abort();
    if (config->keys) {
        relay->consumer = consumer_start(&(struct consumer_config){
            .service = config->service,
            .kafka = config->kafka,
            .tls = config->tls,
            .topics = receipts,
            .watch = on_receipt,
            .user = relay,
        });
    }
    if (pthread_create(&relay->thread, NULL, run, relay) != 0) abort();
    return relay;
}

void relay_poke(struct relay *relay)
{
    lock_begin(relay);
    if (!relay->poked) {
        relay->poked = true;
        pthread_cond_signal(&relay->wake);
    }
    lock_end(relay);
}

unsigned relay_disk_percent(struct relay *relay)
{
    lock_begin(relay);
    const bool known = clock_mono_us() - relay->disk_us < PATIENCE_S * SECOND_US;
    const unsigned percent = known ? relay->disk_percent : 0;
    lock_end(relay);
    return percent;
}

struct relay *relay_stop(struct relay *relay)
{
    if (!relay) return NULL;
    relay->stop_by_us = clock_mono_us() + STOP_US;
    relay->stopping = true;
    relay_poke(relay);
    pthread_join(relay->thread, NULL);
    consumer_stop(relay->consumer);
    producer_free(relay->producer);
    db_free(relay->db);
    arena_free(relay->arena);
    pthread_cond_destroy(&relay->wake);
    pthread_mutex_destroy(&relay->lock);
    free(relay);
    return NULL;
}
