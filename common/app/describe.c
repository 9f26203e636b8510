#include "common/app/describe.h"
#include "common/app/hears.h"
#include "common/app/request.h"

#include <stdio.h>

#define SHAPES_MAX 256

static const struct shape *seen[SHAPES_MAX];
static size_t seen_count;

static void remember(const struct shape *shape, void *unused)
{
    (void)unused;
    for (size_t i = 0; i < seen_count; i++) {
        if (seen[i] == shape || strcmp(seen[i]->name, shape->name) == 0) return;
    }
    if (seen_count < SHAPES_MAX) seen[seen_count++] = shape;
}

static void text(const char *name, const char *value, const char *end)
{
    printf("\"%s\":\"", name);
    for (const char *c = value ? value : ""; *c; c++) {
        if (*c == '"' || *c == '\\') putchar('\\');
        putchar(*c);
    }
    printf("\"%s", end);
}

static void shape_name(const char *name, const struct shape *shape)
{
    if (!shape) return;

    json_walk(shape, remember, NULL);
    text(name, shape->name, ",");
}

/* Who may at all; how far they reach is permissions.def's and asked at use. */
static void roles_print(const struct permission_info *permission)
{
    bool first = true;

    printf("\"roles\":{");
    for (enum role role = 0; role < ROLES; role++) {
        if (permission->reach[role] == NO) continue;

        printf("%s\"%s\":%u", first ? "" : ",", role_word(role), permission->reach[role]);
        first = false;
    }
    printf("},");
}

static void route_print(const struct route *route, bool first)
{
    printf("%s\n  {", first ? "" : ",");
    text("method", method_word(route->method), ",");
    text("path", route->path, ",");
    text("permission", permission_info(route->may)->name, ",");
    roles_print(permission_info(route->may));
    text("audit", audit_word(route->audit), ",");
    shape_name(route->method == GET ? "query" : "body", route->body);
    shape_name("reply", route->reply);
    text("about", route->about, ",");
    printf("\"list\":%s,\"if_match\":%s,\"idempotent\":%s,\"repeatable\":%s,\"fresh\":%s,"
           "\"status\":%d,\"ms\":%u}",
           route->list ? "true" : "false", route->if_match ? "true" : "false",
           route->again ? "true" : "false", route->repeat ? "true" : "false",
           permission_info(route->may)->factor == FRESH ? "true" : "false",
           route->status  ? route->status
           : route->again ? 201
                          : 200,
           route->ms);
}

static void routes_print(const struct service *service)
{
    printf("\"routes\":[");
    for (const struct route *route = service->routes; route && route->path; route++)
        route_print(route, route == service->routes);
    printf("],\n\"frames\":[");
    for (const struct frame *frame = service->frames; frame && frame->type; frame++) {
        printf("%s\n  {", frame == service->frames ? "" : ",");
        text("type", frame->type, ",");
        text("permission", permission_info(frame->may)->name, ",");
        text("audit", audit_word(frame->audit), ",");
        shape_name("body", frame->body);
        shape_name("reply", frame->reply);
        printf("\"audited\":%s}", frame->run ? "true" : "false");
    }
    printf("],\n");
}

static void hears_print(const struct service *service)
{
    const struct hears *const *const rows = hears_rows(service);

    printf("\"hears\":[");
    for (const struct hears *const *row = rows; *row; row++) {
        printf("%s\n  {", row == rows ? "" : ",");
        text("topic", topic_info((*row)->topic)->name, ",");
        text("mode", (*row)->mode == EFFECT ? "effect" : "watch", ",");
        printf("\"kind\":%d}", (*row)->what);
    }
    printf("],\n");
}

static void topics_print(const struct service *service)
{
    bool first = true;

    printf("\"publishes\":[");
    for (enum topic topic = TOPIC_NONE + 1; topic < TOPIC_MAX; topic++) {
        if (!topic_names(topic_info(topic)->producers, service->name)) continue;
        printf("%s\"%s\"", first ? "" : ",", topic_info(topic)->name);
        first = false;
    }
    printf("],\n");
}

static void settings_print(const struct setting *table, bool *first)
{
    static const char *const types[] = {
        [SETTING_TEXT] = "text", [SETTING_INT] = "int",   [SETTING_BOOL] = "bool",
        [SETTING_UUID] = "uuid", [SETTING_PATH] = "path", [SETTING_PLACE] = "place",
        [SETTING_SECRET] = "secret",
    };

    for (const struct setting *row = table; row && row->key; row++) {
        printf("%s\n  {", *first ? "" : ",");
        text("key", row->key, ",");
        text("type", types[row->type], ",");
        if (row->fallback) text("default", row->fallback, ",");
        text("about", row->about, "}");
        *first = false;
    }
}

static void states_print(const struct service *service)
{
    printf("\"states\":{");
    for (const struct states *states = service->states; states && states->machine; states++) {
        printf("%s\n  \"%s\":[", states == service->states ? "" : ",", states->machine);
        for (const struct fsm_row *row = states->rows; row->event; row++) {
            printf("%s\n    {", row == states->rows ? "" : ",");
            text("event", row->event, ",");
            text("from", row->from, ",");
            text("to", row->to, ",");
            printf("\"roles\":[");
            bool first = true;
            for (enum role role = 0; role <= ROLES; role++) {
                if (!(row->roles & (1u << role)) && !(role == ROLES && row->roles == 0)) continue;
                printf("%s\"%s\"", first ? "" : ",", role_word(role));
                first = false;
            }
            printf("]}");
        }
        printf("]");
    }
    printf("},\n");
}

int describe(const struct service *service, const struct setting *common)
{
    bool first = true;

    printf("{");
    text("service", service->name, ",\n");
    routes_print(service);
    topics_print(service);
    hears_print(service);
    printf("\"timers\":[");
    for (const struct timer *timer = service->timers; timer && timer->name; timer++)
        printf("%s{\"name\":\"%s\",\"every_ms\":%u}", timer == service->timers ? "" : ",",
               timer->name, timer->every_ms);
    printf("],\n\"settings\":[");
    settings_print(common, &first);
    settings_print(service->settings, &first);
    printf("],\n");
    states_print(service);
    printf("\"schemas\":{");
    for (size_t i = 0; i < seen_count; i++) {
        printf("%s\n  \"%s\":", i ? "," : "", seen[i]->name);
        fflush(stdout);
        json_schema(stdout, seen[i]);
    }
    printf("}}\n");
    return 0;
}
