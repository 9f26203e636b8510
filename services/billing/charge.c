/* A visit that was held becomes a charge, an invoice and its first postings: once. */
#include "services/billing/billing.h"

static err_t invoice_issue(struct act *act, struct uuid charge, int64_t labels,
                           const struct price *price)
{
    struct fsm_step step;
    struct invoice row;
    const struct uuid id = uuid_v7(act->now_us);

    TRY(act_step(act, invoice_states, "issue", &step));
    const struct invoice_insert new = {
        .id = id, .state = step.to, .charge_id = charge, .labels = labels,
    };
    invoice_insert(act, &new);
    const struct posting_insert owed = {
        .transaction_id = id, .invoice_id = id, .currency = price->currency,
        .debit = STR("receivable:patient"), .credit = STR("revenue:visits"),
        .amount_minor = price->amount_minor,
    };
    posting_insert(act, &owed);
    act_resource(act, id, 1);
    return bill_tell(act, id, KIND_OF(INVOICE, ISSUED), &row);
}

/* By the price of the day on which the visit began. No price is no guess: the event is parked until
 * a tariff says. */
err_t visit_charge(struct act *act)
{
    const Telecura__V1__VisitEvent *const heard = act->in;
    struct price price;
    struct charge charge;
    bool fresh;

    TRY(act_allow_row(act, pb_to_uuid(heard->patient),
                      (struct row_marks){.labels = heard->labels}));
    const struct tariff_at day = {
        .visit_type = str_of(heard->visit_type), .at_us = heard->started_at_us,
    };
    TRY(tariff_at(act, &day, &price));
    const struct charge_insert new = {
        .id = uuid_v7(act->now_us), .visit_id = act->event->key,
        .patient_id = pb_to_uuid(heard->patient), .visit_type = str_of(heard->visit_type),
        .started_at_us = heard->started_at_us, .ended_at_us = heard->ended_at_us,
        .amount_minor = price.amount_minor, .currency = price.currency,
    };
    TRY(charge_insert(act, &new, &charge, &fresh));
    return fresh ? invoice_issue(act, charge.id, heard->labels, &price) : ERR_OK;
}

/* The visit's labels are its invoice's. */
err_t visit_relabel(struct act *act)
{
    const Telecura__V1__VisitEvent *const heard = act->in;

    const struct invoice_label row = {.visit_id = act->event->key, .labels = heard->labels};

    invoice_label(act, &row);
    return ERR_OK;
}
