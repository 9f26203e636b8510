/*
 * log - one shard of one organisation's log as its writer sees it: where it ends, and the step to
 * the next signed tree.
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
#include "services/audit/shard.h"

#define LOG_FOLDER_MAX 400
#define LOG_DIR_MAX (LOG_FOLDER_MAX + SHARD_NAME_MAX)
#define LOG_ORIGIN_MAX 80
#define LOG_BATCH_MAX 4096
#define LOG_STAGING "staging"

struct head;

struct log {
    struct uuid org;
    char origin[LOG_ORIGIN_MAX];
    char folder[LOG_FOLDER_MAX]; /* the organisation's: a folder for each shard */
    char heads[LOG_FOLDER_MAX];  /* that of its file heads; may be the same */
    char dir[LOG_DIR_MAX];       /* this shard's */
    struct note_key key;             /* borrows origin */
    struct merkle_frontier frontier; /* of the head */
    struct hash root;
    char former_origin[LOG_ORIGIN_MAX];
    struct checkpoint former; /* the last tree of the shard before; origin empty: there is none */
    int64_t base;        /* the position of its first entry among those of all shards */
    int64_t at_us;       /* of the last append: time does not go back */
    void (*alive)(void); /* called now and then by what takes long; or NULL */
    struct log *next;
};

/* The shard that begins at @now_us. */
void log_origin(struct uuid org, int64_t now_us, char ret[LOG_ORIGIN_MAX]);
/* Of a shard in its organisation's folder. */
void log_dir(const char *folder, struct str shard, char ret[LOG_DIR_MAX]);
/* Sets origin, dir and key; @log: org and folders are set. ERR_CORRUPT: @origin is no shard's. */
err_t log_name(struct log *log, struct str origin);
/* Sets former; NULL: @log is of the first shard. */
err_t log_follows(struct log *log, const struct head *former);
/* The first entry names the whole of the shard before. */
bool log_is_linked(const struct log *log, struct arena *arena);
/* Moves what older versions kept in the organisation's own folder to that of the shard. Killed
 * anywhere, it goes on with what is left. */
err_t log_settle(const struct log *log);
bool log_is_flat(const char *folder);
/* The shard's folder, with its verifying key; again is fine. */
err_t log_make(const struct log *log, struct arena *arena);
/* @log: it has its name. @former: the shard before it, or NULL; closed. @deep: hashes every entry
 * again, not just the last tiles. */
err_t log_load(struct log *log, const struct head *head, const struct head *former, bool deep,
               struct arena *arena);
/* One that was closed: its last checkpoint and the tiles under it. */
err_t log_load_closed(struct log *log, const struct head *head, struct arena *arena);
/* The first leaf of a shard that is not the first: what the shard before has published. */
err_t log_link(const struct log *log, int64_t time_ms, struct arena *arena, struct bytes *ret);
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
