/*
 * append - one append to a log, without a database: what strace may break at every single syscall.
 *
 *   append FOLDER append N    loads, stages N leaves, moves the head, publishes
 *   append FOLDER again       as a start does: mends what a crash has left, checks everything; then
 *                             appends one leaf more
 *   append FOLDER inspect     what fsck finds in the files
 *
 * FOLDER has log/ (the log), head (what would be the row in PostgreSQL) and key.
 */
#include "services/audit/inspect.h"
#include "services/audit/audit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORIGIN "audit.0a000000-0000-4000-8000-000000000001/2026h2"
#define PATH_MAX_BYTES 300

static struct {
    uint64_t size;
    struct hash root;
} head;

static void path_of(char to[PATH_MAX_BYTES], const char *folder, const char *name)
{
    snprintf(to, PATH_MAX_BYTES, "%s/%s", folder, name);
}

static void head_get(const char *folder)
{
    char path[PATH_MAX_BYTES];

    head.root = hash_sha256(BYTES_NONE);
    path_of(path, folder, "head");
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, &head, sizeof head) != sizeof head) abort();
    close(fd);
}

/* All or nothing, as PostgreSQL's COMMIT. */
static void head_set(const char *folder, const struct checkpoint *next)
{
    char path[PATH_MAX_BYTES], new[PATH_MAX_BYTES];

    path_of(path, folder, "head");
    path_of(new, folder, "head.new");
    head.size = next->size;
    head.root = next->root;
    const int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, &head, sizeof head) != sizeof head || close(fd) != 0) abort();
    if (rename(new, path) != 0) abort();
}

static err_t load(struct log *log, bool deep, struct arena *arena)
{
    const struct head row = {.origin = STR(ORIGIN),
                             .size = (int64_t)head.size,
                             .root = bytes_of(head.root.b, HASH_BYTES)};

    return log_load(log, &row, deep, arena);
}

static err_t append(struct log *log, const char *folder, size_t n, struct arena *arena)
{
    struct bytes *const leaves = ARENA_ARRAY(arena, struct bytes, n);
    struct checkpoint next;

    for (size_t i = 0; i < n; i++)
        leaves[i] = str_bytes(arena_printf(arena, "leaf %" PRIu64, head.size + i));
    TRY(load(log, false, arena));
    TRY(log_stage(log, leaves, n, arena, &next));
    head_set(folder, &next);
    return log_publish(log, &next, arena);
}

/* The first load mends, and checks entries and tiles. */
static err_t again(struct log *log, const char *folder, struct arena *arena)
{
    TRY(load(log, true, arena));
    return append(log, folder, 1, arena);
}

static void say(const char *line)
{
    puts(line);
}

static int inspect(struct log *log)
{
    struct inspection in = {.dir = log->dir, .key = &log->key, .say = say};

    in.head = (struct checkpoint){STR(ORIGIN), head.size, head.root};
    inspect_tree(&in);
    inspect_checkpoint(&in);
    inspect_names(&in);
    return in.found ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct log log = {.origin = ORIGIN};
    char path[PATH_MAX_BYTES];
    err_t err = ERR_OK;
    int code = 0;

    if (argc < 3) return 64;
    path_of(log.dir, argv[1], "log");
    path_of(path, argv[1], "key");
    mkdir(log.dir, 0700);
    if (log_key_open(path) != ERR_OK) return 69;
    log.key = log_key_of(log.origin);
    head_get(argv[1]);
    struct arena *arena = arena_new((size_t)16 << 20);
    if (strcmp(argv[2], "append") == 0)
        err = append(&log, argv[1], (size_t)(argc > 3 ? strtoul(argv[3], NULL, 10) : 1), arena);
    else if (strcmp(argv[2], "again") == 0)
        err = again(&log, argv[1], arena);
    else
        code = inspect(&log);
    arena_free(arena);
    log_key_close();
    return err == ERR_OK ? code : 1;
}
