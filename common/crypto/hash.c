/* By way of EVP a node of the tree costs twice as much, and verifying a log is little else. These
 * functions are marked as deprecated, not as unsafe. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "common/crypto/hash.h"

#include "common/base/secret.h"
#include "common/crypto/inside.h"

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

struct hash hash_hmac_2(struct bytes key, struct bytes a, struct bytes b)
{
    static const uint8_t empty[1]; /* a NULL key would mean "the last one again" */
    struct inside_thread *thread = inside_thread();
    EVP_MAC_CTX *ctx = thread->hmac;
    struct hash hash;
    size_t n = 0;

    thread->used = true;
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
