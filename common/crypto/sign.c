#include "common/crypto/sign.h"

#include "common/crypto/inside.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <assert.h>
#include <stdlib.h>

struct sign_key {
    enum sign_alg alg;
    EVP_PKEY *pkey;
};

static struct sign_key *key_new(enum sign_alg alg, EVP_PKEY *pkey)
{
    struct sign_key *key = calloc(1, sizeof(*key));

    INSIDE_MUST(key && pkey);
    *key = (struct sign_key){alg, pkey};
    return key;
}

struct sign_key *sign_key_new_ed25519(void)
{
    return key_new(SIGN_ED25519, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

struct sign_key *sign_key_new_seed(const uint8_t seed[SIGN_ED25519_SEED_BYTES])
{
    return key_new(SIGN_ED25519, EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed,
                                                                 SIGN_ED25519_SEED_BYTES));
}

struct sign_key *sign_key_new_public(const uint8_t key[SIGN_ED25519_PUBLIC_BYTES])
{
    return key_new(SIGN_ED25519, EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, key,
                                                                SIGN_ED25519_PUBLIC_BYTES));
}

struct sign_key *sign_key_new_es256(const uint8_t x[32], const uint8_t y[32])
{
    uint8_t point[1 + 32 + 32] = {POINT_CONVERSION_UNCOMPRESSED};
    char group[] = "P-256";
    EVP_PKEY *pkey = NULL;

    memcpy(point + 1, x, 32);
    memcpy(point + 33, y, 32);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    INSIDE_MUST(ctx && EVP_PKEY_fromdata_init(ctx) == 1);
    const int made = EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    if (made != 1) ERR_clear_error(); /* not on the curve: an answer, not a failure */
    return made == 1 ? key_new(SIGN_ES256, pkey) : NULL;
}

struct sign_key *sign_key_free(struct sign_key *key)
{
    if (key) EVP_PKEY_free(key->pkey);
    free(key);
    return NULL;
}

enum sign_alg sign_key_alg(const struct sign_key *key)
{
    return key->alg;
}

void sign_key_public(const struct sign_key *key, uint8_t ret[SIGN_ED25519_PUBLIC_BYTES])
{
    size_t n = SIGN_ED25519_PUBLIC_BYTES;

    assert(key->alg == SIGN_ED25519);
    INSIDE_MUST(EVP_PKEY_get_raw_public_key(key->pkey, ret, &n));
}

void sign_key_seed(const struct sign_key *key, uint8_t ret[SIGN_ED25519_SEED_BYTES])
{
    size_t n = SIGN_ED25519_SEED_BYTES;

    assert(key->alg == SIGN_ED25519);
    INSIDE_MUST(EVP_PKEY_get_raw_private_key(key->pkey, ret, &n));
}

void sign_make(const struct sign_key *key, struct bytes message, uint8_t ret[SIGN_BYTES])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = SIGN_BYTES;

    assert(key->alg == SIGN_ED25519);
    INSIDE_MUST(ctx && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1);
    INSIDE_MUST(EVP_DigestSign(ctx, ret, &n, message.p, message.n));
    EVP_MD_CTX_free(ctx);
}

/* One ASN.1 INTEGER: no leading zeros, and one in front of a set top bit. */
static size_t der_integer(const uint8_t from[32], uint8_t *to)
{
    size_t skip = 0;

    while (skip < 31 && from[skip] == 0) {
        skip++;
    }
    const size_t pad = from[skip] >> 7, n = 32 - skip;
    to[0] = 0x02;
    to[1] = (uint8_t)(pad + n);
    to[2] = 0;
    memcpy(to + 2 + pad, from + skip, n);
    return 2 + pad + n;
}

/* OpenSSL takes ES256 as ASN.1 only; tokens carry r || s. */
static size_t der_signature(const uint8_t raw[SIGN_BYTES], uint8_t to[2 + 2 * 35])
{
    size_t n = der_integer(raw, to + 2);

    n += der_integer(raw + 32, to + 2 + n);
    to[0] = 0x30;
    to[1] = (uint8_t)n;
    return 2 + n;
}

bool sign_verify(const struct sign_key *key, struct bytes message, struct bytes signature)
{
    uint8_t der[2 + 2 * 35];

    if (signature.n != SIGN_BYTES) return false;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const bool ec = key->alg == SIGN_ES256;
    const struct bytes passed = ec ? bytes_of(der, der_signature(signature.p, der)) : signature;
    INSIDE_MUST(ctx && EVP_DigestVerifyInit_ex(ctx, NULL, ec ? "SHA256" : NULL, NULL, NULL,
                                               key->pkey, NULL) == 1);
    const int valid = EVP_DigestVerify(ctx, passed.p, passed.n, message.p, message.n);
    EVP_MD_CTX_free(ctx);
    if (valid != 1) ERR_clear_error();
    return valid == 1;
}
