/* Where blobs rest here, for when a key is renewed. */
#include "services/prescriptions/prescriptions.h"

/* clang-format off */
const struct sealed_table prescriptions_sealed[] = {
    {&prescription_under_stmt, &prescription_reseal_stmt, NULL},
    {&allergy_under_stmt, NULL, NULL}, /* patients tells it anew */
    {0},
};
/* clang-format on */
