/* What anybody may read (checkpoint, tiles) and what an auditor may (entries, proofs). Files are
 * read as they lie; a name that tiles_parse() does not know opens nothing. */
#include "services/audit/audit.h"

#include "common/io/http.h"
#include "services/audit/store.h"

#include <dirent.h>
#include <inttypes.h>

static const struct http_header fresh = {"Cache-Control", STR("no-cache")},
                                for_ever = {"Cache-Control",
                                            STR("public, max-age=31536000, immutable")};

/* The organisation whose log answers without a name. */
static bool org_default(struct uuid *ret)
{
    const struct audit_settings *const settings = service_settings();
    size_t logs = 0;

    if (*settings->default_org) return uuid_parse(str_of(settings->default_org), ret);
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

static err_t checkpoint_reply(struct act *act, struct uuid org)
{
    char dir[LOG_DIR_MAX];
    struct bytes note;

    log_dir_of(org, dir);
    TRY(store_read(dir, "checkpoint", act->arena, &note));
    return act_reply_raw(act, 200, "text/plain; charset=utf-8", note, &fresh, 1);
}

/* @path as in c2sp.org/tlog-tiles. */
static err_t tile_reply(struct act *act, struct uuid org, struct str path, bool of_entries)
{
    char dir[LOG_DIR_MAX];
    struct tile tile;
    struct bytes bytes;

    if (!tiles_parse(path, &tile) || (tile.level == TILES_ENTRIES) != of_entries)
        return ERR_NOT_FOUND;
    log_dir_of(org, dir);
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
    return checkpoint_reply(act, act->path_id);
}

/* GET /v1/audit/checkpoint */
err_t checkpoint_read_default(struct act *act)
{
    struct uuid org;

    return org_default(&org) ? checkpoint_reply(act, org) : ERR_NOT_FOUND;
}

/* GET /v1/audit/{id}/tile/... */
err_t tile_read(struct act *act)
{
    return tile_reply(act, act->path_id, path_below(act, "tile/"), false);
}

/* GET /v1/audit/tile/... */
err_t tile_read_default(struct act *act)
{
    struct uuid org;

    return org_default(&org) ? tile_reply(act, org, path_below(act, "tile/"), false)
                             : ERR_NOT_FOUND;
}

/* GET /v1/audit/{id}/tile/entries/...: sealed, and still the own organisation's auditors' alone. */
err_t entries_read(struct act *act)
{
    TRY(act_allow_none(act));
    if (!uuid_equal(act->path_id, act->org)) return ERR_NOT_FOUND;
    return tile_reply(act, act->org, path_below(act, "tile/entries/"), true);
}

/* GET /v1/audit/tile/entries/... */
err_t entries_read_default(struct act *act)
{
    TRY(act_allow_none(act));
    return tile_reply(act, act->org, path_below(act, "tile/entries/"), true);
}

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

/* GET /v1/audit/{id}/consistency?old=: the published tree begins with that of @old entries. */
err_t consistency_read(struct act *act)
{
    const struct consistency_query *const in = act->in;
    struct hash hashes[MERKLE_PROOF_MAX];
    struct checkpoint now;
    char dir[LOG_DIR_MAX];
    struct bytes note;
    size_t n = 0;

    log_dir_of(act->path_id, dir);
    TRY(store_read(dir, "checkpoint", act->arena, &note));
    const struct str text = {(const char *)note.p, note.n};
    if (!checkpoint_read_unsigned(text, &now))
        return err_raise(ERR_CORRUPT, "%s/checkpoint: is no checkpoint", dir);
    if ((uint64_t)in->old > now.size) return ERR_NOT_FOUND;
    const struct merkle_tree tree = log_tree(dir, now.size);
    TRY(merkle_consistency(&tree, (uint64_t)in->old, hashes, &n));
    const struct str head = arena_printf(act->arena, "old %" PRId64 "\n", in->old);
    const struct str proof = hashes_text(act->arena, head, hashes, n);
    const struct str all =
        arena_printf(act->arena, STR_FMT "\n" STR_FMT, STR_ARG(proof), STR_ARG(text));
    return act_reply_raw(act, 200, "text/plain; charset=utf-8", str_bytes(all), &fresh, 1);
}

/* GET /v1/audit/proof?event=: c2sp.org/tlog-proof, against the checkpoint that is published now. */
err_t proof_read(struct act *act)
{
    const struct proof_query *const in = act->in;
    struct hash hashes[MERKLE_PROOF_MAX];
    struct checkpoint checkpoint;
    struct found_leaf leaf;
    struct head head;
    char dir[LOG_DIR_MAX];
    struct bytes entry;
    struct str note;
    bool known = false;
    size_t n = 0;

    TRY(act_allow_none(act));
    TRY(leaf_find(act, &(struct leaf_find){in->event}, &leaf));
    TRY(head_find(act, &head, &known));
    if (!known) return ERR_NOT_FOUND;
    log_dir_of(act->org, dir);
    const struct note_key key = log_key_of(arena_cstr(act->arena, head.origin));
    TRY(log_published(dir, &key, act->arena, &note, &checkpoint));
    if ((uint64_t)leaf.leaf_index >= checkpoint.size) return ERR_NOT_FOUND;

    const struct merkle_tree tree = log_tree(dir, checkpoint.size);
    TRY(merkle_inclusion(&tree, (uint64_t)leaf.leaf_index, hashes, &n));
    act_resource(act, in->event, 1);
    __attribute__((cleanup(bundle_close))) struct bundle bundle = bundle_open();
    TRY(entry_of(act, &bundle, leaf.leaf_index, &entry));
    const struct str text =
        proof_text(act->arena, (uint64_t)leaf.leaf_index, entry, hashes, n, note);
    return act_reply_raw(act, 200, "text/plain; charset=utf-8", str_bytes(text), &fresh, 1);
}
