#include "services/access/access.h"

/* clang-format off */
const struct timer access_timers[] = {
    {"expire_consents", 1000, &consents_due_stmt, consent_expire, AUDIT_CONSENT_EXPIRED},
    {"come_of_age", 10 * 1000, &guardians_due_stmt, relation_age, AUDIT_RELATION_AGED},
    {"erase", 1000, &erasures_due_stmt, erasure_do, AUDIT_PATIENT_ERASED},
    {"review_overdue", 5 * 1000, &glasses_due_stmt, glass_tell_again, AUDIT_GLASS_OVERDUE},
    {0},
};
/* clang-format on */
