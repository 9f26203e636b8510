/* Every state x event x role of an invoice: what is written here, and nothing else. */
#include "services/billing/billing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const all_states[] = {NULL, "issued", "balanced", "voided"};
static const char *const all_events[] = {"issue", "pay", "pay_off", "void"};

/* Who: P patient or proxy, F front desk, B biller, S the service itself. */
static const struct { const char *event, *from, *to, *who; } expected[] = {
    {"issue", NULL, "issued", "S"},
    {"pay", "issued", "issued", "PFB"},
    {"pay_off", "issued", "balanced", "PFB"},
    {"void", "issued", "voided", "B"},
};

static char letter_of(unsigned role)
{
    switch (role) {
    case ROLE_PATIENT:
    case ROLE_PROXY: return 'P';
    case ROLE_FRONT_DESK: return 'F';
    case ROLE_BILLER: return 'B';
    case FSM_SERVICE: return 'S';
    default: return '-';
    }
}

static const char *next_of(const char *event, const char *from, unsigned role)
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
    size_t rows = 0;

    (void)state;
    for (const struct fsm_row *row = invoice_states; row->event; row++) rows++;
    assert_int_equal(rows, COUNT(expected));
    for (size_t e = 0; e < COUNT(all_events); e++) {
        for (size_t s = 0; s < COUNT(all_states); s++) {
            for (unsigned role = 0; role <= FSM_SERVICE; role++) {
                const char *const next = next_of(all_events[e], all_states[s], role);
                struct str to = STR_NONE;
                const err_t err =
                    fsm_check(invoice_states, all_events[e], str_of(all_states[s]), role, &to);

                assert_int_equal(err, next ? ERR_OK : ERR_BAD_STATE);
                if (next) assert_true(str_is(to, next));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_cell_is_as_written)};

    return cmocka_run_group_tests_name("states of an invoice", tests, NULL, NULL);
}
