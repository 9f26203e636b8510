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

struct fsm_row {
    const char *event;  /* "check_in" */
    const char *from;   /* NULL: birth */
    const char *to;
    unsigned roles;     /* mask of 1u << enum role; 0: only the service itself */
};

/* The states from which @event may happen, for `state = ANY(:from)`. False: no such event. */
struct fsm_step {
    struct str from[FSM_FROM_MAX];
    size_t n;
    struct str to; /* the same for every from, or fsm_to() decides */
};

bool fsm_step(const struct fsm_row *rows, const char *event, unsigned role, struct fsm_step *ret);

/* ERR_BAD_STATE unless @event is listed for @state and @role (enum role as a bit number). */
err_t fsm_check(const struct fsm_row *rows, const char *event, struct str state, unsigned role,
                struct str *ret_to);
