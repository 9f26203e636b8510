/*
 * fsck - what `audit fsck` looks at, by its parts: the files of each shard (inspect.h), the file
 * heads, the tables.
 *
 * Threads  one, which holds the sequencer's lease.
 * Errors   none: what is wrong is counted and said.
 */
#pragma once

#include "services/audit/audit.h"
#include "services/audit/inspect.h"

struct fsck_shard {
    struct log log;
    struct inspection in;
    bool open;
};

/* @in: of the folder of heads, its head that of the open shard. */
void fsck_heads(struct inspection *in, struct uuid org, const struct fsck_shard *shards, size_t n);
/* That neither the index nor a row goes beyond position @end; how far the index goes. */
void fsck_ends(struct inspection *in, struct uuid org, int64_t end, int64_t *ret_indexed);
/* The other tables: where producers stand, what waits, receipts, decisions. */
void fsck_tables(struct inspection *in, struct uuid org, int64_t end);
/* The rows of one shard's leaves. */
void fsck_rows(struct inspection *in, const struct log *log, int64_t indexed);
