#include "services/audit/audit.h"

static const struct service audit_service = {
    .name = "audit",
    .settings = audit_setting_rows,
    .settings_bytes = sizeof(struct audit_settings),
    .routes = audit_routes,
    .hears = audit_hears,
    .timers = audit_timers,
    .migrations = audit_migrations,
    .stmts = audit_stmts,
    .start = sequencer_start,
    .effects = sequencer_run,
};

int main(int argc, char **argv)
{
    return service_run(&audit_service, argc, argv);
}
