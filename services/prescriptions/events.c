#include "services/prescriptions/prescriptions.h"

/* clang-format off */
const struct hears prescriptions_hears[] = {
    {TOPIC_VISITS, EFFECT, 0, visit_heard},
    {TOPIC_RECORDS, EFFECT, KIND_OF(RECORD, ALLERGY), allergy_heard},
    {TOPIC_RECORDS, EFFECT, KIND_OF(RECORD, REMOVED), record_remove},
    {0},
};
/* clang-format on */

/* A prescription names a visit; whose it was must be known here. */
err_t visit_heard(struct act *act)
{
    const Telecura__V1__VisitEvent *const heard = act->in;

    const struct visit_upsert row = {
        .id = act->event->key, .patient_id = pb_to_uuid(heard->patient),
        .labels = heard->labels, .version = act->event->version, .epoch = act->event->epoch,
    };
    visit_upsert(act, &row);
    return ERR_OK;
}

/* The blob stays as patients sealed it; a check opens it with the key of the chart. */
err_t allergy_heard(struct act *act)
{
    const Telecura__V1__RecordEvent *const heard = act->in;

    const struct allergy_upsert row = {
        .id = act->event->key, .patient_id = pb_to_uuid(heard->patient),
        .sealed = pb_to_bytes(heard->sealed),
        .version = act->event->version, .epoch = act->event->epoch,
    };
    allergy_upsert(act, &row);
    return ERR_OK;
}

err_t record_remove(struct act *act)
{
    const struct allergy_remove row = {
        .id = act->event->key, .version = act->event->version, .epoch = act->event->epoch,
    };
    allergy_remove(act, &row);
    return ERR_OK;
}
