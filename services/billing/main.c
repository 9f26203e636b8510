#include "services/billing/billing.h"

static const struct service billing_service = {
    .name = "billing",
    .routes = billing_routes,
    .hears = billing_hears,
    .states = billing_states,
    .migrations = billing_migrations,
    .stmts = billing_stmts,
};

int main(int argc, char **argv)
{
    return service_run(&billing_service, argc, argv);
}
