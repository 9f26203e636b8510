/* Reads a whole log once, front to back, and hashes it up again. */
#include "services/audit/log.h"
#include "services/audit/store.h"

#include <inttypes.h>

struct level {
    struct hash hashes[TILES_WIDTH]; /* of the tile that is being filled */
    unsigned width;
    uint64_t n;
};

struct check {
    const char *dir;
    struct merkle_frontier frontier;
    struct level levels[MERKLE_TILE_LEVELS];
    struct arena *arena; /* of one file */
};

static err_t tile_check(struct check *check, unsigned level)
{
    struct level *const full = &check->levels[level];
    const struct tile tile = {level, full->n, full->width};
    char name[TILES_PATH_MAX];
    struct bytes bytes;

    tiles_path(tile, name);
    const err_t err = store_tile(check->dir, tile, check->arena, &bytes);
    if (err == ERR_NOT_FOUND) return err_raise(ERR_CORRUPT, "%s/%s: is missing", check->dir, name);
    if (err != ERR_OK) return err;
    if (memcmp(bytes.p, full->hashes[0].b, bytes.n) != 0)
        return err_raise(ERR_CORRUPT, "%s/%s: does not fit the entries below it", check->dir, name);
    full->width = 0;
    full->n++;
    return ERR_OK;
}

static err_t entry_add(struct check *check, struct bytes entry)
{
    const struct hash leaf = merkle_leaf(entry);
    struct hash added[MERKLE_TILE_LEVELS];
    const unsigned grown = merkle_append(&check->frontier, &leaf, added);

    for (unsigned i = 0; i < grown; i++) {
        struct level *const level = &check->levels[i];

        level->hashes[level->width++] = added[i];
        if (level->width == TILES_WIDTH) TRY(tile_check(check, i));
    }
    return ERR_OK;
}

static err_t bundle_check(struct check *check, struct tile tile)
{
    char name[TILES_PATH_MAX];
    struct bytes bytes, entry;

    tiles_path(tile, name);
    const err_t err = store_tile(check->dir, tile, check->arena, &bytes);
    if (err == ERR_NOT_FOUND) return err_raise(ERR_CORRUPT, "%s/%s: is missing", check->dir, name);
    if (err != ERR_OK) return err;
    while (tiles_entry_next(&bytes, &entry)) TRY(entry_add(check, entry));
    return bytes.n == 0 && check->frontier.size % TILES_WIDTH == tile.width % TILES_WIDTH
               ? ERR_OK
               : err_raise(ERR_CORRUPT, "%s/%s: does not hold its entries", check->dir, name);
}

static err_t all_check(struct check *check, const struct checkpoint *checkpoint)
{
    unsigned width;

    for (uint64_t n = 0; (width = tiles_width(checkpoint->size, TILES_ENTRIES, n)); n++) {
        TRY(bundle_check(check, (struct tile){TILES_ENTRIES, n, width}));
        arena_reset(check->arena);
    }
    for (unsigned i = 0; i < MERKLE_TILE_LEVELS; i++) {
        if (check->levels[i].width) TRY(tile_check(check, i));
    }
    const struct hash root = merkle_root(&check->frontier);
    return hash_equal(&root, &checkpoint->root)
               ? ERR_OK
               : err_raise(ERR_CORRUPT,
                           "%s: the %" PRIu64 " entries do not hash up to the signed root",
                           check->dir, checkpoint->size);
}

err_t log_check(const char *dir, const struct checkpoint *checkpoint, struct arena *arena)
{
    struct check *const check = ARENA_NEW(arena, struct check);

    check->dir = dir;
    check->arena = arena_new(STORE_FILE_BYTES_MAX);
    const err_t err = all_check(check, checkpoint);
    arena_free(check->arena);
    return err;
}
