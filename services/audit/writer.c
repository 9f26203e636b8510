#include "services/audit/writer.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEASE_MS 3000
#define KEEP_US (1 * SECOND_US)
#define ARENA_BYTES_MAX ((size_t)160 << 20)
#define ARENA_BYTES_KEPT ((size_t)16 << 20) /* a step of 4,096 leaves */

struct writer writer;

static struct db *heads;
static struct uuid holder;
static int64_t kept_us;
static int folder = -1; /* the log's; locked by whoever writes there */

struct tx_frame writer_frame(struct uuid org)
{
    return (struct tx_frame){.org = org,
                             .now_us = clock_real_us(),
                             .arena = writer.arena,
                             .deadline_us = clock_mono_us() + 10 * SECOND_US};
}

/* ---- the lease ---- */

/* A lease ends by itself, also under a process that was only stopped, and that one goes on in the
 * middle of a file when it is woken. So nobody takes the lease who has not locked the folder: that
 * lock ends with its process. */
static bool folder_lock(void)
{
    static bool said;

    if (flock(folder, LOCK_EX | LOCK_NB) == 0) return true;
    if (!said)
        log_line(LOG_INFO, "sequencer_waits",
                 "another process writes the logs; this one stands by");
    said = true;
    return false;
}

static err_t lease_ask(bool *ret_ours)
{
    const struct tx_frame frame = writer_frame(UUID_NIL);
    const struct lease_take take = {STR("sequencer"), holder, LEASE_MS};
    struct lease_held held = {writer.epoch};
    bool ours = false;
    struct tx *tx = tx_begin(writer.db, &frame);
    err_t err = lease_take(tx, &take, &held, &ours);
    if (err == ERR_OK) {
        err = tx_commit(tx);
    } else {
        tx_rollback(tx);
    }
    writer.epoch = held.epoch;
    *ret_ours = err == ERR_OK && ours;
    return err;
}

err_t writer_keep(void)
{
    const int64_t asked_us = clock_mono_us();

    if (writer.holds && asked_us - kept_us < KEEP_US) return ERR_OK;
    writer.holds = false;
    if (!folder_lock()) return ERR_OK;
    const err_t err = lease_ask(&writer.holds);
    if (!writer.holds) flock(folder, LOCK_UN);
    kept_us = asked_us;
    return err;
}

static void lease_leave(void)
{
    const struct tx_frame frame = writer_frame(UUID_NIL);
    struct tx *tx = tx_begin(writer.db, &frame);

    lease_drop(tx, &(struct lease_drop){STR("sequencer"), holder});
    (void)!tx_commit(tx); /* it ends by itself */
}

/* ---- heads ---- */

err_t writer_fence(struct tx *tx)
{
    const struct lease_fence ask = {STR("sequencer"), holder, writer.epoch};
    struct lease_held held;
    bool ours = false;

    TRY(lease_fence(tx, &ask, &held, &ours));
    return ours ? ERR_OK : ERR_BUSY;
}

err_t writer_head_write(struct uuid org, const struct stmt *stmt, const void *args)
{
    const struct tx_frame frame = writer_frame(org);
    struct tx *const tx = tx_begin(heads, &frame);
    struct head head;
    const err_t err = tx_one(tx, stmt, args, &head);

    if (err == ERR_OK) return tx_commit(tx);
    tx_rollback(tx);
    return err;
}

static err_t head_set_back_check(struct tx *tx, const struct head *now)
{
    struct tree_signed last;

    TRY(tx_one(tx, &head_signed_stmt, NULL, &last));
    if (str_equal(last.origin, now->origin) && last.size == now->size) return ERR_OK;
    return err_raise(ERR_CORRUPT,
                     STR_FMT ": heads.log says %lld entries, heads.tree has signed %lld of " STR_FMT
                             ": the head was set back; restore a newer backup",
                     STR_ARG(now->origin), (long long)now->size, (long long)last.size,
                     STR_ARG(last.origin));
}

static err_t shards_fenced(struct tx *tx, struct shards *ret)
{
    struct rows closed = {NULL, 0};

    TRY(writer_fence(tx));
    TRY(tx_many(tx, &heads_closed_stmt, NULL, &closed));
    TRY(tx_maybe(tx, &head_find_stmt, NULL, &ret->now, &ret->begun));
    if (ret->begun) TRY(head_set_back_check(tx, &ret->now));
    ret->closed = closed.p;
    ret->closed_n = closed.n;
    ret->former = closed.n ? &ret->closed[closed.n - 1] : NULL;
    return ERR_OK;
}

/* Without a row, files that are there are a log that the database has forgotten: log_load() says
 * so. */
err_t writer_shards_read(struct uuid org, struct shards *ret)
{
    const struct tx_frame frame = writer_frame(org);
    struct tx *tx = tx_begin(writer.db, &frame);

    *ret = (struct shards){.now = {.org = org}};
    const err_t err = shards_fenced(tx, ret);
    tx_rollback(tx);
    if (err != ERR_OK) return err;
    if (ret->begun) return ERR_OK;

    struct hash *const none = ARENA_NEW(writer.arena, struct hash);
    char *const origin = arena_alloc(writer.arena, LOG_ORIGIN_MAX);
    *none = hash_sha256(BYTES_NONE);
    log_origin(org, clock_now_us(), origin);
    ret->now.origin = str_of(origin);
    ret->now.root = bytes_of(none->b, HASH_BYTES);
    ret->now.at_us = clock_real_us();
    return ERR_OK;
}

/* ---- open and close ---- */

const char *writer_heads_dir(void)
{
    const struct audit_settings *const settings = service_settings();

    return *settings->heads_dir ? settings->heads_dir : settings->log_dir;
}

static err_t folder_make(const char *path)
{
    return mkdir(path, 0750) == 0 || errno == EEXIST
               ? ERR_OK
               : err_raise(ERR_UNAVAILABLE, "cannot make %s: %s", path, strerror(errno));
}

err_t writer_open(void)
{
    const struct audit_settings *const settings = service_settings();

    TRY(log_key_open(settings->log_key));
    TRY(folder_make(settings->log_dir));
    TRY(folder_make(writer_heads_dir()));
    folder = open(settings->log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return err_raise(ERR_UNAVAILABLE, "cannot open %s: %s", settings->log_dir, strerror(errno));
    holder = uuid_v4();
    writer.arena = arena_new(ARENA_BYTES_MAX);
    arena_keeps(writer.arena, ARENA_BYTES_KEPT);
    writer.db = db_new(settings->common.db, "sequencer");
    heads = db_new(settings->db_head, "sequencer");
    return ERR_OK;
}

void writer_close(void)
{
    if (writer.holds) lease_leave();
    writer.db = db_free(writer.db);
    heads = db_free(heads);
    writer.arena = arena_free(writer.arena);
    close(folder);
    log_key_close();
}
