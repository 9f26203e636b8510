/* Whatever bytes come as a token or as a key set: no harm is done, and nothing that our key has not
 * signed is taken. */
#include "common/crypto/jws.h"

#include <stdlib.h>

/* RFC 6979, A.2.5; its secret is published, but no token in the corpus is signed with it. */
static const char jwks[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k1\","
    "\"x\":\"YP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Y\","
    "\"y\":\"eQP-EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
    static struct jws_keys *keys;
    const struct jws_expect expect = {"https://idp.example", "telecura", 1800000000000000};
    struct jws_claims claims;

    if (!keys) keys = jws_keys_new(str_bytes(str_of(jwks)));
    if (!keys || jws_keys_count(keys) != 1) abort();
    const struct str token = {(const char *)input, n};
    if (jws_verify(keys, token, &expect, &claims) != ERR_UNAUTHENTICATED) abort();
    jws_keys_free(jws_keys_new(bytes_of(input, n)));
    return 0;
}
