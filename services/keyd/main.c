#include "common/base/secret.h"
#include "services/keyd/keyd.h"
#include "services/keyd/sql.h"


static const struct service keyd_service = {
    .name = "keyd",
    .settings = keyd_setting_rows,
    .settings_bytes = sizeof(struct keyd_settings),
    .routes = keyd_routes,
    .timers = keyd_timers,
    .migrations = keyd_migrations,
    .stmts = keyd_stmts,
    .start = keyd_start,
};

int main(int argc, char **argv)
{
    secret_harden();
    return service_run(&keyd_service, argc, argv);
}
