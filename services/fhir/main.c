#include "services/fhir/fhir.h"

#define AT(member) offsetof(struct fhir_settings, member)

static const struct setting settings[] = {
    {"patients", SETTING_TEXT, AT(patients), NULL, 0, 0, "host:port of patients"},
    {"appointments", SETTING_TEXT, AT(appointments), NULL, 0, 0, "host:port of appointments"},
    {"audit", SETTING_TEXT, AT(audit), NULL, 0, 0, "host:port of audit"},
    {"base", SETTING_TEXT, AT(base), NULL, 0, 0,
     "what others call this service: https://host/fhir/R4, without a slash at the end"},
    {0},
};

static const struct service fhir_service = {
    .name = "fhir",
    .settings = settings,
    .settings_bytes = sizeof(struct fhir_settings),
    .routes = fhir_routes,
    .start = owner_start,
};

int main(int argc, char **argv)
{
    return service_run(&fhir_service, argc, argv);
}
