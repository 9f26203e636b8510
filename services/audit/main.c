#include "services/audit/audit.h"

#define AT(member) offsetof(struct audit_settings, member)

static const struct setting settings[] = {
    {"log_dir", SETTING_PATH, AT(log_dir), NULL, 0, 0,
     "Folder of the logs, one below it for each organisation."},
    {"log_key", SETTING_PATH, AT(log_key), NULL, 0, 0,
     "File of the key that signs checkpoints; made at the first start."},
    {"default_org", SETTING_TEXT, AT(default_org), "", 0, 0,
     "Organisation whose log answers at /v1/audit/checkpoint; empty: the only one there is."},
    {0},
};

static const struct service audit_service = {
    .name = "audit",
    .settings = settings,
    .settings_bytes = sizeof(struct audit_settings),
    .routes = audit_routes,
    .hears = audit_hears,
    .migrations = audit_migrations,
    .stmts = audit_stmts,
    .start = sequencer_start,
    .effects = sequencer_run,
};

int main(int argc, char **argv)
{
    return service_run(&audit_service, argc, argv);
}
