/* What is heard becomes deliveries and reminders, in the event's own transaction. */
#include "common/base/clock.h"
#include "services/notifications/notifications.h"

#define NEWS_US DAY_US /* a feed that is heard from its beginning tells old news to nobody */

/* clang-format off */
const struct hears notifications_hears[] = {
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, BOOKED), visit_booked},
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, RESCHEDULED), visit_moved},
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, CANCELLED), visit_cancelled},
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, NO_SHOW), visit_over},
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, ENDED), visit_over},
    {TOPIC_RELATIONS, EFFECT, KIND_OF(RELATION, OPENED), relation_opened},
    {TOPIC_PRESCRIPTIONS, EFFECT, KIND_OF(PRESCRIPTION, SENT), prescription_sent},
    {TOPIC_INVOICES, EFFECT, KIND_OF(INVOICE, ISSUED), invoice_issued},
    {TOPIC_EMERGENCIES, EFFECT, KIND_OF(EMERGENCY, OPENED), glass_broken},
    {TOPIC_EMERGENCIES, EFFECT, KIND_OF(EMERGENCY, OVERDUE), glass_overdue},
    {TOPIC_ALARMS, EFFECT, KIND_OF(ALARM, RAISED), alarm_raised},
    {0},
};
/* clang-format on */

struct news { /* of whom, about what */
    const char *template;
    struct uuid patient, provider, visit; /* provider nil: only the patient is told */
    struct uuid cause, told_by;           /* the event or the timer's turn; the act on record */
};

static void news_write(struct act *act, const struct news *news)
{
    struct delivery_insert row = {
        .id = uuid_v7(act->now_us), .told_by = news->told_by, .cause = news->cause,
        .seat = STR("patient"), .patient_id = news->patient, .template = str_of(news->template),
        .visit_id = news->visit,
    };

    delivery_insert(act, &row);
    if (uuid_is_nil(news->provider)) return;

    row.id = uuid_v7(act->now_us);
    row.seat = STR("provider");
    row.person = news->provider;
    delivery_insert(act, &row);
}

static bool is_news(const struct act *act)
{
    return act->event->at_us > act->now_us - NEWS_US;
}

static err_t news_heard(struct act *act, struct news news)
{
    news.cause = act->event->id;
    news.told_by = act->id;
    if (is_news(act)) news_write(act, &news);
    return ERR_OK;
}

/* Each of the privacy officers. */
static err_t officers_tell(struct act *act, const char *template, struct uuid patient)
{
    struct officer_rows officers;

    if (!is_news(act)) return ERR_OK;
    TRY(officers_list(act, &officers));
    for (size_t i = 0; i < officers.n; i++)
        delivery_insert(act, &(struct delivery_insert){
            .id = uuid_v7(act->now_us), .told_by = act->id, .cause = act->event->id,
            .seat = STR("privacy"), .patient_id = patient, .person = officers.p[i].person,
            .template = str_of(template),
        });
    return ERR_OK;
}

static err_t visit_heard(struct act *act, const char *template)
{
    const Telecura__V1__VisitEvent *const heard = act->in;

    return news_heard(act, (struct news){
        .template = template, .patient = pb_to_uuid(heard->patient),
        .provider = pb_to_uuid(heard->provider), .visit = act->event->key,
    });
}

static void remind(struct act *act, const char *state)
{
    const Telecura__V1__VisitEvent *const heard = act->in;
    const struct reminder_set row = {
        .visit_id = act->event->key, .patient_id = pb_to_uuid(heard->patient),
        .provider = pb_to_uuid(heard->provider), .state = str_of(state),
        .starts_at_us = heard->starts_at_us, .version = act->event->version,
        .epoch = act->event->epoch,
    };

    reminder_set(act, &row);
}

err_t visit_booked(struct act *act)
{
    remind(act, "waiting");
    return visit_heard(act, "visit_booked");
}

err_t visit_moved(struct act *act)
{
    remind(act, "waiting");
    return visit_heard(act, "visit_moved");
}

err_t visit_cancelled(struct act *act)
{
    remind(act, "dropped");
    return visit_heard(act, "visit_cancelled");
}

err_t visit_over(struct act *act)
{
    remind(act, "dropped");
    return ERR_OK;
}

/* Whom somebody has asked to a visit, its patient is told of. */
err_t relation_opened(struct act *act)
{
    const Telecura__V1__RelationEvent *const heard = act->in;

    if (strcmp(heard->relation, relation_info(RELATION_GUEST)->word) != 0) return ERR_OK;
    return news_heard(act, (struct news){
        .template = "guest_invited", .patient = pb_to_uuid(heard->patient),
    });
}

err_t prescription_sent(struct act *act)
{
    const Telecura__V1__PrescriptionEvent *const heard = act->in;

    return news_heard(act, (struct news){
        .template = "prescription_sent", .patient = pb_to_uuid(heard->patient),
        .visit = pb_to_uuid(heard->visit),
    });
}

err_t invoice_issued(struct act *act)
{
    const Telecura__V1__InvoiceEvent *const heard = act->in;

    return news_heard(act, (struct news){
        .template = "invoice_issued", .patient = pb_to_uuid(heard->patient),
        .visit = pb_to_uuid(heard->visit),
    });
}

err_t glass_broken(struct act *act)
{
    const Telecura__V1__EmergencyEvent *const heard = act->in;
    const struct uuid patient = pb_to_uuid(heard->patient);

    TRY(officers_tell(act, "review_waits", patient));
    return news_heard(act, (struct news){.template = "record_seen", .patient = patient});
}

err_t glass_overdue(struct act *act)
{
    const Telecura__V1__EmergencyEvent *const heard = act->in;

    return officers_tell(act, "review_overdue", pb_to_uuid(heard->patient));
}

err_t alarm_raised(struct act *act)
{
    return officers_tell(act, "much_read", UUID_NIL); /* of no one patient */
}

/* Timer: a visit is a day away. */
err_t reminder_send(struct act *act)
{
    const struct reminder_due *due = act->in;
    struct reminder row;
    bool found;

    TRY(reminder_take(act, &(struct reminder_take){.visit_id = due->id}, &row, &found));
    if (!found || uuid_is_nil(row.provider)) return ERR_OK;

    news_write(act, &(struct news){
        .template = "visit_reminder", .patient = row.patient_id, .provider = row.provider,
        .visit = row.visit_id, .cause = act->id,
        .told_by = row.act_id,
    });
    return ERR_OK;
}
