/*
 * audit-export - the log of one organisation as plain c2sp.org/tlog-tiles files, for audit-verify
 * and other people's programs.
 *
 *   audit-export LOG DIR            the shard that is written now
 *   audit-export LOG DIR SHARD      another one, as 2026h1
 *   audit-export LOG DIR all        every one, each in DIR/<shard>
 *
 * LOG is a folder below audit's log_dir, or a shard's folder below that; DIR is empty, or to be
 * made.
 * Copies the checkpoint that is published now and only the tiles and bundles of its tree, while the
 * log goes on. It checks nothing: that is audit-verify's business.
 *
 * Exits with 1 and says what is wrong, with 64 when it was called wrongly.
 */
#include "services/audit/checkpoint.h"
#include "services/audit/shard.h"
#include "services/audit/store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool folder_is_empty(const char *dir)
{
    DIR *list;
    int files = 0;

    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        fprintf(stderr, "%s: %s\n", dir, strerror(errno));
        return false;
    }
    list = opendir(dir);
    while (list && readdir(list)) files++;
    if (list) closedir(list);
    if (list && files == 2) return true; /* . and .. */
    fprintf(stderr, "%s: %s\n", dir, list ? "is not empty; name another folder" : strerror(errno));
    return false;
}

static err_t tile_copy(const char *log, const char *dir, struct tile tile, struct arena *arena)
{
    char name[TILES_PATH_MAX];
    struct bytes bytes;

    tiles_path(tile, name);
    const err_t err = store_tile(log, tile, arena, &bytes);
    if (err != ERR_OK) {
        fprintf(stderr, "%s/%s: %s\n", log, name, err_info(err)->text);
        return err;
    }
    TRY(store_write(dir, name, bytes));
    arena_reset(arena);
    return ERR_OK;
}

static err_t tiles_copy(const char *log, const char *dir, uint64_t size, struct arena *arena)
{
    for (unsigned level = 0; level <= TILES_ENTRIES; level++) {
        unsigned width;

        for (uint64_t n = 0; (width = tiles_width(size, level, n)); n++)
            TRY(tile_copy(log, dir, (struct tile){level, n, width}, arena));
    }
    return ERR_OK;
}

static int shard_export(const char *log, const char *dir, struct arena *checkpoint,
                        struct arena *arena)
{
    struct bytes bytes;
    struct checkpoint tree;

    if (store_read(log, "checkpoint", checkpoint, &bytes) != ERR_OK) {
        fprintf(stderr, "%s: has no checkpoint that can be read\n", log);
        return 1;
    }
    /* Whether it was signed is for audit-verify to say. */
    if (!checkpoint_read_unsigned((struct str){(const char *)bytes.p, bytes.n}, &tree)) {
        fprintf(stderr, "%s/checkpoint: is not a checkpoint\n", log);
        return 1;
    }
    if (tiles_copy(log, dir, tree.size, arena) != ERR_OK) return 1;
    if (store_write(dir, "checkpoint", bytes) != ERR_OK)
        return 1; /* the last: a whole log has one */
    printf("exported: %llu entries of " STR_FMT " to %s\n", (unsigned long long)tree.size,
           STR_ARG(tree.origin), dir);
    arena_reset(checkpoint);
    return 0;
}

static int is_shard(const struct dirent *file)
{
    return shard_is_name(str_of(file->d_name));
}

static int shards_export(const char *log, const char *dir, const char *which, struct arena *paths)
{
    struct arena *const checkpoint = arena_new(STORE_FILE_BYTES_MAX),
                 *const arena = arena_new(STORE_FILE_BYTES_MAX);
    struct dirent **shards;
    const int n = scandir(log, &shards, is_shard, alphasort);
    const char *newest = NULL;
    int done = 0, status = 0;

    for (int i = 0; i < n; i++) {
        const char *const name = shards[i]->d_name;
        const char *const from = arena_cstr(paths, arena_printf(paths, "%s/%s", log, name));
        const bool all = which && strcmp(which, "all") == 0;

        if (!store_exists(from, "checkpoint")) continue; /* it has just begun */
        newest = from;
        if (!which || (!all && strcmp(which, name) != 0)) continue;
        const struct str below = arena_printf(paths, "%s/%s", dir, name);
        const char *const to = all ? arena_cstr(paths, below) : dir;
        if (all && !folder_is_empty(to)) status = 1;
        if (status == 0) status = shard_export(from, to, checkpoint, arena);
        done++;
    }
    if (!which) status = shard_export(newest ? newest : log, dir, checkpoint, arena);
    if (which && !done) fprintf(stderr, "%s: has no shard %s\n", log, which);
    for (int i = 0; i < n; i++) free(shards[i]);
    if (n >= 0) free(shards);
    arena_free(checkpoint);
    arena_free(arena);
    return which && !done ? 1 : status;
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: %s LOG DIR [SHARD|all]\n", argv[0]);
        return 64;
    }
    if (!folder_is_empty(argv[2])) return 1;

    struct arena *const paths = arena_new((size_t)1 << 20);
    const int status = shards_export(argv[1], argv[2], argc == 4 ? argv[3] : NULL, paths);
    arena_free(paths);
    return status;
}
