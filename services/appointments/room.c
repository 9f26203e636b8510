/* The waiting room and the consultation: check-in, admit, start, end. */
#include "services/appointments/appointments.h"

/* POST /v1/appointments/{id}/check_in */
err_t room_check_in(struct act *act)
{
    struct fsm_step step;
    struct queue_place place;
    struct visit visit = {.queue = &place};

    TRY(visit_begin(act, "check_in", &visit.row, &step));
    TRY(consent_require(act, visit.row.patient_id, CONSENT_TELEHEALTH));
    const struct appointment_check_in update = {
        .id = visit.row.id, .from = visit_from(&step), .if_match = act->if_match,
    };
    TRY(appointment_check_in(act, &update, &visit.row));
    TRY(visit_tell(act, "check_in", KIND_OF(VISIT, CHECKED_IN), &visit.row));
    TRY(queue_find(act, &(struct queue_find){.id = visit.row.id}, &place));
    visit.visit_pass = pass_of_visit(act, &visit.row);
    return act_reply(act, 200, &visit_shape, &visit);
}

/* GET /v1/queue: clinicians see their own queue, patients their own place. */
err_t room_list(struct act *act)
{
    const struct queue_query *in = act->in;
    struct queue_entry_rows rows;
    struct queue_list query = {.provider_id = in->provider_id};

    if (act->who.role == ROLE_CLINICIAN && uuid_is_nil(query.provider_id))
        query.provider_id = act->who.person;
    TRY(act_allow_list(act));
    TRY(queue_list(act, &query, &rows));
    struct queue_reply *const entries = ARENA_ARRAY(act->arena, struct queue_reply, rows.n);
    for (size_t i = 0; i < rows.n; i++) {
        const struct queue_entry *const row = &rows.p[i];
        const struct pass pass = {
            .visit = row->id, .patient = row->patient_id, .provider = row->provider_id,
            .version = row->version, .labels = row->labels, .state = row->state,
            .starts_at_us = row->starts_at_us, .ends_at_us = row->ends_at_us,
        };

        entries[i] = (struct queue_reply){.row = *row};
        if (row->admitted_at_us) entries[i].visit_pass = pass_of(act, &pass);
    }
    return act_reply_list(act, &queue_shape, entries, rows.n, STR_NONE);
}

/* POST /v1/appointments/{id}/admit: one by one, by deadline. */
err_t room_admit(struct act *act)
{
    struct fsm_step step;
    struct visit visit = {0};

    TRY(visit_begin(act, "admit", &visit.row, &step));
    const struct appointment_admit update = {
        .id = visit.row.id, .from = visit_from(&step), .if_match = act->if_match,
    };
    TRY(appointment_admit(act, &update, &visit.row));
    TRY(visit_tell(act, "admit", KIND_OF(VISIT, ADMITTED), &visit.row));
    visit.visit_pass = pass_of_visit(act, &visit.row);
    return act_reply(act, 200, &visit_shape, &visit);
}

/* POST /v1/appointments/{id}/start */
err_t room_start(struct act *act)
{
    struct fsm_step step;
    struct visit visit = {0};

    TRY(visit_begin(act, "start", &visit.row, &step));
    TRY(consent_require(act, visit.row.patient_id, CONSENT_TELEHEALTH));
    const struct appointment_start update = {
        .id = visit.row.id, .from = visit_from(&step), .if_match = act->if_match,
    };
    TRY(appointment_start(act, &update, &visit.row));
    TRY(visit_tell(act, "start", KIND_OF(VISIT, STARTED), &visit.row));
    visit.visit_pass = pass_of_visit(act, &visit.row);
    return act_reply(act, 200, &visit_shape, &visit);
}

/* POST /v1/appointments/{id}/end: no visit ends without a note; what the patient takes home is the
 * summary that is sent along or, without one, the note. */
err_t room_end(struct act *act)
{
    const struct ending *in = act->in;
    struct fsm_step step;
    struct visit visit = {0};

    TRY(visit_begin(act, "end", &visit.row, &step));
    const struct appointment_end update = {
        .id = visit.row.id, .from = visit_from(&step), .if_match = act->if_match,
    };
    TRY(appointment_end(act, &update, &visit.row));
    TRY(summary_make(act, &visit.row, in->summary));
    TRY(visit_tell(act, "end", KIND_OF(VISIT, ENDED), &visit.row));
    return act_reply(act, 200, &visit_shape, &visit);
}
