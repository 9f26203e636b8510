/*
 * chain - numbers audit rows after their commit, seals them into leaves and chains these by MAC.
 *
 * Not in the act's transaction, because a number must not leave a hole when an act fails, and not
 * by a sequence, because a crash leaves holes in one. The lease makes sure that one replica does
 * it; the fence holds even against one that was asleep and thinks it still has the lease.
 *
 * Threads  one.
 */
#pragma once

#include "common/base/arena.h"
#include "common/io/consumer.h"
#include "common/io/db.h"

struct keys;

#define BARRED_MAX 32

struct chain {
    const char *service;
    struct keys *keys;
    /* logs whose key could not be had; all are tried again a while after the first */
    struct uuid barred[BARRED_MAX];
    size_t barred_count;
    int64_t barred_until_us;
};

struct chain_lease {
    struct uuid holder;
    int64_t epoch;
};

/* Numbers at most 200 rows. *ret_more: there may be others. ERR_CONFLICT: the lease is lost. Rows
 * whose organisation's key cannot be had wait. */
err_t chain_number(struct chain *chain, struct db *db, struct arena *arena,
                   const struct chain_lease *lease, bool *ret_more);

struct audit_numbered;
struct audit_tail;
/* The record of a numbered row, and the heartbeat of a log's tail; payloads live in the arena. */
struct bytes chain_record(const struct chain *chain, struct arena *arena,
                          const struct audit_numbered *row, struct event *ret_event);
err_t chain_heartbeat(const struct chain *chain, struct arena *arena, const struct audit_tail *tail,
                      int64_t epoch, struct event *ret_event, struct bytes *ret_payload);
