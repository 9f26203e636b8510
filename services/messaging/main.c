#include "services/messaging/messaging.h"

#define AT(member) offsetof(struct messaging_settings, member)
static const struct setting settings[] = {
    {"redis", SETTING_PATH, AT(redis), "", 0, 0,
     "Redis' Unix socket, where replicas see who is present; empty: there is one replica"},
#include "common/app/session_settings.def"
    {.key = NULL},
};

static const struct service messaging_service = {
    .name = "messaging",
    .settings = settings,
    .settings_bytes = sizeof(struct messaging_settings),
    .routes = messaging_routes,
    .frames = messaging_frames,
    .hears = messaging_hears,
    .sealed = messaging_sealed,
    .migrations = messaging_migrations,
    .stmts = messaging_stmts,
    .effects = fan_run,
    .session_closed = seat_leave,
};

int main(int argc, char **argv)
{
    return service_run(&messaging_service, argc, argv);
}
