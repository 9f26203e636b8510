/* Every service by its inner port, as <run>/parts.json names them. */
#include "clients/telectl/files.h"
#include "clients/telectl/telectl.h"
#include "common/io/health.h"

#include <inttypes.h>
#include <stdio.h>

#define SERVICES_MAX 64

struct service {
    struct str name, inner;
};

struct parts {
    struct list services;
};

struct health {
    struct str status, version;
    int64_t clock_skew_ms, queued, sessions;
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const struct field service_fields[] = {
    {"name", TEXT, IN(service, name), REQUIRED, 1, 64},
    {"inner", TEXT, IN(service, inner), REQUIRED, 1, 64},
    {0},
};
static const struct shape service_shape = {"Service", sizeof(struct service), service_fields};

static const struct field parts_fields[] = {
    {"services", LIST, IN(parts, services), REQUIRED, 0, SERVICES_MAX, &service_shape},
    {0},
};
static const struct shape parts_shape = {"Parts", sizeof(struct parts), parts_fields};

static const struct field health_fields[] = {
    {"status", TEXT, IN(health, status), REQUIRED, 1, 32},
    {"version", TEXT, IN(health, version), 0, 1, 32},
    {"clock_skew_ms", INT, IN(health, clock_skew_ms), 0, INT32_MIN, INT32_MAX},
    {"queued", INT, IN(health, queued), 0, 0, INT32_MAX},
    {"sessions", INT, IN(health, sessions), 0, 0, INT32_MAX},
    {0},
};
static const struct shape health_shape = {"Health", sizeof(struct health), health_fields};
/* clang-format on */

static bool service_show(struct arena *arena, const struct service *service)
{
    char body[512];
    struct health health = {0};
    const char *name = arena_cstr(arena, service->name);
    const int status =
        health_read(arena_cstr(arena, service->inner), "/health/ready", body, sizeof body);

    if (status == 0) {
        printf("%-16s%-12snothing answers at " STR_FMT "\n", name, "down", STR_ARG(service->inner));
        return false;
    }
    if (json_decode_lenient(&health_shape, str_bytes(str_of(body)), arena, &health, NULL) !=
        ERR_OK) {
        printf("%-16s%-12sanswers %d, but not as a service does\n", name, "strange", status);
        return false;
    }
    printf("%-16s%-12s" STR_FMT ", clock off by %" PRId64 " ms, %" PRId64 " queued, %" PRId64
           " sessions\n",
           name, arena_cstr(arena, health.status), STR_ARG(health.version), health.clock_skew_ms,
           health.queued, health.sessions);
    return status == 200;
}

int status_show(const struct call *call)
{
    struct parts parts = {0};
    size_t unwell = 0;
    const int result =
        file_decode(call->arena, call->with[WITH_RUN], "parts.json", &parts_shape, &parts);

    const struct service *services = parts.services.p;
    for (size_t i = 0; i < parts.services.n; i++)
        unwell += !service_show(call->arena, &services[i]);
    if (!unwell) return result;
    return trouble("%zu of %zu services are not well", "make doctor names the cause; make up",
                   unwell, parts.services.n);
}
