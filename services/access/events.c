#include "services/access/access.h"

/* clang-format off */
const struct hears access_hears[] = {
    {TOPIC_VISITS, EFFECT, 0, visit_heard},
    {0},
};
/* clang-format on */
