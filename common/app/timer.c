#include "common/app/timer.h"
#include "common/app/run.h"
#include "common/app/sql.h"
#include "common/app/worker.h"
#include "common/base/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TIMERS_MAX 16 /* of a service */

struct tick {
    struct job job; /* first */
    const struct timer *timer;
    struct run run;
    _Atomic bool queued;
    /* what the list has found, while there is some of it left: the worker's that has the job */
    struct arena *arena;
    struct rows rows;
    size_t next;
};

struct due_row { /* how every due row begins */
    struct uuid org, id;
};

/* Rows outlive the acts that they cause, so they have an arena of their own. */
static err_t due_rows(struct worker *worker, const struct timer *timer, struct arena *arena,
                      struct rows *ret)
{
    const struct tx_frame frame = {
        .now_us = clock_now_us(), .arena = arena, .deadline_us = clock_mono_us() + 10 * SECOND_US};
    struct tx *tx = tx_begin(worker->db, &frame);
    const err_t err = tx_many(tx, timer->due, NULL, ret);

    tx_rollback(tx);
    return err;
}

static void tick_list(struct worker *worker, struct tick *tick)
{
    tick->arena = arena_new(4u * 1024 * 1024);
    tick->rows = (struct rows){NULL, 0};
    tick->next = 0;
    (void)!due_rows(worker, tick->timer, tick->arena, &tick->rows); /* raised; the next tick asks */
}

static void tick_act(struct worker *worker, struct tick *tick)
{
    const void *row = (const char *)tick->rows.p + tick->next++ * tick->timer->due->row_bytes;
    const struct due_row *due = row;
    const struct run_input input = {
        .org = due->org, .path_id = due->id, .in = row, .if_match = -1};
    struct act act;

    /* A no is on record, and the row due again. */
    (void)!run_act(&tick->run, &input, worker->db, worker->arena, &act);
}

/* One row a turn, and behind whoever waits: a long list holds no worker, and nobody's flood ends
 * the reminders. */
static void tick_run(struct worker *worker, struct job *job)
{
    struct tick *tick = (struct tick *)job;

    if (!tick->arena)
        tick_list(worker, tick);
    else
        tick_act(worker, tick);
    if (tick->next < tick->rows.n && workers_put_timer(&tick->job)) return;

    tick->arena = arena_free(tick->arena);
    atomic_store(&tick->queued, false);
}

static void tick_put(void *user)
{
    struct tick *tick = user;

    if (atomic_exchange(&tick->queued, true)) return;
    if (!workers_put_timer(&tick->job)) atomic_store(&tick->queued, false);
}

/* ---- the framework's own: old idempotency keys ---- */

static void prune_run(struct worker *worker, struct job *job)
{
    const struct tx_frame frame = {.now_us = clock_now_us(),
                                   .arena = worker->arena,
                                   .deadline_us = clock_mono_us() + 10 * SECOND_US};
    struct tx *tx = tx_begin(worker->db, &frame);

    idempotency_prune(tx);
    (void)!tx_commit(tx); /* raised there; tried again in an hour */
    free(job);
}

static void prune_put(void *unused)
{
    struct job *job = calloc(1, sizeof *job);

    (void)unused;
    if (!job) abort();
    job->run = prune_run;
    if (!workers_put(job)) free(job);
}

void timers_start(const struct service *service, struct loop *loop)
{
    static struct tick ticks[TIMERS_MAX]; /* as long as the process */
    struct tick *tick = ticks;

    for (const struct timer *timer = service->timers; timer && timer->name; timer++, tick++) {
        assert(tick < ticks + TIMERS_MAX);
        tick->job.run = tick_run;
        tick->timer = timer;
        tick->run = (struct run){.may = PERMISSION_NONE,
                                 .audit = timer->audit,
                                 .resource = timer->name,
                                 .ms = 10000,
                                 .handler = timer->run};
        loop_every(loop, timer->every_ms, tick_put, tick);
    }
    if (service->migrations) loop_every(loop, 3600 * 1000, prune_put, NULL);
}
