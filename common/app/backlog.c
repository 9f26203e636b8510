#include "common/app/backlog.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/metrics.h"
#include "common/io/sql.h"

#define MEASURE_US SECOND_US
#define ARENA_BYTES (1024 * 1024)

static const struct {
    const char *word;
    int64_t percent;
} limits[] = {
    [URGENT] = {"nothing", INT64_MAX},
    [DAILY] = {"daily", BACKLOG_DAILY_PERCENT},
    [BULK] = {"bulk", BACKLOG_BULK_PERCENT},
};

static int64_t rows_max;
static struct metric waiting = {.name = "audit_waiting_rows", .labels = ""};
static struct metric used = {.name = "audit_used_percent", .labels = ""};
static struct metric refused[] = {
    [DAILY] = {.name = "audit_refused_total", .labels = "class=\"daily\""},
    [BULK] = {.name = "audit_refused_total", .labels = "class=\"bulk\""},
};

void backlog_init(int64_t given)
{
    rows_max = given;
    metrics_add(&waiting);
    metrics_add(&used);
    metrics_add(&refused[DAILY]);
    metrics_add(&refused[BULK]);
}

bool backlog_refuses(enum audit_class class, int64_t percent)
{
    return percent >= limits[class].percent;
}

/* The class that is refused, with all that can wait longer. */
static enum audit_class refused_at(int64_t percent)
{
    return backlog_refuses(DAILY, percent)  ? DAILY
           : backlog_refuses(BULK, percent) ? BULK
                                            : URGENT;
}

static err_t waiting_read(struct db *db, struct arena *arena, int64_t *ret_rows)
{
    const struct tx_frame frame = {.deadline_us = clock_mono_us() + MEASURE_US, .arena = arena};
    struct tx *tx = tx_begin(db, &frame);
    struct audit_backlog backlog;
    const err_t err = audit_waiting(tx, &backlog);

    tx_rollback(tx);
    if (err == ERR_OK) *ret_rows = backlog.rows;
    return err;
}

void backlog_measure(struct db *db, unsigned log_percent)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    int64_t rows = waiting.value;

    (void)!waiting_read(db, arena, &rows); /* it has said why not */
    arena_free(arena);
    const int64_t here = rows * 100 / rows_max;
    const int64_t percent = here > log_percent ? here : log_percent;
    const enum audit_class was = refused_at(used.value), now = refused_at(percent);
    used.value = percent;
    waiting.value = rows;
    if (now != was)
        log_line(now == URGENT ? LOG_INFO : LOG_WARN, "audit_backlog",
                 "%lld rows wait for the log, whose disk is %u %% full: refused are %s acts",
                 (long long)rows, log_percent, limits[now].word);
}

err_t backlog_admit(enum audit_action action)
{
    const enum audit_class class = audit_class(action);

    if (!backlog_refuses(class, used.value)) return ERR_OK;
    metrics_count(&refused[class], 1);
    return ERR_AUDIT_FULL;
}

struct str backlog_print(struct arena *arena)
{
    return arena_printf(arena, "{\"used_percent\":%lld,\"waiting\":%lld,\"refused\":\"%s\"}",
                        (long long)used.value, (long long)waiting.value,
                        limits[refused_at(used.value)].word);
}
