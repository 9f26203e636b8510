#include "services/audit/log.h"

#include "common/base/log.h"
#include "common/io/leaf.h"
#include "services/audit/audit.h"
#include "services/audit/heads.h"
#include "services/audit/inspect.h"
#include "services/audit/shard.h"
#include "services/audit/stage.h"
#include "services/audit/store.h"

#include <inttypes.h>
#include <stdio.h>

void log_origin(struct uuid org, int64_t now_us, char ret[LOG_ORIGIN_MAX])
{
    char shard[SHARD_NAME_MAX];

    leaf_shard(now_us, shard);
    snprintf(ret, LOG_ORIGIN_MAX, "audit.%s/%s", uuid_is_nil(org) ? "suite" : UUID_ARG(org), shard);
}

void log_dir(const char *folder, struct str shard, char ret[LOG_DIR_MAX])
{
    snprintf(ret, LOG_DIR_MAX, "%s/" STR_FMT, folder, STR_ARG(shard));
}

err_t log_name(struct log *log, struct str origin)
{
    const struct str shard = shard_of_origin(origin);

    if (!shard.n || origin.n >= LOG_ORIGIN_MAX)
        return err_raise(ERR_CORRUPT, "%s: its head names no shard", log->folder);
    log_dir(log->folder, shard, log->dir);
    memcpy(log->origin, origin.p, origin.n);
    log->origin[origin.n] = '\0';
    log->key = log_key_of(log->origin);
    return ERR_OK;
}

err_t log_make(const struct log *log, struct arena *arena)
{
    const struct str vkey = note_vkey(arena, &log->key);
    const struct str line = arena_printf(arena, STR_FMT "\n", STR_ARG(vkey));

    TRY(store_folder(log->folder));
    TRY(store_folder(log->heads));
    TRY(store_folder(log->dir));
    return store_write(log->dir, "vkey", str_bytes(line));
}

/* The checkpoint last: a shard that has one is whole. */
static const char *const settled[] = {"tile", "vkey", LOG_STAGING, "checkpoint"};

bool log_is_flat(const char *folder)
{
    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++) {
        if (store_exists(folder, settled[i])) return true;
    }
    return false;
}

err_t log_settle(const struct log *log)
{
    struct arena *const arena = arena_new(STORE_FILE_BYTES_MAX);
    struct checkpoint flat = {.origin = str_of(log->origin)};
    struct bytes note;

    if (store_read(log->folder, "checkpoint", arena, &note) == ERR_OK)
        (void)!checkpoint_read_unsigned((struct str){(const char *)note.p, note.n}, &flat);
    const bool ours = log_is_flat(log->folder) && str_is(flat.origin, log->origin);
    arena_free(arena);
    if (!ours) return ERR_OK;
    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++)
        TRY(store_move(log->folder, settled[i], log->dir));
    TRY(store_remove(log->folder, ".new"));
    log_line(LOG_INFO, "log_settled", "%s: the log has moved here", log->dir);
    return ERR_OK;
}

/* ---- what is published ---- */

static err_t tile_fetch(void *dir, unsigned level, uint64_t n, unsigned width, uint8_t *ret_hashes)
{
    struct arena *arena = arena_new((size_t)64 * 1024);
    struct bytes bytes;
    const err_t err = store_tile(dir, (struct tile){level, n, width}, arena, &bytes);

    if (err == ERR_OK) memcpy(ret_hashes, bytes.p, width * HASH_BYTES);
    arena_free(arena);
    return err;
}

struct merkle_tree log_tree(const char *dir, uint64_t size)
{
    return (struct merkle_tree){.size = size, .read = tile_fetch, .user = (void *)(uintptr_t)dir};
}

err_t log_leaf(const char *dir, uint64_t index, struct arena *arena, struct bytes *ret)
{
    const unsigned at = (unsigned)(index % TILES_WIDTH);
    const struct tile tile = {TILES_ENTRIES, index / TILES_WIDTH, at + 1};
    struct arena *const own = arena_new(STORE_FILE_BYTES_MAX); /* of the whole bundle */
    struct bytes bundle, entry = BYTES_NONE;
    const err_t err = store_tile(dir, tile, own, &bundle);

    for (unsigned i = 0; err == ERR_OK && i <= at; i++) tiles_entry_next(&bundle, &entry);
    if (err == ERR_OK) *ret = arena_bytes(arena, entry);
    arena_free(own);
    return err;
}

err_t log_published(const char *dir, const struct note_key *key, struct arena *arena,
                    struct str *ret_note, struct checkpoint *ret)
{
    struct bytes bytes;
    struct note note;
    const err_t err = store_read(dir, "checkpoint", arena, &bytes);

    *ret_note = STR("");
    *ret = (struct checkpoint){.origin = key->name, .root = hash_sha256(BYTES_NONE)};
    if (err == ERR_NOT_FOUND) return ERR_OK;
    if (err != ERR_OK) return err;
    *ret_note = (struct str){(const char *)bytes.p, bytes.n};
    if (note_open(*ret_note, key, 1, &note) != ERR_OK || !checkpoint_parse(note.text, ret) ||
        !str_equal(ret->origin, key->name))
        return err_raise(ERR_CORRUPT, "%s/checkpoint: is not one that this log's key has signed",
                         dir);
    return ERR_OK;
}

/* ---- the next tree ---- */

static bool same_tree(const struct checkpoint *a, const struct checkpoint *b)
{
    return a->size == b->size && hash_equal(&a->root, &b->root);
}

struct growth { /* what the batch adds to one level */
    struct hash hashes[LOG_BATCH_MAX];
    size_t n;
};

/* The hashes of tile @n of @level that were there before, if it was begun. */
static err_t tile_begun(const struct log *log, struct tile tile, struct arena *arena,
                        struct bytes *ret)
{
    tile.width = tiles_width(log->frontier.size, tile.level, tile.n);
    *ret = BYTES_NONE;
    if (tile.width == 0) return ERR_OK;

    const err_t err = store_tile(log->dir, tile, arena, ret);
    return err == ERR_NOT_FOUND ? err_raise(ERR_CORRUPT, "%s: a tile is missing", log->dir) : err;
}

static void add(struct stage *stage, struct tile tile, struct bytes before, struct bytes more,
                struct arena *arena)
{
    char name[TILES_PATH_MAX];
    const size_t n = tiles_path(tile, name);
    uint8_t *const all = arena_alloc(arena, before.n + more.n + 1);

    if (before.n) memcpy(all, before.p, before.n);
    memcpy(all + before.n, more.p, more.n);
    stage_add(stage, arena_str(arena, (struct str){name, n}), bytes_of(all, before.n + more.n));
}

/* The tiles of @level that the batch touches, at their width in the tree of @size. */
static err_t level_stage(const struct log *log, unsigned level, const struct growth *growth,
                         uint64_t size, struct arena *arena, struct stage *stage)
{
    const uint64_t first = log->frontier.size >> 8 * level, end = size >> 8 * level;

    for (uint64_t at = first; at < end;) {
        struct tile tile = {level, at / TILES_WIDTH, 0};
        struct bytes before;

        tile.width = tiles_width(size, level, tile.n);
        TRY(tile_begun(log, tile, arena, &before));
        const size_t more = tile.n * TILES_WIDTH + tile.width - at;
        add(stage, tile, before, bytes_of(growth->hashes[at - first].b, more * HASH_BYTES), arena);
        at += more;
    }
    return ERR_OK;
}

static struct bytes bundle_of(const struct bytes *leaves, size_t n, struct arena *arena)
{
    size_t bytes = 0, at = 0;

    for (size_t i = 0; i < n; i++) bytes += leaves[i].n + 2;
    uint8_t *const all = arena_alloc(arena, bytes + 1);
    for (size_t i = 0; i < n; i++) at += tiles_entry_write(leaves[i], all + at);
    return bytes_of(all, bytes);
}

static err_t entries_stage(const struct log *log, const struct bytes *leaves, size_t n,
                           struct arena *arena, struct stage *stage)
{
    const uint64_t first = log->frontier.size, size = first + n;

    for (uint64_t at = first; at < size;) {
        struct tile tile = {TILES_ENTRIES, at / TILES_WIDTH, 0};
        struct bytes before;

        tile.width = tiles_width(size, TILES_ENTRIES, tile.n);
        TRY(tile_begun(log, tile, arena, &before));
        const size_t more = tile.n * TILES_WIDTH + tile.width - at;
        add(stage, tile, before, bundle_of(leaves + (at - first), more, arena), arena);
        at += more;
    }
    return ERR_OK;
}

err_t log_stage(const struct log *log, const struct bytes *leaves, size_t n, struct arena *arena,
                struct checkpoint *ret_next)
{
    struct growth *const levels = ARENA_ARRAY(arena, struct growth, MERKLE_TILE_LEVELS);
    struct stage *const stage = ARENA_NEW(arena, struct stage);
    struct merkle_frontier frontier = log->frontier;
    struct hash added[MERKLE_TILE_LEVELS];

    for (size_t i = 0; i < n; i++) {
        const struct hash leaf = merkle_leaf(leaves[i]);
        const unsigned grown = merkle_append(&frontier, &leaf, added);

        for (unsigned level = 0; level < grown; level++)
            levels[level].hashes[levels[level].n++] = added[level];
    }
    stage->old_size = log->frontier.size;
    TRY(entries_stage(log, leaves, n, arena, stage));
    for (unsigned level = 0; level < MERKLE_TILE_LEVELS && levels[level].n; level++)
        TRY(level_stage(log, level, &levels[level], frontier.size, arena, stage));

    *ret_next = (struct checkpoint){str_of(log->origin), frontier.size, merkle_root(&frontier)};
    const struct str note = note_sign(arena, checkpoint_text(arena, ret_next), &log->key);
    stage_add(stage, STR("checkpoint"), str_bytes(note));
    return store_write(log->dir, LOG_STAGING, stage_pack(arena, stage));
}

err_t log_staged(const struct log *log, struct arena *arena, struct stage *ret_stage,
                 struct checkpoint *ret_next)
{
    struct bytes bytes;
    struct note note;

    TRY(store_read(log->dir, LOG_STAGING, arena, &bytes));
    if (!stage_parse(bytes, ret_stage))
        return err_raise(ERR_CORRUPT, "%s/" LOG_STAGING ": is damaged", log->dir);

    const struct stage_file *last = &ret_stage->files[ret_stage->count - 1];
    const struct str text = {(const char *)last->bytes.p, last->bytes.n};
    if (note_open(text, &log->key, 1, &note) != ERR_OK || !checkpoint_parse(note.text, ret_next) ||
        !str_equal(ret_next->origin, log->key.name))
        return err_raise(ERR_CORRUPT, "%s/" LOG_STAGING ": its checkpoint is not this log's",
                         log->dir);
    return ERR_OK;
}

err_t log_link(const struct log *log, int64_t time_ms, struct arena *arena, struct bytes *ret)
{
    struct log *const former = ARENA_NEW(arena, struct log);
    const struct str name = arena_printf(arena, "%s", UUID_ARG(log->org));
    struct checkpoint published;
    struct str note;

    memcpy(former->folder, log->folder, sizeof former->folder);
    TRY(log_name(former, log->former.origin));
    TRY(log_published(former->dir, &former->key, arena, &note, &published));
    if (!same_tree(&published, &log->former))
        return err_raise(ERR_CORRUPT, "%s/checkpoint: is not the last one of the shard",
                         former->dir);
    *ret = shard_link(arena, name, time_ms, note);
    return ERR_OK;
}

static err_t frontier_load(struct log *log, const struct checkpoint *at)
{
    const struct merkle_tree tree = log_tree(log->dir, at->size);
    err_t err = merkle_frontier_read(&tree, &log->frontier);
    const struct hash root = merkle_root(&log->frontier);

    if (err == ERR_NOT_FOUND) err = err_raise(ERR_CORRUPT, "%s: a tile is missing", log->dir);
    if (err != ERR_OK) return err;
    if (!hash_equal(&root, &at->root))
        return err_raise(ERR_CORRUPT,
                         "%s: the tiles do not hash up to the root of %" PRIu64 " entries",
                         log->dir, at->size);
    log->root = root;
    return ERR_OK;
}

err_t log_publish(struct log *log, const struct checkpoint *next, struct arena *arena)
{
    struct stage *const stage = ARENA_NEW(arena, struct stage);
    struct checkpoint found;

    TRY(log_staged(log, arena, stage, &found));
    if (!same_tree(&found, next))
        return err_raise(ERR_CORRUPT, "%s/" LOG_STAGING ": somebody else writes this log",
                         log->dir);
    TRY(heads_add(log->heads, next, arena));
    const struct stage_file *const last = &stage->files[stage->count - 1];
    TRY(store_write_all(log->dir, stage->files, stage->count - 1));
    TRY(store_write(log->dir, arena_cstr(arena, last->name), last->bytes));
    for (size_t i = 0; i < stage->count; i++) {
        struct tile tile;

        if (tiles_parse(stage->files[i].name, &tile) &&
            tiles_width(stage->old_size, tile.level, tile.n))
            store_tile_prune(log->dir, tile);
    }
    TRY(store_remove(log->dir, LOG_STAGING));
    return frontier_load(log, next);
}

/* ---- after a crash ---- */

/* A staging file that the head names is published; one that no head will ever name is dropped. */
static err_t staging_settle(struct log *log, const struct checkpoint *head, struct arena *arena)
{
    struct stage *const stage = ARENA_NEW(arena, struct stage);
    struct checkpoint next;
    const err_t err = log_staged(log, arena, stage, &next);

    if (err == ERR_NOT_FOUND) return ERR_OK;
    if (err != ERR_OK) return err;
    if (same_tree(&next, head)) return log_publish(log, head, arena);
    return stage->old_size <= head->size ? store_remove(log->dir, LOG_STAGING) : ERR_OK;
}

static err_t behind(const struct log *log, const char *what, uint64_t has, const char *other,
                    uint64_t knows, const char *mend)
{
    return err_raise(ERR_CORRUPT,
                     "%s: %s of %" PRIu64 " entries where %s of %" PRIu64 ": %s", log->dir, what,
                     has, other, knows, mend);
}

/* All three name one tree, or which of them is of an older backup. @last: what was signed last, of
 * this shard or, while it is empty, of the one before. */
static err_t sides_compare(const struct log *log, const struct checkpoint *head,
                           const struct checkpoint *last, const struct checkpoint *published,
                           const struct checkpoint *grown)
{
    const char *const database = "the database knows", *const files = "the checkpoint is",
                      *const heads = "the file heads knows";
    const int order = heads_order(grown, last);

    if (published->size > head->size)
        return behind(log, database, head->size, files, published->size,
                      "the database is older than the log; restore a newer backup of it");
    if (order > 0)
        return behind(log, database, last->size, heads, grown->size,
                      "database and files are older than the log; restore newer ones of both");
    if (published->size < head->size)
        return behind(log, files, published->size, database, head->size,
                      "the files are older than the database; restore a newer copy of them");
    if (order < 0)
        return behind(log, heads, grown->size, database, last->size,
                      "the file heads was cut or is an older one; restore it (it lies in heads_dir), "
                      "or let `audit fsck --repair` add what is missing");
    if (!same_tree(published, head) || !same_tree(grown, last))
        return err_raise(ERR_CORRUPT,
                         "%s: database, checkpoint and heads name different trees of %" PRIu64
                         " entries: the log was forked",
                         log->dir, head->size);
    return ERR_OK;
}

static void damage_log(const char *line)
{
    log_line(LOG_FAULT, "log_damaged", "%s", line);
}

/* Every entry and every tile; each damage is a line of its own. */
static err_t tree_check(const struct log *log, const struct checkpoint *head)
{
    struct inspection in = {.dir = log->dir,
                            .key = &log->key,
                            .head = *head,
                            .say = damage_log,
                            .alive = log->alive};

    inspect_tree(&in);
    return in.found == 0 ? ERR_OK
                         : err_raise(ERR_CORRUPT,
                                     "%s: %" PRIu64 " damages: stop, and see what "
                                     "`audit --config FILE fsck` says",
                                     log->dir, in.found);
}

static err_t tree_of(const struct log *log, const struct head *row, struct checkpoint *ret)
{
    *ret = (struct checkpoint){row->origin, (uint64_t)row->size, {{0}}};
    if (row->root.n != HASH_BYTES) return err_raise(ERR_CORRUPT, "%s: a root of no hash", log->dir);
    memcpy(ret->root.b, row->root.p, HASH_BYTES);
    return ERR_OK;
}

bool log_is_linked(const struct log *log, struct arena *arena)
{
    struct checkpoint linked;
    struct bytes leaf;
    struct str note;

    return log_leaf(log->dir, 0, arena, &leaf) == ERR_OK && shard_link_parse(leaf, &note) &&
           checkpoint_read_unsigned(note, &linked) &&
           str_equal(linked.origin, log->former.origin) && same_tree(&linked, &log->former);
}

err_t log_follows(struct log *log, const struct head *row)
{
    log->former = (struct checkpoint){.origin = STR_NONE};
    if (!row) return ERR_OK;
    if (row->origin.n >= LOG_ORIGIN_MAX) return err_raise(ERR_CORRUPT, "an origin is too long");
    TRY(tree_of(log, row, &log->former));
    memcpy(log->former_origin, row->origin.p, row->origin.n);
    log->former.origin = (struct str){log->former_origin, row->origin.n};
    return ERR_OK;
}

err_t log_load(struct log *log, const struct head *row, const struct head *former_row, bool deep,
               struct arena *arena)
{
    struct checkpoint head, published, grown;
    struct str note;

    TRY(tree_of(log, row, &head));
    TRY(log_follows(log, former_row));
    log->at_us = row->at_us;
    log->base = row->base;
    TRY(store_settle(log->folder));
    TRY(store_settle(log->heads));
    TRY(log_settle(log));
    TRY(staging_settle(log, &head, arena));
    TRY(log_published(log->dir, &log->key, arena, &note, &published));
    const err_t err = heads_last(log->heads, arena, &grown);
    if (err == ERR_NOT_FOUND)
        grown = (struct checkpoint){.origin = head.origin, .root = hash_sha256(BYTES_NONE)};
    else if (err != ERR_OK)
        return err;
    TRY(sides_compare(log, &head, former_row && head.size == 0 ? &log->former : &head, &published,
                      &grown));
    if (deep) TRY(tree_check(log, &head));
    if (former_row && head.size > 0 && !log_is_linked(log, arena))
        return err_raise(ERR_CORRUPT, "%s: its first entry does not name the last tree of " STR_FMT,
                         log->dir, STR_ARG(log->former.origin));
    return frontier_load(log, &head);
}

err_t log_load_closed(struct log *log, const struct head *row, struct arena *arena)
{
    struct checkpoint head, published;
    struct str note;

    TRY(tree_of(log, row, &head));
    TRY(log_settle(log));
    TRY(log_published(log->dir, &log->key, arena, &note, &published));
    if (published.size != head.size || !same_tree(&published, &head))
        return err_raise(ERR_CORRUPT,
                         "%s: the checkpoint is of %" PRIu64 " entries where the database closed the "
                         "shard with %" PRIu64 ": the files are older than the database, or changed",
                         log->dir, published.size, head.size);
    return frontier_load(log, &head);
}
