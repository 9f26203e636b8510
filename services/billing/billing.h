/*
 * billing - what a visit cost, who owes it, what was paid.
 *
 * The structs are what handlers take and answer; shapes.c says how they look as JSON, routes.c who
 * may ask, states.c which step may follow which. Rows come from sql/ by sqlgen. Money is int64
 * minor units with an ISO 4217 currency; what is owed is what the ledger's postings add up to.
 *
 * Threads  handlers run on any worker.
 */
#pragma once

#include "common/app/service.h"
#include "services/billing/sql.h"

/* ---- what is asked ---- */

struct invoice_query {
    struct uuid patient_id, visit_id;
    struct str state, cursor;
    int64_t limit;
};

struct paying {
    int64_t amount_minor;
    struct str currency, method;
};

/* ---- what is answered ---- */

struct bill { /* an invoice with its payments */
    struct invoice row;
    struct list payments; /* where one is read */
};

extern const struct shape invoice_query_shape, paying_shape, bill_shape;

/* ---- tables ---- */

extern const struct route billing_routes[];
extern const struct hears billing_hears[];
extern const struct states billing_states[];
extern const struct fsm_row invoice_states[];

/* ---- handlers ---- */

handler visit_charge, visit_relabel;
handler bill_list, bill_read, bill_pay, bill_void;

/* ---- shared by handlers ---- */

typedef Telecura__V1__InvoiceEvent__Kind invoice_event;

/* The invoice as it stands now, told to the others. */
err_t bill_tell(struct act *act, struct uuid id, invoice_event kind, struct invoice *ret_row);
