#include "services/patients/patients.h"

static const struct service patients_service = {
    .name = "patients",
    .routes = patients_routes,
    .hears = patients_hears,
    .sealed = patients_sealed,
    .migrations = patients_migrations,
    .stmts = patients_stmts,
};

int main(int argc, char **argv)
{
    return service_run(&patients_service, argc, argv);
}
