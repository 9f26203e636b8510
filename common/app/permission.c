/* The tables of auth.h that a privacy officer reads: roles, permissions, who reaches whom. */
#include "common/app/auth.h"
#include "common/base/clock.h"

#include <assert.h>

#define FRESH_US (5 * MINUTE_US) /* of a second factor; see permissions.def */
#define SECOND_FACTOR_ACR 2

static const char *const roles[ROLES] = {
#define ROLE(name, word) [ROLE_##name] = word,
#include "common/app/roles.def"
#undef ROLE
};

static const struct permission_info permissions[PERMISSIONS] = {
    [PERMISSION_NONE] = {"PERMISSION_NONE", {0}, PLAIN},
    [SERVICE_ONLY] = {"SERVICE_ONLY", {0}, PLAIN},
    [PASS_ON] = {"PASS_ON", {0}, PLAIN},
#define PERM(name, pat, prx, gst, dsk, nrs, cli, pha, bil, aud, prv, adm, factor)                  \
    [name] = {#name, {pat, prx, gst, dsk, nrs, cli, pha, bil, aud, prv, adm}, factor},
#include "common/app/permissions.def"
#undef PERM
};

const struct permission_info *permission_info(enum permission permission)
{
    assert(permission < PERMISSIONS);
    return &permissions[permission];
}

const char *role_word(enum role role)
{
    return role < ROLES ? roles[role] : "service";
}

bool role_parse(struct str word, enum role *ret_role)
{
    for (enum role role = 0; role < ROLES; role++) {
        if (!str_is(word, roles[role])) continue;

        *ret_role = role;
        return true;
    }
    return false;
}

err_t auth_may(const struct actor *actor, enum permission permission, int64_t now_us)
{
    const struct permission_info *info = permission_info(permission);

    if (permission == PERMISSION_NONE || permission == PASS_ON) return ERR_OK;
    if (permission == SERVICE_ONLY) return actor->role == ROLE_SERVICE ? ERR_OK : ERR_FORBIDDEN;
    if (actor->role == ROLE_SERVICE) return ERR_OK;
    if (info->reach[actor->role] == NO) return ERR_FORBIDDEN;
    if (info->factor == PLAIN) return ERR_OK;
    if (actor->acr < SECOND_FACTOR_ACR || now_us - actor->auth_time_us > FRESH_US)
        return ERR_STEP_UP;

    return ERR_OK;
}
