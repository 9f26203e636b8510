#include "services/billing/billing.h"

#define MONEY_MAX 100000000000 /* minor units of one payment */

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const char *const state_words[] = {"issued", "balanced", "voided", NULL};
static const char *const method_words[] = {"card", "cash", "transfer", NULL};

static const struct field invoice_query_fields[] = {
    {"patient_id", UUID, IN(invoice_query, patient_id), 0},
    {"visit_id", UUID, IN(invoice_query, visit_id), 0},
    {"state", TEXT, IN(invoice_query, state), 0, 1, 32, .words = state_words},
    {"limit", INT, IN(invoice_query, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(invoice_query, cursor), 0, 1, 256},
    {0},
};
const struct shape invoice_query_shape = {
    "InvoiceQuery", sizeof(struct invoice_query), invoice_query_fields,
};

static const struct field paying_fields[] = {
    {"amount_minor", INT, IN(paying, amount_minor), REQUIRED, 1, MONEY_MAX},
    {"currency", TEXT, IN(paying, currency), REQUIRED, 3, 3},
    {"method", TEXT, IN(paying, method), REQUIRED, 1, 16, .words = method_words},
    {0},
};
const struct shape paying_shape = {"PaymentPost", sizeof(struct paying), paying_fields};

static const struct field payment_fields[] = {
    {"id", UUID, IN(payment, id), REQUIRED},
    {"amount_minor", INT, IN(payment, amount_minor), REQUIRED},
    {"currency", TEXT, IN(payment, currency), REQUIRED},
    {"method", TEXT, IN(payment, method), REQUIRED, .words = method_words},
    {"at", TIME, IN(payment, at_us), REQUIRED},
    {0},
};
static const struct shape payment_shape = {"Payment", sizeof(struct payment), payment_fields};

static const struct field bill_fields[] = {
    {"id", UUID, IN(bill, row.id), REQUIRED},
    {"version", INT, IN(bill, row.version), REQUIRED},
    {"number", INT, IN(bill, row.number), REQUIRED},
    {"state", TEXT, IN(bill, row.state), REQUIRED, .words = state_words},
    {"patient_id", UUID, IN(bill, row.patient_id), REQUIRED | PATIENT},
    {"visit_id", UUID, IN(bill, row.visit_id), REQUIRED},
    {"visit_type", TEXT, IN(bill, row.visit_type), REQUIRED},
    {"amount_minor", INT, IN(bill, row.amount_minor), REQUIRED},
    {"balance_minor", INT, IN(bill, row.balance_minor), REQUIRED},
    {"currency", TEXT, IN(bill, row.currency), REQUIRED},
    {"issued_at", TIME, IN(bill, row.issued_at_us), REQUIRED},
    {"payments", LIST, IN(bill, payments), 0, 0, 1000, &payment_shape},
    {"labels", FLAGS, IN(bill, row.labels), 0, .words = label_words},
    {0},
};
const struct shape bill_shape = {"Invoice", sizeof(struct bill), bill_fields};
/* clang-format on */
