/* An erased patient is found by nothing: equal values would still show as equal. */
#include "services/patients/patients.h"

static err_t patient_forget(struct act *act)
{
    const Telecura__V1__RevocationEvent *heard = act->in;
    const struct uuid patient = pb_to_uuid(heard->patient);

    TRY(act_allow(act, patient));
    patient_unindex(act, &(struct patient_unindex){patient});
    return ERR_OK;
}

/* clang-format off */
const struct hears patients_hears[] = {
    {TOPIC_REVOCATIONS, EFFECT, KIND_OF(REVOCATION, ERASED), patient_forget,
     .audit = AUDIT_INDEX_FORGOTTEN},
    {0},
};
/* clang-format on */
