/* Every state x event x role of a visit: what the published table says, and nothing else. */
#include "services/appointments/appointments.h"
#include "tests/harness/states.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Written out by hand, once more. */
static const struct expected_step expected[] = {
    {"book", NULL, "scheduled", "PFND"},
    {"confirm", "scheduled", "confirmed", "PFND"},
    {"reschedule", "scheduled", "scheduled", "PFND"},
    {"reschedule", "confirmed", "confirmed", "PFND"},
    {"cancel", "scheduled", "cancelled", "PFND"},
    {"cancel", "confirmed", "cancelled", "PFND"},
    {"cancel", "arrived", "cancelled", "PFNDS"},
    {"set_place", "scheduled", "scheduled", "PFN"},
    {"set_place", "confirmed", "confirmed", "PFN"},
    {"set_place", "arrived", "arrived", "PFN"},
    {"set_place", "in_progress", "in_progress", "PFN"},
    {"check_in", "scheduled", "arrived", "PFN"},
    {"check_in", "confirmed", "arrived", "PFN"},
    {"admit", "arrived", "arrived", "D"},
    {"start", "arrived", "in_progress", "D"},
    {"end", "in_progress", "completed", "D"},
    {"no_show", "scheduled", "no_show", "FNDS"},
    {"no_show", "confirmed", "no_show", "FNDS"},
    {NULL, NULL, NULL, NULL},
};

static void every_cell_is_as_written(void **state)
{
    (void)state;
    assert_states(visit_states, expected);
}

static void what_is_over_stays_over(void **state)
{
    static const char *const over[] = {"completed", "cancelled", "no_show"};

    (void)state;
    for (const struct fsm_row *row = visit_states; row->event; row++) {
        for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
            assert_true(!row->from || strcmp(row->from, over[i]) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_as_written),
        cmocka_unit_test(what_is_over_stays_over),
    };

    return cmocka_run_group_tests_name("states of a visit", tests, NULL, NULL);
}
