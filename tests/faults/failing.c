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

static struct {
    const char *names[OPERATIONS_MAX];
    int counts[OPERATIONS_MAX];
    bool armed;
    int unsynced[FILES_MAX]; /* of files that were written to since they were last synced: fd + 1 */
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
    static const char *const whens[] = {"never", "before", "half", "after"};
    const char *const wanted = getenv("FAIL");
    char this[64];

    if (!self.armed || !wanted) return NEVER;
    const int n = count_of(operation);
    for (enum failing_when when = BEFORE; when <= AFTER; when++) {
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

static bool is_same(int fd, int other)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_ino == b.st_ino;
}

static void synced(int fd)
{
    for (int i = 0; i < FILES_MAX; i++) {
        if (!self.unsynced[i] || !is_same(fd, self.unsynced[i] - 1)) continue;
        close(self.unsynced[i] - 1);
        self.unsynced[i] = 0;
    }
}

static void written(int fd)
{
    int i = 0;

    synced(fd); /* known once */
    while (i < FILES_MAX - 1 && self.unsynced[i]) i++;
    self.unsynced[i] = dup(fd) + 1;
}

void failing_unsynced(void)
{
    char name[64], path[512];
    struct stat is;

    for (int i = 0; i < FILES_MAX; i++) {
        const int fd = self.unsynced[i] - 1;

        if (fd < 0 || fstat(fd, &is) != 0 || is.st_nlink == 0) continue;
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        const ssize_t n = readlink(name, path, sizeof path - 1);
        printf("unsynced %.*s\n", n > 0 ? (int)n : 0, path);
    }
}

/* ---- in place of the C library's ---- */

static int refused(void)
{
    errno = EIO;
    return -1;
}

/* An operation that answers 0, or -1 and errno. */
#define WRAP(name, params, args)                                                                   \
    int __real_##name params;                                                                      \
    int __wrap_##name params;                                                                      \
    int __wrap_##name params                                                                       \
    {                                                                                              \
        const enum failing_when when = failing(#name);                                             \
        const int done = when == BEFORE ? -1 : __real_##name args;                                 \
                                                                                                   \
        return when == NEVER ? done : refused();                                                   \
    }

WRAP(mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(rename, (const char *from, const char *to), (from, to))
WRAP(rmdir, (const char *path), (path))
WRAP(unlink, (const char *path), (path))
WRAP(unlinkat, (int folder, const char *name, int flags), (folder, name, flags))

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    const enum failing_when when = failing("fsync");
    const int done = when == BEFORE ? -1 : __real_fsync(fd);

    if (done == 0) synced(fd);
    return when == NEVER ? done : refused();
}

ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    const enum failing_when when = failing("write");

    written(fd);
    if (when == NEVER) return __real_write(fd, from, n);
    if (when != BEFORE) (void)!__real_write(fd, from, when == HALF ? n / 2 : n);
    return refused();
}

/* Only what makes or empties a file is an operation of its own. */
int __real_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode)
{
    const enum failing_when when = flags & O_CREAT ? failing("open") : NEVER;
    const int fd = when == BEFORE ? -1 : __real_open64(path, flags, mode);

    if (when == NEVER) return fd;
    if (fd >= 0) close(fd);
    return refused();
}
