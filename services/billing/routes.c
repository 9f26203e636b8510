#include "services/billing/billing.h"

/* clang-format off */
const struct route billing_routes[] = {
    {GET, "/v1/invoices", READ_INVOICE, AUDIT_INVOICE_READ, &invoice_query_shape, 2000, bill_list,
     .reply = &bill_shape, .list = true,
     .about = "The invoices of every patient whose you may see, by issue."},
    {GET, "/v1/invoices/{id}", READ_INVOICE, AUDIT_INVOICE_READ, NULL, 2000, bill_read,
     .reply = &bill_shape, .about = "One invoice with its payments and what is still owed."},
    {POST, "/v1/invoices/{id}/payments", PAY_INVOICE, AUDIT_INVOICE_PAID, &paying_shape, 2000, bill_pay,
     .again = bill_read, .reply = &bill_shape,
     .about = "Pays an invoice whole or in part, never more than is owed."},
    {POST, "/v1/invoices/{id}/void", VOID_INVOICE, AUDIT_INVOICE_VOIDED, NULL, 2000, bill_void,
     .repeat = bill_read, .reply = &bill_shape,
     .about = "Takes back an invoice on which nothing was paid."},
    {0},
};
/* clang-format on */
