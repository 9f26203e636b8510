/* What the tokens say, and when it holds. */
#include "common/app/grant.h"
#include "common/app/policy.h"
#include "common/base/clock.h"
#include "common/codec/json.h"

#define SKEW_US (60 * SECOND_US) /* between the clocks of two services */

/* ---- what is inside ---- */

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)
#define ID(type, member) {#member, UUID, IN(type, member), REQUIRED}
#define AT(type, member) {#member, TIME, IN(type, member##_us), REQUIRED}
#define WORD(type, member) {#member, TEXT, IN(type, member), REQUIRED, 1, 64}

static const struct field grant_fields[] = {
    ID(grant, id), ID(grant, org), ID(grant, person), ID(grant, patient), ID(grant, provider),
    ID(grant, visit), ID(grant, channel), WORD(grant, role), WORD(grant, rights),
    AT(grant, minted_at), AT(grant, ends_at),
    {"labels", INT, IN(grant, labels), 0, 0, UINT32_MAX},
    {"as", TEXT, IN(grant, as), 0, 1, 64},
    {"alone", BOOL, IN(grant, alone), 0},
    {"last", BOOL, IN(grant, last), 0},
    {0},
};
static const struct shape grant_shape = {"Grant", sizeof(struct grant), grant_fields};

static const struct field pass_fields[] = {
    ID(pass, org), ID(pass, visit), ID(pass, patient), ID(pass, provider),
    {"version", INT, IN(pass, version), REQUIRED, 1, INT64_MAX},
    {"labels", INT, IN(pass, labels), 0, 0, UINT32_MAX},
    WORD(pass, state), AT(pass, starts_at), AT(pass, ends_at), AT(pass, issued_at),
    AT(pass, expires_at),
    {0},
};
static const struct shape pass_shape = {"Pass", sizeof(struct pass), pass_fields};

static const struct field emergency_fields[] = {
    ID(emergency, id), ID(emergency, org), ID(emergency, person), ID(emergency, patient),
    AT(emergency, starts_at), AT(emergency, ends_at),
    {0},
};
static const struct shape emergency_shape = {
    "Emergency", sizeof(struct emergency), emergency_fields,
};
/* clang-format on */

/* ---- minting ---- */

static struct str mint(struct arena *arena, const struct signer *signer, const struct shape *shape,
                       const void *row, struct str purpose)
{
    return signer_token(arena, signer, json_encode(arena, shape, row), purpose);
}

struct str grant_mint(struct arena *arena, const struct signer *signer, const struct grant *grant)
{
    return mint(arena, signer, &grant_shape, grant, STR("grant"));
}

struct str pass_mint(struct arena *arena, const struct signer *signer, const struct pass *pass)
{
    return mint(arena, signer, &pass_shape, pass, STR("pass"));
}

struct str emergency_mint(struct arena *arena, const struct signer *signer,
                          const struct emergency *emergency)
{
    return mint(arena, signer, &emergency_shape, emergency, STR("emergency"));
}

/* ---- checking ---- */

static err_t check(struct arena *arena, const char *public_file, struct str token,
                   const struct shape *shape, struct str purpose, void *ret)
{
    struct json_fault fault;
    struct bytes json;

    if (!signer_verify(arena, public_file, token, purpose, &json) ||
        json_decode_lenient(shape, json, arena, ret, &fault) != ERR_OK)
        return ERR_GRANT_REQUIRED;
    return ERR_OK;
}

static bool is_in_time(int64_t from_us, int64_t to_us, int64_t now_us)
{
    return from_us <= now_us + SKEW_US && now_us < to_us;
}

static bool is_short(const struct grant *grant)
{
    const int64_t minutes_max =
        str_is(grant->role, "clinician") ? GRANT_STAFF_MINUTES_MAX : GRANT_PATIENT_MINUTES_MAX;
    const int64_t life_us = grant->ends_at_us - grant->minted_at_us;

    return life_us > 0 && life_us <= minutes_max * MINUTE_US;
}

err_t grant_check(struct arena *arena, const char *public_file, struct str token, int64_t now_us,
                  struct grant *ret_grant)
{
    struct grant grant = {0};

    TRY(check(arena, public_file, token, &grant_shape, STR("grant"), &grant));
    if (!is_short(&grant)) return ERR_GRANT_REQUIRED;
    if (now_us >= grant.ends_at_us) return ERR_GRANT_EXPIRED;
    if (!is_in_time(grant.minted_at_us, grant.ends_at_us, now_us)) return ERR_GRANT_REQUIRED;
    *ret_grant = grant;
    return ERR_OK;
}

err_t pass_check(struct arena *arena, const char *public_file, struct str token, int64_t now_us,
                 struct pass *ret_pass)
{
    struct pass pass = {0};

    TRY(check(arena, public_file, token, &pass_shape, STR("pass"), &pass));
    if (!is_in_time(pass.issued_at_us, pass.expires_at_us, now_us)) return ERR_GRANT_REQUIRED;
    *ret_pass = pass;
    return ERR_OK;
}

err_t emergency_check(struct arena *arena, const char *public_file, struct str token,
                      int64_t now_us, struct emergency *ret_emergency)
{
    const int64_t life_us_max = relation_info(RELATION_BREAK_GLASS)->at_most * MINUTE_US;
    struct emergency emergency = {0};

    TRY(check(arena, public_file, token, &emergency_shape, STR("emergency"), &emergency));
    if (!is_in_time(emergency.starts_at_us, emergency.ends_at_us, now_us) ||
        emergency.ends_at_us - emergency.starts_at_us > life_us_max)
        return ERR_GRANT_REQUIRED;
    *ret_emergency = emergency;
    return ERR_OK;
}
