/* Where blobs rest here, for when a key is renewed. */
#include "services/appointments/appointments.h"

/* clang-format off */
const struct sealed_table appointments_sealed[] = {
    {&appointment_under_stmt, &appointment_reseal_stmt, NULL},
    {&notes_under_stmt, &note_reseal_stmt, NULL},
    {0},
};
/* clang-format on */
