/*
 * writer - what makes one process the writer of all logs: the lease, a lock on their folder, the
 * signing key, and the two database roles, of which one moves heads and does nothing else.
 *
 * Threads  one: the sequencer's, or fsck's.
 * Errors   ERR_BUSY: somebody else is the writer. ERR_CONFLICT: somebody else has moved a head.
 */
#pragma once

#include "services/audit/audit.h"

struct writer {
    struct db *db;       /* under the service's own role */
    struct arena *arena; /* of one turn */
    int64_t epoch;       /* of the lease; another one: others may have written meanwhile */
    bool holds;          /* the lease, when writer_keep() was called last */
};
extern struct writer writer;

/* Makes what is missing of the log's folder and key. */
err_t writer_open(void);
void writer_close(void);
/* Where the files heads lie. */
const char *writer_heads_dir(void);
/* Takes the lease or keeps it, and with it the lock on the log's folder; asks PostgreSQL at most
 * once a second. */
err_t writer_keep(void);
/* Until @tx ends nobody else can become the writer. */
err_t writer_fence(struct tx *tx);
struct tx_frame writer_frame(struct uuid org);
struct shards { /* in the writer's arena */
    struct head now; /* the shard that is written; for none, an empty one of today's name */
    bool begun;      /* now has a row */
    const struct head *closed; /* in their order */
    size_t closed_n;
    const struct head *former; /* the last of them; or NULL */
};
/* The log of @org. */
err_t writer_shards_read(struct uuid org, struct shards *ret);
/* head_first, head_move or head_next, by the heads' own role, in a transaction of its own. */
err_t writer_head_write(struct uuid org, const struct stmt *stmt, const void *args);
