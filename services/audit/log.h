/*
 * log - one organisation's log as its writer sees it: where it ends, and the step to the next
 * signed tree.
 *
 *   log_stage()    bundles, tiles and the signed checkpoint go into one synced file
 *   (the caller's compare-and-swap of the head in PostgreSQL: from here on it counts)
 *   log_publish()  a line of `heads`, tiles, then the checkpoint; then the staging file goes
 *
 * log_load() mends a crash at any of these lines: what PostgreSQL's head names is published again,
 * what it does not name is dropped. Head, checkpoint and `heads` then name one tree; where one of
 * them is behind, it is of an older backup, and log_load() refuses and says which. It refuses tiles
 * that do not hash up to the head, too.
 *
 * Threads  one.
 * Errors   ERR_CORRUPT names the damage, for an operator; ERR_UNAVAILABLE is worth another try.
 */
#pragma once

#include "common/base/uuid.h"
#include "services/audit/checkpoint.h"
#include "services/audit/merkle.h"
#include "services/audit/note.h"

#define LOG_DIR_MAX 400
#define LOG_ORIGIN_MAX 80
#define LOG_BATCH_MAX 256
#define LOG_STAGING "staging"

struct head;

struct log {
    struct uuid org;
    char origin[LOG_ORIGIN_MAX];
    char dir[LOG_DIR_MAX];
    struct note_key key;             /* borrows origin */
    struct merkle_frontier frontier; /* of the head */
    struct hash root;
    int64_t at_us; /* of the last append: time does not go back */
    struct log *next;
};

/* The name of a log that begins now: audit.<org>/<year>h<half>; audit.suite/... is org nil's, for
 * what concerns no organisation. */
void log_origin(struct uuid org, int64_t now_us, char ret[LOG_ORIGIN_MAX]);
/* @log: org, dir and key are set. @deep: hashes every entry again, not just the last tiles. */
err_t log_load(struct log *log, const struct head *head, bool deep, struct arena *arena);
/* The next checkpoint. @log stays as it is. */
err_t log_stage(const struct log *log, const struct bytes *leaves, size_t n, struct arena *arena,
                struct checkpoint *ret_next);
/* What the staging file would make of the log; ERR_NOT_FOUND when there is none. */
struct stage;
err_t log_staged(const struct log *log, struct arena *arena, struct stage *ret_stage,
                 struct checkpoint *ret_next);
/* What is staged, which must be @next; then @log stands at its end. */
err_t log_publish(struct log *log, const struct checkpoint *next, struct arena *arena);

/* The published checkpoint: its text, and what it says; size 0 when there is none. */
err_t log_published(const char *dir, const struct note_key *key, struct arena *arena,
                    struct str *ret_note, struct checkpoint *ret);
/* One leaf of the published tree, in the arena. */
err_t log_leaf(const char *dir, uint64_t index, struct arena *arena, struct bytes *ret);
struct merkle_tree log_tree(const char *dir, uint64_t size);
