/*
 * disk - how full the log's disk is.
 *
 * A step of a log needs room for its leaves twice (staged, then as tiles), at most 43 MB, and is
 * not begun without: none is cut short by a full disk, and rows wait where they are. How full the
 * disk is goes out with every receipt, so that services refuse in time what can wait (backlog.h).
 *
 * Threads  any.
 * Errors   ERR_UNAVAILABLE names the folder, for an operator; it is worth another try.
 */
#pragma once

#include "common/base/err.h"

/* Of what a service may use, as df counts it; 0 when it can't be told. */
unsigned disk_used_percent(const char *folder);
/* Has it room for one step more? */
err_t disk_check(const char *folder);
