/* May this actor at all, before anybody asks about a patient? */
#include "common/app/auth.h"
#include "common/base/clock.h"

#define FRESH_US (5 * MINUTE_US) /* of a second factor; see permissions.def */
#define SECOND_FACTOR_ACR 2

err_t auth_may(const struct actor *actor, enum permission permission, int64_t now_us)
{
    const struct permission_info *info = permission_info(permission);

    if (permission == PERMISSION_NONE || permission == PASS_ON) return ERR_OK;
    if (permission == SERVICE_ONLY) return actor->role == ROLE_SERVICE ? ERR_OK : ERR_FORBIDDEN;
    if (actor->role == ROLE_SERVICE) return ERR_OK;
    if (info->reach[actor->role] == NO) return ERR_FORBIDDEN;
    if (!policy_in_scope(&actor->scopes, permission)) return ERR_FORBIDDEN;
    if (info->factor == PLAIN) return ERR_OK;
    if (actor->acr < SECOND_FACTOR_ACR || now_us - actor->auth_time_us > FRESH_US)
        return ERR_STEP_UP;

    return ERR_OK;
}
