/*
 * Who leafs through many records: browsing.def says what is too many, the index of the log says
 * who did it, a privacy officer is told. A turn looks only at who has done something since the
 * last one.
 *
 * What holds if the process dies: what was noticed and up to where has been looked are one
 * transaction; what was noticed is told by an act of its own, which stays due until it has
 * committed.
 */
#include "services/audit/audit.h"

#include "common/base/clock.h"

#define TURN_LEAVES 5000
#define TIME_US DAY_US /* within which patients are counted, and nobody is noticed twice */

static const struct {
    struct str kind, action;
    size_t patients_max; /* its setting */
} rules[] = {
#define BROWSING(kind, action, setting)                                                            \
    {STR(kind), STR(action), offsetof(struct audit_settings, setting)},
#include "services/audit/browsing.def"
#undef BROWSING
};

static err_t rule_ask(struct act *act, size_t rule, const struct unbrowsed_log *log, int64_t end)
{
    const char *const settings = service_settings();
    struct browsers ask = {
        .first = log->next,
        .end = end,
        .after_us = act->now_us - TIME_US,
        .kind = rules[rule].kind,
        .action = rules[rule].action.n ? rules[rule].action : STR_NONE,
    };
    struct browser_rows rows;

    memcpy(&ask.patients_max, settings + rules[rule].patients_max, sizeof ask.patients_max);
    TRY(browsers(act, &ask, &rows));
    for (size_t i = 0; i < rows.n; i++)
        browsing_insert(act, &(struct browsing_insert){
            .id = uuid_v7(act->now_us),
            .kind = rules[rule].kind,
            .who = rows.p[i].who,
            .event_id = rows.p[i].event_id,
            .patients = rows.p[i].patients,
            .since_us = rows.p[i].since_us,
        });
    return ERR_OK;
}

/* Timer: the index has grown. */
err_t browsing_look(struct act *act)
{
    const struct unbrowsed_log *const log = act->in;
    const int64_t end = log->size - log->next > TURN_LEAVES ? log->next + TURN_LEAVES : log->size;

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) TRY(rule_ask(act, i, log, end));
    browsing_reach(act, &(struct browsing_reach){end});
    return ERR_OK;
}

/* Timer: somebody was noticed. The index has only a word for them; the event names them. */
err_t browsing_tell(struct act *act)
{
    const struct untold_browsing *const due = act->in;
    __attribute__((cleanup(bundle_close))) struct bundle bundle = bundle_open();
    Telecura__V1__AlarmEvent alarm = TELECURA__V1__ALARM_EVENT__INIT;
    struct audit_event event;
    struct found_leaf found;
    struct browsing row;

    TRY(act_allow_none(act));
    TRY(browsing_get(act, &(struct browsing_get){due->id}, &row));
    TRY(leaf_find(act, &(struct leaf_find){row.event_id}, &found));
    TRY(event_open(act, &bundle, row.event_id, found.leaf_index, &event));
    TRY(browsing_name(act, &(struct browsing_name){event.actor, row.id}, &row));
    act_resource(act, row.id, 1);
    alarm.kind = KIND_OF(ALARM, RAISED);
    alarm.alarm = pb_text(act->arena, row.kind);
    alarm.person = pb_uuid(act->arena, row.person);
    alarm.patients = row.patients;
    return act_emit(act, TOPIC_ALARMS, row.id, 1, &alarm.base);
}

/* GET /v1/audit/browsing */
err_t browsings_read(struct act *act)
{
    const struct page_query *const in = act->in;
    struct browsing_rows rows;
    struct cursor after;
    struct str next = STR_NONE;

    TRY(act_allow_none(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    const struct browsings_list ask = {
        .before_us = after.at_us ? after.at_us : INT64_MAX,
        .before_id = after.id,
        .limit = in->limit,
    };
    TRY(browsings_list(act, &ask, &rows));
    if (rows.n && rows.n == (size_t)in->limit)
        next = act_cursor(act, (struct cursor){rows.p[rows.n - 1].at_us, rows.p[rows.n - 1].id});
    return act_reply_list(act, &browsing_shape, rows.p, rows.n, next);
}
