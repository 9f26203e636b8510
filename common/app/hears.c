#include "common/app/hears.h"
#include "common/app/projection.h"
#include "common/app/run.h"
#include "common/app/worker.h"

static const struct service *service;

static const struct hears *const *all_hears(void)
{
    static const struct hears *tables[4];
    size_t n = 0;

    if (service->migrations && !service->owns_projections) tables[n++] = projection_hears;
    tables[n++] = revocation_hears;
    if (service->hears) tables[n++] = service->hears;
    return tables;
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

static bool row_hears(const struct hears *row, const struct event *event, enum hearing mode)
{
    return row->topic == event->topic && row->mode == mode && event->message &&
           (row->what == 0 || row->what == event->kind);
}

static err_t on_prepare(struct arena *arena, struct event *event, void *unused)
{
    (void)unused;
    for (const struct hears *const *table = all_hears(); *table; table++) {
        for (const struct hears *row = *table; row->topic != TOPIC_NONE; row++) {
            if (row->prepare && row_hears(row, event, EFFECT))
                TRY(row->prepare(arena, event, &event->prepared));
        }
    }
    return ERR_OK;
}

/* Several come only of a topic all of whose rows hear many, of whatever kind. */
static err_t on_effect(struct tx *tx, struct arena *arena, const struct event *event, size_t n,
                       void *unused)
{
    (void)unused;
    for (const struct hears *const *table = all_hears(); *table; table++) {
        for (const struct hears *row = *table; row->topic != TOPIC_NONE; row++) {
            if (row_hears(row, event, EFFECT)) TRY(event_run(row, tx, arena, event, n));
        }
    }
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
    (void)unused;
    for (const struct hears *const *table = all_hears(); *table; table++) {
        for (const struct hears *row = *table; row->topic != TOPIC_NONE; row++) {
            if (row_hears(row, event, WATCH)) row->watch(event);
        }
    }
}

static const struct consumer_topic *topics_heard(void)
{
    static struct consumer_topic topics[2 * TOPIC_MAX];
    size_t n = 0;

    for (const struct hears *const *table = all_hears(); *table; table++) {
        for (const struct hears *row = *table; row->topic != TOPIC_NONE; row++) {
            size_t i = 0;

            while (i < n && (topics[i].topic != row->topic || topics[i].mode != row->mode)) i++;
            if (i == n) topics[n++] = (struct consumer_topic){row->topic, row->mode, true};
            topics[i].many &= row->many;
        }
    }
    return topics;
}

struct consumer *hears_start(const struct service *given, const struct http_tls *tls)
{
    const struct common_settings *settings = service_settings();

    service = given;
    return consumer_start(&(struct consumer_config){
        .service = service->name,
        .conninfo = service->migrations ? settings->db : NULL,
        .kafka = settings->kafka,
        .tls = tls,
        .topics = topics_heard(),
        .prepare = on_prepare,
        .effect = on_effect,
        .committed = on_committed,
        .watch = on_watch,
    });
}
