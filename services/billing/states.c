/*
 *  issue -> issued --pay_off--> balanced
 *             |  ^
 *             |  +-- pay (a part)
 *             +----void----> voided            while nothing was paid
 *
 * An invoice is born issued, by the service itself when it hears of a visit's end: its amounts are
 * frozen from its first moment.
 */
#include "services/billing/billing.h"

enum {
    PAYS = 1u << ROLE_PATIENT | 1u << ROLE_PROXY | 1u << ROLE_FRONT_DESK | 1u << ROLE_BILLER,
    B = 1u << ROLE_BILLER,
};

/* clang-format off */
const struct fsm_row invoice_states[] = {
    {"issue",   NULL,     "issued",   0},
    {"pay",     "issued", "issued",   PAYS},
    {"pay_off", "issued", "balanced", PAYS},
    {"void",    "issued", "voided",   B},
    {0},
};

const struct states billing_states[] = {
    {"invoice", invoice_states},
    {0},
};
/* clang-format on */
