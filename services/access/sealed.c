/* Where blobs rest here, for when a key is renewed. */
#include "services/access/access.h"

static err_t member_reseal(struct act *act)
{
    const struct sealed_row *in = act->in;
    struct member_again again = {.id = in->id, .read_version = in->version};
    struct member row;

    TRY(uuid_is_nil(in->patient) ? act_allow_none(act) : act_allow(act, in->patient));
    TRY(act_reseal(act, in, in->sealed_version, &again.sealed));
    TRY(member_again(act, &again, &row));
    return tell_member(act, &row);
}

/* clang-format off */
const struct sealed_table access_sealed[] = {
    {&member_under_stmt, NULL, member_reseal},
    {&reasons_under_stmt, &reason_reseal_stmt, NULL},
    {&findings_under_stmt, &finding_reseal_stmt, NULL},
    {&guests_under_stmt, &guest_reseal_stmt, NULL},
    {0},
};
/* clang-format on */
