/* What auditors, privacy officers and patients ask of the log. */
#include "services/audit/audit.h"

#include "common/base/clock.h"

#define FOR_EVER_US (253402300799 * SECOND_US) /* the end of 9999 */

static int64_t until_us(int64_t to_us)
{
    return to_us ? to_us : FOR_EVER_US;
}

struct found {
    int64_t hidden; /* labels, a bit each: an event about such a row is as if there were none */
    struct audit_event *events;
    size_t n;
    struct cursor last; /* the one that was found last */
    struct str next;
};

/* Acts about a visit whose events do not say how sensitive it is. */
static bool is_unlabelled(struct str action)
{
    return policy_lists("grant.revoke grant.readmit notification.send", action);
}

static bool is_hidden(const struct act *act, const struct audit_event *event, int64_t hidden)
{
    return event->labels & hidden ||
           (act->who.role == ROLE_PROXY && is_unlabelled(event->action));
}

/* What is shown of @rows, opened, until the page has @limit. Of whom an event tells beside @asked
 * is asked of by the route's permission. */
static err_t page_add(struct act *act, const struct found_event_rows *rows, struct uuid asked,
                      size_t limit, struct found *page)
{
    __attribute__((cleanup(bundle_close))) struct bundle bundle = bundle_open();

    for (size_t i = 0; i < rows->n && page->n < limit; i++) {
        const struct found_event *const row = &rows->p[i];
        struct audit_event *const event = &page->events[page->n];

        TRY(event_open(act, &bundle, row->event_id, row->leaf_index, event));
        if (is_hidden(act, event, page->hidden)) continue;
        if (!uuid_is_nil(event->patient) && !uuid_equal(event->patient, asked))
            TRY(act_allow(act, event->patient));
        page->last = (struct cursor){row->at_us, row->event_id};
        page->n++;
    }
    return ERR_OK;
}

/* Of a half year whose keys are gone the index has nothing; who asks about it is told so, a row a
 * shard, behind what else is found. */
static err_t destroyed_add(struct act *act, const struct events_of_patient *query,
                           struct found *page)
{
    const struct shards_destroyed which = {query->from_us, query->to_us};
    struct destroyed_shard_rows gone;

    TRY(shards_destroyed(act, &which, &gone));
    if (gone.n == 0) return ERR_OK;
    struct audit_event *const all = ARENA_ARRAY(act->arena, struct audit_event, page->n + gone.n);
    if (page->n) memcpy(all, page->events, page->n * sizeof *all);
    for (size_t i = 0; i < gone.n; i++) {
        all[page->n + i] = (struct audit_event){
            .id = gone.p[i].id,
            .shard = gone.p[i].shard,
            .at_us = gone.p[i].at_us,
            .service = STR("audit"),
            .action = STR(EVENT_DESTROYED),
            .outcome = STR(""),
            .role = STR(""),
            .resource = STR(""),
        };
    }
    page->events = all;
    page->n += gone.n;
    return ERR_OK;
}

/* The statement whose index serves what is asked for: the first whose key is given. */
static err_t events_search(struct act *act, const struct events_of_patient *query,
                           struct found_event_rows *ret)
{
    const struct {
        struct uuid key;
        err_t (*search)(struct act *, const struct events_of_patient *, struct found_event_rows *);
    } by[] = {
        {query->patient, events_of_patient}, {query->thing, events_of_thing},
        {query->person, events_of_person},   {query->address, events_of_address},
    };

    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        if (!uuid_is_nil(by[i].key)) return by[i].search(act, query, ret);
    }
    return events_between(act, query, ret);
}

static err_t patients_touched(struct act *act, const struct patients_of_thing *query,
                              struct touched_patient_rows *ret)
{
    const struct {
        struct uuid key;
        err_t (*search)(struct act *, const struct patients_of_thing *,
                        struct touched_patient_rows *);
    } by[] = {
        {query->thing, patients_of_thing},
        {query->person, patients_of_person},
        {query->token, patients_of_token},
        {query->sign_in, patients_of_sign_in},
        {query->address, patients_of_address},
    };

    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        if (!uuid_is_nil(by[i].key)) return by[i].search(act, query, ret);
    }
    return ERR_BAD_QUERY; /* about nothing is not about everything */
}

/* What @in asks for about @patient (nil: anybody). The permission is the caller's affair. What is
 * hidden shortens no page and stands in no cursor: neither may tell of it. */
static err_t find(struct act *act, const struct search_query *in, struct uuid patient,
                  struct strs actions, struct found *ret)
{
    struct events_of_patient query = {
        .from_us = in->from_us,
        .to_us = until_us(in->to_us),
        .actions = actions,
        .not_action = in->not_action,
        .outcome = in->outcome,
        .limit = in->limit,
    };
    struct found_event_rows rows;
    struct cursor after;

    TRY(act_cursor_open(act, in->cursor, &after));
    query.before_us = after.at_us ? after.at_us : FOR_EVER_US;
    query.before_id = after.id;
    TRY(pseudonym_of_id(act, OF_PATIENT_ID, patient, &query.patient));
    TRY(pseudonym_of_id(act, OF_PERSON, in->person, &query.person));
    TRY(pseudonym_of_id(act, OF_THING, in->thing, &query.thing));
    TRY(pseudonym_of(act, OF_ADDRESS, in->address, &query.address));
    ret->events = ARENA_ARRAY(act->arena, struct audit_event, (size_t)in->limit);
    do {
        TRY(events_search(act, &query, &rows));
        TRY(page_add(act, &rows, patient, (size_t)in->limit, ret));
        if (ret->n == (size_t)in->limit) {
            ret->next = act_cursor(act, ret->last);
            return ERR_OK;
        }
        if (rows.n) {
            query.before_us = rows.p[rows.n - 1].at_us;
            query.before_id = rows.p[rows.n - 1].event_id;
        }
    } while (rows.n == (size_t)in->limit);
    return destroyed_add(act, &query, ret);
}

/* GET /v1/audit/events: a search, which is itself on record with all whom its page shows. */
err_t events_find(struct act *act)
{
    const struct search_query *const in = act->in;
    const struct strs actions = {&in->action, 1};
    struct found found = {0};

    TRY(uuid_is_nil(in->patient) ? act_allow_none(act) : act_allow(act, in->patient));
    act_resource(act, in->person, 0);
    TRY(find(act, in, in->patient, in->action.n ? actions : (struct strs){NULL, 0}, &found));
    return act_reply_list(act, &event_shape, found.events, found.n, found.next);
}

/* A patient's own list has only what is for whoever asks. */
static struct found list_of(const struct act *act)
{
    return (struct found){.hidden = policy_unlisted(act->who.role, READ_OWN_AUDIT, true)};
}

static struct search_query query_of(const struct events_query *in)
{
    return (struct search_query){
        .from_us = in->from_us,
        .to_us = in->to_us,
        .cursor = in->cursor,
        .limit = in->limit,
    };
}

/* GET /v1/audit/patients/{id}/events: the accesses to one patient's record. */
err_t events_about(struct act *act)
{
    const struct search_query query = query_of(act->in);
    struct found found = list_of(act);

    TRY(act_allow(act, act->path_id));
    TRY(find(act, &query, act->path_id, (struct strs){NULL, 0}, &found));
    return act_reply_list(act, &access_shape, found.events, found.n, found.next);
}

static const struct {
    struct str action;
    const char *role, *recipient, *purpose;
} disclosing[] = {
#define DISCLOSURE(action, role, recipient, purpose) {STR(action), role, recipient, purpose},
#include "services/audit/disclosures.def"
#undef DISCLOSURE
};
#define DISCLOSING (sizeof disclosing / sizeof *disclosing)

static bool is_disclosure(struct audit_event *event)
{
    event->recipient = event->purpose = STR("");
    if (str_is(event->outcome, "refused")) return false;
    if (str_is(event->action, EVENT_DESTROYED)) return true; /* nobody can say any more */
    for (size_t i = 0; i < DISCLOSING; i++) {
        if (!str_equal(event->action, disclosing[i].action) ||
            (*disclosing[i].role && !str_is(event->role, disclosing[i].role)))
            continue;
        event->recipient = str_of(disclosing[i].recipient);
        event->purpose = str_of(disclosing[i].purpose);
        return true;
    }
    return false;
}

/* GET /v1/audit/patients/{id}/disclosures: what went to whom outside. A page may be short, or
 * empty: the next one begins at its cursor. */
err_t disclosures_about(struct act *act)
{
    const struct search_query query = query_of(act->in);
    struct str actions[DISCLOSING];
    struct found found = list_of(act);
    size_t n = 0;

    TRY(act_allow(act, act->path_id));
    for (size_t i = 0; i < DISCLOSING; i++) actions[i] = disclosing[i].action;
    TRY(find(act, &query, act->path_id, (struct strs){actions, DISCLOSING}, &found));
    for (size_t i = 0; i < found.n; i++) {
        if (is_disclosure(&found.events[i])) found.events[n++] = found.events[i];
    }
    return act_reply_list(act, &disclosure_shape, found.events, n, found.next);
}

/* GET /v1/audit/access-review: who has which role, to how many patients, and last used it. */
err_t access_review(struct act *act)
{
    const struct events_query *const in = act->in;
    struct members_review query = {.limit = in->limit};
    struct reviewed_member_rows rows;
    struct used_rows used;
    struct cursor after;
    struct str next = STR_NONE;

    TRY(act_allow_none(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    query.after = after.id;
    TRY(members_review(act, &query, &rows));
    struct uuid *const persons = ARENA_ARRAY(act->arena, struct uuid, rows.n + 1);
    struct reviewed *const reviewed = ARENA_ARRAY(act->arena, struct reviewed, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++)
        TRY(pseudonym_of_id(act, OF_PERSON, rows.p[i].person, &persons[i]));
    TRY(persons_used(act, &(struct persons_used){{persons, rows.n}}, &used));
    for (size_t i = 0; i < rows.n; i++) {
        const struct reviewed_member *const row = &rows.p[i];
        reviewed[i] = (struct reviewed){row->person,       row->role,         row->state,
                                        row->relations,    row->glass_broken, used.p[i].at_us};
    }
    if (rows.n == (size_t)query.limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &reviewed_shape, reviewed, rows.n, next);
}

/* GET /v1/audit/breach: whose data a person, a token, a sign-in, an address or a key has reached.
 * A key has reached all that is under it, whenever that was used: keyd tells when it is fetched,
 * and who holds it reads without asking again. So the period bounds the others only.
 * The index has only pseudonyms; each is resolved by opening one of its events, and is then on
 * record. */
err_t breach_scope(struct act *act)
{
    const struct breach_query *const in = act->in;
    struct patients_of_thing query = {
        .from_us = in->from_us,
        .to_us = until_us(in->to_us),
        .limit = in->limit,
    };
    struct touched_patient_rows rows;
    struct cursor after;
    struct str next = STR_NONE;

    if (!uuid_is_nil(in->key)) {
        query.from_us = 0;
        query.to_us = FOR_EVER_US;
    }
    TRY(act_allow_none(act));
    act_resource(act, uuid_is_nil(in->person) ? in->key : in->person, 0);
    TRY(act_cursor_open(act, in->cursor, &after));
    query.after = after.id;
    TRY(pseudonym_of_id(act, OF_PERSON, in->person, &query.person));
    TRY(pseudonym_of_id(act, OF_THING, in->key, &query.thing));
    TRY(pseudonym_of_id(act, OF_TOKEN, in->token, &query.token));
    TRY(pseudonym_of_id(act, OF_SIGN_IN, in->sign_in, &query.sign_in));
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

/* GET /v1/audit/incidents */
err_t incidents_list(struct act *act)
{
    const struct incidents_query *const in = act->in;
    struct incidents_between query = {.state = in->state, .limit = in->limit};
    struct incident_rows rows;
    struct cursor after;
    struct str next = STR_NONE;

    TRY(act_allow_none(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    query.before_us = after.at_us ? after.at_us : FOR_EVER_US;
    query.before_id = after.id;
    TRY(incidents_between(act, &query, &rows));
    const struct incident *const last = rows.n ? &rows.p[rows.n - 1] : NULL;
    if (last && rows.n == (size_t)query.limit)
        next = act_cursor(act, (struct cursor){last->first_at_us, last->id});
    return act_reply_list(act, &incident_shape, rows.p, rows.n, next);
}
