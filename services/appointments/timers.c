#include "services/appointments/appointments.h"

/* clang-format off */
const struct timer appointments_timers[] = {
    {"no_show", 10 * 1000, &appointments_missed_stmt, visit_miss_due, AUDIT_VISIT_NO_SHOW},
    {"close_forgotten", 10 * 1000, &appointments_forgotten_stmt, visit_cancel_due,
     AUDIT_VISIT_CANCELLED},
    {"extend_schedules", 10 * 1000, &schedules_due_stmt, schedule_extend, AUDIT_AVAILABILITY_SET},
    {0},
};
/* clang-format on */
