/* fsm: what is not listed is refused. */
#include "common/base/fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { PATIENT_ROLE, DOCTOR_ROLE };

static const struct fsm_row visit[] = {
    {"book", NULL, "booked", 1u << PATIENT_ROLE},
    {"cancel", "booked", "cancelled", 1u << PATIENT_ROLE | 1u << DOCTOR_ROLE},
    {"cancel", "waiting", "cancelled", 1u << DOCTOR_ROLE},
    {"expire", "booked", "missed", 0},
    {"end", "waiting", "missed", 1u << DOCTOR_ROLE},
    {"end", "running", "done", 1u << DOCTOR_ROLE},
    {0},
};

static void steps_list_the_states(void **state)
{
    struct fsm_step step;

    (void)state;
    assert_int_equal(fsm_step(visit, "cancel", DOCTOR_ROLE, &step), ERR_OK);
    assert_int_equal(step.n, 2);
    assert_true(str_is(step.from[0], "booked") && str_is(step.from[1], "waiting"));
    assert_true(str_is(step.to, "cancelled"));

    assert_int_equal(fsm_step(visit, "cancel", PATIENT_ROLE, &step), ERR_OK);
    assert_int_equal(step.n, 1);

    assert_int_equal(fsm_step(visit, "end", DOCTOR_ROLE, &step), ERR_OK);
    assert_null(step.to.p); /* depends on the state */

    assert_int_equal(fsm_step(visit, "expire", DOCTOR_ROLE, &step), ERR_FORBIDDEN);
    assert_int_equal(step.n, 0);
    assert_int_equal(fsm_step(visit, "expire", FSM_SERVICE, &step), ERR_OK);
    assert_int_equal(step.n, 1);

    assert_int_equal(fsm_step(visit, "book", PATIENT_ROLE, &step), ERR_OK);
    assert_int_equal(step.n, 0); /* a birth */
    assert_int_equal(fsm_step(visit, "explode", DOCTOR_ROLE, &step), ERR_BAD_STATE);
}

static void checks_every_cell(void **state)
{
    static const char *const events[] = {"book", "cancel", "expire", "end", "explode"};
    static const char *const states[] = {NULL,      "booked", "waiting", "running",
                                         "cancelled", "missed", "done"};
    static const unsigned roles[] = {PATIENT_ROLE, DOCTOR_ROLE, FSM_SERVICE};
    unsigned allowed = 0;

    (void)state;
    for (size_t e = 0; e < 5; e++)
        for (size_t s = 0; s < 7; s++)
            for (size_t r = 0; r < 3; r++) {
                struct str to = STR_NONE;
                const err_t err = fsm_check(visit, events[e], str_of(states[s]), roles[r], &to);

                assert_true(err == ERR_OK ? to.p != NULL : err == ERR_BAD_STATE);
                allowed += err == ERR_OK;
            }
    assert_int_equal(allowed, 7); /* one a row, one more for the row with two roles */
}

static void says_where_it_leads(void **state)
{
    struct str to;

    (void)state;
    assert_int_equal(fsm_check(visit, "end", STR("running"), DOCTOR_ROLE, &to), ERR_OK);
    assert_true(str_is(to, "done"));
    assert_int_equal(fsm_check(visit, "book", STR_NONE, PATIENT_ROLE, &to), ERR_OK);
    assert_true(str_is(to, "booked"));
    assert_int_equal(fsm_check(visit, "book", STR(""), PATIENT_ROLE, &to), ERR_BAD_STATE);
    assert_int_equal(fsm_check(visit, "expire", STR("booked"), 40, &to), ERR_BAD_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_list_the_states),
        cmocka_unit_test(checks_every_cell),
        cmocka_unit_test(says_where_it_leads),
    };

    return cmocka_run_group_tests_name("fsm", tests, NULL, NULL);
}
