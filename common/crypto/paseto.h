/*
 * paseto - v4.public tokens (PASETO): Ed25519 over a payload that we write and read ourselves.
 *
 * Channel and call grants (of access) and visit passes (of appointments). One algorithm, no
 * negotiation. The payload is an opaque byte string here; app/grant.h says what is in it. The
 * implicit assertion binds the purpose ("grant", "pass"), so that one never passes for the other.
 * The footer holds the signer's key id.
 *
 * Threads  any. Errors: ERR_UNAUTHENTICATED.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/crypto/sign.h"

#define PASETO_BYTES_MAX 4096

struct str paseto_sign(struct arena *arena, const struct sign_key *key, struct bytes payload,
                       struct str footer, struct str purpose);
/* The footer, unverified, to choose the key by. */
err_t paseto_footer(struct str token, struct arena *arena, struct str *ret_footer);
err_t paseto_verify(struct str token, const struct sign_key *key, struct str purpose,
                    struct arena *arena, struct bytes *ret_payload);
