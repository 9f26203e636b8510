/* By way of EVP a node of the tree costs twice as much, and verifying a log is little else. These
 * functions are marked as deprecated, not as unsafe. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "common/crypto/hash.h"

#include "common/base/secret.h"

#include <openssl/sha.h>

struct hash hash_sha256_3(struct bytes a, struct bytes b, struct bytes c)
{
    SHA256_CTX ctx;
    struct hash hash;

    SHA256_Init(&ctx);
    SHA256_Update(&ctx, a.p, a.n);
    SHA256_Update(&ctx, b.p, b.n);
    SHA256_Update(&ctx, c.p, c.n);
    SHA256_Final(hash.b, &ctx);
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

/* RFC 2104. EVP takes ten times as long to take a key, and would have to be told to forget it. */
struct hash hash_hmac_2(struct bytes key, struct bytes a, struct bytes b)
{
    uint8_t inner[SHA256_CBLOCK] = {0}, outer[SHA256_CBLOCK];
    struct hash hash;

    if (key.n > sizeof(inner)) {
        hash = hash_sha256(key);
        key = bytes_of(hash.b, sizeof(hash.b));
    }
    if (key.n) memcpy(inner, key.p, key.n);
    for (size_t i = 0; i < sizeof(inner); i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    hash = hash_sha256_3(bytes_of(inner, sizeof(inner)), a, b);
    hash = hash_sha256_2(bytes_of(outer, sizeof(outer)), bytes_of(hash.b, sizeof(hash.b)));
    secret_wipe(inner, sizeof(inner));
    secret_wipe(outer, sizeof(outer));
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
