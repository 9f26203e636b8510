#include "services/access/access.h"

static const struct service access_service = {
    .name = "access",
    .settings = access_setting_rows,
    .settings_bytes = sizeof(struct access_settings),
    .routes = access_routes,
    .hears = access_hears,
    .timers = access_timers,
    .states = access_states,
    .sealed = access_sealed,
    .migrations = access_migrations,
    .stmts = access_stmts,
    .owns_projections = true,
    .start = access_start,
};

int main(int argc, char **argv)
{
    return service_run(&access_service, argc, argv);
}
