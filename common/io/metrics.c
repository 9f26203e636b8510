#include "common/io/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_BUCKET_US 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the lists, not the values */
static struct metric *metrics;
static struct histogram *histograms;

/* Once means once: a second start of a service in one test process registers its tables again. */
void metrics_add(struct metric *metric)
{
    struct metric **at = &metrics;

    pthread_mutex_lock(&lock);
    while (*at && *at != metric) at = &(*at)->next;
    if (!*at) {
        metric->next = NULL;
        *at = metric;
    }
    pthread_mutex_unlock(&lock);
}

void metrics_add_histogram(struct histogram *histogram)
{
    struct histogram **at = &histograms;

    pthread_mutex_lock(&lock);
    while (*at && *at != histogram) at = &(*at)->next;
    if (!*at) {
        histogram->next = NULL;
        *at = histogram;
    }
    pthread_mutex_unlock(&lock);
}

void metrics_time(struct histogram *histogram, int64_t us)
{
    unsigned i = 0;

    while (i < HISTOGRAM_BUCKETS - 1 && us > (int64_t)FIRST_BUCKET_US << i) i++;
    atomic_fetch_add_explicit(&histogram->bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, us, memory_order_relaxed);
}

static void print_type(FILE *out, const char *name, const char *type)
{
    fprintf(out, "# TYPE telecura_%s %s\n", name, type);
}

/* {service="x",route="y"} without its end, so that a bucket can add its bound. */
static void print_labels(FILE *out, const char *service, const char *labels)
{
    fprintf(out, "{service=\"%s\"%s%s", service, *labels ? "," : "", labels);
}

static void print_metric(FILE *out, const char *service, const struct metric *metric)
{
    fprintf(out, "telecura_%s", metric->name);
    print_labels(out, service, metric->labels);
    fprintf(out, "} %lld\n", (long long)atomic_load_explicit(&metric->value, memory_order_relaxed));
}

static void print_histogram(FILE *out, const char *service, const struct histogram *histogram)
{
    int64_t count = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count += atomic_load_explicit(&histogram->bucket[i], memory_order_relaxed);
        fprintf(out, "telecura_%s_bucket", histogram->name);
        print_labels(out, service, histogram->labels);
        if (i == HISTOGRAM_BUCKETS - 1) fputs(",le=\"+Inf\"", out);
        else fprintf(out, ",le=\"%.6f\"", (double)((int64_t)FIRST_BUCKET_US << i) / 1e6);
        fprintf(out, "} %lld\n", (long long)count);
    }
    fprintf(out, "telecura_%s_sum", histogram->name);
    print_labels(out, service, histogram->labels);
    fprintf(out, "} %.6f\n",
            (double)atomic_load_explicit(&histogram->sum_us, memory_order_relaxed) / 1e6);
    fprintf(out, "telecura_%s_count", histogram->name);
    print_labels(out, service, histogram->labels);
    fprintf(out, "} %lld\n", (long long)count);
}

/* Lines of one name stand together under one TYPE, wherever they were registered. */
static void print_metrics(FILE *out, const char *service)
{
    for (const struct metric *m = metrics; m; m = m->next) {
        const struct metric *first = metrics;
        while (strcmp(first->name, m->name) != 0) first = first->next;
        if (first != m) continue;
        const size_t n = strlen(m->name);
        const bool counts = n > 6 && strcmp(m->name + n - 6, "_total") == 0;
        print_type(out, m->name, counts ? "counter" : "gauge");
        for (const struct metric *same = m; same; same = same->next) {
            if (strcmp(same->name, m->name) == 0) print_metric(out, service, same);
        }
    }
}

static void print_histograms(FILE *out, const char *service)
{
    for (const struct histogram *h = histograms; h; h = h->next) {
        const struct histogram *first = histograms;
        while (strcmp(first->name, h->name) != 0) first = first->next;
        if (first != h) continue;
        print_type(out, h->name, "histogram");
        for (const struct histogram *same = h; same; same = same->next) {
            if (strcmp(same->name, h->name) == 0) print_histogram(out, service, same);
        }
    }
}

struct str metrics_print(struct arena *arena, const char *service)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (!out) abort();
    pthread_mutex_lock(&lock);
    print_metrics(out, service);
    print_histograms(out, service);
    pthread_mutex_unlock(&lock);
    fclose(out);
    const struct str copy = arena_str(arena, (struct str){text, n});
    free(text);
    return copy;
}
