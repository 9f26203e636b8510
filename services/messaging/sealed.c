/* Where blobs rest here, for when a key is renewed. */
#include "services/messaging/messaging.h"

/* clang-format off */
const struct sealed_table messaging_sealed[] = {
    {&messages_under_stmt, &message_reseal_stmt, NULL},
    {0},
};
/* clang-format on */
