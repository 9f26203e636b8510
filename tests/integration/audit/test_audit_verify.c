/*
 * An exported log, written by the audit service's own modules, is sound to bin/audit-verify and to
 * a Go program built on golang.org/x/mod; each kind of tampering is named by the first, and what
 * touches an entry, a tile or the checkpoint is refused by the second too.
 */
#include "common/base/arena.h"
#include "services/audit/checkpoint.h"
#include "services/audit/merkle.h"
#include "services/audit/note.h"
#include "services/audit/tiles.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define SIZE 700
#define SIZE_LARGE 65900 /* tiles of three levels */
#define ORIGIN "audit.example/2026h2"
#define GO_FOLDER "tests/integration/audit_go"

static char dir[64], verifier[4096], go_reader[128];
static struct arena *arena;
static struct note_key key;

static struct hash level[MERKLE_TILE_LEVELS][SIZE_LARGE];
static size_t level_n[MERKLE_TILE_LEVELS];
static uint8_t *bundles;
static size_t offset[SIZE_LARGE + 1];

/* Exit status of a command line; all that was printed is in @ret_said. */
static int shell(struct str command, char ret_said[4096])
{
    int ends[2], status = -1;
    size_t n = 0;

    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        execl("/bin/sh", "sh", "-c", arena_cstr(arena, command), NULL);
        _exit(127);
    }
    close(ends[1]);
    for (ssize_t got; (got = read(ends[0], ret_said + n, 4095 - n)) > 0;) n += (size_t)got;
    ret_said[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void write_file(const char *path, const void *from, size_t n, const char *mode)
{
    const struct str full = arena_printf(arena, "%s/%s", dir, path);
    char *name = arena_cstr(arena, full);

    for (char *at = name + strlen(dir) + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        mkdir(name, 0700);
    }
    FILE *file = fopen(name, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(from, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void write_tile(struct tile tile)
{
    char path[TILES_PATH_MAX];
    const size_t first = tile.n * TILES_WIDTH;

    tiles_path(tile, path);
    if (tile.level == TILES_ENTRIES) {
        write_file(path, bundles + offset[first], offset[first + tile.width] - offset[first], "w");
    } else {
        write_file(path, level[tile.level][first].b, tile.width * HASH_BYTES, "w");
    }
}

static void given_log(size_t size)
{
    struct merkle_frontier frontier = {0};
    struct hash added[MERKLE_TILE_LEVELS];
    char said[4096];

    assert_int_equal(shell(arena_printf(arena, "rm -rf %s/*", dir), said), 0);
    memset(level_n, 0, sizeof(level_n));
    for (size_t i = 0; i < size; i++) {
        const struct str entry = arena_printf(arena, "entry %zu", i);
        offset[i + 1] = offset[i] + tiles_entry_write(str_bytes(entry), bundles + offset[i]);
        const struct hash leaf = merkle_leaf(str_bytes(entry));
        const unsigned levels = merkle_append(&frontier, &leaf, added);
        for (unsigned l = 0; l < levels; l++) {
            level[l][level_n[l]++] = added[l];
        }
    }
    for (unsigned l = 0; l <= TILES_ENTRIES; l++) {
        unsigned width;
        for (uint64_t n = 0; (width = tiles_width(size, l, n)); n++) {
            write_tile((struct tile){l, n, width});
        }
    }
    const struct checkpoint checkpoint = {STR(ORIGIN), size, merkle_root(&frontier)};
    const struct str note = note_sign(arena, checkpoint_text(arena, &checkpoint), &key);
    write_file("checkpoint", note.p, note.n, "w");
    /* partial tiles of an older checkpoint, which may stay */
    write_tile((struct tile){TILES_ENTRIES, 0, 17});
    write_tile((struct tile){0, 0, 17});
}

/* Runs a verifier on the log. */
static int run(const char *program, const char *between, char ret_said[4096])
{
    const struct str vkey = note_vkey(arena, &key);
    const struct str command = arena_printf(arena, "%s %s %s '" STR_FMT "' 2>&1", program, dir,
                                            between, STR_ARG(vkey));

    return shell(command, ret_said);
}

static void assert_named(const char *what)
{
    char said[4096];

    const int status = run(verifier, "--vkey", said);
    if (status != 1 || !strstr(said, what)) fail_msg("%d, no \"%s\": %s", status, what, said);
}

static void assert_refused_by_go(void)
{
    char said[4096];

    if (go_reader[0]) assert_int_equal(run(go_reader, "", said), 1);
}

static void a_sound_log_is_sound(void **state)
{
    (void)state;
    char said[4096];

    given_log(SIZE);
    assert_int_equal(run(verifier, "--vkey", said), 0);
    assert_string_equal(said, "sound: " ORIGIN ", 700 entries\n");
    if (go_reader[0]) {
        assert_int_equal(run(go_reader, "", said), 0);
        assert_string_equal(said, "sound: 700 entries\n");
    }
}

static void logs_of_all_kinds_of_size_are_sound(void **state)
{
    (void)state;
    static const size_t sizes[] = {17, 255, 256, 257, 512, SIZE_LARGE};
    char said[4096];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        given_log(sizes[i]);
        if (run(verifier, "--vkey", said) != 0) fail_msg("%zu: %s", sizes[i], said);
        if (!go_reader[0] || sizes[i] > 1000) continue;
        if (run(go_reader, "", said) != 0) fail_msg("Go, %zu: %s", sizes[i], said);
    }
}

/* The byte at @at of the file, changed by one bit. */
static void flip(const char *path, long at)
{
    FILE *file = fopen(arena_cstr(arena, arena_printf(arena, "%s/%s", dir, path)), "r+");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}

static void each_changed_file_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *path, *named;
        long at;
    } changes[] = {
        {"tile/entries/000", "tile/0/000: hash 0 (entry 0)", 2},
        {"tile/entries/001", "tile/0/001: hash 2 (entry 258)", 26},
        {"tile/entries/002.p/188", "tile/0/002.p/188: hash 0 (entry 512)", 2},
        {"tile/0/000", "tile/0/000: hash 5 (entry 5)", 5 * 32},
        {"tile/0/002.p/188", "tile/0/002.p/188: hash 187 (entry 699)", 187 * 32 + 31},
        {"tile/1/000.p/2", "tile/1/000.p/2: hash 1 (entry 256)", 32},
        {"checkpoint", "checkpoint: not a note", 0},
        {"checkpoint", "checkpoint: not a note", 22}, /* the size */
        {"checkpoint", "checkpoint: not a note", 140},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        given_log(SIZE);
        flip(changes[i].path, changes[i].at);
        assert_named(changes[i].named);
        assert_refused_by_go();
    }
}

static void what_does_not_belong_is_named(void **state)
{
    (void)state;
    given_log(SIZE);
    write_file("tile/README", "x", 1, "w");
    assert_named("tile/README: does not belong here");
    given_log(SIZE);
    write_file("tile/0/003", "x", 1, "w");
    assert_named("tile/0/003: is of a larger tree");
    given_log(SIZE);
    write_file("tile/entries/000", "x", 1, "a");
    assert_named("tile/entries/000: 1 bytes after its last entry");
    given_log(SIZE);
    write_file("tile/0/001", "x", 1, "a");
    assert_named("tile/0/001: 8193 bytes where 8192 belong");
    given_log(SIZE);
    flip("tile/0/000.p/17", 40);
    assert_named("tile/0/000.p/17: is not the beginning of tile/0/000");
    given_log(SIZE);
    flip("tile/entries/000.p/17", 2);
    assert_named("tile/entries/000.p/17: is not the beginning of tile/entries/000");
}

static void remove_file(const char *path)
{
    assert_int_equal(unlink(arena_cstr(arena, arena_printf(arena, "%s/%s", dir, path))), 0);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    static const char *const paths[] = {"tile/entries/001", "tile/0/001", "tile/1/000.p/2"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        given_log(SIZE);
        remove_file(paths[i]);
        assert_named(arena_cstr(arena, arena_printf(arena, "%s: missing", paths[i])));
        assert_refused_by_go();
    }
    given_log(SIZE);
    remove_file("checkpoint");
    assert_named("checkpoint: missing");
    given_log(SIZE);
    remove_file("tile/0/001");
    const struct str link = arena_printf(arena, "%s/tile/0/001", dir);
    assert_int_equal(symlink("000", arena_cstr(arena, link)), 0);
    assert_named("tile/0/001: is not a plain file");
}

static void a_signature_that_cannot_be_checked_is_named(void **state)
{
    (void)state;
    static const char line[] = "\xe2\x80\x94 witness.example/w AAAAAAAA\n";

    given_log(SIZE);
    write_file("checkpoint", line, sizeof(line) - 1, "a");
    assert_named("checkpoint: 1 signatures cannot be checked");
}

static void another_origin_is_named(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = {STR("audit.example/other"), SIZE, {{0}}};

    given_log(SIZE);
    const struct str note = note_sign(arena, checkpoint_text(arena, &checkpoint), &key);
    write_file("checkpoint", note.p, note.n, "w");
    assert_named("checkpoint: its origin is not the key's name");
    assert_named("checkpoint: its root is not that of the 700 entries");
    assert_refused_by_go();
}

static int setup(void **state)
{
    (void)state;
    char said[4096];

    arena = arena_new(256 << 20);
    bundles = malloc(SIZE_LARGE * 20);
    key = note_key(STR(ORIGIN), sign_key_new_ed25519());
    snprintf(dir, sizeof(dir), "/tmp/telecura-audit-XXXXXX");
    if (!bundles || !mkdtemp(dir)) return -1;

    /* this is <build>/tests/integration/audit/test_audit_verify */
    const ssize_t n = readlink("/proc/self/exe", verifier, sizeof(verifier) - 64);
    if (n < 0) return -1;
    verifier[n] = '\0';
    char *end = strstr(verifier, "/tests/integration/audit/");
    if (!end) return -1;
    snprintf(end, 64, "/bin/audit-verify");

    snprintf(go_reader, sizeof(go_reader), "%s-go", dir);
    const struct str build = arena_printf(
        arena, "cd " GO_FOLDER " && (go build -o %s . || GO111MODULE=off GOPATH=/usr/share/gocode "
               "go build -o %s .) 2>/dev/null", go_reader, go_reader);
    if (shell(build, said) != 0) {
        go_reader[0] = '\0';
        printf("WITHOUT the Go reader: no go, or no golang.org/x/mod\n");
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char said[4096];
    const struct str clear = arena_printf(arena, "rm -rf %s %s-go", dir, dir);
    const int status = shell(clear, said);
    sign_key_free(key.key);
    free(bundles);
    arena = arena_free(arena);
    return status;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_log_is_sound),
        cmocka_unit_test(logs_of_all_kinds_of_size_are_sound),
        cmocka_unit_test(each_changed_file_is_named),
        cmocka_unit_test(what_does_not_belong_is_named),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_signature_that_cannot_be_checked_is_named),
        cmocka_unit_test(another_origin_is_named),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
