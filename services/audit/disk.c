#include "services/audit/disk.h"
#include "services/audit/tiles.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

/* Staged and in their files: a bundle of the largest leaves there are (tlog-tiles), which the step
 * goes on with; what it adds (pending_leaves: 4 MiB and a leaf); and the tiles of every level,
 * checkpoint and heads. */
#define BUNDLE_BYTES_MAX (TILES_WIDTH * (2ul + UINT16_MAX))
#define ADDED_BYTES_MAX (4ul * 1024 * 1024 + UINT16_MAX)
#define STEP_BYTES_MAX (2 * (BUNDLE_BYTES_MAX + ADDED_BYTES_MAX + 256 * 1024))

unsigned disk_used_percent(const char *folder)
{
    struct statvfs disk;

    if (statvfs(folder, &disk) != 0) return 0;
    const unsigned long taken = disk.f_blocks - disk.f_bfree, all = taken + disk.f_bavail;
    return all ? (unsigned)((taken * 100 + all - 1) / all) : 0;
}

err_t disk_check(const char *folder)
{
    struct statvfs disk;

    if (statvfs(folder, &disk) != 0)
        return err_raise(ERR_UNAVAILABLE, "cannot look at %s: %s", folder, strerror(errno));
    const unsigned long left = disk.f_bavail * disk.f_frsize;
    if (left >= STEP_BYTES_MAX) return ERR_OK;
    return err_raise(ERR_UNAVAILABLE,
                     "%s: %lu bytes are left on its disk and a step may need %lu: make room; until "
                     "then rows wait at the services that wrote them",
                     folder, left, STEP_BYTES_MAX);
}
