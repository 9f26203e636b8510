/* What anybody may read (checkpoints, tiles, which shards there are) and what an auditor may
 * (entries, proofs). Files are read as they lie; a name that tiles_parse() does not know opens
 * nothing. Without a shard's name the newest one is meant that has a checkpoint. */
#include "services/audit/audit.h"

#include "common/io/http.h"
#include "services/audit/store.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>

static const struct http_header fresh = {"Cache-Control", STR("no-cache")},
                                for_ever = {"Cache-Control",
                                            STR("public, max-age=31536000, immutable")};

/* The organisation whose log answers without a name. */
static bool org_default(struct uuid *ret)
{
    const struct audit_settings *const settings = service_settings();
    size_t logs = 0;

    *ret = settings->default_org;
    if (!uuid_is_nil(*ret)) return true;
    DIR *const list = opendir(settings->log_dir);
    for (const struct dirent *file; list && (file = readdir(list));) {
        struct uuid org;

        if (!uuid_parse(str_of(file->d_name), &org) || uuid_is_nil(org)) continue;
        *ret = org;
        logs++;
    }
    if (list) closedir(list);
    return logs == 1;
}

/* ---- which folder ---- */

/* The published shards of an organisation, in their order; the names are in the arena. */
static size_t shards_published(struct act *act, const char *folder, struct str ret[SHARDS_MAX])
{
    struct dirent **files;
    const int count = scandir(folder, &files, NULL, alphasort);
    char dir[LOG_DIR_MAX];
    size_t n = 0;

    for (int i = 0; i < count; i++) {
        const struct str name = str_of(files[i]->d_name);

        log_dir(folder, name, dir);
        if (n < SHARDS_MAX && shard_is_name(name) && store_exists(dir, "checkpoint"))
            ret[n++] = arena_str(act->arena, name);
        free(files[i]);
    }
    if (count >= 0) free(files);
    return n;
}

static err_t dir_current(struct act *act, struct uuid org, char ret[LOG_DIR_MAX])
{
    struct str shards[SHARDS_MAX];
    char folder[LOG_FOLDER_MAX];

    log_folder_of(org, folder);
    const size_t n = shards_published(act, folder, shards);
    if (n == 0) return ERR_NOT_FOUND;
    log_dir(folder, shards[n - 1], ret);
    return ERR_OK;
}

static err_t dir_default(struct act *act, char ret[LOG_DIR_MAX])
{
    struct uuid org;

    return org_default(&org) ? dir_current(act, org, ret) : ERR_NOT_FOUND;
}

/* Of a path with {shard}: its folder, and what follows `tile/`. */
static err_t dir_named(struct act *act, char ret[LOG_DIR_MAX], struct str *ret_below)
{
    struct str path = act->path_rest, shard;
    char folder[LOG_FOLDER_MAX];

    if (!str_next(&path, '/', &shard) || !shard_is_name(shard)) return ERR_NOT_FOUND;
    log_folder_of(act->path_id, folder);
    log_dir(folder, shard, ret);
    *ret_below = path;
    return ERR_OK;
}

/* ---- files ---- */

static err_t checkpoint_reply(struct act *act, const char *dir)
{
    struct bytes note;

    TRY(store_read(dir, "checkpoint", act->arena, &note));
    return act_reply_raw(act, 200, "text/plain; charset=utf-8", note, &fresh, 1);
}

/* @path as in c2sp.org/tlog-tiles. */
static err_t tile_reply(struct act *act, const char *dir, struct str path, bool of_entries)
{
    struct tile tile;
    struct bytes bytes;

    if (!tiles_parse(path, &tile) || (tile.level == TILES_ENTRIES) != of_entries)
        return ERR_NOT_FOUND;
    TRY(store_tile(dir, tile, act->arena, &bytes));
    return act_reply_raw(act, 200, "application/octet-stream", bytes, &for_ever, !of_entries);
}

static struct str path_below(struct act *act, const char *folder)
{
    return arena_printf(act->arena, "%s" STR_FMT, folder, STR_ARG(act->path_rest));
}

/* GET /v1/audit/{id}/checkpoint */
err_t checkpoint_read(struct act *act)
{
    char dir[LOG_DIR_MAX];

    TRY(dir_current(act, act->path_id, dir));
    return checkpoint_reply(act, dir);
}

/* GET /v1/audit/checkpoint */
err_t checkpoint_read_default(struct act *act)
{
    char dir[LOG_DIR_MAX];

    TRY(dir_default(act, dir));
    return checkpoint_reply(act, dir);
}

/* GET /v1/audit/{id}/{shard}/checkpoint */
err_t shard_checkpoint_read(struct act *act)
{
    char dir[LOG_DIR_MAX];
    struct str below;

    TRY(dir_named(act, dir, &below));
    return checkpoint_reply(act, dir);
}

/* GET /v1/audit/{id}/tile/... */
err_t tile_read(struct act *act)
{
    char dir[LOG_DIR_MAX];

    TRY(dir_current(act, act->path_id, dir));
    return tile_reply(act, dir, path_below(act, "tile/"), false);
}

/* GET /v1/audit/tile/... */
err_t tile_read_default(struct act *act)
{
    char dir[LOG_DIR_MAX];

    TRY(dir_default(act, dir));
    return tile_reply(act, dir, path_below(act, "tile/"), false);
}

/* GET /v1/audit/{id}/{shard}/tile/... */
err_t shard_tile_read(struct act *act)
{
    char dir[LOG_DIR_MAX];
    struct str below;

    TRY(dir_named(act, dir, &below));
    return tile_reply(act, dir, below, false);
}

/* GET /v1/audit/{id}/tile/entries/...: sealed, and still the own organisation's auditors' alone. */
err_t entries_read(struct act *act)
{
    TRY(act_allow_none(act));
    return uuid_equal(act->path_id, act->org) ? entries_read_default(act) : ERR_NOT_FOUND;
}

/* GET /v1/audit/tile/entries/... */
err_t entries_read_default(struct act *act)
{
    char dir[LOG_DIR_MAX];

    TRY(act_allow_none(act));
    TRY(dir_current(act, act->org, dir));
    return tile_reply(act, dir, path_below(act, "tile/entries/"), true);
}

/* GET /v1/audit/{id}/{shard}/tile/entries/... */
err_t shard_entries_read(struct act *act)
{
    char dir[LOG_DIR_MAX];
    struct str below;

    TRY(act_allow_none(act));
    if (!uuid_equal(act->path_id, act->org)) return ERR_NOT_FOUND;
    TRY(dir_named(act, dir, &below));
    return tile_reply(act, dir, below, true);
}

static struct str text_of_file(struct act *act, const char *dir, const char *name)
{
    struct bytes bytes;

    if (store_read(dir, name, act->arena, &bytes) != ERR_OK) return STR_NONE;
    return (struct str){(const char *)bytes.p, bytes.n};
}

static struct str line_of_file(struct act *act, const char *dir, const char *name)
{
    struct str text = text_of_file(act, dir, name), line = STR_NONE;

    str_next(&text, '\n', &line);
    return line;
}

/* GET /v1/audit/{id}/shards: under which names and keys the parts of a log are published. */
err_t shards_list(struct act *act)
{
    struct published_shard *const rows =
        ARENA_ARRAY(act->arena, struct published_shard, SHARDS_MAX);
    struct str shards[SHARDS_MAX];
    char folder[LOG_FOLDER_MAX], dir[LOG_DIR_MAX];

    log_folder_of(act->path_id, folder);
    const size_t n = shards_published(act, folder, shards);
    if (n == 0) return ERR_NOT_FOUND;
    for (size_t i = 0; i < n; i++) {
        struct checkpoint tree = {.origin = STR_NONE};

        log_dir(folder, shards[i], dir);
        (void)!checkpoint_read_unsigned(text_of_file(act, dir, "checkpoint"), &tree);
        rows[i] = (struct published_shard){
            .shard = shards[i],
            .origin = tree.origin,
            .vkey = line_of_file(act, dir, "vkey"),
            .path = arena_printf(act->arena, "/v1/audit/%s/" STR_FMT, UUID_ARG(act->path_id),
                                 STR_ARG(shards[i])),
            .size = (int64_t)tree.size,
            .open = i == n - 1,
        };
    }
    return act_reply_list(act, &published_shard_shape, rows, n, STR_NONE);
}

/* ---- proofs ---- */

static struct str hashes_text(struct arena *arena, struct str text, const struct hash *hashes,
                              size_t n)
{
    char line[BASE64_LEN(HASH_BYTES)];

    for (size_t i = 0; i < n; i++) {
        const size_t length = base64_encode(bytes_of(hashes[i].b, HASH_BYTES), line);
        text = arena_printf(arena, STR_FMT "%.*s\n", STR_ARG(text), (int)length, line);
    }
    return text;
}

/* The entry itself is the extra data, so that the file needs no other. */
static struct str proof_text(struct arena *arena, uint64_t index, struct bytes entry,
                             const struct hash *hashes, size_t n, struct str note)
{
    char *const extra = arena_alloc(arena, BASE64_LEN(entry.n) + 1);
    const int extra_n = (int)base64_encode(entry, extra);
    const struct str head = arena_printf(
        arena, "c2sp.org/tlog-proof@v1\nextra %.*s\nindex %" PRIu64 "\n", extra_n, extra, index);

    return arena_printf(arena, STR_FMT "\n" STR_FMT,
                        STR_ARG(hashes_text(arena, head, hashes, n)), STR_ARG(note));
}

/* The published tree of @dir begins with that of @old entries. */
static err_t consistency_reply(struct act *act, const char *dir)
{
    const struct consistency_query *const in = act->in;
    struct hash hashes[MERKLE_PROOF_MAX];
    struct checkpoint now;
    struct bytes note;
    size_t n = 0;

    TRY(store_read(dir, "checkpoint", act->arena, &note));
    const struct str text = {(const char *)note.p, note.n};
    if (!checkpoint_read_unsigned(text, &now))
        return err_raise(ERR_CORRUPT, "%s/checkpoint: is no checkpoint", dir);
    if ((uint64_t)in->old > now.size) return ERR_NOT_FOUND;
    const struct merkle_tree files = log_tree(dir, now.size);
    const struct merkle_tree tree =
        merkle_cached(ARENA_NEW(act->arena, struct merkle_cache), &files);
    TRY(merkle_consistency(&tree, (uint64_t)in->old, hashes, &n));
    const struct str head = arena_printf(act->arena, "old %" PRId64 "\n", in->old);
    const struct str proof = hashes_text(act->arena, head, hashes, n);
    const struct str all =
        arena_printf(act->arena, STR_FMT "\n" STR_FMT, STR_ARG(proof), STR_ARG(text));
    return act_reply_raw(act, 200, "text/plain; charset=utf-8", str_bytes(all), &fresh, 1);
}

/* GET /v1/audit/{id}/consistency?old= */
err_t consistency_read(struct act *act)
{
    char dir[LOG_DIR_MAX];

    TRY(dir_current(act, act->path_id, dir));
    return consistency_reply(act, dir);
}

/* GET /v1/audit/{id}/{shard}/consistency?old= */
err_t shard_consistency_read(struct act *act)
{
    char dir[LOG_DIR_MAX];
    struct str below;

    TRY(dir_named(act, dir, &below));
    return consistency_reply(act, dir);
}

/* GET /v1/audit/proof?event=: c2sp.org/tlog-proof, against the checkpoint that is published now. */
err_t proof_read(struct act *act)
{
    const struct proof_query *const in = act->in;
    struct hash hashes[MERKLE_PROOF_MAX];
    struct checkpoint checkpoint;
    struct found_leaf leaf;
    struct bytes entry;
    struct str note;
    size_t n = 0;

    TRY(act_allow_none(act));
    TRY(leaf_find(act, &(struct leaf_find){in->event}, &leaf));
    __attribute__((cleanup(bundle_close))) struct bundle bundle = bundle_open();
    TRY(bundle_seek(act, &bundle, leaf.leaf_index));
    const uint64_t index = (uint64_t)(leaf.leaf_index - bundle.base);
    const struct note_key key = log_key_of(bundle.origin);
    TRY(log_published(bundle.dir, &key, act->arena, &note, &checkpoint));
    if (index >= checkpoint.size) return ERR_NOT_FOUND;

    const struct merkle_tree files = log_tree(bundle.dir, checkpoint.size);
    const struct merkle_tree tree =
        merkle_cached(ARENA_NEW(act->arena, struct merkle_cache), &files);
    TRY(merkle_inclusion(&tree, index, hashes, &n));
    act_resource(act, in->event, 1);
    TRY(entry_of(act, &bundle, leaf.leaf_index, &entry));
    const struct str text = proof_text(act->arena, index, entry, hashes, n, note);
    return act_reply_raw(act, 200, "text/plain; charset=utf-8", str_bytes(text), &fresh, 1);
}
