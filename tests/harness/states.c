/* The walk over every cell of a state machine. */
#include "tests/harness/states.h"

#include "common/app/auth.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WORDS_MAX 32

struct words {
    const char *p[WORDS_MAX];
    size_t n;
};

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void words_add(struct words *words, const char *word)
{
    for (size_t i = 0; i < words->n; i++) {
        if (is_same(words->p[i], word)) return;
    }
    assert_true(words->n < WORDS_MAX);
    words->p[words->n++] = word;
}

static char letter_of(unsigned role)
{
    switch (role) {
    case ROLE_PATIENT:
    case ROLE_PROXY: return 'P';
    case ROLE_FRONT_DESK: return 'F';
    case ROLE_NURSE: return 'N';
    case ROLE_CLINICIAN: return 'D';
    case ROLE_PHARMACIST: return 'A';
    case ROLE_BILLER: return 'B';
    case FSM_SERVICE: return 'S';
    default: return '-';
    }
}

/* NULL: refused. */
static const char *expected_next(const struct expected_step *expected, const char *event,
                                 const char *from, unsigned role)
{
    for (const struct expected_step *step = expected; step->event; step++) {
        if (is_same(step->from, from) && is_same(step->event, event) &&
            strchr(step->who, letter_of(role)))
            return step->to;
    }
    return NULL;
}

static void cell_check(const struct fsm_row *rows, const char *event, const char *from,
                       unsigned role, const char *next)
{
    struct str to = STR_NONE;
    const err_t err = fsm_check(rows, event, str_of(from), role, &to);

    if (err == (next ? ERR_OK : ERR_BAD_STATE) && (!next || str_is(to, next))) return;
    fail_msg("%s from %s by role %u: to %s is expected, not to " STR_FMT, event,
             from ? from : "birth", role, next ? next : "nowhere", STR_ARG(to));
}

void assert_states(const struct fsm_row *rows, const struct expected_step *expected)
{
    struct words events = {.n = 0}, states = {.n = 0};

    words_add(&states, NULL);
    for (const struct fsm_row *row = rows; row->event; row++) {
        words_add(&events, row->event);
        words_add(&states, row->from);
        words_add(&states, row->to);
    }
    for (const struct expected_step *step = expected; step->event; step++) {
        words_add(&events, step->event);
        words_add(&states, step->from);
        words_add(&states, step->to);
    }
    for (size_t e = 0; e < events.n; e++) {
        for (size_t s = 0; s < states.n; s++) {
            for (unsigned role = 0; role <= FSM_SERVICE; role++)
                cell_check(rows, events.p[e], states.p[s], role,
                           expected_next(expected, events.p[e], states.p[s], role));
        }
    }
}
