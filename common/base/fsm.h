/*
 * fsm - state machines as tables: what is not listed is refused.
 *
 * A machine is an array of rows ending in a row with no event. States are the words that the
 * database stores. A row says which event, from which state, leads where and by whom.
 *
 * Threads  any: tables are const.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/str.h"

#define FSM_FROM_MAX 8
#define FSM_SERVICE 31 /* the "role" of the service itself: timers, events */

struct fsm_row {
    const char *event;  /* "check_in" */
    const char *from;   /* NULL: birth */
    const char *to;
    unsigned roles;     /* mask of 1u << enum role; 0: only the service itself */
};

/* The states from which @event may happen, for `state = ANY(:from)`; none for a birth. */
struct fsm_step {
    struct str from[FSM_FROM_MAX];
    size_t n;
    struct str to; /* absent when it depends on the state: then fsm_check() says */
};

/* @role is an enum role as a bit number, or FSM_SERVICE. ERR_BAD_STATE: no such event;
 * ERR_FORBIDDEN: from no state for that role. */
err_t fsm_step(const struct fsm_row *rows, const char *event, unsigned role, struct fsm_step *ret);

/* ERR_BAD_STATE unless @event is listed for @state (STR_NONE: birth) and @role. */
err_t fsm_check(const struct fsm_row *rows, const char *event, struct str state, unsigned role,
                struct str *ret_to);
