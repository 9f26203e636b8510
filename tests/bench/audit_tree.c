/*
 * audit_tree - logs as large as a bench wants them, made without the years that they take, and what
 * they cost.
 *
 *     audit_tree make DIR SIZE LEAVES     a whole log, signed; prints its verifying key
 *     audit_tree costs SMALL BIG LEAVES   appends at 10^4 and at 10^7 leaves, proofs at the latter
 *
 * DIR, SMALL and BIG are folders to be made; the log is in their folder log. Leaves repeat the
 * entries of the file LEAVES, each behind its length in two bytes. In BIG the hash tiles are all
 * there and entry bundles only for the last 10^5: what is before them has made-up leaf hashes.
 * `costs` prints one line of JSON: CPU and time of an append through the log's own code (BATCH
 * leaves a step, fsync and all, without PostgreSQL), bytes of proofs and CPU to verify one.
 */
#include "clients/audit-verify/verify.h"
#include "common/base/clock.h"
#include "services/audit/checkpoint.h"
#include "services/audit/log.h"
#include "services/audit/tiles.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORIGIN "audit.0a000000-0000-4000-8000-000000000001/2026h2"
#define SMALL_SIZE 10000
#define BIG_SIZE 10000000
#define BIG_BUNDLES 100000
#define ENTRIES_MAX 200000
#define BATCH 256
#define STEPS 20
#define PROOFS 200
#define PATH_BYTES 512
#define FILE_BYTES_MAX ((size_t)20 << 20)

static struct {
    struct bytes entries[ENTRIES_MAX];
    size_t n;
} leaves;

struct level {
    uint8_t hashes[TILES_WIDTH * HASH_BYTES];
    unsigned width;
    uint64_t n;
};

struct maker {
    const char *dir;
    uint64_t size, bundles_from;
    struct merkle_frontier frontier;
    struct level levels[MERKLE_TILE_LEVELS];
    uint8_t *bundle;
    size_t bundle_bytes;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "audit_tree: %s: %s\n", what, errno ? strerror(errno) : "no");
    exit(2);
}

static struct bytes entry_at(uint64_t index)
{
    return leaves.entries[index % leaves.n];
}

static void leaves_read(const char *path)
{
    struct stat is;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &is) != 0) die(path);
    uint8_t *const all = malloc((size_t)is.st_size + 1);
    if (!all || read(fd, all, (size_t)is.st_size) != is.st_size) die(path);
    close(fd);
    struct bytes rest = bytes_of(all, (size_t)is.st_size);
    while (leaves.n < ENTRIES_MAX && tiles_entry_next(&rest, &leaves.entries[leaves.n])) leaves.n++;
    if (leaves.n == 0) die(path);
}

/* ---- making ---- */

static void folders_make(char *path)
{
    for (char *at = path + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) die(path);
        *at = '/';
    }
}

static void file_write(const char *dir, const char *name, struct bytes from)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOENT) {
        folders_make(path);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    if (fd < 0 || write(fd, from.p, from.n) != (ssize_t)from.n || close(fd) != 0) die(path);
}

static void tile_write(const char *dir, struct tile tile, struct bytes from)
{
    char name[TILES_PATH_MAX];

    tiles_path(tile, name);
    file_write(dir, name, from);
}

static void level_write(struct maker *maker, unsigned number)
{
    struct level *const level = &maker->levels[number];
    const struct tile tile = {number, level->n, level->width};

    const struct bytes hashes = bytes_of(level->hashes, level->width * HASH_BYTES);

    if (level->width) tile_write(maker->dir, tile, hashes);
    level->width = 0;
    level->n++;
}

static void leaf_add(struct maker *maker, const struct hash *leaf)
{
    struct hash added[MERKLE_TILE_LEVELS];
    const unsigned grown = merkle_append(&maker->frontier, leaf, added);

    for (unsigned i = 0; i < grown; i++) {
        struct level *const level = &maker->levels[i];

        memcpy(level->hashes + level->width++ * HASH_BYTES, added[i].b, HASH_BYTES);
        if (level->width == TILES_WIDTH) level_write(maker, i);
    }
}

static void bundle_add(struct maker *maker, uint64_t index)
{
    const uint64_t n = index / TILES_WIDTH;

    maker->bundle_bytes += tiles_entry_write(entry_at(index), maker->bundle + maker->bundle_bytes);
    if ((index + 1) % TILES_WIDTH && index + 1 < maker->size) return;
    tile_write(maker->dir, (struct tile){TILES_ENTRIES, n, (unsigned)(index % TILES_WIDTH) + 1},
               bytes_of(maker->bundle, maker->bundle_bytes));
    maker->bundle_bytes = 0;
}

/* A log of @size leaves in @dir; only the last @bundles entries are kept. */
static void log_grow(struct log *log, uint64_t size, uint64_t bundles, struct arena *arena)
{
    struct maker *const maker = calloc(1, sizeof *maker);
    struct checkpoint now = {.origin = STR(ORIGIN), .size = size};

    if (!maker || !(maker->bundle = malloc(FILE_BYTES_MAX))) abort();
    maker->dir = log->dir;
    maker->size = size;
    maker->bundles_from = (size - bundles) / TILES_WIDTH * TILES_WIDTH;
    for (uint64_t i = 0; i < size; i++) {
        struct hash leaf = {{0}};

        if (i < maker->bundles_from) {
            memcpy(leaf.b, &i, sizeof i);
        } else {
            leaf = merkle_leaf(entry_at(i));
            bundle_add(maker, i);
        }
        leaf_add(maker, &leaf);
    }
    for (unsigned i = 0; i < MERKLE_TILE_LEVELS; i++) level_write(maker, i);
    now.root = log->root = merkle_root(&maker->frontier);
    log->frontier = maker->frontier;
    file_write(log->dir, "checkpoint",
               str_bytes(note_sign(arena, checkpoint_text(arena, &now), &log->key)));
    free(maker->bundle);
    free(maker);
}

/* ---- costs ---- */

static double cpu_us(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

struct cost { double cpu_us, us; size_t n; };

static void appends(struct log *log, struct cost *cost)
{
    struct arena *const arena = arena_new((size_t)64 << 20);
    struct bytes batch[BATCH];
    const double cpu = cpu_us();
    const int64_t began_us = clock_mono_us();

    for (int step = 0; step < STEPS; step++) {
        struct checkpoint next;

        arena_reset(arena);
        for (size_t i = 0; i < BATCH; i++) batch[i] = entry_at(log->frontier.size + i);
        if (log_stage(log, batch, BATCH, arena, &next) != ERR_OK ||
            log_publish(log, &next, arena) != ERR_OK)
            die(log->dir);
    }
    cost->cpu_us += cpu_us() - cpu;
    cost->us += (double)(clock_mono_us() - began_us);
    cost->n += (size_t)STEPS * BATCH;
    arena_free(arena);
}

/* Proofs of the last entries, as the service answers them; the longest of them, and microseconds to
 * verify one: the file read, the path folded, the signature checked. */
static void proofs(const struct log *log, struct arena *arena, size_t *ret_bytes, double *ret_us)
{
    const struct merkle_tree tree = log_tree(log->dir, log->frontier.size);
    struct checkpoint now;
    struct str note;
    char path[PATH_BYTES];
    double us = 0;
    const struct signers signers = {.log = log->key};

    *ret_bytes = 0;
    if (log_published(log->dir, &log->key, arena, &note, &now) != ERR_OK) die(log->dir);
    snprintf(path, sizeof path, "%s/proof", log->folder);
    for (unsigned i = 0; i < PROOFS; i++) {
        const uint64_t index = now.size - 1 - i * (BIG_BUNDLES / PROOFS);
        struct hash hashes[MERKLE_PROOF_MAX];
        char text[BASE64_LEN(TILES_ENTRY_BYTES_MAX) + 1];
        size_t n = 0;

        if (merkle_inclusion(&tree, index, hashes, &n) != ERR_OK) die("a proof");
        size_t m = base64_encode(entry_at(index), text);
        struct str all =
            arena_printf(arena, "c2sp.org/tlog-proof@v1\nextra %.*s\nindex %" PRIu64 "\n", (int)m,
                         text, index);
        for (size_t k = 0; k < n; k++) {
            m = base64_encode(bytes_of(hashes[k].b, HASH_BYTES), text);
            all = arena_printf(arena, STR_FMT "%.*s\n", STR_ARG(all), (int)m, text);
        }
        all = arena_printf(arena, STR_FMT "\n" STR_FMT, STR_ARG(all), STR_ARG(note));
        if (all.n > *ret_bytes) *ret_bytes = all.n;
        file_write(log->folder, "proof", str_bytes(all));
        const double cpu = cpu_us();
        if (proof_verify(path, &signers) != 0) die("a proof does not hold");
        us += cpu_us() - cpu;
    }
    *ret_us = us / PROOFS;
}

/* As the service has it: the log's folder in that of its organisation. */
static struct log log_of(const char *folder)
{
    struct log log = {.origin = ORIGIN};

    snprintf(log.folder, sizeof log.folder, "%s", folder);
    snprintf(log.heads, sizeof log.heads, "%s", folder);
    snprintf(log.dir, sizeof log.dir, "%s/log", folder);
    return log;
}

static void costs(struct log *small, struct log *big, struct arena *arena)
{
    struct cost at_small = {0}, at_big = {0};
    size_t proof_bytes;
    double proof_us;
    const int out = dup(STDOUT_FILENO);

    log_grow(small, SMALL_SIZE, SMALL_SIZE, arena);
    log_grow(big, BIG_SIZE, BIG_BUNDLES, arena);
    for (int round = 0; round < 2; round++) {
        appends(small, &at_small);
        appends(big, &at_big);
        appends(big, &at_big);
        appends(small, &at_small);
    }
    if (!freopen("/dev/null", "we", stdout)) die("/dev/null"); /* proof_verify() tells each */
    proofs(big, arena, &proof_bytes, &proof_us);
    dprintf(out,
            "{\"cpu_us_small\":%.2f,\"cpu_us_big\":%.2f,\"us_small\":%.2f,\"us_big\":%.2f,"
            "\"proof_bytes\":%zu,\"proof_us\":%.1f,\"size\":%" PRIu64 ",\"vkey\":\"" STR_FMT "\"}\n",
            at_small.cpu_us / (double)at_small.n, at_big.cpu_us / (double)at_big.n,
            at_small.us / (double)at_small.n, at_big.us / (double)at_big.n, proof_bytes, proof_us,
            big->frontier.size, STR_ARG(note_vkey(arena, &small->key)));
}

int main(int argc, char **argv)
{
    struct sign_key *const key = sign_key_new_ed25519();
    struct arena *const arena = arena_new((size_t)64 << 20);
    int64_t size = 0;

    if (argc != 5) die("make DIR SIZE LEAVES | costs SMALL BIG LEAVES");
    leaves_read(argv[4]);
    struct log one = log_of(argv[2]);
    one.key = note_key(str_of(one.origin), key);
    if (strcmp(argv[1], "make") == 0 && str_int(str_of(argv[3]), 1, BIG_SIZE, &size)) {
        log_grow(&one, (uint64_t)size, (uint64_t)size, arena);
        printf(STR_FMT "\n", STR_ARG(note_vkey(arena, &one.key)));
    } else {
        struct log two = log_of(argv[3]);

        two.key = note_key(str_of(two.origin), key);
        costs(&one, &two, arena);
    }
    arena_free(arena);
    sign_key_free(key);
    return 0;
}
