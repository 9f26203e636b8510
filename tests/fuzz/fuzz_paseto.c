/* Whatever bytes come as a token: no harm is done, only what we signed is taken, and what we sign
 * (the input as a payload) comes back unchanged. */
#include "common/crypto/paseto.h"

#include <stdlib.h>

#define PAYLOAD_BYTES_MAX 2900 /* so that the token stays below PASETO_BYTES_MAX */

static void sign_and_verify(struct arena *arena, const struct sign_key *key, struct bytes payload)
{
    struct bytes back;
    struct str footer;
    const struct str token = paseto_sign(arena, key, payload, STR("k1"), STR("grant"));

    if (paseto_verify(token, key, STR("grant"), arena, &back) != ERR_OK) abort();
    if (back.n != payload.n || (back.n && memcmp(back.p, payload.p, back.n) != 0)) abort();
    if (paseto_footer(token, arena, &footer) != ERR_OK || !str_is(footer, "k1")) abort();
    if (paseto_verify(token, key, STR("pass"), arena, &back) == ERR_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
    static struct arena *arena;
    static struct sign_key *key; /* fresh: no input can be signed with it */
    struct bytes payload;
    struct str footer;

    if (!arena) arena = arena_new(1 << 20);
    if (!key) key = sign_key_new_ed25519();
    const struct str token = {(const char *)input, n};
    if (paseto_verify(token, key, STR("grant"), arena, &payload) == ERR_OK) abort();
    if (paseto_footer(token, arena, &footer) == ERR_OK && footer.n > n) abort();
    if (n <= PAYLOAD_BYTES_MAX) sign_and_verify(arena, key, bytes_of(input, n));
    arena_reset(arena);
    return 0;
}
