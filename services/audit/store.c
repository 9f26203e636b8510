#include "services/audit/store.h"

#include "common/crypto/hash.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BYTES_MAX 4096

struct path {
    char text[STORE_PATH_MAX];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
}

#define AUTO_CLOSE __attribute__((cleanup(close_fd)))

static struct path path_of_str(const char *dir, struct str name)
{
    struct path path;
    const int n = snprintf(path.text, sizeof path.text, "%s/" STR_FMT, dir, STR_ARG(name));

    if (n < 0 || (size_t)n >= sizeof path.text) path.text[0] = '\0'; /* opens nothing */
    return path;
}

static struct path path_of(const char *dir, const char *name)
{
    return path_of_str(dir, str_of(name));
}

static struct path folder_of(struct path path)
{
    *strrchr(path.text, '/') = '\0';
    return path;
}

static err_t trouble(const char *what, const char *path)
{
    return err_raise(ERR_UNAVAILABLE, "%s %s: %s", what, path, strerror(errno));
}

/* ---- read ---- */

static err_t read_all(int fd, const char *path, uint8_t *to, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const ssize_t n = read(fd, to + at, bytes - at);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return trouble("cannot read", path);
        if (n == 0) return err_raise(ERR_CORRUPT, "%s: became shorter while it was read", path);
        at += (size_t)n;
    }
    return ERR_OK;
}

err_t store_read(const char *dir, const char *name, struct arena *arena, struct bytes *ret)
{
    const struct path path = path_of(dir, name);
    AUTO_CLOSE int fd = open(path.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat is;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
                                                   : trouble("cannot open", path.text);
    if (fstat(fd, &is) != 0 || !S_ISREG(is.st_mode))
        return err_raise(ERR_CORRUPT, "%s: is not a plain file", path.text);

    const size_t bytes = (size_t)is.st_size;
    uint8_t *to = bytes <= STORE_FILE_BYTES_MAX ? arena_try(arena, bytes + 1) : NULL;
    if (!to) return err_raise(ERR_INTERNAL, "%s: %zu bytes are too many", path.text, bytes);
    TRY(read_all(fd, path.text, to, bytes));
    *ret = bytes_of(to, bytes);
    return ERR_OK;
}

/* ---- write ---- */

static err_t folder_sync(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0 ? ERR_OK : trouble("cannot sync", path);
}

err_t store_folder(const char *dir)
{
    if (mkdir(dir, 0750) != 0)
        return errno == EEXIST ? ERR_OK : trouble("cannot make", dir);
    return folder_sync(path_of(dir, "..").text);
}

err_t store_settle(const char *dir)
{
    AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) return ERR_OK;
    return fd >= 0 && syncfs(fd) == 0 ? ERR_OK : trouble("cannot sync", dir);
}

/* Every folder above @path, below @dir. */
static err_t folders_make(const char *dir, struct path path)
{
    char *at = path.text + strlen(dir);

    while ((at = strchr(at + 1, '/'))) {
        *at = '\0';
        TRY(store_folder(path.text));
        *at = '/';
    }
    return ERR_OK;
}

static err_t write_all(int fd, const char *path, struct bytes from)
{
    for (size_t at = 0; at < from.n;) {
        const ssize_t n = write(fd, from.p + at, from.n - at);

        if (n < 0 && errno != EINTR) return trouble("cannot write", path);
        if (n > 0) at += (size_t)n;
    }
    return ERR_OK;
}

static err_t write_synced(int fd, const char *path, struct bytes from)
{
    TRY(write_all(fd, path, from));
    return fsync(fd) == 0 ? ERR_OK : trouble("cannot sync", path);
}

static int create(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
}

err_t store_write(const char *dir, const char *name, struct bytes from)
{
    const struct path new = path_of(dir, ".new");
    const struct path path = path_of(dir, name);

    TRY(folders_make(dir, path));
    AUTO_CLOSE int fd = create(new.text);
    if (fd < 0) return trouble("cannot write", new.text);
    TRY(write_synced(fd, new.text, from));
    if (rename(new.text, path.text) != 0) return trouble("cannot put in place", path.text);
    return folder_sync(folder_of(path).text);
}

/* ---- many at once ---- */

/* Under its name and open, not synced. Its folders are there, as a rule. */
static err_t put(const char *dir, const struct stage_file *file, int *ret_fd)
{
    const struct path new = path_of(dir, ".new"), path = path_of_str(dir, file->name);
    AUTO_CLOSE int fd = create(new.text);

    if (fd < 0) return trouble("cannot write", new.text);
    TRY(write_all(fd, new.text, file->bytes));
    int placed = rename(new.text, path.text);
    if (placed != 0 && errno == ENOENT) {
        TRY(folders_make(dir, path));
        placed = rename(new.text, path.text);
    }
    if (placed != 0) return trouble("cannot put in place", path.text);
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* begins; fsync waits for the end */
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

/* Neighbours lie in one folder, mostly. */
static err_t folders_sync(const char *dir, const struct stage_file *files, size_t n)
{
    struct path last = {""};

    for (size_t i = 0; i < n; i++) {
        const struct path path = folder_of(path_of_str(dir, files[i].name));

        if (strcmp(path.text, last.text) != 0) TRY(folder_sync(path.text));
        last = path;
    }
    return ERR_OK;
}

err_t store_write_all(const char *dir, const struct stage_file *files, size_t n)
{
    int fds[STAGE_FILES_MAX];
    err_t err = ERR_OK;
    size_t open_n = 0;

    assert(n <= STAGE_FILES_MAX);
    while (open_n < n && (err = put(dir, &files[open_n], &fds[open_n])) == ERR_OK) open_n++;
    for (size_t i = 0; i < open_n; i++) {
        if (err == ERR_OK && fsync(fds[i]) != 0)
            err = trouble("cannot sync", path_of_str(dir, files[i].name).text);
        close(fds[i]);
    }
    return err == ERR_OK ? folders_sync(dir, files, n) : err;
}

/* ---- add ---- */

err_t store_append(const char *dir, const char *name, struct bytes line)
{
    const struct path path = path_of(dir, name);
    struct stat is;
    char last = '\n';

    TRY(folders_make(dir, path));
    AUTO_CLOSE int fd =
        open(path.text, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0 || fstat(fd, &is) != 0) return trouble("cannot write", path.text);
    if (is.st_size > 0 && pread(fd, &last, 1, is.st_size - 1) != 1)
        return trouble("cannot read", path.text);
    if (last != '\n') TRY(write_synced(fd, path.text, bytes_of("\n", 1)));
    TRY(write_synced(fd, path.text, line));
    return is.st_size > 0 ? ERR_OK : folder_sync(folder_of(path).text);
}

err_t store_sync(const char *dir, const char *name)
{
    const struct path path = path_of(dir, name);
    AUTO_CLOSE int fd = open(path.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0 ? folder_sync(dir) : trouble("cannot sync", path.text);
}

/* Of what was read from the middle of a file: from the first line that begins there to the last
 * that ends there. */
static struct str whole_lines(struct str text, bool from_the_begin)
{
    const char *const first = from_the_begin ? text.p : memchr(text.p, '\n', text.n);
    const char *const end = memrchr(text.p, '\n', text.n);

    if (!first || !end) return STR("");
    const char *const begin = from_the_begin ? first : first + 1;
    return end < begin ? STR("") : (struct str){begin, (size_t)(end - begin) + 1};
}

err_t store_tail(const char *dir, const char *name, struct arena *arena, struct str *ret)
{
    const struct path path = path_of(dir, name);
    AUTO_CLOSE int fd = open(path.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat is;

    if (fd < 0) return errno == ENOENT ? ERR_NOT_FOUND : trouble("cannot open", path.text);
    if (fstat(fd, &is) != 0) return trouble("cannot read", path.text);
    const off_t from = is.st_size > TAIL_BYTES_MAX ? is.st_size - TAIL_BYTES_MAX : 0;
    const size_t bytes = (size_t)(is.st_size - from);
    uint8_t *const to = arena_alloc(arena, TAIL_BYTES_MAX);
    if (lseek(fd, from, SEEK_SET) != from) return trouble("cannot read", path.text);
    TRY(read_all(fd, path.text, to, bytes));
    *ret = whole_lines((struct str){(const char *)to, bytes}, from == 0);
    return ERR_OK;
}

err_t store_remove(const char *dir, const char *name)
{
    const struct path path = path_of(dir, name);

    return unlink(path.text) == 0 || errno == ENOENT ? ERR_OK : trouble("cannot remove", path.text);
}

bool store_exists(const char *dir, const char *name)
{
    const struct path path = path_of(dir, name);

    return access(path.text, F_OK) == 0;
}

err_t store_move(const char *dir, const char *name, const char *to)
{
    const struct path from = path_of(dir, name), new = path_of(to, name);

    if (!store_exists(dir, name)) return ERR_OK;
    TRY(folders_make(dir, new));
    if (rename(from.text, new.text) != 0) return trouble("cannot move", from.text);
    TRY(folder_sync(to));
    return folder_sync(dir);
}

/* ---- tiles ---- */

/* The folder of the tile's partial forms. */
static struct path partials_of(const char *dir, struct tile tile)
{
    struct path path;
    char name[TILES_PATH_MAX];

    tile.width = TILES_WIDTH;
    tiles_path(tile, name);
    path = path_of(dir, name);
    strncat(path.text, ".p", sizeof path.text - strlen(path.text) - 1);
    return path;
}

/* The width that a file name of that folder says; 0: none. */
static unsigned width_of(const char *name)
{
    int64_t width = 0;

    return str_int(str_of(name), 1, TILES_WIDTH - 1, &width) ? (unsigned)width : 0;
}

/* How wide the widest form on disk is; 0 when there is none. */
static unsigned widest(const char *dir, struct tile tile)
{
    const struct path folder = partials_of(dir, tile);
    char name[TILES_PATH_MAX];
    unsigned width = 0;

    tile.width = TILES_WIDTH;
    tiles_path(tile, name);
    if (access(path_of(dir, name).text, R_OK) == 0) return TILES_WIDTH;

    DIR *list = opendir(folder.text);
    for (const struct dirent *file; list && (file = readdir(list));) {
        const unsigned found = width_of(file->d_name);

        if (found > width) width = found;
    }
    if (list) closedir(list);
    return width;
}

static bool cut(struct tile tile, struct bytes *bytes)
{
    struct bytes rest = *bytes, entry;

    if (tile.level != TILES_ENTRIES) {
        if (bytes->n < tile.width * HASH_BYTES) return false;
        bytes->n = tile.width * HASH_BYTES;
        return true;
    }
    for (unsigned i = 0; i < tile.width; i++) {
        if (!tiles_entry_next(&rest, &entry)) return false;
    }
    bytes->n -= rest.n;
    return true;
}

err_t store_tile(const char *dir, struct tile tile, struct arena *arena, struct bytes *ret)
{
    struct tile wider = tile;
    char name[TILES_PATH_MAX];
    err_t err;

    tiles_path(tile, name);
    err = store_read(dir, name, arena, ret);
    for (int tries = 0; err == ERR_NOT_FOUND && tries < 3;
         tries++) { /* the writer prunes meanwhile */
        wider.width = widest(dir, tile);
        if (wider.width < tile.width) return ERR_NOT_FOUND;
        tiles_path(wider, name);
        err = store_read(dir, name, arena, ret);
    }
    if (err != ERR_OK) return err;
    return cut(tile, ret) ? ERR_OK : err_raise(ERR_CORRUPT, "%s/%s: is too short", dir, name);
}

err_t store_read_widest(const char *dir, struct tile tile, struct arena *arena, struct bytes *ret)
{
    char name[TILES_PATH_MAX];

    tile.width = widest(dir, tile);
    if (tile.width == 0) return ERR_NOT_FOUND;
    tiles_path(tile, name);
    return store_read(dir, name, arena, ret);
}

void store_tile_prune(const char *dir, struct tile tile)
{
    const struct path folder = partials_of(dir, tile);
    DIR *list = opendir(folder.text);

    for (const struct dirent *file; list && (file = readdir(list));) {
        const unsigned width = width_of(file->d_name);

        if (width && width < tile.width) unlinkat(dirfd(list), file->d_name, 0);
    }
    if (list) closedir(list);
    if (tile.width == TILES_WIDTH) rmdir(folder.text);
}
