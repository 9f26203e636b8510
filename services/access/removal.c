/*
 * Taking somebody out of a visit: their grants end, their sockets with them, and there is no new
 * one until the visit's clinician lets them in again; messaging hears of it and shows them nothing
 * of the chat either. (A one-time link's guest is ended as such.)
 *
 * Who mints and who removes hold the visit's channel until COMMIT, so whichever comes second sees
 * the first: after the answer nobody who was removed has a grant that lives.
 */
#include "services/access/access.h"

/* Of one's own visit. */
static err_t visit_led(struct act *act, struct uuid patient, struct uuid provider, int64_t labels)
{
    TRY(act_allow_row(act, patient, (struct row_marks){.labels = labels}));
    TRY(act_settle(act));
    return uuid_equal(provider, act->who.person) ? ERR_OK : ERR_NOT_FOUND;
}

/* POST /v1/removals */
err_t removal_make(struct act *act)
{
    const struct removal_ask *in = act->in;
    struct ended_grant_rows grants;
    struct channel channel;
    struct visit visit;
    struct removal row;

    TRY(visit_get(act, &(struct visit_get){in->visit_id}, &visit));
    TRY(visit_led(act, visit.patient_id, visit.provider_id, visit.labels));
    if (uuid_equal(in->person_id, act->who.person))
        return act_at(act, "/person_id", ERR_UNPROCESSABLE);
    TRY(channel_of(act, &(struct channel_of){visit.id, uuid_v4()}, &channel));
    const struct removal_insert new = {
        uuid_v7(act->now_us), visit.id, visit.patient_id, in->person_id};
    TRY(removal_insert(act, &new, &row));
    const struct grants_end_of_visit theirs = {visit.id, row.person};
    TRY(grants_end_of_visit(act, &theirs, &grants));
    TRY(tell_grants_revoked(act, &grants));
    TRY(tell_removal(act, &row));
    return act_reply(act, 201, &removal_shape, &row);
}

static err_t removal_of(struct act *act, struct removal *ret)
{
    TRY(removal_get(act, &(struct removal_get){act->path_id}, ret));
    return visit_led(act, ret->patient_id, ret->provider_id, 0);
}

/* GET /v1/removals/{id} */
err_t removal_read(struct act *act)
{
    struct removal row;

    TRY(removal_of(act, &row));
    return act_reply(act, 200, &removal_shape, &row);
}

/* POST /v1/removals/{id}/readmit */
err_t removal_lift(struct act *act)
{
    struct removal row;

    TRY(removal_of(act, &row));
    TRY(removal_end(act, &(struct removal_end){row.id}, &row));
    TRY(tell_removal(act, &row));
    return act_reply(act, 200, &removal_shape, &row);
}
