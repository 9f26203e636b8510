#include "services/appointments/appointments.h"

/* clang-format off */
const struct timer appointments_timers[] = {
    {"no_show", 10 * 1000, &appointments_missed_stmt, visit_miss_due, AUDIT_VISIT_NO_SHOW},
    {"extend_schedules", 10 * 1000, &schedules_due_stmt, schedule_extend, AUDIT_AVAILABILITY_SET},
    {0},
};
/* clang-format on */
