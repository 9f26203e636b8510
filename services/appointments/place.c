#include "services/appointments/appointments.h"

/* PUT /v1/appointments/{id}/place: where help would be sent, and how to reach the patient when the
 * line breaks. Check-in asks that both were confirmed. */
err_t place_put(struct act *act)
{
    const struct place *in = act->in;
    struct fsm_step step;
    struct visit visit = {0};
    struct appointment_place update;

    TRY(visit_begin(act, "set_place", &visit.row, &step));
    TRY(visit_unseal(act, &visit));
    visit.place = in->place;
    visit.call_back_number = in->call_back_number;
    update = (struct appointment_place){
        .id = visit.row.id, .from = visit_from(&step), .read_version = visit.row.version,
    };
    TRY(visit_seal(act, &visit.row, visit.row.version + 1, &visit, &update.sealed));
    TRY(appointment_place(act, &update, &visit.row));
    TRY(visit_tell(act, "set_place", KIND_OF(VISIT, PLACE_SET), &visit.row));
    TRY(visit_show(act, &visit));
    return act_reply(act, 200, &visit_shape, &visit);
}
