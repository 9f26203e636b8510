/* One shard of a log: every file of its folder. */
#include "clients/audit-verify/verify.h"
#include "services/audit/shard.h"

#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void fault(struct verifier *v, const char *fmt, ...)
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

static bool check_checkpoint(struct verifier *v, const struct signers *signers, bool newest)
{
    uint8_t *text = arena_alloc(v->arena, NOTE_BYTES_MAX);
    size_t n = 0;

    if (!read_file(v, "checkpoint", text, NOTE_BYTES_MAX, &n)) return false;
    const struct str note = {(const char *)text, n};
    const struct str wrong = signers_all(note, signers, newest, v->arena, &v->checkpoint);
    if (wrong.n) fault(v, "checkpoint: " STR_FMT, STR_ARG(wrong));
    return v->checkpoint.origin.n > 0;
}

/* The tile that @level is filled with must be on disk, byte for byte. */
static void check_tile(struct verifier *v, unsigned level)
{
    struct filling *full = &v->levels[level];
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

/* Where the tree is as large as the kept one was, it is that one. */
static void check_kept(struct verifier *v)
{
    if (!v->kept || v->frontier.size != v->kept->size) return;
    const struct hash root = merkle_root(&v->frontier);
    if (!hash_equal(&root, &v->kept->root))
        fault(v, "checkpoint: the first %" PRIu64 " entries are not those that were kept",
              v->kept->size);
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
        struct filling *level = &v->levels[i];
        level->hashes[level->width++] = added[i];
        if (level->width < TILES_WIDTH) continue;
        check_tile(v, i);
        level->width = 0;
        level->n++;
    }
    check_kept(v);
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

    check_kept(v); /* of a tree without entries */
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

/* Remembers @kept if it is of this shard; a smaller tree than that one has lost its end. */
static void compare(struct verifier *v, const struct checkpoint *kept)
{
    if (!kept || !str_equal(kept->origin, v->checkpoint.origin)) return;
    v->kept = kept;
    if (v->checkpoint.size < kept->size)
        fault(v, "checkpoint: %" PRIu64 " entries where there were %" PRIu64 ": the end is missing",
              v->checkpoint.size, kept->size);
}

void folder_verify(struct verifier *v, char *dir, const struct signers *signers, bool newest,
                   const struct checkpoint *kept)
{
    for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--) {
        dir[n - 1] = '\0'; /* so that paths below it start after one slash */
    }
    v->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->dir < 0) {
        fault(v, "%s: not a folder", dir);
    } else if (check_checkpoint(v, signers, newest)) {
        compare(v, kept);
        check_tree(v);
        check_names(v, dir);
    }
    if (v->dir >= 0) close(v->dir);
}
