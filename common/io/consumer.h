/*
 * consumer - what a service hears from Kafka.
 *
 * EFFECT  a consumer group named after the service. Effect, inbox row and next offset commit in one
 *         PostgreSQL transaction: an effect happens once, whatever dies. Offsets live in feed_pos;
 *         those in Kafka are a hint for lag tooling. A transient fault pauses the partition and
 *         tries again; an event that cannot be understood parks its key (later events of that key
 *         wait in `parked`) and goes to the table `dead_letter` with a reason code, never text.
 *         A cluster that was built anew is heard from its beginning.
 *         A topic of many has no inbox rows, and one transaction for all that waits of one key;
 *         while it commits, the next are read and prepared.
 * WATCH   every replica reads all partitions into memory: revocations from their beginning, the
 *         rest from the end. No transaction; the handler runs on the consumer thread and posts to
 *         the loop.
 *
 * One thread for each of the two, so that a slow database holds up no revocation. Kafka away at
 * start: it goes on trying; nothing else waits for it.
 *
 * Ownership  an event and its message are borrowed for the call.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/io/topics.h"

struct tx;
struct http_tls;

struct event {
    enum topic topic;
    int32_t partition;
    int64_t offset;
    struct uuid id, org, key, act;
    int64_t version, epoch, at_us;
    int kind;                          /* field 1 of the message */
    const ProtobufCMessage *message;   /* NULL: tombstone */
    const void *prepared;              /* what prepare() made of it; or NULL */
};

enum hearing { EFFECT, WATCH };

struct consumer_topic {
    enum topic topic;
    enum hearing mode;
    bool many; /* EFFECT: all at once that wait, heard before or not; the effect knows a repeat */
};

struct consumer_config {
    const char *service, *conninfo, *kafka;
    const struct http_tls *tls;
    const struct consumer_topic *topics; /* ends in TOPIC_NONE */
    /* EFFECT, or NULL: what can be found out of an event without a transaction, while that of
     * others commits; sets @event->prepared, which lives as long as it. Errors as of effect(). */
    err_t (*prepare)(struct arena *arena, struct event *event, void *user);
    /* EFFECT: inside the transaction, whose act is the event's id; a refusal parks, a fault
     * repeats (one of ours, INTERNAL or CORRUPT, parks after some repeats). Several events, of one
     * key and organisation and in their order, only where the topic says many; if that fails, each
     * comes by itself. */
    err_t (*effect)(struct tx *tx, struct arena *arena, const struct event *events, size_t n,
                    void *user);
    void (*committed)(const struct event *event, void *user); /* after COMMIT; or NULL */
    void (*watch)(const struct event *event, void *user);
    void *user;
};

struct consumer *consumer_start(const struct consumer_config *config); /* its own threads */
struct consumer *consumer_stop(struct consumer *consumer);             /* takes NULL */
/* WATCH of @topic has read everything that was there when it began. */
bool consumer_caught_up(const struct consumer *consumer, enum topic topic);
