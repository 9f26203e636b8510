/*
 * append - one append to a log, without a database: what strace may break at every single syscall.
 *
 *   append FOLDER append N    loads, stages N leaves, moves the head, publishes
 *   append FOLDER next N      the same in the shard of the next half year, which begins with it
 *   append FOLDER again       as a start does: mends what a crash has left, checks everything; then
 *                             appends one leaf more
 *   append FOLDER inspect     what fsck finds in the files of the shard
 *   append FOLDER try N | try-next N    append or next, one operation of which FAIL breaks
 *                             (failing.h); then, as the sequencer does, the same process loads it
 *                             anew and goes on
 *
 * FOLDER has log/ (the log), head (what would be the rows in PostgreSQL) and key.
 */
#include "services/audit/inspect.h"
#include "services/audit/audit.h"
#include "tests/faults/failing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG "audit.0a000000-0000-4000-8000-000000000001/"
#define FIRST LOG "2026h2"
#define NEXT LOG "2027h1"
#define PATH_MAX_BYTES 300

struct row {
    uint64_t size;
    struct hash root;
    char origin[LOG_ORIGIN_MAX];
};

static struct {
    struct row now, former; /* former: without an origin there is none */
} head;

static void path_of(char to[PATH_MAX_BYTES], const char *folder, const char *name)
{
    snprintf(to, PATH_MAX_BYTES, "%s/%s", folder, name);
}

static void head_get(const char *folder)
{
    char path[PATH_MAX_BYTES];

    head.now = (struct row){0, hash_sha256(BYTES_NONE), FIRST};
    path_of(path, folder, "head");
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, &head, sizeof head) != sizeof head) abort();
    close(fd);
}

/* All or nothing, as PostgreSQL's COMMIT; of one that failed nobody knows which. */
static err_t head_set(const char *folder)
{
    const enum failing_when when = failing("head");
    char path[PATH_MAX_BYTES], new[PATH_MAX_BYTES];

    if (when == BEFORE) return ERR_UNAVAILABLE;
    const bool was = failing_arm(false); /* its files are no log's */
    path_of(path, folder, "head");
    path_of(new, folder, "head.new");
    const int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, &head, sizeof head) != sizeof head || close(fd) != 0) abort();
    if (rename(new, path) != 0) abort();
    failing_arm(was);
    return when == AFTER ? ERR_UNAVAILABLE : ERR_OK;
}

static struct head row_of(const struct row *row)
{
    return (struct head){.origin = str_of(row->origin),
                         .size = (int64_t)row->size,
                         .root = bytes_of(row->root.b, HASH_BYTES)};
}

static err_t load(struct log *log, bool deep, struct arena *arena)
{
    const struct head now = row_of(&head.now), former = row_of(&head.former);

    TRY(log_name(log, now.origin));
    TRY(log_load(log, &now, former.origin.n ? &former : NULL, deep, arena));
    return now.size == 0 ? log_make(log, arena) : ERR_OK;
}

static err_t append(struct log *log, const char *folder, size_t n, struct arena *arena)
{
    struct bytes *const leaves = ARENA_ARRAY(arena, struct bytes, n + 1);
    const bool links = head.now.size == 0 && *head.former.origin;
    struct checkpoint next;

    TRY(load(log, false, arena));
    if (links) TRY(log_link(log, 1798761600000, arena, &leaves[0]));
    for (size_t i = 0; i < n; i++)
        leaves[links + i] =
            str_bytes(arena_printf(arena, "leaf %" PRIu64, head.now.size + links + i));
    TRY(log_stage(log, leaves, n + links, arena, &next));
    head.now.size = next.size;
    head.now.root = next.root;
    TRY(head_set(folder));
    return log_publish(log, &next, arena);
}

/* As shard_next() of the sequencer: one row is closed and the next begun, in one transaction. */
static err_t next(struct log *log, const char *folder, size_t n, struct arena *arena)
{
    TRY(load(log, false, arena));
    head.former = head.now;
    head.now = (struct row){0, hash_sha256(BYTES_NONE), NEXT};
    TRY(head_set(folder));
    return append(log, folder, n, arena);
}

/* The first load mends, and checks entries and tiles. */
static err_t again(struct log *log, const char *folder, struct arena *arena)
{
    TRY(load(log, true, arena));
    return append(log, folder, 1, arena);
}

/* As a turn of the sequencer and the next one: what was known is forgotten, head and files tell. */
static err_t try_on(struct log *log, const char *folder, bool begins, size_t n,
                    struct arena *arena)
{
    struct log anew = {.org = log->org};

    memcpy(anew.folder, log->folder, sizeof anew.folder);
    memcpy(anew.heads, log->heads, sizeof anew.heads);
    failing_arm(true);
    const err_t err = begins ? next(log, folder, n, arena) : append(log, folder, n, arena);
    if (failing("end") == CUT) failing_cut();
    failing_arm(false);
    failing_told();
    head_get(folder);
    if (err != ERR_OK) TRY(load(&anew, true, arena));
    failing_unsynced(); /* what is published now may get its receipts */
    if (err == ERR_OK) return ERR_OK;
    return append(&anew, folder, 1, arena);
}

static void say(const char *line)
{
    puts(line);
}

static int inspect(struct log *log)
{
    struct inspection in = {.dir = log->dir, .key = &log->key, .say = say};

    in.head = (struct checkpoint){str_of(log->origin), head.now.size, head.now.root};
    inspect_tree(&in);
    inspect_checkpoint(&in);
    inspect_names(&in);
    return in.found ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct log log = {.alive = NULL};
    char path[PATH_MAX_BYTES];
    err_t err = ERR_OK;
    int code = 0;

    if (argc < 3) return 64;
    path_of(log.folder, argv[1], "log");
    path_of(log.heads, argv[1], "log");
    path_of(path, argv[1], "key");
    mkdir(log.folder, 0700);
    failing_watch(log.folder);
    uuid_parse(STR("0a000000-0000-4000-8000-000000000001"), &log.org);
    if (log_key_open(path) != ERR_OK) return 69;
    head_get(argv[1]);
    const size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
    struct arena *arena = arena_new((size_t)16 << 20);
    if (strcmp(argv[2], "append") == 0)
        err = append(&log, argv[1], n, arena);
    else if (strcmp(argv[2], "next") == 0)
        err = next(&log, argv[1], n, arena);
    else if (strcmp(argv[2], "again") == 0)
        err = again(&log, argv[1], arena);
    else if (strcmp(argv[2], "try") == 0)
        err = try_on(&log, argv[1], false, n, arena);
    else if (strcmp(argv[2], "try-next") == 0)
        err = try_on(&log, argv[1], true, n, arena);
    else if ((err = load(&log, false, arena)) == ERR_OK)
        code = inspect(&log);
    arena_free(arena);
    log_key_close();
    return err == ERR_OK ? code : 1;
}
