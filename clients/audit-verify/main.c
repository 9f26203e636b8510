/*
 * audit-verify - checks an exported audit log without network, database or trust in us.
 *
 *   audit-verify DIR --vkey VKEY             a whole shard of a log
 *   audit-verify DIR DIR... --vkey VKEY      shards that follow each other, the oldest first
 *   audit-verify --proof FILE --vkey VKEY    one entry, by its c2sp.org/tlog-proof
 *
 * DIR is a c2sp.org/tlog-tiles folder: checkpoint, tile/<level>/..., tile/entries/.... It is sound
 * if the checkpoint is signed by VKEY and by nobody that cannot be checked, every entry of every
 * bundle hashes up through every tile to the checkpoint's root, older partial tiles are beginnings
 * of what follows them, and no other file is there. All files are read once, front to back.
 *
 * VKEY may be that of any shard of the log: they have one key, each under its own name, which is
 * printed. Shards follow each other if the first entry of each names the last tree of the one
 * before.
 *
 * Prints what is wrong, one line each, and exits with 1; with 2 if it was called wrongly.
 */
#include "clients/audit-verify/verify.h"
#include "common/base/arena.h"
#include "services/audit/checkpoint.h"
#include "services/audit/merkle.h"
#include "services/audit/note.h"
#include "services/audit/shard.h"
#include "services/audit/tiles.h"

#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUNDLE_BYTES_MAX (TILES_WIDTH * (2 + TILES_ENTRY_BYTES_MAX))

struct level {
    struct hash hashes[TILES_WIDTH]; /* of the tile that is being filled */
    unsigned width;
    uint64_t n;
};

struct verifier {
    int dir;
    struct checkpoint checkpoint;
    struct str linked; /* the checkpoint in its first entry; empty if that is no link */
    struct arena *arena;
    struct merkle_frontier frontier;
    struct level levels[MERKLE_TILE_LEVELS];
    uint8_t *bundle, *other; /* BUNDLE_BYTES_MAX each */
    unsigned faults;
};

static void fault(struct verifier *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct verifier *v, const char *fmt, ...)
{
    va_list args;

    v->faults++;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
}

/* The file's bytes, if it is a plain file (no link) of at most @max; else a fault. */
static bool read_file(struct verifier *v, const char *path, uint8_t *to, size_t max, size_t *ret_n)
{
    struct stat st;
    size_t n = 0;

    const int fd = openat(v->dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        fault(v, "%s: missing or unreadable", path);
        if (fd >= 0) close(fd);
        return false;
    }
    const bool fits = (uint64_t)st.st_size <= max;
    ssize_t got = 1;
    while (fits && n < max && got > 0) {
        got = read(fd, to + n, max - n);
        if (got > 0) n += (size_t)got;
    }
    close(fd);
    if (!fits || got < 0 || n != (size_t)st.st_size) {
        fault(v, "%s: %s", path, fits ? "unreadable" : "too large");
        return false;
    }
    *ret_n = n;
    return true;
}

static bool check_checkpoint(struct verifier *v, const struct note_key *given)
{
    uint8_t *text = arena_alloc(v->arena, NOTE_BYTES_MAX);
    struct note note;
    size_t n = 0;

    if (!read_file(v, "checkpoint", text, NOTE_BYTES_MAX, &n)) return false;
    const struct str signed_text = {(const char *)text, n};
    const struct note_key named = key_for(signed_text, given), *key = &named;
    if (note_open(signed_text, key, 1, &note) != ERR_OK) {
        fault(v, "checkpoint: not a note that this key has signed");
        return false;
    }
    if (note.unknown) fault(v, "checkpoint: %zu signatures cannot be checked", note.unknown);
    if (note.verified > 1) fault(v, "checkpoint: signed %zu times", note.verified);
    if (!checkpoint_parse(note.text, &v->checkpoint)) {
        fault(v, "checkpoint: signed, but not a checkpoint");
        return false;
    }
    if (!str_equal(v->checkpoint.origin, key->name)) {
        fault(v, "checkpoint: its origin is not the key's name");
    }
    return true;
}

/* The tile that @level is filled with must be on disk, byte for byte. */
static void check_tile(struct verifier *v, unsigned level)
{
    struct level *full = &v->levels[level];
    const struct tile tile = {level, full->n, full->width};
    const size_t expected = full->width * HASH_BYTES;
    char path[TILES_PATH_MAX];
    size_t n = 0;

    tiles_path(tile, path);
    if (!read_file(v, path, v->other, BUNDLE_BYTES_MAX, &n)) return;
    if (n != expected) {
        fault(v, "%s: %zu bytes where %zu belong", path, n, expected);
        return;
    }
    for (unsigned i = 0; i < full->width; i++) {
        if (memcmp(v->other + i * HASH_BYTES, full->hashes[i].b, HASH_BYTES) == 0) continue;
        fault(v, "%s: hash %u (entry %" PRIu64 ") is not that of the entries below it", path, i,
              (full->n * TILES_WIDTH + i) << 8 * level);
        return; /* the first tells where; the rest follow from it or are found when it is mended */
    }
}

static void append(struct verifier *v, struct bytes entry)
{
    struct hash added[MERKLE_TILE_LEVELS];
    struct str note;

    if (v->frontier.size == 0 && shard_link_parse(entry, &note))
        v->linked = arena_str(v->arena, note);
    const struct hash leaf = merkle_leaf(entry);
    const unsigned levels = merkle_append(&v->frontier, &leaf, added);

    for (unsigned i = 0; i < levels; i++) {
        struct level *level = &v->levels[i];
        level->hashes[level->width++] = added[i];
        if (level->width < TILES_WIDTH) continue;
        check_tile(v, i);
        level->width = 0;
        level->n++;
    }
}

/* False if the bundle is missing or broken: what comes after it cannot be placed. */
static bool check_bundle(struct verifier *v, uint64_t n)
{
    const unsigned width = tiles_width(v->checkpoint.size, TILES_ENTRIES, n);
    char path[TILES_PATH_MAX];
    struct bytes rest, entry;
    size_t bytes = 0;

    tiles_path((struct tile){TILES_ENTRIES, n, width}, path);
    if (!read_file(v, path, v->bundle, BUNDLE_BYTES_MAX, &bytes)) return false;
    rest = bytes_of(v->bundle, bytes);
    for (unsigned i = 0; i < width; i++) {
        if (!tiles_entry_next(&rest, &entry)) {
            fault(v, "%s: ends before entry %" PRIu64, path, n * TILES_WIDTH + i);
            return false;
        }
        append(v, entry);
    }
    if (rest.n) fault(v, "%s: %zu bytes after its last entry", path, rest.n);
    return true;
}

static void check_tree(struct verifier *v)
{
    const uint64_t size = v->checkpoint.size;

    for (uint64_t n = 0; n * TILES_WIDTH < size; n++) {
        if (!check_bundle(v, n)) return;
    }
    for (unsigned level = 0; level < MERKLE_TILE_LEVELS; level++) {
        if (v->levels[level].width) check_tile(v, level);
    }
    const struct hash root = merkle_root(&v->frontier);
    if (!hash_equal(&root, &v->checkpoint.root)) {
        fault(v, "checkpoint: its root is not that of the %" PRIu64 " entries", size);
    }
}

/* How many bytes the first @width hashes or entries of @content take; SIZE_MAX: not so many. */
static size_t prefix_bytes(struct tile tile, struct bytes content)
{
    struct bytes rest = content, entry;

    if (tile.level != TILES_ENTRIES) return tile.width * HASH_BYTES;
    for (unsigned i = 0; i < tile.width; i++) {
        if (!tiles_entry_next(&rest, &entry)) return SIZE_MAX;
    }
    return content.n - rest.n;
}

/* A partial tile of an older checkpoint may stay; it must begin what this tree has there. */
static void check_older(struct verifier *v, const char *path, struct tile tile, unsigned width)
{
    const struct tile now = {tile.level, tile.n, width};
    char now_path[TILES_PATH_MAX];
    size_t older_n = 0, now_n = 0;

    tiles_path(now, now_path);
    if (!read_file(v, path, v->other, BUNDLE_BYTES_MAX, &older_n)) return;
    if (!read_file(v, now_path, v->bundle, BUNDLE_BYTES_MAX, &now_n)) return;
    if (older_n != prefix_bytes(tile, bytes_of(v->bundle, now_n)) || older_n > now_n ||
        memcmp(v->other, v->bundle, older_n) != 0) {
        fault(v, "%s: is not the beginning of %s", path, now_path);
    }
}

static void check_known(struct verifier *v, const char *path)
{
    struct tile tile;

    if (strcmp(path, "checkpoint") == 0) return;
    if (!tiles_parse(str_of(path), &tile)) {
        fault(v, "%s: does not belong here", path);
        return;
    }
    const unsigned width = tiles_width(v->checkpoint.size, tile.level, tile.n);
    if (tile.width > width) {
        fault(v, "%s: is of a larger tree than the checkpoint's", path);
    } else if (tile.width < width) {
        check_older(v, path, tile, width);
    }
}

static void check_names(struct verifier *v, char *dir)
{
    char *const roots[] = {dir, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const size_t skip = strlen(dir) + 1;

    if (!tree) {
        fault(v, "%s: cannot be listed", dir);
        return;
    }
    for (FTSENT *at; (at = fts_read(tree));) {
        if (at->fts_info == FTS_D || at->fts_info == FTS_DP) continue;
        const char *path = at->fts_pathlen > skip ? at->fts_path + skip : at->fts_path;
        if (at->fts_info == FTS_F) {
            check_known(v, path);
        } else {
            fault(v, "%s: is not a plain file", path);
        }
    }
    fts_close(tree);
}

static void verify(struct verifier *v, char *dir, const struct note_key *key)
{
    for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--) {
        dir[n - 1] = '\0'; /* so that paths below it start after one slash */
    }
    v->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->dir < 0) {
        fault(v, "%s: not a folder", dir);
    } else if (check_checkpoint(v, key)) {
        check_tree(v);
        check_names(v, dir);
    }
    if (v->dir >= 0) close(v->dir);
}

/* @v begins with the last tree of @former, whatever else has signed that since. */
static void check_link(struct verifier *v, const struct checkpoint *former)
{
    struct checkpoint linked;

    if (!checkpoint_read_unsigned(v->linked, &linked) ||
        !str_equal(linked.origin, former->origin) || linked.size != former->size ||
        !hash_equal(&linked.root, &former->root))
        fault(v, "tile/entries/000: its first entry does not name the last tree of " STR_FMT,
              STR_ARG(former->origin));
}

static int verify_all(char **dirs, int count, const struct note_key *key)
{
    struct verifier *const all = calloc((size_t)count, sizeof(*all));
    struct arena *arena = arena_new((size_t)(count + 1) << 20);
    uint8_t *const buffers = malloc(2 * BUNDLE_BYTES_MAX);
    unsigned faults = 0;

    if (!all || !buffers) abort();
    for (int i = 0; i < count; i++) {
        struct verifier *const v = &all[i];

        v->arena = arena;
        v->bundle = buffers;
        v->other = buffers + BUNDLE_BYTES_MAX;
        verify(v, dirs[i], key);
        if (i && v->checkpoint.size) check_link(v, &v[-1].checkpoint);
        faults += v->faults;
        if (v->faults == 0) {
            printf("sound: " STR_FMT ", %" PRIu64 " entries\n", STR_ARG(v->checkpoint.origin),
                   v->checkpoint.size);
        }
    }
    arena_free(arena);
    free(buffers);
    free(all);
    return faults ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct note_key key;
    const bool proof = argc == 5 && strcmp(argv[1], "--proof") == 0;

    if (argc < 4 || strcmp(argv[argc - 2], "--vkey") != 0 || (argv[1][0] == '-' && !proof)) {
        fprintf(stderr, "usage: audit-verify DIR... --vkey VKEY\n"
                        "       audit-verify --proof FILE --vkey VKEY\n");
        return 2;
    }
    if (!note_key_parse(str_of(argv[argc - 1]), &key)) {
        fprintf(stderr, "audit-verify: not a verifying key\n");
        return 2;
    }
    const int status =
        proof ? proof_verify(argv[2], &key) : verify_all(argv + 1, argc - 3, &key);
    sign_key_free(key.key);
    return status;
}
