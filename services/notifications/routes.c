#include "services/notifications/notifications.h"

/* clang-format off */
const struct route notifications_routes[] = {
    {GET, "/v1/notifications", READ_NOTIFICATIONS, AUDIT_NOTIFICATIONS_READ, &delivery_query_shape, 2000,
     delivery_list, .reply = &delivery_shape, .list = true,
     .about = "What was said to you by mail, the latest first."},
    {0},
};
/* clang-format on */
