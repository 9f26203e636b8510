#include "common/app/hears.h"
#include "common/app/projection.h"
#include "common/app/run.h"
#include "common/app/worker.h"

#include <assert.h>

#define ROWS_MAX 64

static const struct hears *rows[ROWS_MAX + 1]; /* of all tables; NULL ends them */

static void rows_add(const struct hears *table)
{
    size_t n = 0;

    while (rows[n]) n++;
    for (; table && table->topic != TOPIC_NONE; table++, n++) {
        assert(n < ROWS_MAX);
        rows[n] = table;
    }
}

const struct hears *const *hears_rows(const struct service *service)
{
    if (rows[0]) return rows;
    if (service->migrations && !service->owns_projections) rows_add(projection_hears);
    rows_add(revocation_hears);
    rows_add(service->hears);
    return rows;
}

static err_t event_run(const struct hears *row, struct tx *tx, struct arena *arena,
                       const struct event *event, size_t n)
{
    const struct run run = {.may = PERMISSION_NONE,
                            .audit = row->audit,
                            .resource = topic_info(row->topic)->name,
                            .ms = 10000,
                            .handler = row->run};
    const struct run_input input = {.org = event->org,
                                    .in = event->message,
                                    .event = event,
                                    .event_count = n,
                                    .tx = tx,
                                    .path_id = event->key,
                                    .if_match = -1};
    struct act act;

    return run_act(&run, &input, NULL, arena, &act);
}

/* The next row, from @at on, that hears @event; NULL: there is none. */
static const struct hears *row_next(const struct hears *const **at, const struct event *event,
                                    enum hearing mode)
{
    for (const struct hears *row; (row = **at);) {
        ++*at;
        if (row->topic == event->topic && row->mode == mode && event->message &&
            (row->what == 0 || row->what == event->kind))
            return row;
    }
    return NULL;
}

static err_t on_prepare(struct arena *arena, struct event *event, void *unused)
{
    const struct hears *const *at = rows, *row;

    (void)unused;
    while ((row = row_next(&at, event, EFFECT)))
        if (row->prepare) TRY(row->prepare(arena, event, &event->prepared));
    return ERR_OK;
}

/* Several come only of a topic all of whose rows hear many, of whatever kind. */
static err_t on_effect(struct tx *tx, struct arena *arena, const struct event *event, size_t n,
                       void *unused)
{
    const struct hears *const *at = rows, *row;

    (void)unused;
    while ((row = row_next(&at, event, EFFECT))) TRY(event_run(row, tx, arena, event, n));
    return ERR_OK;
}

static void on_committed(const struct event *event, void *unused)
{
    (void)unused;
    if (event->topic == TOPIC_CONSENTS) workers_unpark();
    if (event->topic == TOPIC_PEOPLE) auth_forget();
    run_poke_relay();
    service_poke_effects();
}

static void on_watch(const struct event *event, void *unused)
{
    const struct hears *const *at = rows, *row;

    (void)unused;
    while ((row = row_next(&at, event, WATCH))) row->watch(event);
}

static const struct consumer_topic *topics_heard(const struct service *service)
{
    static struct consumer_topic topics[2 * TOPIC_MAX];
    size_t n = 0;

    for (const struct hears *const *row = hears_rows(service); *row; row++) {
        const enum topic topic = (*row)->topic;
        const enum hearing mode = (*row)->mode;
        size_t i = 0;

        while (i < n && (topics[i].topic != topic || topics[i].mode != mode)) i++;
        if (i == n) topics[n++] = (struct consumer_topic){topic, mode, true};
        topics[i].many &= (*row)->many;
    }
    return topics;
}

struct consumer *hears_start(const struct service *service, const struct http_tls *tls)
{
    const struct common_settings *settings = service_settings();

    return consumer_start(&(struct consumer_config){
        .service = service->name,
        .conninfo = service->migrations ? settings->db : NULL,
        .kafka = settings->kafka,
        .tls = tls,
        .topics = topics_heard(service),
        .prepare = on_prepare,
        .effect = on_effect,
        .committed = on_committed,
        .watch = on_watch,
    });
}
