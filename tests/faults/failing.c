#include "tests/faults/failing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPERATIONS_MAX 16
#define FILES_MAX 256
#define PATH_BYTES_MAX 512

/* A name that its folder has got, or lost, since that was last synced. */
struct name {
    char path[PATH_BYTES_MAX];
    int before; /* the file that it named until then: fd; or -1 */
};

/* A file that was written to since it was last synced. */
struct file {
    int fd;     /* + 1; 0: a free place */
    off_t size; /* then */
};

static struct {
    const char *names[OPERATIONS_MAX];
    int counts[OPERATIONS_MAX];
    bool armed;
    char watched[PATH_BYTES_MAX];
    struct file unsynced[FILES_MAX];
    struct name changed[FILES_MAX]; /* the oldest first */
    int changed_n;
} self;

static int count_of(const char *operation)
{
    int i = 0;

    while (i < OPERATIONS_MAX - 1 && self.names[i] && strcmp(self.names[i], operation) != 0) i++;
    self.names[i] = operation;
    return ++self.counts[i];
}

enum failing_when failing(const char *operation)
{
    static const char *const whens[] = {"never", "before", "half", "after", "cut"};
    const char *const wanted = getenv("FAIL");
    char this[64];

    if (!self.armed || !wanted) return NEVER;
    const int n = count_of(operation);
    for (enum failing_when when = BEFORE; when <= CUT; when++) {
        snprintf(this, sizeof this, "%s:%d:%s", operation, n, whens[when]);
        if (strcmp(wanted, this) == 0) return when;
    }
    return NEVER;
}

bool failing_arm(bool armed)
{
    const bool was = self.armed;

    self.armed = armed;
    return was;
}

void failing_told(void)
{
    for (int i = 0; i < OPERATIONS_MAX && self.names[i]; i++)
        printf("%s %d\n", self.names[i], self.counts[i]);
}

/* ---- what a power failure would lose ---- */

void failing_watch(const char *folder)
{
    snprintf(self.watched, sizeof self.watched, "%s/", folder);
}

static bool is_watched(const char *path)
{
    return *self.watched && strncmp(path, self.watched, strlen(self.watched)) == 0;
}

static bool is_same(int fd, int other)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_ino == b.st_ino;
}

static void path_of_fd(int fd, const char *name, char to[PATH_BYTES_MAX])
{
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, to, PATH_BYTES_MAX - 1);
    to[n > 0 ? n : 0] = '\0';
    if (*name) snprintf(to + strlen(to), PATH_BYTES_MAX - strlen(to), "/%s", name);
}

static bool lies_in(const struct name *name, int folder)
{
    char parent[PATH_BYTES_MAX];
    struct stat is, of;

    memcpy(parent, name->path, sizeof parent);
    *strrchr(parent, '/') = '\0';
    return fstat(folder, &of) == 0 && stat(parent, &is) == 0 && is.st_ino == of.st_ino;
}

static void synced(int fd)
{
    int kept = 0;

    for (int i = 0; i < self.changed_n; i++) {
        const struct name *const name = &self.changed[i];

        if (!lies_in(name, fd))
            self.changed[kept++] = *name;
        else if (name->before >= 0)
            close(name->before);
    }
    self.changed_n = kept;
    for (int i = 0; i < FILES_MAX; i++) {
        if (!self.unsynced[i].fd || !is_same(fd, self.unsynced[i].fd - 1)) continue;
        close(self.unsynced[i].fd - 1);
        self.unsynced[i].fd = 0;
    }
}

static void all_synced(void)
{
    for (int i = 0; i < self.changed_n; i++) {
        if (self.changed[i].before >= 0) close(self.changed[i].before);
    }
    self.changed_n = 0;
    for (int i = 0; i < FILES_MAX; i++) {
        if (self.unsynced[i].fd) close(self.unsynced[i].fd - 1);
        self.unsynced[i].fd = 0;
    }
}

static void written(int fd)
{
    char path[PATH_BYTES_MAX];
    struct stat is;
    int i = 0;

    path_of_fd(fd, "", path);
    if (!is_watched(path) || fstat(fd, &is) != 0) return;
    for (; i < FILES_MAX - 1 && self.unsynced[i].fd; i++) {
        if (is_same(fd, self.unsynced[i].fd - 1)) return; /* known once */
    }
    self.unsynced[i] = (struct file){dup(fd) + 1, is.st_size};
}

/* What a path names; asked before that changes. */
static int named(const char *path)
{
    return is_watched(path) ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
}

static void name_changed(const char *path, int before)
{
    if (!is_watched(path)) return;
    if (self.changed_n == FILES_MAX) abort();
    struct name *const name = &self.changed[self.changed_n++];
    snprintf(name->path, sizeof name->path, "%s", path);
    name->before = before;
}

void failing_unsynced(void)
{
    char path[PATH_BYTES_MAX];
    struct stat is;

    for (int i = 0; i < self.changed_n; i++) {
        if (lstat(self.changed[i].path, &is) == 0) printf("unsynced %s\n", self.changed[i].path);
    }
    for (int i = 0; i < FILES_MAX; i++) {
        const int fd = self.unsynced[i].fd - 1;

        if (fd < 0 || fstat(fd, &is) != 0 || is.st_nlink == 0) continue;
        path_of_fd(fd, "", path);
        printf("unsynced %s\n", path);
    }
}

/* The name again names what it did. What it names now is gone with it, a folder with all in it. */
static void name_restore(const struct name *name, int number)
{
    char lost[PATH_BYTES_MAX + 32], bytes[4096];
    off_t at = 0;
    ssize_t n;

    snprintf(lost, sizeof lost, "%.*s-lost-%d", (int)strlen(self.watched) - 1, self.watched,
             number);
    (void)!rename(name->path, lost);
    if (name->before < 0) return;
    const int fd = open(name->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    while (fd >= 0 && (n = pread(name->before, bytes, sizeof bytes, at)) > 0) {
        if (write(fd, bytes, (size_t)n) != n) abort();
        at += n;
    }
}

void failing_cut(void)
{
    self.armed = false;
    for (int i = 0; i < FILES_MAX; i++) {
        const struct file *const file = &self.unsynced[i];

        if (file->fd && ftruncate(file->fd - 1, file->size) != 0) abort();
    }
    for (int i = self.changed_n - 1; i >= 0; i--) name_restore(&self.changed[i], i);
    _exit(FAILING_CUT_EXIT);
}

/* ---- in place of the C library's ---- */

static int ended(enum failing_when when, int done)
{
    if (when == NEVER) return done;
    if (when == CUT) failing_cut();
    errno = EIO;
    return -1;
}

static const char *path_at(int folder, const char *name)
{
    static char path[PATH_BYTES_MAX];

    path_of_fd(folder, name, path);
    return path;
}

/* An operation that answers 0, or -1 and errno, and changes what @path names. */
#define WRAP(name, params, args, path)                                                             \
    int __real_##name params;                                                                      \
    int __wrap_##name params;                                                                      \
    int __wrap_##name params                                                                       \
    {                                                                                              \
        const enum failing_when when = failing(#name);                                             \
        const int named_before = named(path);                                                      \
        const int done = when == BEFORE ? -1 : __real_##name args;                                 \
                                                                                                   \
        if (done == 0)                                                                             \
            name_changed(path, named_before);                                                      \
        else if (named_before >= 0)                                                                \
            close(named_before);                                                                   \
        return ended(when, done);                                                                  \
    }

WRAP(mkdir, (const char *at, mode_t mode), (at, mode), at)
WRAP(rename, (const char *from, const char *to), (from, to), to)
WRAP(rmdir, (const char *at), (at), "") /* an empty folder more is nobody's loss */
WRAP(unlink, (const char *at), (at), at)
WRAP(unlinkat, (int folder, const char *name, int flags), (folder, name, flags),
     path_at(folder, name))

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    const enum failing_when when = failing("fsync");
    const int done = when == BEFORE ? -1 : __real_fsync(fd);

    if (done == 0) synced(fd);
    return ended(when, done);
}

/* All there is. */
int __real_syncfs(int fd);
int __wrap_syncfs(int fd);
int __wrap_syncfs(int fd)
{
    const enum failing_when when = failing("syncfs");
    const int done = when == BEFORE ? -1 : __real_syncfs(fd);

    if (done == 0) all_synced();
    return ended(when, done);
}

ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    const enum failing_when when = failing("write");

    written(fd);
    if (when == NEVER) return __real_write(fd, from, n);
    if (when != BEFORE) (void)!__real_write(fd, from, when == HALF ? n / 2 : n);
    return ended(when, -1);
}

/* Only what makes or empties a file is an operation of its own. */
int __real_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode)
{
    const enum failing_when when = flags & O_CREAT ? failing("open") : NEVER;
    const bool was = access(path, F_OK) == 0;
    const int fd = when == BEFORE ? -1 : __real_open64(path, flags, mode);

    if (fd >= 0 && !was) name_changed(path, -1);
    if (when == NEVER) return fd;
    if (fd >= 0) close(fd);
    return ended(when, -1);
}
