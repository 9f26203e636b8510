/*
 * failing - one of the store's operations fails: the one that FAIL names, as `rename:3:after`.
 *
 *   before  it is not done         after  it is done, and says that it failed
 *   half    (write) half of it is done
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

enum failing_when { NEVER, BEFORE, HALF, AFTER };

/* Counts one more @operation; whether this one fails. */
enum failing_when failing(const char *operation);
/* From here on operations count, or no longer; whether they did. */
bool failing_arm(bool armed);
void failing_told(void);
/* Prints each file that a power failure now would leave without what was written to it. */
void failing_unsynced(void);
