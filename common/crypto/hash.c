#include "common/crypto/hash.h"

#include "common/base/secret.h"
#include "common/crypto/inside.h"

struct hash hash_sha256_3(struct bytes a, struct bytes b, struct bytes c)
{
    EVP_MD_CTX *ctx = inside_thread()->sha256;
    struct hash hash;

    INSIDE_MUST(EVP_DigestInit_ex2(ctx, NULL, NULL));
    INSIDE_MUST(EVP_DigestUpdate(ctx, a.p, a.n));
    INSIDE_MUST(EVP_DigestUpdate(ctx, b.p, b.n));
    INSIDE_MUST(EVP_DigestUpdate(ctx, c.p, c.n));
    INSIDE_MUST(EVP_DigestFinal_ex(ctx, hash.b, NULL));
    return hash;
}

struct hash hash_sha256_2(struct bytes a, struct bytes b)
{
    return hash_sha256_3(a, b, BYTES_NONE);
}

struct hash hash_sha256(struct bytes data)
{
    return hash_sha256_3(data, BYTES_NONE, BYTES_NONE);
}

struct hash hash_hmac_2(struct bytes key, struct bytes a, struct bytes b)
{
    static const uint8_t empty[1]; /* a NULL key would mean "the last one again" */
    EVP_MAC_CTX *ctx = inside_thread()->hmac;
    struct hash hash;
    size_t n = 0;

    INSIDE_MUST(EVP_MAC_init(ctx, key.n ? key.p : empty, key.n, NULL));
    INSIDE_MUST(EVP_MAC_update(ctx, a.p, a.n));
    INSIDE_MUST(EVP_MAC_update(ctx, b.p, b.n));
    INSIDE_MUST(EVP_MAC_final(ctx, hash.b, &n, sizeof(hash.b)));
    INSIDE_MUST(n == HASH_BYTES);
    return hash;
}

struct hash hash_hmac(struct bytes key, struct bytes data)
{
    return hash_hmac_2(key, data, BYTES_NONE);
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
    return secret_equal(a->b, b->b, HASH_BYTES);
}
