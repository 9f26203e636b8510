/*
 * metrics - counters, gauges and latency histograms, printed as Prometheus text.
 *
 * Names and labels are string literals or words of our own tables: never ids, never input.
 *
 * Threads  any; updates are relaxed atomics.
 */
#pragma once

#include "common/base/arena.h"

#include <stdatomic.h>

struct metric {
    const char *name;   /* "acts_total" */
    const char *labels; /* "route=\"appointment_book\"" or "" */
    _Atomic int64_t value;
    struct metric *next; /* set by metrics_add() */
};

struct histogram { /* of microseconds, powers of two from 64 us to 8 s */
    const char *name, *labels;
    _Atomic int64_t bucket[18], sum_us;
    struct histogram *next;
};

void metrics_add(struct metric *metric);            /* registers once; lives for ever */
void metrics_add_histogram(struct histogram *histogram);
void metrics_time(struct histogram *histogram, int64_t us);
struct str metrics_print(struct arena *arena, const char *service);

static inline void metrics_count(struct metric *metric, int64_t n)
{
    atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}
