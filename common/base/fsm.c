#include "common/base/fsm.h"

#include <assert.h>

static bool permits(const struct fsm_row *row, unsigned role)
{
    const unsigned roles = row->roles ? row->roles : 1u << FSM_SERVICE;

    return role <= FSM_SERVICE && (roles >> role & 1);
}

err_t fsm_step(const struct fsm_row *rows, const char *event, unsigned role, struct fsm_step *ret)
{
    err_t err = ERR_BAD_STATE;
    bool mixed = false;

    *ret = (struct fsm_step){0};
    for (const struct fsm_row *row = rows; row->event; row++) {
        if (strcmp(row->event, event) != 0) continue;
        if (err == ERR_BAD_STATE) err = ERR_FORBIDDEN;
        if (!permits(row, role)) continue;
        err = ERR_OK;
        if (ret->to.p && !str_is(ret->to, row->to)) mixed = true;
        ret->to = str_of(row->to);
        if (!row->from) continue;
        assert(ret->n < FSM_FROM_MAX);
        ret->from[ret->n++] = str_of(row->from);
    }
    if (mixed) ret->to = STR_NONE;
    return err;
}

err_t fsm_check(const struct fsm_row *rows, const char *event, struct str state, unsigned role,
                struct str *ret_to)
{
    for (const struct fsm_row *row = rows; row->event; row++) {
        const bool here = row->from ? state.p && str_is(state, row->from) : !state.p;

        if (!here || strcmp(row->event, event) != 0 || !permits(row, role)) continue;
        *ret_to = str_of(row->to);
        return ERR_OK;
    }
    return ERR_BAD_STATE;
}
