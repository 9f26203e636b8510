/* Every state x event x role of an invoice: what is written here, and nothing else. */
#include "services/billing/billing.h"
#include "tests/harness/states.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct expected_step expected[] = {
    {"issue", NULL, "issued", "S"},
    {"pay", "issued", "issued", "PFB"},
    {"pay_off", "issued", "balanced", "PFB"},
    {"void", "issued", "voided", "B"},
    {NULL, NULL, NULL, NULL},
};

static void every_cell_is_as_written(void **state)
{
    (void)state;
    assert_states(invoice_states, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_cell_is_as_written)};

    return cmocka_run_group_tests_name("states of an invoice", tests, NULL, NULL);
}
