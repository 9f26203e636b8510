/*
 * inside - what the files of common/crypto share: algorithms fetched once, contexts kept per
 * thread. Nothing outside this folder includes it, but for the test that replays published vectors.
 *
 * A fetch by name or a fresh context costs more than the cipher of a short record, so
 * each thread keeps one context of a kind, made at its first use and freed when the thread ends.
 * A context holds the last key until the next use, or until crypto_forget().
 *
 * Threads  any; what inside_thread() returns is the caller's thread's own.
 * Errors   none: a failing OpenSSL is a broken installation or no memory, and aborts.
 */
#pragma once

#include "common/crypto/aead.h"

#include <openssl/evp.h>

struct inside_thread {
    EVP_CIPHER_CTX *ecb; /* AES-256 in whole blocks, under @key */
    EVP_CIPHER_CTX *gcm_seal, *gcm_open;
    bool keyed; /* since crypto_forget() */
    uint8_t key[AEAD_KEY_BYTES], k1[AEAD_TAG_BYTES];
    uint8_t committed[AEAD_COMMITTED_MAX]; /* for what @commitment is @key's */
    size_t committed_n;                    /* 0: there is none */
    struct hash commitment;
};

struct inside_thread *inside_thread(void);

/* For calls that cannot fail unless OpenSSL is broken: 1 is success. */
#define INSIDE_MUST(call) inside_must((call), __FILE__, __LINE__)
void inside_must(int result, const char *file, int line);

/* aead_seal() under a nonce that the caller chose. For published vectors only: two messages under
 * one nonce give away both. */
void inside_seal_at(const uint8_t *key, const uint8_t *nonce, struct bytes aad, struct bytes plain,
                    uint8_t *ret_sealed);
