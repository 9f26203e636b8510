#include "services/messaging/messaging.h"

/* clang-format off */
const struct hears messaging_hears[] = {
    {TOPIC_MESSAGES, WATCH, 0, NULL, message_heard},
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, CANCELLED), channel_close},
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, ENDED), channel_close},
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, NO_SHOW), channel_close},
    {TOPIC_VISITS, EFFECT, 0, visit_labels_heard}, /* in each: the last may be all that was kept */
    {TOPIC_REMOVALS, EFFECT, 0, removal_heard},
    {0},
};
/* clang-format on */

/* A replica committed a message; whoever sits here with less gets it from the table. */
void message_heard(const struct event *event)
{
    const Telecura__V1__MessageEvent *const heard = (const void *)event->message;

    fan_hint(pb_to_uuid(heard->channel), heard->offset);
}

/* The visit is over: its channel stays readable, and every replica that sees this ends its
 * sessions. */
err_t channel_close(struct act *act)
{
    stream_close(act, &(struct stream_close){.visit_id = act->event->key});
    return ERR_OK;
}

/* Whom the visit is no longer for reads nothing more of it; the channel may be opened later. */
err_t visit_labels_heard(struct act *act)
{
    const Telecura__V1__VisitEvent *const heard = act->in;
    const struct visit_label row = {
        .id = act->event->key, .labels = heard->labels,
        .version = act->event->version, .epoch = act->event->epoch,
    };

    visit_label(act, &row);
    return ERR_OK;
}

/* Who was taken out of the visit reads nothing of it until they are let in again (stream_get). */
err_t removal_heard(struct act *act)
{
    const Telecura__V1__RemovalEvent *const heard = act->in;
    const struct removed_put row = {
        .id = act->event->key,
        .visit_id = pb_to_uuid(heard->visit), .person = pb_to_uuid(heard->person),
        .stands = heard->kind == KIND_OF(REMOVAL, REMOVED),
        .version = act->event->version, .epoch = act->event->epoch,
    };

    removed_put(act, &row);
    return ERR_OK;
}
