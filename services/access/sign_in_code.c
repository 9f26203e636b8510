/*
 * A code is the organisation's id and 128 random bits, so that it is looked for in one organisation
 * only; of the random part only its hash is kept.
 */
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/crypto/hash.h"
#include "services/access/access.h"

#define CODE_TTL_US (7 * DAY_US)
#define CODE_SECRET_BYTES 16
#define CODE_BYTES (sizeof(struct uuid) + CODE_SECRET_BYTES)

static struct bytes code_hash(struct act *act, const uint8_t *code)
{
    struct hash *hash = ARENA_NEW(act->arena, struct hash);

    *hash = hash_sha256(bytes_of(code + sizeof(struct uuid), CODE_SECRET_BYTES));
    return bytes_of(hash->b, sizeof hash->b);
}

err_t code_issue(struct act *act, struct uuid person, struct code *ret)
{
    const struct codes_cancel former = {person};
    uint8_t code[CODE_BYTES];
    char *text = arena_alloc(act->arena, BASE64URL_LEN(CODE_BYTES));

    memcpy(code, act->org.b, sizeof act->org.b);
    secret_random(code + sizeof(struct uuid), CODE_SECRET_BYTES);
    const struct code_insert new = {
        .hash = code_hash(act, code),
        .person = person,
        .expires_at_us = act->now_us + CODE_TTL_US,
    };
    codes_cancel(act, &former);
    code_insert(act, &new);
    ret->sign_in_code = (struct str){text, base64url_encode(bytes_of(code, sizeof code), text)};
    ret->code_expires_at_us = new.expires_at_us;
    secret_wipe(code, sizeof code);
    return ERR_OK;
}

err_t code_take(struct act *act, struct str text, struct uuid *ret_person)
{
    uint8_t code[CODE_BYTES + 2]; /* room for what a wrong last character decodes to */
    struct uuid org;
    struct code_holder holder;
    size_t n = 0;

    if (text.n != BASE64URL_LEN(CODE_BYTES) || !base64url_decode(text, code, &n) ||
        n != CODE_BYTES) {
        return ERR_CODE_INVALID;
    }
    memcpy(org.b, code, sizeof org.b);
    const struct code_use use = {code_hash(act, code)};
    act_enter(act, org);
    const err_t err = code_use(act, &use, &holder);
    /* What a stranger made up names no organisation; its refusal is the installation's record. */
    if (err != ERR_OK) act_enter(act, UUID_NIL);
    TRY(err);
    *ret_person = holder.person;
    return ERR_OK;
}
