/*
 * aead - XAES-256-GCM (C2SP): AES-256-GCM with 192-bit random nonces and derived keys.
 *
 * One algorithm for everything sealed at rest. The nonce is drawn inside; the tag is always
 * 16 bytes (OpenSSL 3.0 would accept shorter ones).
 *
 * sealed = nonce (24) || ciphertext || tag (16)
 *
 * Threads  any; contexts are per thread. Errors: aead_open() refuses with ERR_CORRUPT (logged by
 * the caller, who knows the row); anything else aborts.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/str.h"
#include "common/crypto/hash.h"

#define AEAD_KEY_BYTES 32
#define AEAD_NONCE_BYTES 24
#define AEAD_TAG_BYTES 16
#define AEAD_COMMITTED_MAX 64
#define AEAD_OVERHEAD_BYTES (AEAD_NONCE_BYTES + AEAD_TAG_BYTES)

/* Writes plain.n + AEAD_OVERHEAD_BYTES to @ret_sealed. */
void aead_seal(const uint8_t key[AEAD_KEY_BYTES], struct bytes aad, struct bytes plain,
               uint8_t *ret_sealed);
/* Writes sealed.n - AEAD_OVERHEAD_BYTES to @ret_plain; on failure ret_plain is zeroed. */
err_t aead_open(const uint8_t key[AEAD_KEY_BYTES], struct bytes aad, struct bytes sealed,
                uint8_t *ret_plain);
/* What binds a message to the one key that opens it, as GCM's tag does not: HMAC-SHA256 of @what,
 * at most AEAD_COMMITTED_MAX bytes. The last one of a thread costs no more than a look. */
struct hash aead_commitment(const uint8_t key[AEAD_KEY_BYTES], struct bytes what);
/* This thread forgets the keys that it had last: its contexts, and the stack below. Called before
 * it waits for more work; under load the next act's keys take the place of the last one's. */
void crypto_forget(void);
