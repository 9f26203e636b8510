/* What auditors, privacy officers and patients ask of the log. */
#include "services/audit/audit.h"

#include "common/base/clock.h"

#define PAGE_DEFAULT 50
#define BREACH_PAGE_DEFAULT 100
#define FOR_EVER_US (253402300799 * SECOND_US) /* the end of 9999 */

static int64_t until_us(int64_t to_us)
{
    return to_us ? to_us : FOR_EVER_US;
}

/* The page's events, opened; the cursor of the next one, if there is any. Of whom an event tells
 * beside @asked is asked of by the route's permission. */
static err_t page_open(struct act *act, const struct found_event_rows *rows, struct uuid asked,
                       int64_t limit, struct audit_event **ret, struct str *ret_next)
{
    __attribute__((cleanup(bundle_close))) struct bundle bundle = bundle_open();
    struct audit_event *const events = ARENA_ARRAY(act->arena, struct audit_event, rows->n + 1);
    const struct found_event *const last = rows->n ? &rows->p[rows->n - 1] : NULL;

    for (size_t i = 0; i < rows->n; i++) {
        TRY(event_open(act, &bundle, rows->p[i].event_id, rows->p[i].leaf_index, &events[i]));
        if (!uuid_is_nil(events[i].patient) && !uuid_equal(events[i].patient, asked))
            TRY(act_allow(act, events[i].patient));
    }
    *ret = events;
    *ret_next = STR_NONE;
    if (last && rows->n == (size_t)limit)
        *ret_next = act_cursor(act, (struct cursor){last->at_us, last->event_id});
    return ERR_OK;
}

/* What @in asks for; its patient may be nil. The permission is the caller's affair. */
static err_t search(struct act *act, const struct search_query *in, struct uuid patient,
                    const struct shape *shape)
{
    struct events_search query = {
        .from_us = in->from_us,
        .to_us = until_us(in->to_us),
        .action = in->action,
        .not_action = in->not_action,
        .outcome = in->outcome,
        .limit = in->limit ? in->limit : PAGE_DEFAULT,
    };
    struct found_event_rows rows;
    struct audit_event *events;
    struct cursor after;
    struct str next;

    TRY(act_cursor_open(act, in->cursor, &after));
    query.before_us = after.at_us ? after.at_us : FOR_EVER_US;
    query.before_id = after.id;
    TRY(pseudonym_of_id(act, OF_PATIENT_ID, patient, &query.patient));
    TRY(pseudonym_of_id(act, OF_PERSON, in->person, &query.person));
    TRY(pseudonym_of_id(act, OF_THING, in->thing, &query.thing));
    TRY(pseudonym_of(act, OF_ADDRESS, in->address, &query.address));
    TRY(events_search(act, &query, &rows));
    TRY(page_open(act, &rows, patient, query.limit, &events, &next));
    return act_reply_list(act, shape, events, rows.n, next);
}

/* GET /v1/audit/events: a search, which is itself on record with all whom its page shows. */
err_t events_find(struct act *act)
{
    const struct search_query *const in = act->in;

    TRY(uuid_is_nil(in->patient) ? act_allow_none(act) : act_allow(act, in->patient));
    act_resource(act, in->person, 0);
    return search(act, in, in->patient, &event_shape);
}

/* GET /v1/audit/patients/{id}/events: the accesses to one patient's record. */
err_t events_about(struct act *act)
{
    const struct events_query *const in = act->in;
    const struct search_query query = {
        .from_us = in->from_us,
        .to_us = in->to_us,
        .cursor = in->cursor,
        .limit = in->limit,
    };

    TRY(act_allow(act, act->path_id));
    return search(act, &query, act->path_id, &access_shape);
}

/* GET /v1/audit/breach: whose data a person, an address or a key has reached. The log has only
 * pseudonyms; each is resolved by opening one of its events, and is then on record. */
err_t breach_scope(struct act *act)
{
    const struct breach_query *const in = act->in;
    struct patients_touched query = {
        .from_us = in->from_us,
        .to_us = until_us(in->to_us),
        .limit = in->limit ? in->limit : BREACH_PAGE_DEFAULT,
    };
    struct touched_patient_rows rows;
    struct cursor after;
    struct str next = STR_NONE;

    TRY(act_allow_none(act));
    if (uuid_is_nil(in->person) && uuid_is_nil(in->key) && !in->address.n) return ERR_BAD_QUERY;
    act_resource(act, uuid_is_nil(in->person) ? in->key : in->person, 0);
    TRY(act_cursor_open(act, in->cursor, &after));
    query.after = after.id;
    TRY(pseudonym_of_id(act, OF_PERSON, in->person, &query.person));
    TRY(pseudonym_of_id(act, OF_THING, in->key, &query.thing));
    TRY(pseudonym_of(act, OF_ADDRESS, in->address, &query.address));
    TRY(patients_touched(act, &query, &rows));

    __attribute__((cleanup(bundle_close))) struct bundle bundle = bundle_open();
    struct touched *const touched = ARENA_ARRAY(act->arena, struct touched, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++) {
        const struct touched_patient *const row = &rows.p[i];
        struct audit_event event;

        TRY(event_open(act, &bundle, row->event_id, row->leaf_index, &event));
        if (!uuid_is_nil(event.patient)) TRY(act_allow(act, event.patient));
        touched[i] = (struct touched){event.patient, row->events, row->first_at_us,
                                      row->last_at_us};
    }
    if (rows.n == (size_t)query.limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].pseudonym});
    return act_reply_list(act, &touched_shape, touched, rows.n, next);
}
