/* Where blobs rest here, for when a key is renewed. */
#include "services/patients/patients.h"

/* clang-format off */
const struct sealed_table patients_sealed[] = {
    {&patient_under_stmt, &patient_reseal_stmt, NULL},
    {&patient_indexed_under_stmt, NULL, patient_index_again},
    {&record_under_stmt, NULL, record_reseal},
    {0},
};
/* clang-format on */
