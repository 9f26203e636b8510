#include "services/messaging/messaging.h"

static const struct service messaging_service = {
    .name = "messaging",
    .routes = messaging_routes,
    .frames = messaging_frames,
    .hears = messaging_hears,
    .migrations = messaging_migrations,
    .stmts = messaging_stmts,
    .effects = fan_run,
    .session_closed = fan_leave,
};

int main(int argc, char **argv)
{
    return service_run(&messaging_service, argc, argv);
}
