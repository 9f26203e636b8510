#include "common/app/ready.h"

#include "common/app/backlog.h"
#include "common/app/session.h"
#include "common/app/worker.h"
#include "common/base/clock.h"
#include "common/base/version.h"
#include "common/io/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>

static const char *service;
static struct relay *relay;
static atomic_bool is_ready, ending;
static _Atomic int64_t skew_us;

static void probe_run(struct worker *worker, struct job *job)
{
    int64_t skewed_us = 0;
    const bool reached = !worker->db || db_check(worker->db, &skewed_us) == ERR_OK;

    skew_us = skewed_us;
    is_ready = reached && llabs(skewed_us) <= READY_SKEW_US_MAX;
    if (worker->db && reached) backlog_measure(worker->db, relay ? relay_disk_percent(relay) : 0);
    free(job);
}

static void probe_put(void *unused)
{
    struct job *job = calloc(1, sizeof *job);

    (void)unused;
    if (!job) abort();
    job->run = probe_run;
    if (!workers_put(job)) free(job);
}

void ready_start(struct loop *loop, const char *name, struct relay *given)
{
    service = name;
    relay = given;
    is_ready = true;
    loop_every(loop, 1000, probe_put, NULL);
}

void ready_end(void)
{
    ending = true;
}

static struct str ready_print(struct arena *arena, bool ready)
{
    return arena_printf(arena,
                        "{\"status\":\"%s\",\"version\":\"" TELECURA_VERSION
                        "\",\"clock_skew_ms\":%lld,\"queued\":%zu,\"sessions\":%zu,"
                        "\"audit\":" STR_FMT "}",
                        ready ? "ready" : "not ready", (long long)skew_us / 1000, workers_queued(),
                        session_count(), STR_ARG(backlog_print(arena)));
}

void ready_take(struct http_call *call)
{
    const struct str path = http_head(call)->path;
    struct arena *arena = arena_new(1024 * 1024);
    const bool ready = is_ready && !ending;

    if (str_is(path, "/metrics"))
        http_reply(call, 200, "text/plain; version=0.0.4",
                   str_bytes(metrics_print(arena, service)), NULL, 0);
    else if (str_is(path, "/health/live"))
        http_reply(call, 200, "application/json", str_bytes(STR("{\"status\":\"live\"}")), NULL, 0);
    else if (str_is(path, "/health/ready"))
        http_reply(call, ready ? 200 : 503, "application/json",
                   str_bytes(ready_print(arena, ready)), NULL, 0);
    else
        http_problem(call, ERR_NOT_FOUND, UUID_NIL, STR_NONE);
    arena_free(arena);
}
