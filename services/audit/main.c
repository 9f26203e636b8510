#include "services/audit/audit.h"

static const struct command commands[] = {{"fsck", fsck_run}, {0}};

static const struct service audit_service = {
    .name = "audit",
    .settings = audit_setting_rows,
    .settings_bytes = sizeof(struct audit_settings),
    .routes = audit_routes,
    .hears = audit_hears,
    .timers = audit_timers,
    .migrations = audit_migrations,
    .stmts = audit_stmts,
    .commands = commands,
    .start = sequencer_start,
    .effects = sequencer_run,
};

int main(int argc, char **argv)
{
    return service_run(&audit_service, argc, argv);
}
