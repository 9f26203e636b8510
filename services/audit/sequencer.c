/*
 * The one writer of all logs: a lease says which replica it is, the compare-and-swap of each log's
 * head holds even against one that thinks it still has it.
 *
 *   staged rows -> staging file, synced -> leaves get their places -> head moves, under a role of
 *               its own -> heads, tiles, checkpoint -> receipts
 *
 * Killed after any of these, the next holder of the lease loads the log and goes on from there:
 * log_load() knows whether the head moved, and a leaf without receipt stays a row until it has one.
 * A head that somebody else has moved, or time that goes back, ends the process: going on would
 * fork the log.
 */
#include "services/audit/audit.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/leaf.h"
#include "common/io/metrics.h"
#include "common/io/sql.h"
#include "services/audit/heads.h"
#include "services/audit/store.h"
#include "services/audit/writer.h"

#include "telecura/v1/audit.pb-c.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURN_MS 100
#define RETRY_MS 1000
#define STEP_BACK_US SECOND_US /* NTP may slew; more is another clock */
#define EXIT_FORK 70

static struct {
    struct log *logs; /* loaded since the lease was taken */
    int64_t epoch;    /* then */
} self;

static struct metric leaves_logged = {.name = "audit_leaves_total", .labels = ""};

static const struct audit_settings *settings(void)
{
    return service_settings();
}

void log_dir_of(struct uuid org, char ret[LOG_DIR_MAX])
{
    snprintf(ret, LOG_DIR_MAX, "%s/%s", settings()->log_dir, UUID_ARG(org));
}

/* ---- the lease ---- */

static void logs_forget(void)
{
    while (self.logs) {
        struct log *const log = self.logs;

        self.logs = log->next;
        free(log);
    }
}

/* What was loaded under another lease is forgotten. */
static err_t lease_keep(void)
{
    const err_t err = writer_keep();

    if (!writer.holds || writer.epoch != self.epoch) logs_forget();
    self.epoch = writer.epoch;
    return err;
}

/* ---- loading ---- */

/* A row for each leaf, or the tables are of an older backup than the heads. */
static err_t rows_check(const struct log *log)
{
    const int64_t size = (int64_t)log->frontier.size;
    const struct tx_frame frame = writer_frame(log->org);
    struct tx *tx = tx_begin(writer.db, &frame);
    struct leaves_known known;
    const err_t err = tx_one(tx, &leaves_count_stmt, NULL, &known);

    tx_rollback(tx);
    if (err != ERR_OK || known.count == size) return err;
    return err_raise(ERR_CORRUPT,
                     "%s: table entry has %lld leaves where the log has %lld: they are of different "
                     "backups; restore the database, or see what `audit fsck` says",
                     log->dir, (long long)known.count, (long long)size);
}

static err_t vkey_publish(const struct log *log)
{
    const struct str vkey = note_vkey(writer.arena, &log->key);

    return store_write(log->dir, "vkey",
                       str_bytes(arena_printf(writer.arena, STR_FMT "\n", STR_ARG(vkey))));
}

static err_t trees_first(const struct log *log, struct head_rows *ret)
{
    const struct trees_signed ask = {.origin = str_of(log->origin)};
    const struct tx_frame frame = writer_frame(log->org);
    struct tx *const tx = tx_begin(writer.db, &frame);
    struct rows rows = {NULL, 0};
    const err_t err = tx_many(tx, &trees_signed_stmt, &ask, &rows);

    tx_rollback(tx);
    *ret = (struct head_rows){rows.p, rows.n};
    return err;
}

/* A log older than the file heads: migration 0102 knew one tree of it, its head, and nothing was
 * signed since. If that one is published the file begins with it; a file that is lost from any
 * other log is log_load()'s affair. */
static err_t heads_begin(const struct log *log, const struct head *head)
{
    struct checkpoint published;
    struct head_rows trees;
    char path[STORE_PATH_MAX];
    struct str note;

    snprintf(path, sizeof path, "%s/" HEADS, log->dir);
    if (head->size == 0 || access(path, F_OK) == 0 || errno != ENOENT) return ERR_OK;
    TRY(trees_first(log, &trees));
    TRY(log_published(log->dir, &log->key, writer.arena, &note, &published));
    const struct bytes root = bytes_of(published.root.b, HASH_BYTES);
    const struct head *const only = trees.n == 1 ? trees.p : NULL;
    if (!only || only->size != head->size || !bytes_equal(only->root, head->root) ||
        published.size != (uint64_t)head->size || !bytes_equal(root, head->root))
        return ERR_OK;
    log_line(LOG_INFO, "heads_begun", "%s/" HEADS ": begins with the tree of %lld entries",
             log->dir, (long long)head->size);
    return heads_add(log->dir, &published, writer.arena);
}

static err_t log_begin(struct log *log, bool deep)
{
    struct head head;

    log_dir_of(log->org, log->dir);
    TRY(writer_head_read(log->org, &head));
    if (head.origin.n >= LOG_ORIGIN_MAX) return err_raise(ERR_CORRUPT, "an origin is too long");
    memcpy(log->origin, head.origin.p, head.origin.n);
    log->key = log_key_of(log->origin);
    TRY(heads_begin(log, &head));
    TRY(log_load(log, &head, deep, writer.arena));
    if (deep) TRY(rows_check(log));
    if (head.size > 0) return ERR_OK;
    if (mkdir(log->dir, 0750) != 0 && errno != EEXIST)
        return err_raise(ERR_UNAVAILABLE, "cannot make %s: %s", log->dir, strerror(errno));
    TRY(vkey_publish(log));
    const struct head_first first = {head.origin, head.root, head.at_us};
    const err_t err = writer_head_write(log->org, &head_first_stmt, &first);
    return err == ERR_CONFLICT ? ERR_OK : err; /* it was there, empty */
}

static err_t log_find(struct uuid org, bool deep, struct log **ret)
{
    for (struct log *log = self.logs; log; log = log->next) {
        if (!uuid_equal(log->org, org)) continue;
        *ret = log;
        return ERR_OK;
    }
    struct log *const log = calloc(1, sizeof *log);
    if (!log) abort();
    log->org = org;
    const err_t err = log_begin(log, deep);
    if (err != ERR_OK) {
        free(log);
        return err;
    }
    log->next = self.logs;
    self.logs = log;
    *ret = log;
    return ERR_OK;
}

/* ---- one step of one log ---- */

struct step {
    struct log *log;
    const struct pending_leaf_rows *leaves;
    struct checkpoint next;
    int64_t at_us;
};

static err_t step_place(struct act *act)
{
    const struct step *const step = act->in;
    const size_t n = step->leaves->n;
    struct str *const producers = ARENA_ARRAY(act->arena, struct str, n);
    struct uuid *const events = ARENA_ARRAY(act->arena, struct uuid, n);

    for (size_t i = 0; i < n; i++) {
        producers[i] = step->leaves->p[i].producer;
        events[i] = step->leaves->p[i].event_id;
    }
    TRY(writer_fence(act_tx(act)));
    const struct leaves_place place = {
        .first = (int64_t)step->log->frontier.size,
        .producers = {producers, n},
        .events = {events, n},
    };
    leaves_place(act, &place);
    return ERR_OK;
}

/* The lease is held until the head has moved: whoever takes it next finds it moved or not. */
static err_t head_advance(const struct step *step)
{
    const struct log *const log = step->log;
    const struct head_move move = {
        .size = (int64_t)step->next.size,
        .root = bytes_of(step->next.root.b, HASH_BYTES),
        .at_us = step->at_us,
        .origin = str_of(log->origin),
        .old_size = (int64_t)log->frontier.size,
        .old_root = bytes_of(log->root.b, HASH_BYTES),
    };
    const struct tx_frame frame = writer_frame(log->org);
    struct tx *const held = tx_begin(writer.db, &frame);
    err_t err = writer_fence(held);

    if (err == ERR_OK) err = writer_head_write(log->org, &head_move_stmt, &move);
    tx_rollback(held);
    return err;
}

static void __attribute__((noreturn)) die(const char *why, const struct log *log)
{
    log_line(LOG_FAULT, "sequencer_ends", "%s: %s", log->dir, why);
    _exit(EXIT_FORK);
}

static err_t pending_read(const struct log *log, struct pending_leaf_rows *ret)
{
    const struct tx_frame frame = writer_frame(log->org);
    struct tx *tx = tx_begin(writer.db, &frame);
    struct rows rows = {NULL, 0};
    const err_t err = tx_many(tx, &pending_leaves_stmt, NULL, &rows);

    tx_rollback(tx);
    *ret = (struct pending_leaf_rows){rows.p, rows.n};
    return err;
}

static err_t step_append(struct log *log, size_t *ret_n)
{
    struct pending_leaf_rows rows;
    struct step step = {.log = log, .leaves = &rows, .at_us = clock_real_us()};

    TRY(pending_read(log, &rows));
    *ret_n = rows.n;
    if (rows.n == 0) return ERR_OK;
    if (step.at_us < log->at_us - STEP_BACK_US)
        die("time has gone back since the last append: mend the clock (chronyc makestep)", log);

    struct bytes *const leaves = ARENA_ARRAY(writer.arena, struct bytes, rows.n);
    for (size_t i = 0; i < rows.n; i++) leaves[i] = rows.p[i].leaf;
    TRY(log_stage(log, leaves, rows.n, writer.arena, &step.next));
    TRY(service_act(writer.db, log->org, AUDIT_NONE, step_place, &step));
    const err_t err = head_advance(&step);
    if (err == ERR_CONFLICT) die("somebody else has moved the log's head", log);
    if (err != ERR_OK) return err;
    log->at_us = step.at_us;
    TRY(log_publish(log, &step.next, writer.arena));
    metrics_count(&leaves_logged, (int64_t)rows.n);
    return ERR_OK;
}

/* ---- receipts ---- */

err_t receipt_emit(struct act *act, const struct placed_leaf *leaf, int64_t size)
{
    Telecura__V1__AuditReceipt receipt = TELECURA__V1__AUDIT_RECEIPT__INIT;

    receipt.kind = TELECURA__V1__AUDIT_RECEIPT__KIND__INCLUDED;
    receipt.producer = pb_text(act->arena, leaf->producer);
    receipt.event = pb_uuid(act->arena, leaf->event_id);
    receipt.seq = leaf->seq;
    receipt.index = leaf->leaf_index;
    receipt.size = size;
    return act_emit(act, TOPIC_AUDIT_RECEIPTS, leaf_producer_id(leaf->producer), leaf->seq,
                    &receipt.base);
}

static err_t receipts_give(struct act *act)
{
    const struct log *const log = act->in;
    const int64_t size = (int64_t)log->frontier.size;
    struct placed_leaf_rows rows;

    TRY(leaves_unreceipted(act, &(struct leaves_unreceipted){size}, &rows));
    for (size_t i = 0; i < rows.n; i++) TRY(receipt_emit(act, &rows.p[i], size));
    if (rows.n) leaves_receipted(act, &(struct leaves_receipted){rows.p[rows.n - 1].leaf_index});
    return ERR_OK;
}

/* ---- the thread ---- */

static err_t log_turn(struct uuid org, bool *ret_more)
{
    struct log *log;
    size_t n = 0;

    TRY(log_find(org, false, &log));
    TRY(step_append(log, &n));
    *ret_more |= n == LOG_BATCH_MAX;
    return service_act(writer.db, org, AUDIT_NONE, receipts_give, log);
}

static err_t turn(bool *ret_more)
{
    const struct tx_frame frame = writer_frame(UUID_NIL);
    struct pending_log_rows logs;
    struct rows rows = {NULL, 0};

    TRY(lease_keep());
    if (!writer.holds) return ERR_OK;
    struct tx *tx = tx_begin(writer.db, &frame);
    const err_t err = tx_many(tx, &pending_logs_stmt, NULL, &rows);
    tx_rollback(tx);
    if (err != ERR_OK) return err;
    logs = (struct pending_log_rows){rows.p, rows.n};
    struct uuid *const orgs = ARENA_ARRAY(writer.arena, struct uuid, logs.n);
    for (size_t i = 0; i < logs.n; i++) orgs[i] = logs.p[i].org;
    for (size_t i = 0; i < logs.n; i++) TRY(log_turn(orgs[i], ret_more));
    return ERR_OK;
}

/* A turn costs a dozen fsyncs, whether for one leaf or 256: what comes meanwhile waits. */
static void pause_until(int64_t until_us)
{
    int64_t left_us;

    while (!service_stopping() && (left_us = until_us - clock_mono_us()) > 0)
        service_wait((unsigned)(left_us / MS_US) + 1);
}

void sequencer_run(void)
{
    metrics_add(&leaves_logged);
    while (!service_stopping()) {
        const int64_t began_us = clock_mono_us();
        bool more = false;

        arena_reset(writer.arena);
        const err_t err = turn(&more);
        if (err == ERR_CORRUPT) _exit(EXIT_FORK); /* it has said what is damaged */
        if (err != ERR_OK) logs_forget(); /* whatever happened: the files and the head tell */
        if (!more || err != ERR_OK)
            pause_until(began_us + (err == ERR_OK ? TURN_MS : RETRY_MS) * MS_US);
    }
    logs_forget();
    writer_close();
}

/* ---- start ---- */

/* Every folder is a log that the database must know, and every head has a folder. */
static err_t logs_check(void)
{
    const struct tx_frame frame = writer_frame(UUID_NIL);
    struct rows rows = {NULL, 0};
    struct log *log;
    struct uuid org;
    err_t err = ERR_OK;

    struct tx *tx = tx_begin(writer.db, &frame);
    TRY(tx_many(tx, &heads_all_stmt, NULL, &rows));
    tx_rollback(tx);
    for (size_t i = 0; i < rows.n && err == ERR_OK; i++)
        err = log_find(((const struct head *)rows.p)[i].org, true, &log);

    DIR *const list = opendir(settings()->log_dir);
    if (!list)
        return err_raise(ERR_UNAVAILABLE, "cannot read %s: %s", settings()->log_dir,
                         strerror(errno));
    for (const struct dirent *file; err == ERR_OK && (file = readdir(list));) {
        if (uuid_parse(str_of(file->d_name), &org)) err = log_find(org, true, &log);
    }
    closedir(list);
    return err;
}

err_t sequencer_start(void)
{
    TRY(writer_open());
    TRY(lease_keep());
    return writer.holds ? logs_check() : ERR_OK; /* whoever holds it has checked */
}
