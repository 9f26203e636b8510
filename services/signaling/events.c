#include "services/signaling/signaling.h"

/* clang-format off */
const struct hears signaling_hears[] = {
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, CANCELLED), call_end},
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, ENDED), call_end},
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, NO_SHOW), call_end},
    {0},
};
/* clang-format on */

/* The visit is over; every replica ends its sessions of the call when it sees this. */
err_t call_end(struct act *act)
{
    Telecura__V1__CallEvent event = TELECURA__V1__CALL_EVENT__INIT;
    struct call_closed row;
    bool found;

    TRY(call_close(act, &(struct call_close){.visit_id = act->event->key}, &row, &found));
    if (!found) return ERR_OK;
    turn_names_forget(act, &(struct turn_names_forget){.call_id = row.id});

    event.kind = KIND_OF(CALL, CLOSED);
    event.visit = pb_uuid(act->arena, act->event->key);
    event.state = pb_text(act->arena, STR("closed"));
    return act_emit(act, TOPIC_CALLS, row.id, row.version, &event.base);
}
