/*
 * clock - the only place that asks the kernel for the time.
 *
 * Wall time is microseconds since 1970 in UTC. An act takes it once (act->now_us) and everything
 * in it, SQL included, uses that. Test builds may map one offset file that all services share
 * (TELECURA_TEST_CLOCK names it: an int64 of microseconds); release builds have no such door.
 * Deadlines use the monotonic clock.
 *
 * Threads  any.
 */
#pragma once

#include "common/base/str.h"

#include <pthread.h>

#define MS_US 1000LL
#define SECOND_US 1000000LL
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

int64_t clock_now_us(void);      /* wall time, moved by the test clock */
int64_t clock_real_us(void);     /* wall time, never moved: token expiry, skew checks */
int64_t clock_mono_us(void);     /* monotonic: deadlines, durations */
/* Until @cond is signalled; false: it is @until_us (monotonic). @lock is held. */
bool clock_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_us);

#define CLOCK_TEXT 24 /* "2026-11-22T00:10:33.123Z" */
char *clock_format(int64_t at_us, char text[CLOCK_TEXT + 1]); /* RFC 3339, UTC, ms */
bool clock_parse(struct str text, int64_t *ret_us); /* RFC 3339 with Z or offset, years 1900-2200 */
bool clock_is_date(struct str text); /* a real day YYYY-MM-DD, years 1900-2200 */
