/*
 * What producers send. A record is believed when its MAC is its producer's, it follows the last one
 * of that producer in that log, and its body opens and is its own; then it is staged and the
 * sequencer appends it. What needs no look at the log is found out before (record_prepare), while
 * others are committed.
 * All else becomes an incident row: the producer's later records are still heard, and a gap closes
 * when the missing record has come, because a producer repeats what has no receipt.
 */
#include "services/audit/audit.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/keys.h"
#include "common/io/leaf.h"
#include "common/io/metrics.h"
#include "services/audit/tiles.h"

#include "telecura/v1/audit.pb-c.h"

#define LATE_US (60 * SECOND_US) /* six heartbeats */

/* What follows one another, to be staged in one statement. */
struct batch {
    struct str producer;
    int64_t epoch, first; /* first: its number */
    struct uuid *events;
    struct bytes *macs, *leaves;
    size_t n, bytes; /* of the leaves, as a bundle */
};

struct heard {
    const Telecura__V1__AuditRecord *record;
    const char *broken; /* the kind of incident that it is, wherever it stands; NULL: none */
    bool sound;         /* its body is its own, or the key of it is gone */
    struct str producer;
    struct uuid event;
    int64_t seq, epoch;
    struct bytes bytes;
    struct leaf leaf;
    struct hash prev, mac;
    struct tail tail;
};

void incident_count(void)
{
    static struct metric counted = {.name = "audit_incidents_total", .labels = ""};

    metrics_add(&counted);
    metrics_count(&counted, 1);
}

static err_t incident(struct act *act, const struct heard *heard, const char *kind, int64_t seq)
{
    const struct incident_insert row = {
        .id = uuid_v7(act->now_us),
        .producer = heard->producer,
        .kind = str_of(kind),
        .epoch = heard->epoch,
        .seq = seq,
        .event_id = heard->event,
    };
    struct incident_seen seen;

    incident_count();
    TRY(incident_insert(act, &row, &seen));
    if (seen.times == 1)
        log_line(LOG_FAULT, "audit_incident", "%s in the log of %s, producer's number %lld", kind,
                 UUID_ARG(act->org), (long long)seq);
    return ERR_OK;
}

static bool hash_read(ProtobufCBinaryData from, struct hash *ret)
{
    if (from.len != HASH_BYTES) return false;
    memcpy(ret->b, from.data, HASH_BYTES);
    return true;
}

/* Record, leaf and headers say the same. */
static bool record_read(const struct event *event, struct heard *ret)
{
    const Telecura__V1__AuditRecord *const record = (const void *)event->message;

    *ret = (struct heard){
        .record = record,
        .producer = str_of(record->producer),
        .event = pb_to_uuid(record->event),
        .seq = record->seq,
        .epoch = record->epoch,
        .bytes = pb_to_bytes(record->leaf),
    };
    const bool is_event = record->kind == TELECURA__V1__AUDIT_RECORD__KIND__EVENT;
    return leaf_decode(ret->bytes, &ret->leaf) == ERR_OK &&
           hash_read(record->prev_mac, &ret->prev) && hash_read(record->mac, &ret->mac) &&
           str_equal(ret->leaf.producer, ret->producer) &&
           str_is(ret->leaf.log, UUID_ARG(event->org)) && ret->seq >= is_event &&
           ret->leaf.seq == (uint64_t)ret->seq && (ret->leaf.class == LEAF_EVENT) == is_event &&
           uuid_is_nil(ret->event) == !is_event &&
           uuid_equal(event->key, leaf_producer_id(ret->producer));
}

static err_t mac_check(const struct event *event, const struct heard *heard)
{
    const struct key_name name = {.patient = event->key, .domain = "mac"};
    const struct uuid id = pb_to_uuid(heard->record->mac_key);
    struct key key;

    if (uuid_is_nil(id)) return ERR_NOT_FOUND;
    TRY(keys_to_open(service_keys(), &name, id, &key));
    const struct hash mac = leaf_mac(key.secret, &heard->prev, heard->bytes);
    return hash_equal(&mac, &heard->mac) ? ERR_OK : ERR_FORBIDDEN;
}

err_t body_of(struct arena *arena, struct uuid org, const struct leaf *leaf,
              const Telecura__V1__AuditPhi **ret)
{
    struct key_name name = {.org = org, .domain = "audit"};
    char shard[LEAF_SHARD_MAX];
    ProtobufCMessage *body;
    struct bytes packed;
    struct key key;

    if (uuid_is_nil(leaf->dek_id)) return ERR_UNPROCESSABLE;
    leaf_shard(leaf->time_ms * 1000, shard);
    name.patient = leaf_shard_id(str_of(shard));
    err_t err = keys_to_open(service_keys(), &name, leaf->dek_id, &key);
    if (err == ERR_NOT_FOUND) { /* a leaf of before there were keys for half years */
        name.patient = UUID_NIL;
        err = keys_to_open(service_keys(), &name, leaf->dek_id, &key);
    }
    if (err != ERR_OK) return err;
    if (leaf_open(arena, leaf, key.secret, &packed) != ERR_OK ||
        pb_unpack(&telecura__v1__audit_phi__descriptor, packed, arena, &body) != ERR_OK)
        return ERR_UNPROCESSABLE;
    *ret = (const void *)body;
    return ERR_OK;
}

/* Readers are told what the body says: nobody speaks in another's name, or of another time. */
static bool body_is_of(const Telecura__V1__AuditPhi *body, const struct heard *heard)
{
    return str_is(heard->producer, body->service) &&
           uuid_equal(pb_to_uuid(body->event), heard->event) &&
           body->at_us / MS_US == heard->leaf.time_ms;
}

/* A leaf whose key is gone is still a leaf. */
err_t record_prepare(struct arena *arena, const struct event *event, const void **ret)
{
    struct heard *const heard = ARENA_NEW(arena, struct heard);
    const Telecura__V1__AuditPhi *body = NULL;

    *ret = heard;
    if (!record_read(event, heard)) {
        heard->broken = "bad_leaf";
        return ERR_OK;
    }
    err_t err = mac_check(event, heard);
    if (err_is_fault(err)) return err;
    if (err != ERR_OK) heard->broken = "bad_mac";
    if (heard->broken || heard->leaf.class != LEAF_EVENT) return ERR_OK;
    err = body_of(arena, event->org, &heard->leaf, &body);
    heard->sound = err == ERR_NOT_FOUND || (err == ERR_OK && body_is_of(body, heard));
    return err == ERR_NOT_FOUND || err == ERR_UNPROCESSABLE ? ERR_OK : err;
}

static void batch_stage(struct act *act, struct batch *batch)
{
    if (batch->n == 0) return;
    const size_t n = batch->n;
    const int64_t last = batch->first + (int64_t)n - 1;
    uint8_t *const bundle = arena_alloc(act->arena, batch->bytes);
    size_t at = 0;

    for (size_t i = 0; i < n; i++) at += tiles_entry_write(batch->leaves[i], bundle + at);
    const struct entries_insert rows = {
        .last = last,
        .first = batch->first,
        .producer = batch->producer,
        .events = {batch->events, n},
        .macs = {batch->macs, n},
        .last_event = batch->events[n - 1],
        .leaves = bytes_of(bundle, at),
    };
    const struct tail_set tail = {batch->producer, batch->epoch, last, batch->macs[n - 1]};

    entries_insert(act, &rows);
    tail_set(act, &tail);
    gaps_close(act, &(struct gaps_close){batch->producer, batch->first, last});
    batch->n = batch->bytes = 0;
}

static err_t stage(struct act *act, const struct heard *heard, struct batch *batch)
{
    if (!heard->sound) return incident(act, heard, "bad_leaf", heard->seq);
    if (batch->n == 0) batch->first = heard->seq;
    batch->producer = heard->producer;
    batch->epoch = heard->epoch;
    batch->events[batch->n] = heard->event;
    batch->macs[batch->n] = bytes_of(heard->mac.b, HASH_BYTES);
    batch->leaves[batch->n++] = heard->bytes;
    batch->bytes += heard->bytes.n + 2;
    return ERR_OK;
}

/* Heard before: the producer missed the receipt, or it has not been given yet. With a row that is
 * gone nothing can be compared: that is a conflict, too. */
static err_t repeated(struct act *act, const struct heard *heard)
{
    const struct tail *const tail = &heard->tail;
    const struct published_run run = {
        .place = tail->known_index,
        .producer = heard->producer,
        .first = heard->seq,
        .last = heard->seq,
        .last_event = heard->event,
    };

    bool same = bytes_equal(tail->known_mac, bytes_of(heard->mac.b, HASH_BYTES));
    if (tail->known_mac.n == 0 && tail->known_index >= 0) { /* a row that fsck has made again */
        __attribute__((cleanup(bundle_close))) struct bundle bundle = bundle_open();
        struct bytes logged;

        TRY(entry_of(act, &bundle, tail->known_index, &logged));
        same = bytes_equal(logged, heard->bytes);
    }
    if (!same || tail->reused)
        return incident(act, heard, "conflict", heard->seq);
    return tail->receipted ? receipt_emit(act, &run, run.first, tail->size) : ERR_OK;
}

static bool follows(const struct heard *heard)
{
    return heard->tail.mac.n == HASH_BYTES &&
           memcmp(heard->tail.mac.p, heard->prev.b, HASH_BYTES) == 0;
}

static err_t event_hear(struct act *act, const struct heard *heard, struct batch *batch)
{
    const int64_t next = heard->tail.seq + 1;

    if (heard->seq < next) return repeated(act, heard);
    if (heard->seq > next) return incident(act, heard, "gap", next);
    if (!follows(heard)) return incident(act, heard, "fork", next);
    if (heard->tail.reused) return incident(act, heard, "reused", next);
    return stage(act, heard, batch);
}

/* A former holder of the producer's lease may be heard late, but not long after its follower: then
 * there is none, and an older backup of its database speaks, lease and all. */
static bool is_late(const struct heard *heard)
{
    return heard->epoch < heard->tail.epoch &&
           heard->leaf.time_ms * MS_US < heard->tail.told_at_us + LATE_US;
}

/* Where the producer says that it stands. Behind us: its end was cut off. What is not newer than
 * the last was played again: it must not hide that nothing more comes. */
static err_t heartbeat_hear(struct act *act, const struct heard *heard)
{
    const struct tail *const tail = &heard->tail;

    if (is_late(heard) || heard->leaf.time_ms <= tail->told_ms) return ERR_OK;
    if (heard->seq < tail->seq) return incident(act, heard, "cut", heard->seq);
    if (heard->seq == tail->seq && !follows(heard)) return incident(act, heard, "fork", heard->seq);
    tail_told(act, &(struct tail_told){
        .producer = heard->producer, .seq = heard->seq, .told_ms = heard->leaf.time_ms});
    silence_close(act, &(struct silence_close){heard->producer});
    return ERR_OK;
}

/* It follows the last of the batch, so nothing needs to be asked. An event that was there under
 * another number does not get past its index: then each record is heard by itself. A batch is one
 * step of the log at most. */
static bool continues(const struct batch *batch, const struct heard *heard)
{
    return batch->n > 0 && batch->n < LOG_BATCH_MAX - 1 && heard->leaf.class == LEAF_EVENT &&
           heard->seq == batch->first + (int64_t)batch->n &&
           bytes_equal(batch->macs[batch->n - 1], bytes_of(heard->prev.b, HASH_BYTES));
}

static err_t record_hear(struct act *act, const struct heard *prepared, struct batch *batch)
{
    if (prepared->broken) return incident(act, prepared, prepared->broken, prepared->seq);
    if (continues(batch, prepared)) return stage(act, prepared, batch);
    batch_stage(act, batch);
    struct heard *const heard = ARENA_NEW(act->arena, struct heard);
    *heard = *prepared;
    const struct tail_find find = {
        .producer = heard->producer,
        .seq = heard->seq,
        .event_id = heard->event,
    };
    TRY(tail_find(act, &find, &heard->tail));
    return heard->leaf.class == LEAF_EVENT ? event_hear(act, heard, batch)
                                           : heartbeat_hear(act, heard);
}

/* All are of one producer and one log, as one key and one organisation have come together. */
err_t record_heard(struct act *act)
{
    const struct event *const events = act->event;
    const size_t n = act->event_count;
    struct batch batch = {
        .events = ARENA_ARRAY(act->arena, struct uuid, n),
        .macs = ARENA_ARRAY(act->arena, struct bytes, n),
        .leaves = ARENA_ARRAY(act->arena, struct bytes, n),
    };

    for (size_t i = 0; i < n; i++) TRY(record_hear(act, events[i].prepared, &batch));
    batch_stage(act, &batch);
    return ERR_OK;
}
