/* Every state x event x role of a visit: what the published table says, and nothing else. */
#include "services/appointments/appointments.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const all_states[] = {NULL, "scheduled", "confirmed", "arrived", "in_progress",
                                         "completed", "cancelled", "no_show"};
static const char *const all_events[] = {"book", "confirm", "reschedule", "cancel", "set_place",
                                         "check_in", "admit", "start", "end", "no_show"};

/* Written out by hand, once more. Who: P patient or proxy, F front desk, N nurse, D clinician,
 * S the service's clock. */
static const struct {
    const char *event, *from, *to, *who;
} expected[] = {
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
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char letter_of(unsigned role)
{
    switch (role) {
    case ROLE_PATIENT:
    case ROLE_PROXY: return 'P';
    case ROLE_FRONT_DESK: return 'F';
    case ROLE_NURSE: return 'N';
    case ROLE_CLINICIAN: return 'D';
    case FSM_SERVICE: return 'S';
    default: return '-';
    }
}

static const char *expected_next(const char *event, const char *from, unsigned role)
{
    for (size_t i = 0; i < COUNT(expected); i++) {
        const bool here = from && expected[i].from ? strcmp(from, expected[i].from) == 0
                                                   : from == expected[i].from;
        if (here && strcmp(event, expected[i].event) == 0 &&
            strchr(expected[i].who, letter_of(role)))
            return expected[i].to;
    }
    return NULL;
}

static void every_cell_is_as_written(void **state)
{
    size_t cells = 0;

    (void)state;
    for (size_t e = 0; e < COUNT(all_events); e++) {
        for (size_t s = 0; s < COUNT(all_states); s++) {
            for (unsigned role = 0; role <= FSM_SERVICE; role++, cells++) {
                const char *const next = expected_next(all_events[e], all_states[s], role);
                struct str to = STR_NONE;
                const err_t err =
                    fsm_check(visit_states, all_events[e], str_of(all_states[s]), role, &to);

                assert_int_equal(err, next ? ERR_OK : ERR_BAD_STATE);
                if (next) assert_true(str_is(to, next));
            }
        }
    }
    assert_int_equal(cells, COUNT(all_events) * COUNT(all_states) * (FSM_SERVICE + 1));
}

static void what_is_over_stays_over(void **state)
{
    static const char *const over[] = {"completed", "cancelled", "no_show"};

    (void)state;
    for (const struct fsm_row *row = visit_states; row->event; row++) {
        for (size_t i = 0; i < COUNT(over); i++) {
            assert_true(!row->from || strcmp(row->from, over[i]) != 0);
        }
    }
}

static void the_table_knows_no_other_event(void **state)
{
    (void)state;
    for (const struct fsm_row *row = visit_states; row->event; row++) {
        bool known = false;
        for (size_t e = 0; e < COUNT(all_events); e++)
            known |= strcmp(all_events[e], row->event) == 0;
        assert_true(known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_as_written),
        cmocka_unit_test(what_is_over_stays_over),
        cmocka_unit_test(the_table_knows_no_other_event),
    };

    return cmocka_run_group_tests_name("states of a visit", tests, NULL, NULL);
}
