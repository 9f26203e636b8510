/*
 * audit --config FILE fsck [--repair]
 *
 * Names everything that is wrong with the logs: files, the schema heads, the file heads, and the
 * tables; one line each, with its path. --repair puts right what follows from the
 * rest (hash tiles from entries, a checkpoint from the head, rows from leaves, lines of heads from
 * the database, what a crash has left) and nothing else, and says so. Entries themselves, and what
 * is of an older backup, are restored by hand.
 *
 * Works while no sequencer does: it holds their lease.
 *
 * Exits with 0 when all is sound (now), 1 when damage remains, 69 when it could not look.
 */
#include "services/audit/fsck.h"

#include "services/audit/heads.h"
#include "services/audit/stage.h"
#include "services/audit/store.h"
#include "services/audit/writer.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { SOUND = 0, DAMAGED = 1, USAGE = 64, MISSING = 69 };

static struct {
    bool repair, lost; /* lost: the lease, or the database */
    uint64_t found, repaired, logs, entries;
} self;

static void say_line(const char *line)
{
    puts(line);
}

static void alive(void)
{
    if (writer_keep() != ERR_OK || !writer.holds) {
        fprintf(stderr, "fsck: the database is away, or a sequencer has started: stopped\n");
        exit(MISSING);
    }
}

/* ---- one shard ---- */

static void vkey_check(struct inspection *in)
{
    const struct str vkey = note_vkey(writer.arena, in->key);
    const struct bytes right = str_bytes(arena_printf(writer.arena, STR_FMT "\n", STR_ARG(vkey)));
    struct bytes is = BYTES_NONE;

    if (store_read(in->dir, "vkey", writer.arena, &is) == ERR_OK && bytes_equal(is, right)) return;
    inspect_found(in, "vkey", is.p ? "is not this log's verifying key" : "is missing");
    if (in->repair)
        inspect_repaired(in, "vkey", store_write(in->dir, "vkey", right), "written from the key");
}

/* What a crash has staged. True when the head names it: then it is the log's next state. */
static bool staging_check(struct inspection *in, struct log *log)
{
    struct stage *const stage = ARENA_NEW(writer.arena, struct stage);
    struct checkpoint next;
    const err_t err = log_staged(log, writer.arena, stage, &next);
    const char *const what = "the tree that the head names, not published yet";

    if (err == ERR_NOT_FOUND) return false;
    if (err == ERR_OK && next.size == in->head.size && hash_equal(&next.root, &in->head.root)) {
        inspect_found(in, LOG_STAGING, "%s", what);
        if (in->repair)
            inspect_repaired(in, LOG_STAGING, log_publish(log, &in->head, writer.arena),
                             "published");
        return !in->repair;
    }
    inspect_found(in, LOG_STAGING,
                  err == ERR_OK ? "is left over: a tree that was never signed"
                                : "is half a file, or changed");
    return false;
}

static void staging_remove(struct inspection *in)
{
    struct bytes bytes;

    if (!in->repair || store_read(in->dir, LOG_STAGING, writer.arena, &bytes) == ERR_NOT_FOUND)
        return;
    inspect_repaired(in, LOG_STAGING, in->whole ? store_remove(in->dir, LOG_STAGING) : ERR_CORRUPT,
                     "removed, as the log is whole without it");
}

static void files_check(struct fsck_shard *shard)
{
    struct inspection *const in = &shard->in;

    inspect_tree(in);
    if (shard->open) staging_remove(in);
    inspect_checkpoint(in);
    inspect_names(in);
    vkey_check(in);
    if (in->whole && shard->log.former.origin.n && in->head.size > 0 &&
        !log_is_linked(&shard->log, writer.arena))
        inspect_found(in, "tile/entries/000",
                      "its first entry does not name the last tree of " STR_FMT,
                      STR_ARG(shard->log.former.origin));
}

static err_t shard_begin(struct fsck_shard *shard, const struct inspection *all,
                         const struct head *head, const struct head *former)
{
    TRY(log_name(&shard->log, head->origin));
    TRY(log_follows(&shard->log, former));
    shard->log.base = head->base;
    shard->in = *all;
    shard->in.dir = shard->log.dir;
    shard->in.key = &shard->log.key;
    shard->in.head = (struct checkpoint){str_of(shard->log.origin), (uint64_t)head->size, {{0}}};
    if (head->root.n == HASH_BYTES) memcpy(shard->in.head.root.b, head->root.p, HASH_BYTES);
    return ERR_OK;
}

static err_t shards_begin(struct uuid org, const struct inspection *all,
                          const struct shards *known, struct fsck_shard *shards)
{
    for (size_t i = 0; i <= known->closed_n; i++) {
        const struct head *const head = i < known->closed_n ? &known->closed[i] : &known->now;

        shards[i] = (struct fsck_shard){.open = i == known->closed_n};
        log_folders(org, &shards[i].log);
        TRY(shard_begin(&shards[i], all, head, i ? &known->closed[i - 1] : NULL));
    }
    return ERR_OK;
}

/* True when the log still lies where older versions kept it, and stays there. */
static bool flat_check(struct inspection *all, const struct fsck_shard *shards, size_t n)
{
    err_t err = ERR_OK;

    if (!log_is_flat(all->dir)) return false;
    inspect_found(all, "", "lies as older versions kept it, without a folder for its shard: the "
                           "service's next start moves it");
    for (size_t i = 0; all->repair && i < n && err == ERR_OK; i++) err = log_settle(&shards[i].log);
    if (all->repair) inspect_repaired(all, "", err, "moved");
    return log_is_flat(all->dir);
}

/* What lies beside the shards. */
static void folder_check(struct inspection *all, const struct fsck_shard *shards, size_t n)
{
    struct dirent **files;
    const int count = scandir(all->dir, &files, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        const struct str name = str_of(files[i]->d_name);
        bool known = str_is(name, ".") || str_is(name, "..") ||
                     (str_is(name, HEADS) && strcmp(all->dir, shards->log.heads) == 0);

        for (size_t at = 0; at < n && !known; at++)
            known = str_equal(shard_of_origin(shards[at].in.head.origin), name);
        if (!known) inspect_found(all, files[i]->d_name, "does not belong here");
        free(files[i]);
    }
    if (count >= 0) free(files);
}

static void found_add(struct inspection *all, const struct inspection *in)
{
    all->found += in->found;
    all->repaired += in->repaired;
}

static void heads_check(struct inspection *all, struct uuid org, const struct fsck_shard *shards,
                        size_t n)
{
    struct inspection in = *all;

    in.found = in.repaired = 0;
    in.dir = shards->log.heads;
    fsck_heads(&in, org, shards, n);
    found_add(all, &in);
}

/* All of one organisation; @all: of its folder, with what was found in the shards too. */
static void log_check(struct inspection *all, struct uuid org, const struct shards *known,
                      struct fsck_shard *shards)
{
    const size_t n = known->closed_n + 1;
    int64_t indexed;

    if (shards_begin(org, all, known, shards) != ERR_OK) {
        inspect_found(all, "", "its head names no shard");
        return;
    }
    all->head = shards[n - 1].in.head;
    if (flat_check(all, shards, n)) return;
    const bool waits = staging_check(&shards[n - 1].in, &shards[n - 1].log);
    if (!waits) fsck_ends(all, org, known->now.base + known->now.size, &indexed);
    for (size_t i = 0; i < n && !waits; i++) { /* else all is of the tree before it */
        files_check(&shards[i]);
        if (shards[i].in.entries_bad == 0) /* else there is nothing to compare with */
            fsck_rows(&shards[i].in, &shards[i].log, indexed);
    }
    if (!waits) fsck_tables(all, org, known->now.base + known->now.size);
    if (!waits) folder_check(all, shards, n);
    if (!waits) heads_check(all, org, shards, n);
    for (size_t i = 0; i < n; i++) found_add(all, &shards[i].in);
}

static void log_fsck(struct uuid org)
{
    struct log *const log = ARENA_NEW(writer.arena, struct log);
    struct shards known;

    log_folders(org, log);
    if (writer_shards_read(org, &known) != ERR_OK) {
        self.lost = true;
        return;
    }
    struct inspection all = {
        .dir = log->folder, .repair = self.repair, .alive = alive, .say = say_line};
    struct fsck_shard *const shards =
        ARENA_ARRAY(writer.arena, struct fsck_shard, known.closed_n + 1);
    log_check(&all, org, &known, shards);
    self.repaired += all.repaired;
    if (all.repaired) { /* what remains */
        all = (struct inspection){.dir = log->folder, .alive = alive};
        log_check(&all, org, &known, shards);
    }
    self.found += all.found;
    self.entries += (uint64_t)(known.now.base + known.now.size);
    self.logs++;
}

/* ---- all of them ---- */

struct orgs {
    struct uuid *p; /* in the writer's arena */
    size_t n;
};

/* Those that have a folder in @dir, too. */
static void orgs_add(struct orgs *orgs, const char *dir)
{
    struct dirent **files;
    const int count = scandir(dir, &files, NULL, alphasort);
    struct uuid *const all =
        ARENA_ARRAY(writer.arena, struct uuid, orgs->n + (count > 0 ? (size_t)count : 0) + 1);

    if (orgs->n) memcpy(all, orgs->p, orgs->n * sizeof *all);
    orgs->p = all;
    for (int i = 0; i < count; i++) {
        struct uuid org;
        bool known = !uuid_parse(str_of(files[i]->d_name), &org);

        for (size_t at = 0; at < orgs->n && !known; at++) known = uuid_equal(all[at], org);
        if (!known) all[orgs->n++] = org;
        free(files[i]);
    }
    if (count >= 0) free(files);
}

static err_t orgs_read(struct orgs *ret)
{
    const struct tx_frame frame = writer_frame(UUID_NIL);
    struct tx *const tx = tx_begin(writer.db, &frame);
    struct rows rows = {NULL, 0};
    const err_t err = tx_many(tx, &heads_all_stmt, NULL, &rows);

    tx_rollback(tx);
    if (err != ERR_OK) return err;
    *ret = (struct orgs){ARENA_ARRAY(writer.arena, struct uuid, rows.n + 1), rows.n};
    for (size_t i = 0; i < rows.n; i++) ret->p[i] = ((const struct head *)rows.p)[i].org;
    orgs_add(ret, ((const struct audit_settings *)service_settings())->log_dir);
    orgs_add(ret, writer_heads_dir());
    return ERR_OK;
}

static int fsck(void)
{
    struct orgs orgs;

    if (writer_keep() != ERR_OK) return MISSING;
    if (!writer.holds) {
        fprintf(stderr,
                "fsck: the audit service is running: stop it first (after a crash, wait 3 s)\n");
        return MISSING;
    }
    if (orgs_read(&orgs) != ERR_OK) return MISSING;
    for (size_t i = 0; i < orgs.n; i++) log_fsck(orgs.p[i]);
    if (self.repaired) printf("repaired: %" PRIu64 "\n", self.repaired);
    if (self.found)
        printf("damaged: %" PRIu64 " found%s\n", self.found,
               self.repair ? " that cannot be repaired from the rest" : "");
    if (self.lost) return MISSING;
    if (!self.found)
        printf("sound: %" PRIu64 " logs, %" PRIu64 " entries\n", self.logs, self.entries);
    return self.found ? DAMAGED : SOUND;
}

int fsck_run(int argc, char **argv)
{
    const struct audit_settings *const settings = service_settings();

    self.repair = argc == 2 && strcmp(argv[1], "--repair") == 0;
    if (argc > 1 + self.repair) {
        fprintf(stderr, "usage: audit --config FILE fsck [--repair]\n");
        return USAGE;
    }
    if (access(settings->log_key, R_OK) != 0) {
        fprintf(stderr, "%s: cannot be read; without it nothing can be checked: restore it\n",
                settings->log_key);
        return MISSING;
    }
    if (writer_open() != ERR_OK) return MISSING;
    const int code = fsck();
    writer_close();
    return code;
}
