#include "common/crypto/aead.h"

#include "common/base/secret.h"
#include "common/crypto/inside.h"

#include <assert.h>
#include <limits.h>

#define BLOCK_BYTES 16
#define HALF_BYTES 12 /* of the nonce: one half makes the key, the other is GCM's nonce */

static void encrypt_blocks(EVP_CIPHER_CTX *ecb, const uint8_t *from, uint8_t *to, int n)
{
    int written = 0;

    INSIDE_MUST(EVP_EncryptUpdate(ecb, to, &written, from, n));
    INSIDE_MUST(written == n);
}

/* This thread's block cipher has @key, and its first CMAC subkey (k1) is made. An act seals and
 * opens much under one key, which costs no more than the first time. */
static void key_set(struct inside_thread *thread, const uint8_t *key)
{
    static const uint8_t zero[BLOCK_BYTES];
    uint8_t *k1 = thread->k1;

    if (thread->keyed && secret_equal(thread->key, key, AEAD_KEY_BYTES)) return;
    memcpy(thread->key, key, AEAD_KEY_BYTES);
    thread->keyed = true;
    thread->committed_n = 0;
    INSIDE_MUST(EVP_EncryptInit_ex2(thread->ecb, NULL, key, NULL, NULL));
    encrypt_blocks(thread->ecb, zero, k1, BLOCK_BYTES);
    const uint8_t carry = k1[0] >> 7;
    for (int i = 0; i < BLOCK_BYTES - 1; i++) {
        k1[i] = (uint8_t)(k1[i] << 1 | k1[i + 1] >> 7);
    }
    /* SP 800-38B: R128 = 0x87 when the top bit falls out; no branch on key material */
    k1[BLOCK_BYTES - 1] = (uint8_t)(k1[BLOCK_BYTES - 1] << 1 ^ (0x87 & -carry));
}

/*
 * The message's key, as c2sp.org/XAES-256-GCM has it: NIST SP 800-108 in counter mode over
 * AES-CMAC. Both CMAC inputs are one whole block, so k1 is the only CMAC subkey needed.
 */
static void derive(const uint8_t *key, const uint8_t *nonce, uint8_t ret_subkey[AEAD_KEY_BYTES])
{
    struct inside_thread *thread = inside_thread();
    uint8_t m[2][BLOCK_BYTES];

    key_set(thread, key);
    for (uint8_t counter = 1; counter <= 2; counter++) {
        uint8_t *block = m[counter - 1];

        memcpy(block, (const uint8_t[]){0, counter, 'X', 0}, 4);
        memcpy(block + 4, nonce, HALF_BYTES);
        for (int i = 0; i < BLOCK_BYTES; i++) {
            block[i] ^= thread->k1[i];
        }
    }
    encrypt_blocks(thread->ecb, m[0], ret_subkey, AEAD_KEY_BYTES);
    secret_wipe(m, sizeof(m));
}

/* A context of this thread, keyed for one message and fed its associated data. */
static EVP_CIPHER_CTX *start(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce,
                             struct bytes aad)
{
    uint8_t subkey[AEAD_KEY_BYTES];
    int n = 0;

    derive(key, nonce, subkey);
    INSIDE_MUST(EVP_CipherInit_ex2(ctx, NULL, subkey, nonce + HALF_BYTES, -1, NULL));
    secret_wipe(subkey, sizeof(subkey));
    assert(aad.n <= INT_MAX);
    if (aad.n) INSIDE_MUST(EVP_CipherUpdate(ctx, NULL, &n, aad.p, (int)aad.n));
    return ctx;
}

void inside_seal_at(const uint8_t *key, const uint8_t *nonce, struct bytes aad, struct bytes plain,
                    uint8_t *ret_sealed)
{
    EVP_CIPHER_CTX *ctx = start(inside_thread()->gcm_seal, key, nonce, aad);
    uint8_t *text = ret_sealed + AEAD_NONCE_BYTES;
    int n = 0;

    assert(plain.n <= INT_MAX);
    memcpy(ret_sealed, nonce, AEAD_NONCE_BYTES);
    if (plain.n) INSIDE_MUST(EVP_CipherUpdate(ctx, text, &n, plain.p, (int)plain.n));
    INSIDE_MUST(EVP_CipherFinal_ex(ctx, text + plain.n, &n));
    INSIDE_MUST(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, text + plain.n));
}

void aead_seal(const uint8_t key[AEAD_KEY_BYTES], struct bytes aad, struct bytes plain,
               uint8_t *ret_sealed)
{
    uint8_t nonce[AEAD_NONCE_BYTES];

    secret_random(nonce, sizeof(nonce));
    inside_seal_at(key, nonce, aad, plain, ret_sealed);
}

err_t aead_open(const uint8_t key[AEAD_KEY_BYTES], struct bytes aad, struct bytes sealed,
                uint8_t *ret_plain)
{
    uint8_t tag[AEAD_TAG_BYTES];
    int n = 0;

    if (sealed.n < AEAD_OVERHEAD_BYTES || sealed.n > INT_MAX) return ERR_CORRUPT;
    const size_t plain_n = sealed.n - AEAD_OVERHEAD_BYTES;
    const uint8_t *text = sealed.p + AEAD_NONCE_BYTES;
    EVP_CIPHER_CTX *ctx = start(inside_thread()->gcm_open, key, sealed.p, aad);

    memcpy(tag, text + plain_n, sizeof(tag)); /* the call below takes no const */
    if (plain_n) INSIDE_MUST(EVP_CipherUpdate(ctx, ret_plain, &n, text, (int)plain_n));
    INSIDE_MUST(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, tag));
    if (EVP_CipherFinal_ex(ctx, tag, &n) != 1) {
        secret_wipe(ret_plain, plain_n);
        return ERR_CORRUPT;
    }
    return ERR_OK;
}

struct hash aead_commitment(const uint8_t key[AEAD_KEY_BYTES], struct bytes what)
{
    struct inside_thread *const thread = inside_thread();

    assert(what.n > 0 && what.n <= sizeof(thread->committed));
    key_set(thread, key);
    if (!bytes_equal(what, bytes_of(thread->committed, thread->committed_n))) {
        thread->commitment = hash_hmac(bytes_of(key, AEAD_KEY_BYTES), what);
        thread->committed_n = what.n;
        memcpy(thread->committed, what.p, what.n);
    }
    return thread->commitment;
}
