#include "services/appointments/appointments.h"

/* clang-format off */
const struct hears appointments_hears[] = {
    {TOPIC_PRESCRIPTIONS, EFFECT, 0, prescription_heard},
    {TOPIC_PRESENCE, EFFECT, 0, presence_heard},
    {TOPIC_CALLS, EFFECT, 0, call_heard},
    {0},
};
/* clang-format on */

/* What was prescribed at a visit stands in its summary. */
err_t prescription_heard(struct act *act)
{
    const Telecura__V1__PrescriptionEvent *const heard = act->in;

    const struct prescription_upsert row = {
        .id = act->event->key, .visit_id = pb_to_uuid(heard->visit), .state = str_of(heard->state),
        .version = act->event->version, .epoch = act->event->epoch,
    };
    prescription_upsert(act, &row);
    return ERR_OK;
}

static err_t seen(struct act *act, struct uuid visit, struct uuid person)
{
    if (uuid_is_nil(visit) || uuid_is_nil(person)) return ERR_OK;

    const struct presence_upsert row = {
        .visit_id = visit, .person = person, .seen_at_us = act->event->at_us,
    };
    presence_upsert(act, &row);
    return ERR_OK;
}

err_t presence_heard(struct act *act)
{
    const Telecura__V1__PresenceEvent *const heard = act->in;

    return str_is(str_of(heard->state), "present") ? seen(act, pb_to_uuid(heard->visit),
                                                          pb_to_uuid(heard->person)) : ERR_OK;
}

err_t call_heard(struct act *act)
{
    const Telecura__V1__CallEvent *const heard = act->in;

    if (heard->kind != KIND_OF(CALL, JOINED)) return ERR_OK;
    return seen(act, pb_to_uuid(heard->visit), pb_to_uuid(heard->person));
}
