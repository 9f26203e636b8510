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
#include "services/audit/store.h"

#include "telecura/v1/audit.pb-c.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEASE_MS 3000
#define KEEP_US (1 * SECOND_US)
#define TURN_MS 100
#define RETRY_MS 1000
#define STEP_BACK_US SECOND_US /* NTP may slew; more is another clock */
#define ARENA_BYTES_MAX ((size_t)160 << 20)
#define EXIT_FORK 70

static struct {
    struct db *db, *heads; /* the service's role; the one that moves heads */
    struct arena *arena;   /* of one turn */
    struct uuid holder;
    int64_t epoch, kept_us;
    bool holds;
    struct log *logs; /* loaded since the lease was taken */
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

static struct tx_frame frame_now(struct uuid org)
{
    return (struct tx_frame){.org = org,
                             .now_us = clock_real_us(),
                             .arena = self.arena,
                             .deadline_us = clock_mono_us() + 10 * SECOND_US};
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

static err_t lease_keep(void)
{
    const struct tx_frame frame = frame_now(UUID_NIL);
    const struct lease_take take = {STR("sequencer"), self.holder, LEASE_MS};
    struct lease_held held = {self.epoch};
    bool ours = false;

    if (self.holds && clock_mono_us() - self.kept_us < KEEP_US) return ERR_OK;
    const int64_t asked_us = clock_mono_us();
    struct tx *tx = tx_begin(self.db, &frame);
    err_t err = lease_take(tx, &take, &held, &ours);
    if (err == ERR_OK) {
        err = tx_commit(tx);
    } else {
        tx_rollback(tx);
    }
    self.holds = err == ERR_OK && ours;
    if (!self.holds || held.epoch != self.epoch) logs_forget();
    self.epoch = held.epoch;
    self.kept_us = asked_us;
    return err;
}

static void lease_leave(void)
{
    const struct tx_frame frame = frame_now(UUID_NIL);
    struct tx *tx = tx_begin(self.db, &frame);

    lease_drop(tx, &(struct lease_drop){STR("sequencer"), self.holder});
    (void)!tx_commit(tx); /* it ends by itself */
}

/* ---- loading ---- */

static struct lease_fence fence_now(void)
{
    return (struct lease_fence){STR("sequencer"), self.holder, self.epoch};
}

/* Until @tx ends nobody else can become the writer. ERR_BUSY: somebody is already. */
static err_t fence(struct tx *tx)
{
    const struct lease_fence ask = fence_now();
    struct lease_held held;
    bool ours = false;

    TRY(lease_fence(tx, &ask, &held, &ours));
    return ours ? ERR_OK : ERR_BUSY;
}

/* One statement of the head's own role, in a transaction of its own. */
static err_t head_write(struct uuid org, const struct stmt *stmt, const void *args)
{
    const struct tx_frame frame = frame_now(org);
    struct tx *const tx = tx_begin(self.heads, &frame);
    struct head head;
    const err_t err = tx_one(tx, stmt, args, &head);

    if (err == ERR_OK) return tx_commit(tx);
    tx_rollback(tx);
    return err;
}

static err_t head_fenced(struct tx *tx, struct head *ret, bool *ret_found)
{
    struct tree_signed last;

    TRY(fence(tx));
    TRY(tx_maybe(tx, &head_find_stmt, NULL, ret, ret_found));
    if (*ret_found) {
        TRY(tx_one(tx, &head_signed_stmt, &(struct head_signed){ret->origin}, &last));
        if (last.size != ret->size)
            return err_raise(ERR_CORRUPT,
                             STR_FMT ": heads.log says %lld entries, heads.tree has signed %lld: "
                                     "the head was set back; restore a newer backup",
                             STR_ARG(ret->origin), (long long)ret->size, (long long)last.size);
    }
    const struct leaves_displace beyond = {*ret_found ? ret->size : 0};
    tx_queue(tx, &leaves_displace_stmt, &beyond);
    return tx_flush(tx);
}

/* Without a row, files that are there are a log that the database has forgotten: log_load() says
 * so. What was placed behind the head is placed anew. */
static err_t head_read(struct uuid org, struct head *ret)
{
    const struct tx_frame frame = frame_now(org);
    struct tx *tx = tx_begin(self.db, &frame);
    bool found = false;
    const err_t err = head_fenced(tx, ret, &found);

    if (err != ERR_OK) {
        tx_rollback(tx);
        return err;
    }
    TRY(tx_commit(tx));
    if (found) return ERR_OK;

    struct hash *const none = ARENA_NEW(self.arena, struct hash);
    char *const origin = arena_alloc(self.arena, LOG_ORIGIN_MAX);
    *none = hash_sha256(BYTES_NONE);
    log_origin(org, clock_real_us(), origin);
    *ret = (struct head){.org = org,
                         .origin = str_of(origin),
                         .root = bytes_of(none->b, HASH_BYTES),
                         .at_us = clock_real_us()};
    return ERR_OK;
}

/* A row for each leaf, or the tables are of an older backup than the heads. */
static err_t rows_check(const struct log *log)
{
    const int64_t size = (int64_t)log->frontier.size;
    const struct tx_frame frame = frame_now(log->org);
    struct tx *tx = tx_begin(self.db, &frame);
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
    const struct str vkey = note_vkey(self.arena, &log->key);

    return store_write(log->dir, "vkey",
                       str_bytes(arena_printf(self.arena, STR_FMT "\n", STR_ARG(vkey))));
}

static err_t log_begin(struct log *log, bool deep)
{
    struct head head;

    log_dir_of(log->org, log->dir);
    TRY(head_read(log->org, &head));
    if (head.origin.n >= LOG_ORIGIN_MAX) return err_raise(ERR_CORRUPT, "an origin is too long");
    memcpy(log->origin, head.origin.p, head.origin.n);
    log->key = log_key_of(log->origin);
    TRY(log_load(log, &head, deep, self.arena));
    if (deep) TRY(rows_check(log));
    if (head.size > 0) return ERR_OK;
    if (mkdir(log->dir, 0750) != 0 && errno != EEXIST)
        return err_raise(ERR_UNAVAILABLE, "cannot make %s: %s", log->dir, strerror(errno));
    TRY(vkey_publish(log));
    const struct head_first first = {head.origin, head.root, head.at_us};
    const err_t err = head_write(log->org, &head_first_stmt, &first);
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
    TRY(fence(act_tx(act)));
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
    const struct tx_frame frame = frame_now(log->org);
    struct tx *const held = tx_begin(self.db, &frame);
    err_t err = fence(held);

    if (err == ERR_OK) err = head_write(log->org, &head_move_stmt, &move);
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
    const struct tx_frame frame = frame_now(log->org);
    struct tx *tx = tx_begin(self.db, &frame);
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

    struct bytes *const leaves = ARENA_ARRAY(self.arena, struct bytes, rows.n);
    for (size_t i = 0; i < rows.n; i++) leaves[i] = rows.p[i].leaf;
    TRY(log_stage(log, leaves, rows.n, self.arena, &step.next));
    TRY(service_act(self.db, log->org, AUDIT_NONE, step_place, &step));
    const err_t err = head_advance(&step);
    if (err == ERR_CONFLICT) die("somebody else has moved the log's head", log);
    if (err != ERR_OK) return err;
    log->at_us = step.at_us;
    TRY(log_publish(log, &step.next, self.arena));
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
    return service_act(self.db, org, AUDIT_NONE, receipts_give, log);
}

static err_t turn(bool *ret_more)
{
    const struct tx_frame frame = frame_now(UUID_NIL);
    struct pending_log_rows logs;
    struct rows rows = {NULL, 0};

    TRY(lease_keep());
    if (!self.holds) return ERR_OK;
    struct tx *tx = tx_begin(self.db, &frame);
    const err_t err = tx_many(tx, &pending_logs_stmt, NULL, &rows);
    tx_rollback(tx);
    if (err != ERR_OK) return err;
    logs = (struct pending_log_rows){rows.p, rows.n};
    struct uuid *const orgs = ARENA_ARRAY(self.arena, struct uuid, logs.n);
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

        arena_reset(self.arena);
        const err_t err = turn(&more);
        if (err == ERR_CORRUPT) _exit(EXIT_FORK); /* it has said what is damaged */
        if (err != ERR_OK) logs_forget(); /* whatever happened: the files and the head tell */
        if (!more || err != ERR_OK)
            pause_until(began_us + (err == ERR_OK ? TURN_MS : RETRY_MS) * MS_US);
    }
    if (self.holds) lease_leave();
    logs_forget();
    db_free(self.heads);
    db_free(self.db);
    arena_free(self.arena);
    log_key_close();
}

/* ---- start ---- */

/* Every folder is a log that the database must know, and every head has a folder. */
static err_t logs_check(void)
{
    const struct tx_frame frame = frame_now(UUID_NIL);
    struct rows rows = {NULL, 0};
    struct log *log;
    struct uuid org;
    err_t err = ERR_OK;

    struct tx *tx = tx_begin(self.db, &frame);
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
    TRY(log_key_open(settings()->log_key));
    if (mkdir(settings()->log_dir, 0750) != 0 && errno != EEXIST)
        return err_raise(ERR_UNAVAILABLE, "cannot make %s: %s", settings()->log_dir,
                         strerror(errno));
    self.holder = uuid_v4();
    self.arena = arena_new(ARENA_BYTES_MAX);
    self.db = db_new(settings()->common.db, "sequencer");
    self.heads = db_new(settings()->db_head, "sequencer");
    TRY(lease_keep());
    return self.holds ? logs_check() : ERR_OK; /* whoever holds it has checked */
}
