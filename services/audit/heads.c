#include "services/audit/heads.h"

#include "services/audit/store.h"

#include <inttypes.h>

static struct str line_of(struct arena *arena, const struct checkpoint *tree)
{
    char root[BASE64_LEN(HASH_BYTES)];
    const size_t n = base64_encode(bytes_of(tree->root.b, HASH_BYTES), root);

    return arena_printf(arena, STR_FMT " %" PRIu64 " %.*s\n", STR_ARG(tree->origin), tree->size,
                        (int)n, root);
}

bool heads_parse(struct str line, struct checkpoint *ret)
{
    uint8_t hash[HASH_BYTES + 1];
    struct str size, root;
    int64_t entries = 0;
    size_t n = 0;

    *ret = (struct checkpoint){0};
    if (!str_next(&line, ' ', &ret->origin) || !str_next(&line, ' ', &size) ||
        !str_next(&line, ' ', &root) || line.n || !str_int(size, 0, INT64_MAX, &entries))
        return false;
    if (root.n != BASE64_LEN(HASH_BYTES) || !base64_decode(root, hash, &n) || n != HASH_BYTES)
        return false;
    ret->size = (uint64_t)entries;
    memcpy(ret->root.b, hash, HASH_BYTES);
    return true;
}

err_t heads_last(const char *dir, struct arena *arena, struct checkpoint *ret)
{
    struct str text;

    TRY(store_tail(dir, HEADS, arena, &text));
    if (text.n == 0) return ERR_NOT_FOUND;
    const char *const before = memrchr(text.p, '\n', text.n - 1);
    const char *const begin = before ? before + 1 : text.p;
    const struct str line = {begin, (size_t)(text.p + text.n - begin) - 1};
    return heads_parse(line, ret)
               ? ERR_OK
               : err_raise(ERR_CORRUPT, "%s/" HEADS ": its last line is no tree", dir);
}

err_t heads_add(const char *dir, const struct checkpoint *tree, struct arena *arena)
{
    struct checkpoint last;
    const err_t err = heads_last(dir, arena, &last);

    if (err == ERR_OK && str_equal(last.origin, tree->origin) && last.size == tree->size &&
        hash_equal(&last.root, &tree->root))
        return store_sync(dir, HEADS);
    if (err != ERR_OK && err != ERR_NOT_FOUND) return err;
    return store_append(dir, HEADS, str_bytes(line_of(arena, tree)));
}

int heads_order(const struct checkpoint *a, const struct checkpoint *b)
{
    const size_t n = a->origin.n < b->origin.n ? a->origin.n : b->origin.n;
    const int shards = n ? memcmp(a->origin.p, b->origin.p, n) : 0;

    return shards ? shards : (a->size > b->size) - (a->size < b->size);
}
