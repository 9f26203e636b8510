#include "services/appointments/appointments.h"

#define AT(member) offsetof(struct appointments_settings, member)

static const struct setting settings[] = {
    {"signing_key", SETTING_PLACE, AT(signing_key), NULL, 0, 0,
     "File of the key that signs visit passes; made at the first start."},
    {0},
};

static const struct service appointments_service = {
    .name = "appointments",
    .settings = settings,
    .settings_bytes = sizeof(struct appointments_settings),
    .routes = appointments_routes,
    .hears = appointments_hears,
    .timers = appointments_timers,
    .states = appointments_states,
    .sealed = appointments_sealed,
    .migrations = appointments_migrations,
    .stmts = appointments_stmts,
    .start = pass_start,
};

int main(int argc, char **argv)
{
    return service_run(&appointments_service, argc, argv);
}
