#include "common/app/sql.h"
#include "services/appointments/appointments.h"

#include "common/base/clock.h"

#define FAR_FUTURE_US 7258118400000000LL /* 2200-01-01 */

err_t visit_allow(struct act *act, const struct appointment *row)
{
    return act_allow_row(act, row->patient_id, (struct row_marks){.labels = row->labels});
}

err_t visit_own(struct act *act, const struct appointment *row)
{
    struct cover cover;

    if (act->who.role != ROLE_CLINICIAN || uuid_equal(row->provider_id, act->who.person))
        return ERR_OK;
    return covering_find(act, &(struct covering_find){row->patient_id}, &cover);
}

err_t visit_begin(struct act *act, const char *event, struct appointment *ret_row,
                  struct fsm_step *ret_step)
{
    TRY(act_step(act, visit_states, event, ret_step));
    TRY(appointment_get(act, &(struct appointment_get){.id = act->path_id}, ret_row));
    TRY(visit_allow(act, ret_row));
    return visit_own(act, ret_row);
}

static const ProtobufCMessage *event_of(struct act *act, visit_event kind,
                                        const struct appointment *row)
{
    Telecura__V1__VisitEvent *const event = ARENA_NEW(act->arena, Telecura__V1__VisitEvent);

    telecura__v1__visit_event__init(event);
    event->kind = kind;
    event->patient = pb_uuid(act->arena, row->patient_id);
    event->provider = pb_uuid(act->arena, row->provider_id);
    event->state = pb_text(act->arena, row->state);
    event->starts_at_us = row->starts_at_us;
    event->ends_at_us = row->ends_at_us;
    event->visit_type = pb_text(act->arena, row->visit_type);
    event->site = pb_uuid(act->arena, row->site_id);
    event->time_zone = pb_text(act->arena, row->time_zone);
    event->started_at_us = row->started_at_us;
    event->ended_at_us = row->ended_at_us;
    event->sealed = pb_bytes(row->sealed);
    event->sealed_version = row->sealed_version;
    event->labels = row->labels;
    return &event->base;
}

static err_t emit(struct act *act, visit_event kind, const struct appointment *row)
{
    return act_emit(act, TOPIC_VISITS, row->id, row->version, event_of(act, kind, row));
}

err_t visit_tell(struct act *act, const char *event, visit_event kind,
                 const struct appointment *row)
{
    const struct history_insert history = {
        .id = row->id, .version = row->version, .event = str_of(event), .state = row->state,
        .starts_at_us = row->starts_at_us, .who = act->who.person,
        .role = str_of(role_word(act->who.role)),
    };

    history_insert(act, &history);
    return emit(act, kind, row);
}

err_t visit_seal(struct act *act, const struct appointment *row, int64_t version,
                 const struct visit *visit, struct bytes *ret_sealed)
{
    Telecura__V1__VisitPhi phi = TELECURA__V1__VISIT_PHI__INIT;

    phi.reason = pb_text(act->arena, visit->reason);
    phi.place = pb_text(act->arena, visit->place);
    phi.call_back_number = pb_text(act->arena, visit->call_back_number);
    return act_seal(act, row->patient_id, KIND_VISIT, row->id, version, &phi.base, ret_sealed);
}

err_t visit_unseal(struct act *act, struct visit *visit)
{
    struct unseal item = {
        .patient = visit->row.patient_id, .row = visit->row.id, .kind = KIND_VISIT,
        .sealed = visit->row.sealed, .version = visit->row.sealed_version,
    };

    TRY(act_unseal(act, &item, 1));
    const Telecura__V1__VisitPhi *const phi = (const Telecura__V1__VisitPhi *)item.message;
    visit->reason = str_of(phi->reason);
    if (!visit->row.place_confirmed_at_us) return ERR_OK;

    visit->place = str_of(phi->place);
    visit->call_back_number = str_of(phi->call_back_number);
    return ERR_OK;
}

err_t visit_show(struct act *act, struct visit *visit)
{
    const bool by_house = permission_info(READ_VISIT)->reach[act->who.role] & SITE;
    const bool by_care = permission_info(READ_CHART)->reach[act->who.role] & CARE;
    struct cover carer;
    bool cares;

    if (!by_house || !by_care) return ERR_OK;
    const struct strs kinds = policy_kind_words(act->arena, policy_kinds(CARE));
    const struct carer_find ask = {visit->row.patient_id, kinds};
    TRY(carer_find(act, &ask, &carer, &cares));
    if (!cares) visit->reason = STR_NONE;
    return ERR_OK;
}

/* The row as it was inserted. */
static struct appointment row_booked(const struct appointment_insert *new,
                                     const struct booked *booked)
{
    return (struct appointment){
        .id = new->id, .version = 1, .state = STR("scheduled"), .patient_id = new->patient_id,
        .provider_id = new->provider_id, .site_id = booked->site_id, .visit_type = new->visit_type,
        .starts_at_us = new->starts_at_us, .ends_at_us = booked->ends_at_us,
        .local_start = booked->local_start, .time_zone = booked->time_zone,
        .sealed = new->sealed, .sealed_version = 1, .labels = new->labels,
    };
}

/* A calendar has no seconds; a visit that had some would take the minute of the next. */
static err_t start_whole(struct act *act, int64_t starts_at_us)
{
    return act_at(act, "/starts_at", starts_at_us % MINUTE_US ? ERR_UNPROCESSABLE : ERR_OK);
}

/* POST /v1/appointments: a patient, or staff for them, takes a free time; clinicians in their own
 * calendar. */
err_t visit_book(struct act *act)
{
    const struct booking *in = act->in;
    struct visit visit = {.row = {.id = uuid_v7(act->now_us), .patient_id = in->patient_id},
                          .reason = in->reason};
    struct appointment_insert new = {
        .id = visit.row.id, .patient_id = in->patient_id, .provider_id = in->provider_id,
        .visit_type = in->visit_type, .starts_at_us = in->starts_at_us, .labels = in->labels,
        .role = str_of(role_word(act->who.role)),
        .care_days = relation_info(RELATION_BOOKED)->at_most,
    };
    struct booked booked;

    TRY(act_allow_row(act, in->patient_id, (struct row_marks){.labels = in->labels}));
    if (in->labels & LABELS_OF_NOTES) return act_at(act, "/labels", ERR_UNPROCESSABLE);
    if (act->who.role == ROLE_CLINICIAN && !uuid_equal(in->provider_id, act->who.person))
        return ERR_FORBIDDEN;
    TRY(start_whole(act, in->starts_at_us));
    TRY(consent_require(act, in->patient_id, CONSENT_TELEHEALTH));
    TRY(visit_seal(act, &visit.row, 1, &visit, &new.sealed));
    TRY(act_at(act, "/visit_type", appointment_insert(act, &new, &booked)));
    visit.row = row_booked(&new, &booked);
    TRY(emit(act, KIND_OF(VISIT, BOOKED), &visit.row));
    return act_reply(act, 201, &visit_shape, &visit);
}

/* What the patient has agreed to, as far as it covers who reads: what a visit may still be. */
static err_t consents_of(struct act *act, struct visit *visit)
{
    const enum purpose purpose = policy_purpose(act->who.role, READ_VISIT);
    const struct agreed_by ask = {visit->row.patient_id, str_of(purpose_code(purpose))};
    struct agreed_rows rows;
    enum consent consent;

    TRY(agreed_by(act, &ask, &rows));
    for (size_t i = 0; i < rows.n; i++)
        if (consent_parse(rows.p[i].scope, &consent)) visit->consents |= POLICY_BIT(consent - 1);
    return ERR_OK;
}

/* GET /v1/appointments/{id} */
err_t visit_read(struct act *act)
{
    struct visit visit = {0};

    TRY(appointment_get(act, &(struct appointment_get){.id = act->path_id}, &visit.row));
    TRY(visit_allow(act, &visit.row));
    TRY(consents_of(act, &visit));
    TRY(visit_unseal(act, &visit));
    TRY(visit_show(act, &visit));
    return act_reply(act, 200, &visit_shape, &visit);
}

/* GET /v1/appointments */
err_t visit_list(struct act *act)
{
    const struct visit_query *in = act->in;
    struct cursor after;
    struct appointment_rows rows;
    struct str next = STR_NONE;

    TRY(act_allow_list(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    const struct appointments_visible query = {
        .after_at_us = after.at_us, .after_id = after.id, .from_us = in->from_us,
        .to_us = in->to_us ? in->to_us : FAR_FUTURE_US, .state = in->state,
        .provider_id = in->provider_id, .patient_id = in->patient_id,
        .limit = in->limit,
    };
    TRY(appointments_visible(act, &query, &rows));
    struct visit *const visits = ARENA_ARRAY(act->arena, struct visit, rows.n);
    for (size_t i = 0; i < rows.n; i++) visits[i].row = rows.p[i];
    if (rows.n == (size_t)query.limit) {
        const struct appointment *const last = &rows.p[rows.n - 1];
        next = act_cursor(act, (struct cursor){last->starts_at_us, last->id});
    }
    return act_reply_list(act, &visit_shape, visits, rows.n, next);
}

static err_t visit_step(struct act *act, const char *event, struct visit *visit)
{
    struct fsm_step step;

    TRY(visit_begin(act, event, &visit->row, &step));
    const struct appointment_step update = {
        .id = visit->row.id, .state = step.to, .from = visit_from(&step), .if_match = act->if_match,
    };
    return appointment_step(act, &update, &visit->row);
}

/* POST /v1/appointments/{id}/confirm */
err_t visit_confirm(struct act *act)
{
    struct visit visit = {0};

    TRY(visit_step(act, "confirm", &visit));
    TRY(visit_tell(act, "confirm", KIND_OF(VISIT, CONFIRMED), &visit.row));
    return act_reply(act, 200, &visit_shape, &visit);
}

/* The clinician's relation ends with it, here at once and at access when it hears. */
static err_t cancel(struct act *act, struct visit *visit)
{
    TRY(visit_step(act, "cancel", visit));
    relation_over(act, &(struct relation_over){visit->row.id});
    return visit_tell(act, "cancel", KIND_OF(VISIT, CANCELLED), &visit->row);
}

/* POST /v1/appointments/{id}/cancel */
err_t visit_cancel(struct act *act)
{
    struct visit visit = {0};

    TRY(cancel(act, &visit));
    return act_reply(act, 200, &visit_shape, &visit);
}

/* Timer: the patient came, and the visit was forgotten. */
err_t visit_cancel_due(struct act *act)
{
    const struct appointment_due *due = act->in;
    struct visit visit = {0};

    act->path_id = due->id;
    return cancel(act, &visit);
}

/* POST /v1/appointments/{id}/reschedule */
err_t visit_reschedule(struct act *act)
{
    const struct shift *in = act->in;
    struct fsm_step step;
    struct visit visit = {0};

    TRY(visit_begin(act, "reschedule", &visit.row, &step));
    TRY(start_whole(act, in->starts_at_us));
    const struct appointment_shift shift = {
        .id = visit.row.id, .starts_at_us = in->starts_at_us, .from = visit_from(&step),
        .if_match = act->if_match,
    };
    TRY(appointment_shift(act, &shift, &visit.row));
    relation_move(act, &(struct relation_move){
        visit.row.ends_at_us, relation_info(RELATION_BOOKED)->at_most, visit.row.id});
    TRY(visit_tell(act, "reschedule", KIND_OF(VISIT, RESCHEDULED), &visit.row));
    return act_reply(act, 200, &visit_shape, &visit);
}

/* PUT /v1/appointments/{id}/labels: who writes them must be among those for whom the visit is,
 * before and after. */
err_t visit_label(struct act *act)
{
    const struct labelling *in = act->in;
    struct visit visit = {0};

    TRY(appointment_get(act, &(struct appointment_get){.id = act->path_id}, &visit.row));
    TRY(visit_allow(act, &visit.row));
    if (in->labels & LABELS_OF_NOTES) return act_at(act, "/labels", ERR_UNPROCESSABLE);
    TRY(act_allow_row(act, visit.row.patient_id, (struct row_marks){.labels = in->labels}));
    const struct appointment_label update = {
        .id = visit.row.id, .labels = in->labels, .read_version = visit.row.version,
    };
    TRY(appointment_label(act, &update, &visit.row));
    TRY(visit_tell(act, "label", KIND_OF(VISIT, LABELLED), &visit.row));
    return act_reply(act, 200, &visit_shape, &visit);
}

static err_t miss(struct act *act, struct visit *visit)
{
    struct fsm_step step;

    TRY(visit_begin(act, "no_show", &visit->row, &step));
    const struct appointment_miss update = {
        .id = act->path_id, .from = visit_from(&step), .if_match = act->if_match,
    };
    TRY(appointment_miss(act, &update, &visit->row));
    return visit_tell(act, "no_show", KIND_OF(VISIT, NO_SHOW), &visit->row);
}

/* POST /v1/appointments/{id}/no_show */
err_t visit_miss(struct act *act)
{
    struct visit visit = {0};

    TRY(miss(act, &visit));
    return act_reply(act, 200, &visit_shape, &visit);
}

/* Timer: the visit is over and nobody was there. */
err_t visit_miss_due(struct act *act)
{
    const struct appointment_due *due = act->in;
    struct visit visit = {0};

    act->path_id = due->id;
    return miss(act, &visit);
}
