/*
 * The one writer of all logs: a lease says which replica it is, a lock on the folder keeps others
 * from its files while it lives, and the compare-and-swap of each log's head holds even against one
 * that thinks it still has both.
 *
 *   waiting leaves -> staging file, synced -> head moves, under a role of its own -> heads, tiles,
 *               checkpoint -> receipts, and they wait no more
 *
 * What comes first in a new half year ends the shard: in one transaction its row of heads.log is
 * closed and that of the next begins. Its first append begins with a link to the one before.
 *
 * Killed after any of these, the next holder of the lease loads the log and goes on from there:
 * log_load() knows whether the head moved, and a leaf without receipt waits until it has one. A
 * leaf has its place since it was heard; only a link that begins a shard moves what waits.
 * A head that somebody else has moved, or time that goes back, ends the process: going on would
 * fork the log.
 */
#include "services/audit/audit.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/aead.h"
#include "common/io/leaf.h"
#include "common/io/metrics.h"
#include "common/io/sql.h"
#include "services/audit/disk.h"
#include "services/audit/heads.h"
#include "services/audit/shard.h"
#include "services/audit/store.h"
#include "services/audit/tiles.h"
#include "services/audit/unheard.h"
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
    bool checked;     /* every log was hashed again since then */
} self;

static struct metric leaves_logged = {.name = "audit_leaves_total", .labels = ""};

static const struct audit_settings *settings(void)
{
    return service_settings();
}

void log_folder_of(struct uuid org, char ret[LOG_FOLDER_MAX])
{
    snprintf(ret, LOG_FOLDER_MAX, "%s/%s", settings()->log_dir, UUID_ARG(org));
}

void log_folders(struct uuid org, struct log *ret)
{
    ret->org = org;
    log_folder_of(org, ret->folder);
    snprintf(ret->heads, sizeof ret->heads, "%s/%s", writer_heads_dir(), UUID_ARG(org));
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

static void log_forget(struct uuid org)
{
    for (struct log **at = &self.logs; *at; at = &(*at)->next) {
        struct log *const log = *at;

        if (!uuid_equal(log->org, org)) continue;
        *at = log->next;
        free(log);
        return;
    }
}

/* What was loaded under another lease is forgotten. */
static err_t lease_keep(void)
{
    const err_t err = writer_keep();

    if (!writer.holds || writer.epoch != self.epoch) {
        logs_forget();
        self.checked = false;
    }
    self.epoch = writer.epoch;
    return err;
}

/* ---- loading ---- */

static void alive(void)
{
    (void)!lease_keep(); /* lost, the next fence tells */
}

static int64_t end_of(const struct head *head)
{
    return head->base + head->size;
}

/* A row for each leaf that is no link, or the tables are of an older backup than the heads. */
static err_t rows_check(const struct log *log, const struct shards *shards)
{
    const int64_t links = shards->former ? (int64_t)shards->closed_n - (shards->now.size == 0) : 0;
    const int64_t rows = end_of(&shards->now) - links;
    const struct leaves_count ask = {end_of(&shards->now)};
    const struct tx_frame frame = writer_frame(log->org);
    struct tx *tx = tx_begin(writer.db, &frame);
    struct leaves_known known;
    const err_t err = tx_one(tx, &leaves_count_stmt, &ask, &known);

    tx_rollback(tx);
    if (err != ERR_OK || known.count == rows) return err;
    return err_raise(ERR_CORRUPT,
                     "%s: table entry has %lld leaves where the log has %lld: they are of different "
                     "backups; restore the database, or see what `audit fsck` says",
                     log->folder, (long long)known.count, (long long)rows);
}

/* ---- what waits ---- */

static bool link_is_due(const struct log *log)
{
    return log->frontier.size == 0 && log->former.origin.n > 0;
}

/* What waits goes one place further, for the link. */
static void places_shift(struct tx *tx, int64_t end)
{
    tx_queue(tx, &entries_shift_stmt, &(struct entries_shift){end});
    tx_queue(tx, &entries_shifted_stmt, NULL);
    tx_queue(tx, &waiting_shift_stmt, &(struct waiting_shift){end});
    tx_queue(tx, &waiting_shifted_stmt, NULL);
    tx_queue(tx, &log_end_shift_stmt, NULL);
}

static err_t places_fenced(struct tx *tx, const struct log *log)
{
    const int64_t end = log->base + (int64_t)log->frontier.size, due = end + link_is_due(log);
    struct first_place first = {0};
    struct log_place next;
    bool heard = false;

    TRY(writer_fence(tx));
    TRY(tx_maybe(tx, &log_end_hold_stmt, NULL, &next, &heard));
    if (heard) TRY(tx_one(tx, &place_first_stmt, &(struct place_first){end}, &first));
    if (first.place == due) return ERR_OK;
    if (!heard || first.place != end)
        return err_raise(ERR_CORRUPT,
                         "%s: what waits begins at leaf %lld where the log goes on with %lld: they are "
                         "of different backups; restore the database",
                         log->folder, (long long)first.place, (long long)due);
    places_shift(tx, end);
    return ERR_OK;
}

/* The first that waits comes right behind the log's end. */
static err_t places_settle(const struct log *log)
{
    const struct tx_frame frame = writer_frame(log->org);
    struct tx *const tx = tx_begin(writer.db, &frame);
    const err_t err = places_fenced(tx, log);

    if (err == ERR_OK) return tx_commit(tx);
    tx_rollback(tx);
    return err;
}

static err_t trees_first(const struct log *log, struct head_rows *ret)
{
    const struct trees_signed ask = {.origin = str_of(""), .size = 0};
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
    struct str note;

    if (head->size == 0 || store_exists(log->heads, HEADS)) return ERR_OK;
    TRY(trees_first(log, &trees));
    TRY(log_published(log->dir, &log->key, writer.arena, &note, &published));
    const struct bytes root = bytes_of(published.root.b, HASH_BYTES);
    const struct head *const only = trees.n == 1 ? trees.p : NULL;
    if (!only || only->size != head->size || !bytes_equal(only->root, head->root) ||
        published.size != (uint64_t)head->size || !bytes_equal(root, head->root))
        return ERR_OK;
    log_line(LOG_INFO, "heads_begun", "%s/" HEADS ": begins with the tree of %lld entries",
             log->heads, (long long)head->size);
    TRY(store_folder(log->heads));
    return heads_add(log->heads, &published, writer.arena);
}

static bool is_known(const struct shards *shards, struct str shard)
{
    bool known = str_equal(shard_of_origin(shards->now.origin), shard);

    for (size_t i = 0; i < shards->closed_n && !known; i++)
        known = str_equal(shard_of_origin(shards->closed[i].origin), shard);
    return known;
}

/* The closed shards are as they were, and there is none that the database has forgotten. */
static err_t closed_check(const struct log *log, const struct shards *shards)
{
    struct log closed = *log;
    err_t err = ERR_OK;

    for (size_t i = 0; i < shards->closed_n; i++) {
        TRY(log_name(&closed, shards->closed[i].origin));
        TRY(log_load_closed(&closed, &shards->closed[i], writer.arena));
    }
    DIR *const list = opendir(log->folder);
    for (const struct dirent *file; list && err == ERR_OK && (file = readdir(list));) {
        const struct str shard = str_of(file->d_name);

        if (shard_is_name(shard) && !is_known(shards, shard))
            err = err_raise(ERR_CORRUPT,
                            "%s/" STR_FMT ": the database knows of no such shard: it is older than "
                            "the log; restore a newer backup of it", log->folder, STR_ARG(shard));
    }
    if (list) closedir(list);
    return err;
}

static err_t log_begin(struct log *log, bool deep)
{
    struct shards shards;

    log_folders(log->org, log);
    log->alive = alive;
    TRY(writer_shards_read(log->org, &shards));
    const struct head *const head = &shards.now;
    TRY(log_name(log, head->origin));
    TRY(log_settle(log));
    TRY(heads_begin(log, head));
    TRY(log_load(log, head, shards.former, deep, writer.arena));
    if (deep) TRY(closed_check(log, &shards));
    if (deep) TRY(rows_check(log, &shards));
    TRY(places_settle(log));
    if (head->size > 0) return ERR_OK;
    TRY(log_make(log, writer.arena));
    if (shards.begun) return ERR_OK;
    const struct head_first first = {head->origin, head->root, head->at_us};
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

/* Every folder in @dir is a log that the database must know. */
static err_t folders_check(const char *dir)
{
    DIR *const list = opendir(dir);
    struct uuid org;
    struct log *log;
    err_t err = ERR_OK;

    if (!list) return err_raise(ERR_UNAVAILABLE, "cannot read %s: %s", dir, strerror(errno));
    for (const struct dirent *file; err == ERR_OK && (file = readdir(list));) {
        if (uuid_parse(str_of(file->d_name), &org)) err = log_find(org, true, &log);
    }
    closedir(list);
    return err;
}

/* The database, the logs' folder and that of heads: what one knows the others must. Once a lease:
 * whoever had it before may have been killed for what it had found. */
static err_t logs_check(void)
{
    const struct tx_frame frame = writer_frame(UUID_NIL);
    struct rows rows = {NULL, 0};
    struct log *log;
    err_t err = ERR_OK;

    if (self.checked) return ERR_OK;
    struct tx *tx = tx_begin(writer.db, &frame);
    TRY(tx_many(tx, &heads_all_stmt, NULL, &rows));
    tx_rollback(tx);
    for (size_t i = 0; i < rows.n && err == ERR_OK; i++)
        err = log_find(((const struct head *)rows.p)[i].org, true, &log);
    if (err == ERR_OK) err = folders_check(settings()->log_dir);
    if (err == ERR_OK) err = folders_check(writer_heads_dir());
    self.checked = err == ERR_OK;
    return err;
}

/* ---- one step of one log ---- */

struct step {
    struct log *log;
    struct bytes leaves[LOG_BATCH_MAX]; /* in the writer's arena */
    size_t n, links;                    /* a link goes before them */
    struct checkpoint next;
    int64_t at_us;
};

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

static err_t misplaced(const struct log *log, int64_t place)
{
    return err_raise(ERR_CORRUPT, "%s: what waits for leaf %lld is not what was staged",
                     log->folder, (long long)place);
}

static err_t run_take(struct step *step, const struct waiting_run *run)
{
    struct bytes rest = run->leaves;
    size_t n = 0;

    for (struct bytes leaf; n < LOG_BATCH_MAX - step->n && tiles_entry_next(&rest, &leaf); n++)
        step->leaves[step->n + n] = leaf;
    if (rest.n || (int64_t)n != run->last - run->first + 1) return misplaced(step->log, run->place);
    step->n += n;
    return ERR_OK;
}

/* What waits behind the log's end; a place is left for the link. */
static err_t waiting_take(struct step *step)
{
    const struct log *const log = step->log;
    const int64_t end = log->base + (int64_t)log->frontier.size;
    const struct waiting_runs ask = {end, LOG_BATCH_MAX - 1};
    const struct tx_frame frame = writer_frame(log->org);
    struct tx *const tx = tx_begin(writer.db, &frame);
    struct rows rows = {NULL, 0};
    const err_t err = tx_many(tx, &waiting_runs_stmt, &ask, &rows);

    tx_rollback(tx);
    if (err != ERR_OK) return err;
    step->n = step->links = link_is_due(log);
    for (size_t i = 0; i < rows.n; i++) {
        const struct waiting_run *const run = &((const struct waiting_run *)rows.p)[i];

        if (run->place != end + (int64_t)step->n) return misplaced(log, end + (int64_t)step->n);
        TRY(run_take(step, run));
    }
    return ERR_OK;
}

/* The shard's half year is over. */
static bool is_over(const struct log *log)
{
    char due[LOG_ORIGIN_MAX];

    log_origin(log->org, clock_now_us(), due);
    return log->frontier.size > 0 && strcmp(due, log->origin) > 0;
}

/* The lease is held until the shard is closed, as in head_advance(). */
static err_t shard_next(struct log *log)
{
    const struct hash none = hash_sha256(BYTES_NONE);
    char origin[LOG_ORIGIN_MAX];
    const struct tx_frame frame = writer_frame(log->org);
    struct tx *const held = tx_begin(writer.db, &frame);
    err_t err = writer_fence(held);

    log_origin(log->org, clock_now_us(), origin);
    const struct head_next next = {
        .old_origin = str_of(log->origin),
        .old_size = (int64_t)log->frontier.size,
        .old_root = bytes_of(log->root.b, HASH_BYTES),
        .origin = str_of(origin),
        .root = bytes_of(none.b, HASH_BYTES),
        .at_us = clock_real_us(),
    };
    if (err == ERR_OK) err = writer_head_write(log->org, &head_next_stmt, &next);
    tx_rollback(held);
    if (err == ERR_CONFLICT) die("somebody else has moved the log's head", log);
    if (err != ERR_OK) return err;
    log_line(LOG_INFO, "shard_begun", "%s: goes on as %s", log->dir, origin);
    *log = (struct log){.org = log->org, .next = log->next};
    return log_begin(log, false);
}

static err_t step_append(struct log *log, size_t *ret_n)
{
    struct step *const step = ARENA_NEW(writer.arena, struct step);

    step->log = log;
    step->at_us = clock_real_us();
    TRY(waiting_take(step));
    *ret_n = step->n - step->links;
    if (*ret_n == 0) return ERR_OK;
    if (step->at_us < log->at_us - STEP_BACK_US)
        die("time has gone back since the last append: timedatectl set-ntp true", log);

    TRY(disk_check(log->dir));
    if (strcmp(log->folder, log->heads) != 0) TRY(disk_check(log->heads));
    if (is_over(log)) {
        TRY(shard_next(log));
        TRY(waiting_take(step));
    }
    if (step->links) TRY(log_link(log, step->at_us / MS_US, writer.arena, &step->leaves[0]));
    TRY(log_stage(log, step->leaves, step->n, writer.arena, &step->next));
    const err_t err = head_advance(step);
    if (err == ERR_CONFLICT) die("somebody else has moved the log's head", log);
    if (err != ERR_OK) return err;
    log->at_us = step->at_us;
    TRY(log_publish(log, &step->next, writer.arena));
    metrics_count(&leaves_logged, (int64_t)*ret_n);
    return ERR_OK;
}

/* ---- receipts ---- */

err_t receipt_emit(struct act *act, const struct published_run *run, int64_t first, int64_t size)
{
    Telecura__V1__AuditReceipt receipt = TELECURA__V1__AUDIT_RECEIPT__INIT;

    receipt.kind = TELECURA__V1__AUDIT_RECEIPT__KIND__INCLUDED;
    receipt.producer = pb_text(act->arena, run->producer);
    receipt.event = pb_uuid(act->arena, run->last_event);
    receipt.first_seq = first;
    receipt.seq = run->last;
    receipt.index = run->place + run->last - run->first;
    receipt.size = size;
    receipt.disk_percent = disk_used_percent(settings()->log_dir);
    return act_emit(act, TOPIC_AUDIT_RECEIPTS, leaf_producer_id(run->producer), run->last,
                    &receipt.base);
}

static bool follows(const struct published_run *run, const struct published_run *before)
{
    return str_equal(run->producer, before->producer) && run->first == before->last + 1;
}

/* One for each run of a producer's numbers, though it was heard in parts. */
static err_t receipts_give(struct act *act)
{
    const struct log *const log = act->in;
    const int64_t size = log->base + (int64_t)log->frontier.size;
    struct published_run_rows runs;

    TRY(runs_published(act, &(struct runs_published){size}, &runs));
    for (size_t i = 0, first = 0; i < runs.n; i++) {
        if (i + 1 < runs.n && follows(&runs.p[i + 1], &runs.p[i])) continue;
        TRY(receipt_emit(act, &runs.p[i], runs.p[first].first, size));
        first = i + 1;
    }
    runs_receipted(act, &(struct runs_receipted){size});
    published_reach(act, &(struct published_reach){size});
    return ERR_OK;
}

/* ---- the thread ---- */

static err_t log_turn(struct uuid org, bool *ret_more)
{
    struct log *log;
    size_t n = 0;

    TRY(log_find(org, false, &log));
    TRY(step_append(log, &n));
    *ret_more |= n >= LOG_BATCH_MAX / 2; /* a run that did not fit is left */
    return service_act(writer.db, org, AUDIT_NONE, receipts_give, log);
}

static err_t turn(bool *ret_more)
{
    const struct tx_frame frame = writer_frame(UUID_NIL);
    struct pending_log_rows logs;
    struct rows rows = {NULL, 0};
    err_t worst = ERR_OK;

    TRY(lease_keep());
    if (!writer.holds) return ERR_OK;
    TRY(logs_check());
    (void)!unheard_look(); /* raised; the next turn looks again */
    struct tx *tx = tx_begin(writer.db, &frame);
    const err_t err = tx_many(tx, &pending_logs_stmt, NULL, &rows);
    tx_rollback(tx);
    if (err != ERR_OK) return err;
    logs = (struct pending_log_rows){rows.p, rows.n};
    for (size_t i = 0; i < logs.n; i++) {
        const err_t one = log_turn(logs.p[i].org, ret_more);

        if (one == ERR_OK) continue;
        if (worst != ERR_CORRUPT) worst = one;
        log_forget(logs.p[i].org); /* whatever happened: the files and the head tell */
    }
    return worst;
}

/* A turn costs a dozen fsyncs, whether for one leaf or hundreds: what comes meanwhile waits. */
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
        crypto_forget();
        if (!more) pause_until(began_us + (err == ERR_OK ? TURN_MS : RETRY_MS) * MS_US);
    }
    logs_forget();
    writer_close();
}

err_t sequencer_start(void)
{
    TRY(writer_open());
    TRY(lease_keep());
    return writer.holds ? logs_check() : ERR_OK; /* else with the lease, in turn() */
}
