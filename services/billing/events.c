#include "services/billing/billing.h"

/* Only a visit that was held costs: nobody pays for what was cancelled or missed. */
/* clang-format off */
const struct hears billing_hears[] = {
    {TOPIC_VISITS, EFFECT, KIND_OF(VISIT, ENDED), visit_charge, NULL, AUDIT_CHARGED},
    {TOPIC_VISITS, EFFECT, 0, visit_relabel}, /* in each: the last may be all that was kept */
    {0},
};
/* clang-format on */
