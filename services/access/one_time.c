/*
 * What is shown once and taken once: the organisation's id and 128 random bits, so that it is
 * looked for in one organisation only; of the random part only its hash is kept.
 */
#include "common/base/secret.h"
#include "common/crypto/hash.h"
#include "services/access/access.h"

#define SECRET_BYTES 16
#define ALL_BYTES (sizeof(struct uuid) + SECRET_BYTES)

static struct bytes hash_of(struct act *act, const uint8_t *all)
{
    struct hash *hash = ARENA_NEW(act->arena, struct hash);

    *hash = hash_sha256(bytes_of(all + sizeof(struct uuid), SECRET_BYTES));
    return bytes_of(hash->b, sizeof hash->b);
}

struct str one_time_make(struct act *act, struct bytes *ret_hash)
{
    uint8_t all[ALL_BYTES];
    char *text = arena_alloc(act->arena, BASE64URL_LEN(ALL_BYTES));

    memcpy(all, act->org.b, sizeof act->org.b);
    secret_random(all + sizeof(struct uuid), SECRET_BYTES);
    *ret_hash = hash_of(act, all);
    const struct str made = {text, base64url_encode(bytes_of(all, sizeof all), text)};
    secret_wipe(all, sizeof all);
    return made;
}

bool one_time_read(struct act *act, struct str text, struct uuid *ret_org, struct bytes *ret_hash)
{
    uint8_t all[ALL_BYTES + 2]; /* room for what a wrong last character decodes to */
    size_t n = 0;

    if (text.n != BASE64URL_LEN(ALL_BYTES) || !base64url_decode(text, all, &n) || n != ALL_BYTES)
        return false;
    memcpy(ret_org->b, all, sizeof ret_org->b);
    *ret_hash = hash_of(act, all);
    secret_wipe(all, sizeof all);
    return true;
}
