#include "services/notifications/notifications.h"

/* clang-format off */
const struct timer notifications_timers[] = {
    {"remind", 5 * 1000, &reminders_due_stmt, reminder_send, AUDIT_NONE},
    {0},
};
/* clang-format on */
