#include "services/prescriptions/prescriptions.h"

#define AT(member) offsetof(struct prescriptions_settings, member)

static const struct setting settings[] = {
    {"signing_key", SETTING_PLACE, AT(signing_key), NULL, 0, 0,
     "File of the key that signs prescriptions; made at the first start."},
    {"signing_public", SETTING_PLACE, AT(signing_public), NULL, 0, 0,
     "File for its public half, which is all that a verifier needs."},
    {0},
};

static const struct service prescriptions_service = {
    .name = "prescriptions",
    .settings = settings,
    .settings_bytes = sizeof(struct prescriptions_settings),
    .routes = prescriptions_routes,
    .hears = prescriptions_hears,
    .states = prescriptions_states,
    .sealed = prescriptions_sealed,
    .migrations = prescriptions_migrations,
    .stmts = prescriptions_stmts,
    .start = signature_start,
};

int main(int argc, char **argv)
{
    return service_run(&prescriptions_service, argc, argv);
}
