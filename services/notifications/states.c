/*
 *   write -> pending --take--> sending --close--> sent
 *               ^                |  ^ |
 *               +----put_off-----+  | +--give_up--> failed
 *                                 take (whoever had it is dead)
 */
#include "services/notifications/notifications.h"

/* clang-format off */
const struct fsm_row delivery_states[] = {
    {"write",   NULL,      "pending", 0},
    {"take",    "pending", "sending", 0},
    {"take",    "sending", "sending", 0},
    {"close",   "sending", "sent",    0},
    {"put_off", "sending", "pending", 0},
    {"give_up", "sending", "failed",  0},
    {0},
};

const struct states notifications_states[] = {
    {"delivery", delivery_states},
    {0},
};
/* clang-format on */
