#include "services/audit/audit.h"

/* clang-format off */
const struct hears audit_hears[] = {
    {TOPIC_AUDIT_EVENTS, EFFECT, 0, record_heard, .prepare = record_prepare, .many = true},
    {0},
};
/* clang-format on */
