#include "services/billing/billing.h"

static const ProtobufCMessage *event_of(struct act *act, invoice_event kind,
                                        const struct invoice *row)
{
    Telecura__V1__InvoiceEvent *const event = ARENA_NEW(act->arena, Telecura__V1__InvoiceEvent);

    telecura__v1__invoice_event__init(event);
    event->kind = kind;
    event->patient = pb_uuid(act->arena, row->patient_id);
    event->visit = pb_uuid(act->arena, row->visit_id);
    event->state = pb_text(act->arena, row->state);
    event->amount_minor = row->amount_minor;
    event->currency = pb_text(act->arena, row->currency);
    return &event->base;
}

err_t bill_tell(struct act *act, struct uuid id, invoice_event kind, struct invoice *ret_row)
{
    TRY(invoice_get(act, &(struct invoice_get){.id = id}, ret_row));
    return act_emit(act, TOPIC_INVOICES, id, ret_row->version, event_of(act, kind, ret_row));
}

static err_t bill_reply(struct act *act, int status, struct bill *bill)
{
    struct payment_rows payments;

    TRY(payments_of(act, &(struct payments_of){.invoice_id = bill->row.id}, &payments));
    bill->payments = (struct list){payments.p, payments.n};
    return act_reply(act, status, &bill_shape, bill);
}

/* GET /v1/invoices/{id} */
err_t bill_read(struct act *act)
{
    struct bill bill = {0};

    TRY(invoice_get(act, &(struct invoice_get){.id = act->path_id}, &bill.row));
    TRY(act_allow_row(act, bill.row.patient_id, (struct row_marks){.labels = bill.row.labels}));
    return bill_reply(act, 200, &bill);
}

/* GET /v1/invoices */
err_t bill_list(struct act *act)
{
    const struct invoice_query *in = act->in;
    struct cursor after;
    struct invoice_rows rows;
    struct str next = STR_NONE;

    TRY(act_allow_list(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    const struct invoices_visible query = {
        .after_at_us = after.at_us, .after_id = after.id, .state = in->state,
        .patient_id = in->patient_id, .visit_id = in->visit_id,
        .limit = in->limit,
    };
    TRY(invoices_visible(act, &query, &rows));
    struct bill *const bills = ARENA_ARRAY(act->arena, struct bill, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++) bills[i].row = rows.p[i];
    if (rows.n == (size_t)query.limit)
        next = act_cursor(
            act, (struct cursor){rows.p[rows.n - 1].issued_at_us, rows.p[rows.n - 1].id});
    return act_reply_list(act, &bill_shape, bills, rows.n, next);
}

/* The invoice of the path, which nobody else moves until this act is over. */
static err_t bill_hold(struct act *act, struct invoice *ret_row)
{
    struct invoice_owner owner;

    TRY(invoice_lock(act, &(struct invoice_lock){.id = act->path_id}, &owner));
    TRY(act_allow_row(act, owner.patient_id, (struct row_marks){.labels = owner.labels}));
    return invoice_get(act, &(struct invoice_get){.id = act->path_id}, ret_row);
}

static err_t bill_move(struct act *act, const char *event)
{
    struct fsm_step step;
    struct moved moved;

    TRY(act_step(act, invoice_states, event, &step));
    const struct invoice_move move = {
        .id = act->path_id, .state = step.to, .from = {step.from, step.n},
    };
    return invoice_move(act, &move, &moved);
}

/* POST /v1/invoices/{id}/payments */
err_t bill_pay(struct act *act)
{
    const struct paying *in = act->in;
    const struct uuid id = uuid_v7(act->now_us);
    struct bill bill = {0};

    TRY(bill_hold(act, &bill.row));
    const bool rest = in->amount_minor == bill.row.balance_minor;
    TRY(bill_move(act, rest ? "pay_off" : "pay"));
    if (!str_equal(in->currency, bill.row.currency))
        return act_at(act, "/currency", ERR_UNPROCESSABLE);
    if (in->amount_minor > bill.row.balance_minor) return ERR_OVERPAID;

    const struct payment_insert payment = {
        .id = id, .invoice_id = bill.row.id, .amount_minor = in->amount_minor,
        .currency = in->currency, .method = in->method,
    };
    const struct posting_insert paid = {
        .transaction_id = id, .invoice_id = bill.row.id, .currency = in->currency,
        .debit = STR("cash:clearing"), .credit = STR("receivable:patient"),
        .amount_minor = in->amount_minor,
    };
    payment_insert(act, &payment);
    posting_insert(act, &paid);
    TRY(bill_tell(act, bill.row.id, KIND_OF(INVOICE, PAID), &bill.row));
    return bill_reply(act, 201, &bill);
}

/* POST /v1/invoices/{id}/void: the first postings the other way round. */
err_t bill_void(struct act *act)
{
    struct bill bill = {0};

    TRY(bill_hold(act, &bill.row));
    TRY(bill_move(act, "void"));
    if (bill.row.balance_minor != bill.row.amount_minor) return ERR_BAD_STATE;

    const struct posting_insert reversal = {
        .transaction_id = uuid_v7(act->now_us), .invoice_id = bill.row.id,
        .currency = bill.row.currency,
        .debit = STR("revenue:visits"), .credit = STR("receivable:patient"),
        .amount_minor = bill.row.amount_minor,
    };
    posting_insert(act, &reversal);
    TRY(bill_tell(act, bill.row.id, KIND_OF(INVOICE, VOIDED), &bill.row));
    return bill_reply(act, 200, &bill);
}
