#include "services/notifications/notifications.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const char *const state_words[] = {"pending", "sending", "sent", "failed", NULL};

static const struct field delivery_query_fields[] = {
    {"limit", INT, IN(delivery_query, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(delivery_query, cursor), 0, 1, 256},
    {0},
};
const struct shape delivery_query_shape = {
    "NotificationQuery", sizeof(struct delivery_query), delivery_query_fields,
};

static const struct field delivery_fields[] = {
    {"id", UUID, IN(delivery, id), REQUIRED},
    {"version", INT, IN(delivery, version), REQUIRED},
    {"template", TEXT, IN(delivery, template), REQUIRED},
    {"appointment_id", UUID, IN(delivery, visit_id), 0},
    {"state", TEXT, IN(delivery, state), REQUIRED, .words = state_words},
    {"created_at", TIME, IN(delivery, created_at_us), REQUIRED},
    {"sent_at", TIME, IN(delivery, sent_at_us), 0},
    {0},
};
const struct shape delivery_shape = {"Notification", sizeof(struct delivery), delivery_fields};
/* clang-format on */
