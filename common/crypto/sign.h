/*
 * sign - Ed25519 and ES256 keys and signatures.
 *
 * Ownership  sign_key_new_* and sign_key_free; a key is const after it was made.
 * Threads    any: OpenSSL keys are shared read-only.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/str.h"

#define SIGN_BYTES 64 /* Ed25519 and raw r||s of ES256 alike */
#define SIGN_ED25519_PUBLIC_BYTES 32
#define SIGN_ED25519_SEED_BYTES 32

enum sign_alg { SIGN_ED25519, SIGN_ES256 };

struct sign_key;

struct sign_key *sign_key_new_ed25519(void); /* fresh, random */
struct sign_key *sign_key_new_seed(const uint8_t seed[SIGN_ED25519_SEED_BYTES]);
struct sign_key *sign_key_new_public(const uint8_t key[SIGN_ED25519_PUBLIC_BYTES]);
struct sign_key *sign_key_new_es256(const uint8_t x[32], const uint8_t y[32]); /* NULL: no point */
struct sign_key *sign_key_free(struct sign_key *key); /* takes NULL; returns NULL */

enum sign_alg sign_key_alg(const struct sign_key *key);
void sign_key_public(const struct sign_key *key, uint8_t ret[SIGN_ED25519_PUBLIC_BYTES]);
void sign_key_seed(const struct sign_key *key, uint8_t ret[SIGN_ED25519_SEED_BYTES]);

/* Ed25519. */
void sign_make(const struct sign_key *key, struct bytes message, uint8_t ret[SIGN_BYTES]);
bool sign_verify(const struct sign_key *key, struct bytes message, struct bytes signature);
