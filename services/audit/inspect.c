#include "services/audit/inspect.h"

#include "services/audit/merkle.h"
#include "services/audit/store.h"

#include <fts.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES_MAX 1024

static void say(struct inspection *in, const char *path, const char *what)
{
    char line[LINE_BYTES_MAX];

    if (!in->say) return;
    snprintf(line, sizeof line, "%s%s%s: %s", in->dir, *path ? "/" : "", path, what);
    in->say(line);
}

void inspect_found(struct inspection *in, const char *path, const char *fmt, ...)
{
    char what[LINE_BYTES_MAX / 2];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    in->found++;
    say(in, path, what);
}

void inspect_repaired(struct inspection *in, const char *path, err_t err, const char *what)
{
    char line[LINE_BYTES_MAX / 2];

    snprintf(line, sizeof line, "%s: %s", err == ERR_OK ? "repaired" : "cannot be repaired", what);
    in->repaired += err == ERR_OK;
    say(in, path, line);
}

/* ---- one walk over the tree, front to back ---- */

enum trust { TRUST_ENTRIES, TRUST_TILES }; /* where no level above decides */

struct level {
    struct hash hashes[TILES_WIDTH]; /* of the tile that is being filled */
    unsigned width;
    uint64_t n;
};

struct walk {
    struct inspection *in;
    enum trust trust;
    bool loud; /* the first walks only find out whom to trust */
    bool gap;  /* a hash that nobody has */
    struct merkle_frontier frontier;
    struct level levels[MERKLE_TILE_LEVELS];
    struct arena *arena; /* of one bundle */
};

static bool exists(const struct inspection *in, const char *name)
{
    char path[STORE_PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", in->dir, name);
    return access(path, F_OK) == 0;
}

static void write_again(struct walk *walk, const char *name, struct bytes bytes, const char *what)
{
    struct inspection *const in = walk->in;

    if (in->repair && in->whole)
        inspect_repaired(in, name, store_write(in->dir, name, bytes), what);
}

/* The tile that @level is filled with, against the file. */
static void tile_check(struct walk *walk, unsigned level)
{
    struct level *const full = &walk->levels[level];
    const struct tile tile = {level, full->n, full->width};
    const struct bytes right = bytes_of(full->hashes, full->width * HASH_BYTES);
    char name[TILES_PATH_MAX];
    struct bytes bytes;

    full->width = 0;
    full->n++;
    if (!walk->loud) return;

    const uint64_t found = walk->in->found;
    tiles_path(tile, name);
    const err_t err = store_read(walk->in->dir, name, walk->arena, &bytes);
    if (err == ERR_NOT_FOUND)
        inspect_found(walk->in, name, "is missing");
    else if (err != ERR_OK)
        inspect_found(walk->in, name, "cannot be read");
    else if (bytes.n != right.n)
        inspect_found(walk->in, name, "has %zu bytes where %zu belong", bytes.n, right.n);
    for (unsigned i = 0; walk->in->found == found && i < tile.width; i++) {
        if (memcmp(bytes.p + (size_t)i * HASH_BYTES, full->hashes[i].b, HASH_BYTES) != 0)
            inspect_found(walk->in, name,
                          "hash %u (entry %" PRIu64 ") is not that of what is below it", i,
                          (tile.n * TILES_WIDTH + i) << 8 * level);
    }
    if (walk->in->found > found) write_again(walk, name, right, "made again from the entries");
}

/* What the files have for one bundle: hashes by the entries, and by the tile above them. */
struct both {
    struct tile tile;
    struct bytes bundle;
    unsigned entries; /* that could be cut from the bundle */
    bool tile_read;
    struct hash by_entry[TILES_WIDTH], by_tile[TILES_WIDTH];
};

static void both_read(struct walk *walk, struct both *both)
{
    const struct tile above = {0, both->tile.n, both->tile.width};
    struct bytes rest = BYTES_NONE, entry, hashes;
    char name[TILES_PATH_MAX];

    both->bundle = BYTES_NONE;
    both->entries = 0;
    tiles_path(both->tile, name);
    if (store_read(walk->in->dir, name, walk->arena, &both->bundle) == ERR_OK ||
        store_tile(walk->in->dir, both->tile, walk->arena, &both->bundle) == ERR_OK ||
        store_read_widest(walk->in->dir, both->tile, walk->arena, &both->bundle) == ERR_OK)
        rest = both->bundle;
    while (both->entries < both->tile.width && tiles_entry_next(&rest, &entry))
        both->by_entry[both->entries++] = merkle_leaf(entry);
    both->tile_read = store_tile(walk->in->dir, above, walk->arena, &hashes) == ERR_OK;
    if (both->tile_read) memcpy(both->by_tile, hashes.p, hashes.n);
}

static struct hash folded(const struct hash hashes[TILES_WIDTH])
{
    struct merkle_frontier frontier = {0};
    struct hash added[MERKLE_TILE_LEVELS];

    for (unsigned i = 0; i < TILES_WIDTH; i++) merkle_append(&frontier, &hashes[i], added);
    return merkle_root(&frontier);
}

/* Whom the level above agrees with, if it is there and the tile is full. */
static enum trust judge(struct walk *walk, const struct both *both)
{
    struct tile above = {1, both->tile.n / TILES_WIDTH, 0};
    struct bytes hashes;

    if (!both->tile_read) return TRUST_ENTRIES;
    if (both->entries < both->tile.width) return TRUST_TILES;
    above.width = tiles_width(walk->in->head.size, 1, above.n);
    if (both->tile.width < TILES_WIDTH || !above.width ||
        store_tile(walk->in->dir, above, walk->arena, &hashes) != ERR_OK)
        return walk->trust;
    const uint8_t *const word = hashes.p + both->tile.n % TILES_WIDTH * HASH_BYTES;
    const struct hash by_entry = folded(both->by_entry), by_tile = folded(both->by_tile);
    if (memcmp(by_entry.b, word, HASH_BYTES) == 0) return TRUST_ENTRIES;
    return memcmp(by_tile.b, word, HASH_BYTES) == 0 ? TRUST_TILES : walk->trust;
}

/* What is wrong with the bundle, by the hashes that were found right. */
static void bundle_say(struct walk *walk, const struct both *both, const struct hash *right)
{
    struct inspection *const in = walk->in;
    const uint64_t first = both->tile.n * TILES_WIDTH, found = in->found;
    struct bytes rest = both->bundle, entry;
    char name[TILES_PATH_MAX];

    tiles_path(both->tile, name);
    const bool there = exists(in, name);
    for (unsigned i = 0; i < both->entries; i++) {
        tiles_entry_next(&rest, &entry);
        if (!hash_equal(&both->by_entry[i], &right[i]))
            inspect_found(in, name, "entry %" PRIu64 " is not the one that was logged", first + i);
    }
    if (both->entries < both->tile.width)
        inspect_found(in, name,
                      there ? "ends before entry %" PRIu64 : "is missing from entry %" PRIu64,
                      first + both->entries);
    in->entries_bad += in->found > found;
    if (in->found > found) return;

    const struct bytes whole = bytes_of(both->bundle.p, both->bundle.n - rest.n);
    if (rest.n)
        inspect_found(in, name, "has %zu bytes after its last entry", rest.n);
    else if (!there)
        inspect_found(in, name, "is missing; a wider one is there");
    if (in->found > found) write_again(walk, name, whole, "cut to its entries");
}

static void bundle_walk(struct walk *walk, struct both *both)
{
    struct hash right[TILES_WIDTH], added[MERKLE_TILE_LEVELS];

    both_read(walk, both);
    const enum trust trust = judge(walk, both);
    for (unsigned i = 0; i < both->tile.width; i++) {
        walk->gap |= i >= both->entries && !both->tile_read;
        right[i] =
            trust == TRUST_TILES || i >= both->entries ? both->by_tile[i] : both->by_entry[i];
    }
    if (walk->loud) bundle_say(walk, both, right);
    for (unsigned i = 0; i < both->tile.width; i++) {
        const unsigned grown = merkle_append(&walk->frontier, &right[i], added);

        for (unsigned level = 0; level < grown; level++) {
            struct level *const to = &walk->levels[level];

            to->hashes[to->width++] = added[level];
            if (to->width == TILES_WIDTH) tile_check(walk, level);
        }
    }
}

/* True when it arrives at the head's root. */
static bool walk_run(struct inspection *in, enum trust trust, bool loud)
{
    struct walk *const walk = calloc(1, sizeof *walk);
    struct both *const both = calloc(1, sizeof *both);

    if (!walk || !both) abort();
    *walk = (struct walk){.in = in, .trust = trust, .loud = loud};
    walk->arena = arena_new(4 * STORE_FILE_BYTES_MAX);
    both->tile.level = TILES_ENTRIES;
    while ((both->tile.width = tiles_width(in->head.size, TILES_ENTRIES, both->tile.n))) {
        bundle_walk(walk, both);
        arena_reset(walk->arena);
        both->tile.n++;
        if (in->alive) in->alive();
    }
    for (unsigned level = 0; level < MERKLE_TILE_LEVELS; level++) {
        if (walk->levels[level].width) tile_check(walk, level);
    }
    const struct hash root = merkle_root(&walk->frontier);
    const bool arrived = !walk->gap && hash_equal(&root, &in->head.root);
    arena_free(walk->arena);
    free(both);
    free(walk);
    return arrived;
}

void inspect_tree(struct inspection *in)
{
    const uint64_t found = in->found;
    enum trust trust = TRUST_ENTRIES;

    in->whole = walk_run(in, TRUST_ENTRIES, false);
    if (!in->whole && walk_run(in, TRUST_TILES, false)) {
        in->whole = true;
        trust = TRUST_TILES;
    }
    walk_run(in, trust, true);
    if (!in->whole && in->found == found)
        inspect_found(in, "", "the %" PRIu64 " entries do not hash up to the signed root",
                      in->head.size);
}

/* ---- the checkpoint ---- */

static const char *checkpoint_trouble(struct inspection *in, struct arena *arena)
{
    struct checkpoint is;
    struct bytes bytes;
    struct note note;
    const err_t err = store_read(in->dir, "checkpoint", arena, &bytes);

    if (err == ERR_NOT_FOUND) return in->head.size ? "is missing" : NULL;
    if (err != ERR_OK) return "cannot be read";
    const struct str text = {(const char *)bytes.p, bytes.n};
    if (note_open(text, in->key, 1, &note) != ERR_OK || !checkpoint_parse(note.text, &is) ||
        !str_equal(is.origin, in->key->name))
        return "is not one that this log's key has signed";
    if (is.size > in->head.size)
        return "is newer than the head: the database is of an older backup";
    if (is.size < in->head.size) return "is older than the head";
    return hash_equal(&is.root, &in->head.root) ? NULL : "names another tree than the head: a fork";
}

/* One that is newer, or of another tree of the same size, was signed: that is no damage of a file.
 */
static bool is_evidence(const char *trouble)
{
    return strstr(trouble, "newer") || strstr(trouble, "fork");
}

void inspect_checkpoint(struct inspection *in)
{
    struct arena *const arena = arena_new(STORE_FILE_BYTES_MAX);
    const char *const trouble = checkpoint_trouble(in, arena);

    if (trouble) inspect_found(in, "checkpoint", "%s", trouble);
    if (trouble && in->repair && in->whole && !is_evidence(trouble)) {
        const struct str note = note_sign(arena, checkpoint_text(arena, &in->head), in->key);

        inspect_repaired(in, "checkpoint", store_write(in->dir, "checkpoint", str_bytes(note)),
                         "signed again as the head says");
    }
    arena_free(arena);
}

/* ---- all other names ---- */

static void remove_left(struct inspection *in, const char *name)
{
    if (in->repair) inspect_repaired(in, name, store_remove(in->dir, name), "removed");
}

/* A narrower tile that a crash left: the beginning of what is there now, or not. */
static void narrower_check(struct inspection *in, const char *name, struct tile tile)
{
    struct arena *const arena = arena_new(4 * STORE_FILE_BYTES_MAX);
    struct tile now = tile;
    struct bytes is, all;

    now.width = tiles_width(in->head.size, tile.level, tile.n);
    const bool begins = store_read(in->dir, name, arena, &is) == ERR_OK &&
                        store_tile(in->dir, now, arena, &all) == ERR_OK && is.n <= all.n &&
                        (is.n == 0 || memcmp(is.p, all.p, is.n) == 0);
    inspect_found(in, name,
                  begins ? "is left over: a wider one has followed it"
                         : "is not the beginning of what has followed it");
    if (begins) remove_left(in, name);
    arena_free(arena);
}

static void name_check(struct inspection *in, const char *name)
{
    static const char *const known[] = {"checkpoint", "vkey", "staging", NULL};
    struct tile tile;

    for (size_t i = 0; known[i]; i++) {
        if (strcmp(name, known[i]) == 0) return;
    }
    if (strcmp(name, ".new") == 0) {
        inspect_found(in, name, "is left over: a file that was not finished");
        remove_left(in, name);
    } else if (!tiles_parse(str_of(name), &tile)) {
        inspect_found(in, name, "does not belong here");
    } else {
        const unsigned width = tiles_width(in->head.size, tile.level, tile.n);

        if (tile.width > width) inspect_found(in, name, "is of a larger tree than the head's");
        if (tile.width < width) narrower_check(in, name, tile);
    }
}

void inspect_names(struct inspection *in)
{
    char *const roots[] = {(char *)(uintptr_t)in->dir, NULL};
    FTS *const tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const size_t skip = strlen(in->dir) + 1;

    for (FTSENT *at; tree && (at = fts_read(tree));) {
        if (at->fts_info == FTS_D || at->fts_info == FTS_DP) continue;
        const char *const name = at->fts_pathlen > skip ? at->fts_path + skip : at->fts_path;
        if (at->fts_info == FTS_F)
            name_check(in, name);
        else
            inspect_found(in, name, "is not a plain file");
        if (in->alive) in->alive();
    }
    if (tree) fts_close(tree);
}
