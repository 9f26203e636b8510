#include "common/base/secret.h"
#include "services/keyd/keyd.h"
#include "services/keyd/sql.h"

#define AT(member) offsetof(struct keyd_settings, member)

static const struct setting settings[] = {
    {"kek_file", SETTING_TEXT, AT(kek_file), NULL, 0, 0,
     "The sealed key-encryption key; made at the first start. Back it up apart from the database."},
    {"kek_passphrase_file", SETTING_SECRET, AT(kek_passphrase), NULL, 0,
     0, "The file whose first line opens kek_file."},
    {0},
};

static const struct service keyd_service = {
    .name = "keyd",
    .settings = settings,
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
