#include "services/notifications/notifications.h"

/* GET /v1/notifications: one's own, so nobody's relation is asked. */
err_t delivery_list(struct act *act)
{
    const struct delivery_query *in = act->in;
    struct cursor before;
    struct delivery_rows rows;
    struct str next = STR_NONE;

    TRY(act_allow_none(act));
    TRY(act_cursor_open(act, in->cursor, &before));
    const struct deliveries_own query = {
        .patient_id = act->who.patient,
        .before_at_us = before.at_us ? before.at_us : INT64_MAX,
        .before_id = before.id,
        .limit = in->limit,
    };
    TRY(deliveries_own(act, &query, &rows));
    if (rows.n == (size_t)query.limit) {
        const struct delivery *const last = &rows.p[rows.n - 1];
        next = act_cursor(act, (struct cursor){last->created_at_us, last->id});
    }
    return act_reply_list(act, &delivery_shape, rows.p, rows.n, next);
}
