/*
 * relay - publishes what has committed: the one way from a service to Kafka.
 *
 * One thread a process; of all replicas of a service the one that holds the lease `relay` works,
 * with an epoch that every new holder raises. It is poked by the committing worker and polls each
 * 250 ms for safety. Outbox rows are produced in order of `seq` (per key that is commit order,
 * because the aggregate's row is bumped before its outbox row is written), all of a batch awaited
 * with no transaction open, then deleted: a crash repeats events, never loses them.
 *
 * Audit rows: numbered after their commit (`seq IS NULL`), sealed into leaves, chained by MAC per
 * (producer, org), published to audit.events.v1, and deleted only at their receipt; what has none
 * is sent again after 10 s, or after 60 s while receipts of others come (the log is merely behind).
 * A heartbeat with the last seq goes every tails_s. See chain.h.
 *
 * Kafka away: rows wait. A message that Kafka refuses for ever is a fault that names the topic;
 * that topic is set aside for 5 s at a time and holds up no other.
 *
 * Threads  relay_poke(), relay_disk_percent() any; the rest the thread that made it.
 */
#pragma once

#include "common/base/err.h"
#include "common/io/topics.h"

struct keys;
struct relay;
struct http_tls;

struct relay_config {
    const char *service, *conninfo, *kafka;
    const struct http_tls *tls;
    struct keys *keys;      /* NULL: this service audits nothing (tests) */
    int64_t tails_s;        /* between two heartbeats of the audit chain */
    bool heartbeat;         /* access: a HEARTBEAT on revocations each second */
};

/* A thread of its own; never fails: it tries again. */
struct relay *relay_start(const struct relay_config *config);
void relay_poke(struct relay *relay);
/* How full the log's disk is, as the last receipt told, whosever it was; 0 when none came for a
 * minute: nobody knows. */
unsigned relay_disk_percent(struct relay *relay);
struct relay *relay_stop(struct relay *relay); /* flushes for at most 5 s; takes NULL */
