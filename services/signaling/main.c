#include "services/signaling/signaling.h"

static const struct service signaling_service = {
    .name = "signaling",
    .settings = signaling_setting_rows,
    .settings_bytes = sizeof(struct signaling_settings),
    .routes = signaling_routes,
    .frames = signaling_frames,
    .hears = signaling_hears,
    .migrations = signaling_migrations,
    .stmts = signaling_stmts,
    .start = allocations_start,
    .effects = room_run,
    .session_closed = room_leave,
};

int main(int argc, char **argv)
{
    return service_run(&signaling_service, argc, argv);
}
