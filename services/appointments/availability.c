#include "services/appointments/appointments.h"

#include "common/base/clock.h"

#define WEEKS_AHEAD 12
#define SLOTS_SPAN_US (31 * DAY_US) /* one page of a calendar */

static bool digits(struct str text, int32_t max, int32_t *ret_number)
{
    if (text.p[0] < '0' || text.p[0] > '9' || text.p[1] < '0' || text.p[1] > '9') return false;

    *ret_number = (text.p[0] - '0') * 10 + text.p[1] - '0';
    return *ret_number <= max;
}

/* "09:30" as minutes since midnight. */
static bool minute_parse(struct str text, int32_t *ret_minute)
{
    int32_t hour, minute;

    if (text.n != 5 || text.p[2] != ':' || !digits(text, 24, &hour) ||
        !digits((struct str){text.p + 3, 2}, 59, &minute))
        return false;

    *ret_minute = hour * 60 + minute;
    return *ret_minute <= 24 * 60 && minute % 5 == 0;
}

static err_t rules_insert(struct act *act, struct uuid schedule, const struct list *rules)
{
    const struct offer_rule *const rule = rules->p;

    for (size_t i = 0; i < rules->n; i++) {
        struct rule_insert new = {.schedule_id = schedule, .weekday = (int32_t)rule[i].weekday};

        if (!minute_parse(rule[i].from, &new.from_minute) ||
            !minute_parse(rule[i].to, &new.to_minute))
            return act_at(act, "/rules", ERR_UNPROCESSABLE);
        rule_insert(act, &new);
    }
    return act_at(act, "/rules", act_settle(act));
}

/* PUT /v1/providers/{id}/availability: clinicians their own, the front desk anybody's. Visits that
 * are booked stay. */
err_t availability_put(struct act *act)
{
    const struct offer *in = act->in;
    struct offer_reply offer = {.rules = in->rules};
    const struct schedule_put put = {
        .id = uuid_v7(act->now_us), .provider_id = act->path_id, .site_id = in->site_id,
        .time_zone = in->time_zone, .weeks = in->weeks ? (int32_t)in->weeks : WEEKS_AHEAD,
    };

    TRY(act_allow_none(act));
    if (act->who.role == ROLE_CLINICIAN && !uuid_equal(act->path_id, act->who.person))
        return ERR_NOT_FOUND;

    TRY(act_at(act, "/time_zone", schedule_put(act, &put, &offer.row)));
    rules_clear(act, &(struct rules_clear){.schedule_id = offer.row.id});
    TRY(rules_insert(act, offer.row.id, &in->rules));
    availability_clear(act, &(struct availability_clear){.schedule_id = offer.row.id});
    availability_expand(act, &(struct availability_expand){.schedule_id = offer.row.id});
    return act_reply(act, 200, &offer_reply_shape, &offer);
}

/* Timer: the horizon moves on by a day. */
err_t schedule_extend(struct act *act)
{
    const struct schedule_due *due = act->in;

    TRY(act_allow_none(act));
    availability_expand(act, &(struct availability_expand){.schedule_id = due->id});
    return ERR_OK;
}

/* GET /v1/visit_types */
err_t visit_type_list(struct act *act)
{
    struct visit_type_rows rows;

    TRY(act_allow_none(act));
    TRY(visit_types(act, &rows));
    return act_reply_list(act, &visit_type_shape, rows.p, rows.n, STR_NONE);
}

/* GET /v1/slots: of at most 31 days. */
err_t slot_list(struct act *act)
{
    const struct slot_query *in = act->in;
    struct cursor after;
    struct slot_rows slots;
    struct str next = STR_NONE;

    TRY(act_allow_none(act));
    if (in->to_us <= in->from_us || in->to_us - in->from_us > SLOTS_SPAN_US)
        return act_at(act, "/to", ERR_UNPROCESSABLE);
    TRY(act_cursor_open(act, in->cursor, &after));
    const struct slots_free query = {
        .provider_id = in->provider_id, .visit_type = in->visit_type, .from_us = in->from_us,
        .to_us = in->to_us, .after_us = after.at_us > act->now_us ? after.at_us : act->now_us,
        .limit = in->limit,
    };
    TRY(slots_free(act, &query, &slots));
    if (slots.n == (size_t)query.limit)
        next = act_cursor(act, (struct cursor){slots.p[slots.n - 1].starts_at_us, UUID_NIL});
    return act_reply_list(act, &slot_shape, slots.p, slots.n, next);
}
