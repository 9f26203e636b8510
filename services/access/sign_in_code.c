/* One-time codes that bind a first sign-in to a record which staff have made. */
#include "common/base/clock.h"
#include "services/access/access.h"

#define CODE_TTL_US (7 * DAY_US)

err_t code_issue(struct act *act, struct uuid person, struct code *ret)
{
    const struct codes_cancel former = {person};
    struct code_insert new = {.person = person, .expires_at_us = act->now_us + CODE_TTL_US};

    ret->sign_in_code = one_time_make(act, &new.hash);
    ret->code_expires_at_us = new.expires_at_us;
    codes_cancel(act, &former);
    code_insert(act, &new);
    return ERR_OK;
}

err_t code_take(struct act *act, struct str text, struct uuid *ret_person)
{
    struct uuid org;
    struct code_use use = {.issuer = str_of(act->who.issuer), .subject = str_of(act->who.subject)};
    struct code_holder holder;

    if (!one_time_read(act, text, &org, &use.hash)) return ERR_CODE_INVALID;
    act_enter(act, org);
    const err_t err = code_use(act, &use, &holder);
    /* What a stranger made up names no organisation; its refusal is the installation's record. */
    if (err != ERR_OK) act_enter(act, UUID_NIL);
    TRY(err);
    *ret_person = holder.person;
    return ERR_OK;
}
