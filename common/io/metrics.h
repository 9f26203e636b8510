/*
 * metrics - counters, gauges and latency histograms, printed as Prometheus text.
 *
 * Names and labels are string literals or words of our own tables: never ids, never input. A name
 * that ends in _total is a counter, any other a gauge. Everything is printed with the prefix
 * telecura_ and the label service.
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

#define HISTOGRAM_BUCKETS 19

struct histogram { /* powers of two from 64 us to 8 s; the last bucket is for what took longer */
    const char *name; /* "act_seconds": printed in seconds, as Prometheus wants it */
    const char *labels;
    _Atomic int64_t bucket[HISTOGRAM_BUCKETS], sum_us;
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
