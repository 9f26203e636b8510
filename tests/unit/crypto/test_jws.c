#include "common/crypto/jws.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#define NOW_S 1800000000LL
#define ISS "https://idp.example/realms/telecura"
#define AUD "telecura"
#define HEAD "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"
#define BASE "\"iss\":\"" ISS "\",\"sub\":\"u-1\",\"iat\":1799999990,\"exp\":1800000300"
#define CLAIMS "{" BASE ",\"aud\":\"" AUD "\"}"

static struct arena *arena;
static EVP_PKEY *idp;
static char jwks[1024];
static struct jws_keys *keys;
static const struct jws_expect expect = {ISS, AUD, NOW_S * SECOND_US};

static void base64_of(struct bytes from, char *to)
{
    to[base64url_encode(from, to)] = '\0';
}

static int setup(void **state)
{
    (void)state;
    uint8_t point[65];
    char x[44], y[44];
    size_t n = 0;

    arena = arena_new(64 << 20);
    idp = EVP_EC_gen("P-256");
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(idp, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n), 1);
    assert_int_equal(n, sizeof(point));
    base64_of(bytes_of(point + 1, 32), x);
    base64_of(bytes_of(point + 33, 32), y);
    snprintf(jwks, sizeof(jwks),
             "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r1\",\"use\":\"sig\",\"alg\":\"RS256\","
             "\"n\":\"AQAB\",\"e\":\"AQAB\",\"x5c\":[\"MIIC\"]},"
             "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"enc\",\"use\":\"enc\",\"x\":\"%s\","
             "\"y\":\"%s\"},"
             "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k1\",\"use\":\"sig\",\"alg\":\"ES256\","
             "\"x\":\"%s\",\"y\":\"%s\"}]}",
             x, y, x, y);
    keys = jws_keys_new(str_bytes(str_of(jwks)));
    assert_non_null(keys);
    assert_int_equal(jws_keys_count(keys), 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    keys = jws_keys_free(keys);
    EVP_PKEY_free(idp);
    arena = arena_free(arena);
    return 0;
}

static void es256(struct str text, uint8_t raw[64])
{
    uint8_t der[80];
    const uint8_t *at = der;
    size_t n = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, idp, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &n, (const uint8_t *)text.p, text.n), 1);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
}

static struct str base64(struct bytes from)
{
    char *to = arena_alloc(arena, BASE64URL_LEN(from.n) + 1);

    return (struct str){to, base64url_encode(from, to)};
}

static struct str join(struct str text, struct bytes signature)
{
    return arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(text), STR_ARG(base64(signature)));
}

static struct str given_text(const char *head, const char *claims)
{
    return arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(base64(str_bytes(str_of(head)))),
                        STR_ARG(base64(str_bytes(str_of(claims)))));
}

static struct str given_token(const char *head, const char *claims)
{
    const struct str text = given_text(head, claims);
    uint8_t raw[64];

    es256(text, raw);
    return join(text, bytes_of(raw, 64));
}

static err_t verify(struct str token)
{
    struct jws_claims claims = {.acr = 77};
    const err_t err = jws_verify(keys, token, &expect, &claims);

    if (err != ERR_OK) assert_int_equal(claims.acr, 77); /* untouched */
    return err;
}

static void assert_refused(const char *why, struct str token)
{
    if (verify(token) != ERR_UNAUTHENTICATED) fail_msg("accepted: %s", why);
}

static void takes_a_keycloak_token(void **state)
{
    (void)state;
    struct jws_claims claims;
    const struct str token = given_token(
        "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\"}",
        "{" BASE ",\"aud\":[\"account\",\"" AUD "\"],\"sid\":\"s-9\",\"acr\":\"2\","
        "\"typ\":\"Bearer\",\"auth_time\":1799999000,\"email_verified\":true,"
        "\"realm_access\":{\"roles\":[\"a\",\"b\"]},"
        "\"allowed-origins\":[\"*\"],\"x\":null,\"f\":1.5e3}");

    assert_int_equal(jws_verify(keys, token, &expect, &claims), ERR_OK);
    assert_string_equal(claims.iss, ISS);
    assert_string_equal(claims.sub, "u-1");
    assert_string_equal(claims.sid, "s-9");
    assert_int_equal(claims.acr, 2);
    assert_int_equal(claims.auth_time_s, 1799999000);
    assert_int_equal(claims.iat_s, 1799999990);
    assert_int_equal(claims.exp_s, 1800000300);
}

static void takes_the_least_token(void **state)
{
    (void)state;
    struct jws_claims claims;

    const struct str token =
        given_token("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}", CLAIMS);

    assert_int_equal(jws_verify(keys, token, &expect, &claims), ERR_OK);
    assert_string_equal(claims.sid, "");
    assert_int_equal(claims.acr, 0);
    assert_int_equal(claims.auth_time_s, 0);
}

static void a_sign_in_of_that_moment_is_as_old_as_its_token(void **state)
{
    (void)state;
    struct jws_claims claims;

    const struct str token = given_token(HEAD, "{" BASE ",\"aud\":\"" AUD
                                                 "\",\"signed_in_at_issue\":true}");

    assert_int_equal(jws_verify(keys, token, &expect, &claims), ERR_OK);
    assert_int_equal(claims.auth_time_s, claims.iat_s);
}

static void acr_is_a_small_number_or_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int acr;
    } cases[] = {
        {"\"1\"", 1}, {"3", 3}, {"\"gold\"", 0}, {"\"10\"", 0}, {"10", 0}, {"-1", 0},
        {"[2]", 0}, {"true", 0}, {"\"2 \"", 0}, {"{\"acr\":2}", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jws_claims claims;
        const struct str text =
            arena_printf(arena, "{" BASE ",\"aud\":\"" AUD "\",\"acr\":%s}", cases[i].json);
        assert_int_equal(
            jws_verify(keys, given_token(HEAD, arena_cstr(arena, text)), &expect, &claims), ERR_OK);
        assert_int_equal(claims.acr, cases[i].acr);
    }
}

struct refused {
    const char *why, *json;
};

static const struct refused heads[] = {
    {"alg none", "{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg empty", "{\"alg\":\"\",\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg missing", "{\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg null", "{\"alg\":null,\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg HS256", "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg ES384, of the same family", "{\"alg\":\"ES384\",\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg RS256", "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg in small letters", "{\"alg\":\"es256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg a list", "{\"alg\":[\"ES256\"],\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg twice", "{\"alg\":\"ES256\",\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"alg twice, once escaped",
     "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\",\"typ\":\"JWT\",\"kid\":\"k1\"}"},
    {"kid twice", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"kid\":\"k1\"}"},
    {"typ missing", "{\"alg\":\"ES256\",\"kid\":\"k1\"}"},
    {"typ JWE", "{\"alg\":\"ES256\",\"typ\":\"JWE\",\"kid\":\"k1\"}"},
    {"crit", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"crit\":[\"b64\"]}"},
    {"crit empty", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"crit\":[]}"},
    {"jwk", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"jwk\":{\"kty\":\"EC\"}}"},
    {"jku", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"jku\":\"https://a.example\"}"},
    {"x5u", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"x5u\":\"https://a.example\"}"},
    {"x5c", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"x5c\":[\"MIIC\"]}"},
    {"zip", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"zip\":\"DEF\"}"},
    {"b64", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"b64\":false}"},
    {"b64 empty", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"b64\":\"\"}"},
    {"jku escaped",
     "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"\\u006aku\":\"https://a.example\"}"},
    {"kid missing", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"},
    {"kid unknown", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k2\"}"},
    {"kid empty", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"\"}"},
    {"kid a path", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"../../k1\"}"},
    {"kid with SQL", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1' OR '1'='1\"}"},
    {"kid with NUL", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\\u0000\"}"},
    {"kid a number", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":1}"},
    {"kid of 65", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"},
    {"kid of a key for encryption", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"enc\"}"},
    {"kid of an RSA key", "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"r1\"}"},
    {"not an object", "[]"},
    {"no JSON", "ES256"},
    {"two documents", HEAD HEAD},
    {"text after", HEAD "x"},
};

static void refuses_each_wrong_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        assert_refused(heads[i].why, given_token(heads[i].json, CLAIMS));
    }
}

#define REST "\"sub\":\"u\",\"iat\":1800000000,\"exp\":1800000300,\"aud\":\"" AUD "\""
#define FROM "\"iss\":\"" ISS "\",\"iat\":1800000000,\"exp\":1800000300,\"aud\":\"" AUD "\""
#define TIMES "\"iss\":\"" ISS "\",\"sub\":\"u\",\"aud\":\"" AUD "\""

static const struct refused bodies[] = {
    {"iss missing", "{" REST "}"},
    {"iss another", "{\"iss\":\"https://evil.example\"," REST "}"},
    {"iss with a slash more", "{\"iss\":\"" ISS "/\"," REST "}"},
    {"iss a list", "{\"iss\":[\"" ISS "\"]," REST "}"},
    {"iss twice", "{\"iss\":\"" ISS "\",\"iss\":\"" ISS "\"," REST "}"},
    {"sub missing", "{" FROM "}"},
    {"sub empty", "{" FROM ",\"sub\":\"\"}"},
    {"sub with NUL", "{" FROM ",\"sub\":\"u\\u0000x\"}"},
    {"aud missing", "{" BASE "}"},
    {"aud another", "{" BASE ",\"aud\":\"other\"}"},
    {"aud longer", "{" BASE ",\"aud\":\"telecura2\"}"},
    {"aud shorter", "{" BASE ",\"aud\":\"telecur\"}"},
    {"aud empty list", "{" BASE ",\"aud\":[]}"},
    {"aud list of others", "{" BASE ",\"aud\":[\"a\",\"b\"]}"},
    {"aud in an inner list", "{" BASE ",\"aud\":[[\"" AUD "\"]]}"},
    {"aud list with a number", "{" BASE ",\"aud\":[\"" AUD "\",1]}"},
    {"aud an object", "{" BASE ",\"aud\":{\"" AUD "\":1}}"},
    {"aud twice", "{" BASE ",\"aud\":\"" AUD "\",\"aud\":\"" AUD "\"}"},
    {"exp missing", "{" TIMES ",\"iat\":1800000000}"},
    {"exp a text", "{" TIMES ",\"iat\":1800000000,\"exp\":\"1800000300\"}"},
    {"exp negative", "{" TIMES ",\"iat\":1800000000,\"exp\":-1}"},
    {"exp too large", "{" TIMES ",\"iat\":1800000000,\"exp\":9223372036854775807}"},
    {"exp far too large", "{" TIMES ",\"iat\":1800000000,\"exp\":1e400}"},
    {"iat missing", "{" TIMES ",\"exp\":1800000300}"},
    {"iat in the future", "{" TIMES ",\"iat\":1800000061,\"exp\":1800000300}"},
    {"nbf in the future", "{" BASE ",\"aud\":\"" AUD "\",\"nbf\":1800000061}"},
    {"auth_time in the future", "{" BASE ",\"aud\":\"" AUD "\",\"auth_time\":1800000061}"},
    {"an id token", "{" BASE ",\"aud\":\"" AUD "\",\"typ\":\"ID\"}"},
    {"a refresh token", "{" BASE ",\"aud\":\"" AUD "\",\"typ\":\"Refresh\"}"},
    {"not an object", "[1]"},
    {"nothing but a space", " "},
};

static void refuses_each_wrong_claim(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_refused(bodies[i].why, given_token(HEAD, bodies[i].json));
    }
}

static void skew_is_a_minute(void **state)
{
    (void)state;
    static const struct {
        int exp, iat, nbf;
        err_t err;
    } cases[] = {
        {300, 0, 0, ERR_OK},
        {-59, -600, 0, ERR_OK},
        {-60, -600, 0, ERR_TOKEN_EXPIRED},
        {-61, -600, 0, ERR_TOKEN_EXPIRED},
        {300, 60, 0, ERR_OK},
        {300, 61, 0, ERR_UNAUTHENTICATED},
        {300, 0, 60, ERR_OK},
        {300, 0, 61, ERR_UNAUTHENTICATED},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct str claims = arena_printf(
            arena, "{" TIMES ",\"exp\":%lld,\"iat\":%lld,\"nbf\":%lld}", NOW_S + cases[i].exp,
            NOW_S + cases[i].iat, NOW_S + cases[i].nbf);
        assert_int_equal(verify(given_token(HEAD, arena_cstr(arena, claims))), cases[i].err);
    }
}

/* The confusion of libjwt 1.10.2: an HMAC under the public key, which everybody has. */
static void refuses_an_hmac_under_the_public_key(void **state)
{
    (void)state;
    const struct str text =
        given_text("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}", CLAIMS);
    uint8_t point[65];
    size_t n = 0;

    EVP_PKEY_get_octet_string_param(idp, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n);
    const struct hash mac = hash_hmac(bytes_of(point, n), str_bytes(text));
    assert_refused("HS256", join(text, bytes_of(mac.b, HASH_BYTES)));
    const struct hash jwks_mac = hash_hmac(str_bytes(str_of(jwks)), str_bytes(text));
    assert_refused("HS256", join(text, bytes_of(jwks_mac.b, HASH_BYTES)));
}

static void refuses_each_wrong_signature(void **state)
{
    (void)state;
    const struct str text = given_text(HEAD, CLAIMS);
    uint8_t raw[65] = {0};

    es256(text, raw);
    assert_int_equal(verify(join(text, bytes_of(raw, 64))), ERR_OK);
    for (size_t n = 1; n <= 65; n++) {
        if (n != 64) assert_refused("length", join(text, bytes_of(raw, n)));
    }
    assert_refused("empty", arena_printf(arena, STR_FMT ".", STR_ARG(text)));
    assert_refused("none", text);
    memset(raw, 0, sizeof(raw));
    assert_refused("zeros", join(text, bytes_of(raw, 64)));
}

static void refuses_each_changed_character(void **state)
{
    (void)state;
    const struct str token = given_token(HEAD, CLAIMS);
    char *text = arena_cstr(arena, token);

    for (size_t i = 0; i < token.n; i++) {
        const char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_refused("changed", (struct str){text, token.n});
        text[i] = '=';
        assert_refused("padding", (struct str){text, token.n});
        text[i] = was;
        assert_refused("cut", (struct str){text, i});
    }
    assert_int_equal(verify((struct str){text, token.n}), ERR_OK);
}

/* 64 bytes leave four bits of the last character unused: sixteen spellings, of which one counts. */
static void refuses_stray_bits(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const struct str token = given_token(HEAD, CLAIMS);
    char *text = arena_cstr(arena, token);
    unsigned accepted = 0;

    for (size_t i = 0; i < 64; i++) {
        text[token.n - 1] = alphabet[i];
        accepted += verify((struct str){text, token.n}) == ERR_OK;
    }
    assert_int_equal(accepted, 1);
}

static void refuses_other_shapes(void **state)
{
    (void)state;
    const struct str token = given_token(HEAD, CLAIMS);

    assert_refused("a part more", arena_printf(arena, STR_FMT ".AA", STR_ARG(token)));
    assert_refused("a dot more", arena_printf(arena, STR_FMT ".", STR_ARG(token)));
    assert_refused("a dot in front", arena_printf(arena, "." STR_FMT, STR_ARG(token)));
    assert_refused("a space", arena_printf(arena, STR_FMT " ", STR_ARG(token)));
    assert_refused("a newline", arena_printf(arena, STR_FMT "\n", STR_ARG(token)));
    assert_refused("nothing", STR(""));
    assert_refused("absent", STR_NONE);
    assert_refused("dots", STR(".."));
    assert_refused("one part", STR("AAAA"));
    assert_refused("JWE's five parts", STR("AA.AA.AA.AA.AA"));
}

static void refuses_more_than_the_limit(void **state)
{
    (void)state;
    char *pad = arena_alloc(arena, JWS_BYTES_MAX);
    memset(pad, 'x', JWS_BYTES_MAX);

    for (int n = 5700; n < 6000; n++) {
        const struct str claims =
            arena_printf(arena, "{" BASE ",\"aud\":\"" AUD "\",\"pad\":\"%.*s\"}", n, pad);
        const struct str token = given_token(HEAD, arena_cstr(arena, claims));
        assert_int_equal(verify(token), token.n <= JWS_BYTES_MAX ? ERR_OK : ERR_UNAUTHENTICATED);
    }
}

/* RFC 6979, A.2.5 */
#define POINT                                                                                      \
    "\"crv\":\"P-256\",\"x\":\"YP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Y\"," \
    "\"y\":\"eQP-EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk\""

static void a_key_set_is_a_key_set(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int count; /* -1: none at all */
    } cases[] = {
        {"{\"keys\":[]}", 0},
        {"{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\"," POINT "}]}", 1},
        {"{\"keys\":[{\"kty\":\"EC\"," POINT "}]}", 0},
        {"{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a b\"," POINT "}]}", 0},
        {"{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\",\"alg\":\"ES384\"," POINT "}]}", 0},
        {"{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\",\"use\":\"enc\"," POINT "}]}", 0},
        {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}", 0},
        {"{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\"," POINT "},"
         "{\"kty\":\"EC\",\"kid\":\"a\"," POINT "}]}", -1},
        {"{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":\"AA\","
         "\"y\":\"AA\"}]}", -1},
        {"{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\","
         "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}", -1},
        {"{\"keys\":[{\"kid\":\"a\"}]}", -1},
        {"{\"keys\":{}}", -1},
        {"{}", -1},
        {"[]", -1},
        {"", -1},
        {"<html>", -1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jws_keys *set = jws_keys_new(str_bytes(str_of(cases[i].json)));
        assert_int_equal(set ? (int)jws_keys_count(set) : -1, cases[i].count);
        jws_keys_free(set);
    }
}

static void another_key_of_the_same_id_does_not_verify(void **state)
{
    (void)state;
    struct jws_keys *set =
        jws_keys_new(str_bytes(STR("{\"keys\":[{\"kty\":\"EC\",\"kid\":\"k1\"," POINT "}]}")));
    struct jws_claims claims;

    assert_int_equal(jws_verify(set, given_token(HEAD, CLAIMS), &expect, &claims),
                     ERR_UNAUTHENTICATED);
    jws_keys_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_keycloak_token),
        cmocka_unit_test(takes_the_least_token),
        cmocka_unit_test(a_sign_in_of_that_moment_is_as_old_as_its_token),
        cmocka_unit_test(acr_is_a_small_number_or_nothing),
        cmocka_unit_test(refuses_each_wrong_header),
        cmocka_unit_test(refuses_each_wrong_claim),
        cmocka_unit_test(skew_is_a_minute),
        cmocka_unit_test(refuses_an_hmac_under_the_public_key),
        cmocka_unit_test(refuses_each_wrong_signature),
        cmocka_unit_test(refuses_each_changed_character),
        cmocka_unit_test(refuses_stray_bits),
        cmocka_unit_test(refuses_other_shapes),
        cmocka_unit_test(refuses_more_than_the_limit),
        cmocka_unit_test(a_key_set_is_a_key_set),
        cmocka_unit_test(another_key_of_the_same_id_does_not_verify),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
