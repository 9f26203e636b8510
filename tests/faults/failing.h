/*
 * failing - one of the store's operations fails: the one that FAIL names, as `rename:3:after`.
 *
 *   before  it is not done         after  it is done, and says that it failed
 *   half    (write) half of it is done
 *   cut     it is done, and then the power fails: what no sync has made last is gone, and so is the
 *           process, with FAILING_CUT_EXIT
 *
 * FAIL=count  all succeed; failing_told() prints how often each was asked for.
 *
 * The linker puts these in place of the C library's (--wrap); reading is left alone. An operation
 * of the test's own, as the head's COMMIT, asks failing() itself.
 *
 * Threads  one.
 */
#pragma once

#include <stdbool.h>

#define FAILING_CUT_EXIT 99

enum failing_when { NEVER, BEFORE, HALF, AFTER, CUT };

/* Counts one more @operation; whether this one fails. */
enum failing_when failing(const char *operation);
/* From here on operations count, or no longer; whether they did. */
bool failing_arm(bool armed);
void failing_told(void);
/* What a power failure would lose is known of what lies below that folder. */
void failing_watch(const char *folder);
/* Prints what a power failure now would leave without its name, or without its bytes. */
void failing_unsynced(void);
/* The power fails. */
void failing_cut(void) __attribute__((noreturn));
