#include "common/crypto/paseto.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static struct arena *arena;

/* github.com/paseto-standard/test-vectors, v4.json */
#define SEED "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774"
#define PUBLIC "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
#define PAYLOAD "{\"data\":\"this is a signed message\",\"exp\":\"2022-01-01T00:00:00+00:00\"}"
#define BODY                                                                                       \
    "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMC" \
    "swMDowMCJ9"
#define FOOTER "{\"kid\":\"zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN\"}"
#define FOOTER64 ".eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9"

static const struct vector {
    const char *name, *token, *footer, *implicit;
} vectors[] = {
    {"4-S-1",
     BODY "bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA",
     "", ""},
    {"4-S-2",
     BODY "v3Jt8mx_TdM2ceTGoqwrh4yDFn0XsHvvV_D0DtwQxVrJEBMl0F2caAdgnpKlt4p7xBnx1HcO-SPo8FPp214HDw"
          FOOTER64,
     FOOTER, ""},
    {"4-S-3",
     BODY "NPWciuD3d0o5eXJXG5pJy-DiVEoyPYWs1YSTwWHNJq6DZD3je5gf-0M4JR9ipdUSJbIovzmBECeaWmaqcaP0DQ"
          FOOTER64,
     FOOTER, "{\"test-vector\":\"4-S-3\"}"},
};

/* The same file's failures, with 4-S-1 under another version's name and what is no token at all */
static const struct {
    const char *name, *token, *implicit;
} foreign[] = {
    {"4-F-1",
     "v4.local.vngXfCISbnKgiP6VWGuOSlYrFYU300fy9ijW33rznDYgxHNPwWluAY2Bgb0z54CUs6aYYkIJ-bOOOmJHPuX_"
     "34Agt_IPlNdGDpRdGNnBz2MpWJvB3cttheEc1uyCEYltj7wBQQYX.YXJiaXRyYXJ5LXN0cmluZy10aGF0LWlzbid0LWp"
     "zb24",
     "{\"test-vector\":\"4-F-1\"}"},
    {"4-F-2",
     "v4.public.eyJpbnZhbGlkIjoidGhpcyBzaG91bGQgbmV2ZXIgZGVjb2RlIn22Sp4gjCaUw0c7EH84ZSm_jN_Qr41MrgL"
     "Nu5LIBCzUr1pn3Z-Wukg9h3ceplWigpoHaTLcwxj0NsI1vjTh67YB.eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0Z"
     "UaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9",
     "{\"test-vector\":\"4-F-2\"}"},
    {"4-F-3",
     "v3.local.23e_2PiqpQBPvRFKzB0zHhjmxK3sKo2grFZRRLM-U7L0a8uHxuF9RlVz3Ic6WmdUUWTxCaYycwWV1yM8gKbZ"
     "B2JhygDMKvHQ7eBf8GtF0r3K0Q_gF1PXOxcOgztak1eD1dPe9rLVMSgR0nHJXeIGYVuVrVoLWQ.YXJiaXRyYXJ5LXN0cm"
     "luZy10aGF0LWlzbid0LWpzb24",
     "{\"test-vector\":\"4-F-3\"}"},
    {"4-F-4",
     "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_ZgesdkUMvSwscFlAl1pk5HC0e8"
     "kApeaqMfGo_7OpBnwJOAbY9V7WU6abu74MmcUE8YWAiaArVI8XJ5hOb_4v9RmDkneN0S92dx0OW4pgy7omxgf3S8c3LlQ"
     "h",
     ""},
    {"version",
     "v3.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCs"
     "wMDowMCJ9bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQE"
     "DA",
     ""},
    {"header", "v4.public", ""},
    {"no body", "v4.public.", ""},
    {"short", "v4.public.AAAA", ""},
    {"case", "V4.public.AAAA", ""},
    {"nothing", "", ""},
    {"dots", "v4..", ""},
};

static struct sign_key *given_key(void)
{
    uint8_t seed[32];

    assert_true(hex_decode(STR(SEED), seed));
    return sign_key_new_seed(seed);
}

static struct sign_key *given_public(void)
{
    uint8_t public[32];

    assert_true(hex_decode(STR(PUBLIC), public));
    return sign_key_new_public(public);
}

static void signs_the_published_tokens(void **state)
{
    (void)state;
    struct sign_key *key = given_key();

    for (size_t i = 0; i < 3; i++) {
        const struct str token =
            paseto_sign(arena, key, str_bytes(STR(PAYLOAD)), str_of(vectors[i].footer),
                        str_of(vectors[i].implicit));
        assert_true(str_is(token, vectors[i].token));
    }
    sign_key_free(key);
}

static void verifies_the_published_tokens(void **state)
{
    (void)state;
    struct sign_key *key = given_public();

    for (size_t i = 0; i < 3; i++) {
        struct bytes payload;
        struct str footer;
        const struct str token = str_of(vectors[i].token);
        assert_int_equal(paseto_footer(token, arena, &footer), ERR_OK);
        assert_true(str_is(footer, vectors[i].footer));
        assert_int_equal(paseto_verify(token, key, str_of(vectors[i].implicit), arena, &payload),
                         ERR_OK);
        assert_int_equal(payload.n, strlen(PAYLOAD));
        assert_memory_equal(payload.p, PAYLOAD, payload.n);
    }
    sign_key_free(key);
}

static void assert_refused(const struct sign_key *key, struct str token, struct str purpose)
{
    struct bytes payload = {NULL, 77};

    assert_int_equal(paseto_verify(token, key, purpose, arena, &payload), ERR_UNAUTHENTICATED);
    assert_null(payload.p);
    assert_int_equal(payload.n, 77);
}

static void refuses_another_purpose(void **state)
{
    (void)state;
    struct sign_key *key = given_key();
    const struct str grant = paseto_sign(arena, key, str_bytes(STR("{}")), STR("k1"), STR("grant"));

    assert_refused(key, grant, STR("pass"));
    assert_refused(key, grant, STR(""));
    assert_refused(key, grant, STR("grant2"));
    assert_refused(key, str_of(vectors[2].token), STR(""));
    sign_key_free(key);
}

static void refuses_other_versions_and_purposes_of_paseto(void **state)
{
    (void)state;
    struct sign_key *key = given_public();

    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        assert_refused(key, str_of(foreign[i].token), str_of(foreign[i].implicit));
    }
    sign_key_free(key);
}

static void refuses_each_changed_character(void **state)
{
    (void)state;
    struct sign_key *key = given_public();
    struct str token = arena_str(arena, str_of(vectors[1].token));
    char *text = arena_cstr(arena, token);

    token.p = text;
    for (size_t i = 0; i < token.n; i++) {
        const char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_refused(key, token, STR(""));
        text[i] = '=';
        assert_refused(key, token, STR(""));
        text[i] = was;
    }
    sign_key_free(key);
}

static void refuses_each_truncation_and_extension(void **state)
{
    (void)state;
    struct sign_key *key = given_public();
    const struct str token = str_of(vectors[1].token);

    for (size_t n = 0; n < token.n; n++) {
        assert_refused(key, (struct str){token.p, n}, STR(""));
    }
    assert_refused(key, arena_printf(arena, "%s.", vectors[0].token), STR(""));
    assert_refused(key, arena_printf(arena, "%s.AA", vectors[0].token), STR(""));
    assert_refused(key, arena_printf(arena, "%s.AA", vectors[1].token), STR(""));
    assert_refused(key, arena_printf(arena, " %s", vectors[0].token), STR(""));
    assert_refused(key, arena_printf(arena, "%s\n", vectors[0].token), STR(""));
    sign_key_free(key);
}

/* One byte leaves four bits of its second character unused: they must be zero. */
static void refuses_stray_bits(void **state)
{
    (void)state;
    struct sign_key *key = given_key();
    const struct str token = paseto_sign(arena, key, str_bytes(STR("{}")), STR("k"), STR("p"));
    char *text = arena_cstr(arena, token);
    struct bytes payload;

    assert_int_equal(paseto_verify(token, key, STR("p"), arena, &payload), ERR_OK);
    assert_int_equal(text[token.n - 1], 'w'); /* "k" is "aw" */
    for (char c = 'x'; c <= 'z'; c++) {
        text[token.n - 1] = c;
        assert_refused(key, (struct str){text, token.n}, STR("p"));
    }
    sign_key_free(key);
}

static void refuses_another_key(void **state)
{
    (void)state;
    struct sign_key *other = sign_key_new_ed25519();

    assert_refused(other, str_of(vectors[0].token), STR(""));
    sign_key_free(other);
}

static void refuses_more_than_the_limit(void **state)
{
    (void)state;
    struct sign_key *key = given_key();
    const struct bytes most = bytes_of(arena_alloc(arena, 2990), 2990);
    const struct str token = paseto_sign(arena, key, most, STR("k"), STR("p"));
    struct bytes payload;

    assert_int_equal(paseto_verify(token, key, STR("p"), arena, &payload), ERR_OK);
    assert_int_equal(payload.n, 2990);
    char *large = arena_alloc(arena, PASETO_BYTES_MAX + 1);
    memset(large, 'A', PASETO_BYTES_MAX + 1);
    memcpy(large, "v4.public.", 10);
    assert_refused(key, (struct str){large, PASETO_BYTES_MAX + 1}, STR("p"));
    sign_key_free(key);
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new(16 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena = arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_the_published_tokens),
        cmocka_unit_test(verifies_the_published_tokens),
        cmocka_unit_test(refuses_another_purpose),
        cmocka_unit_test(refuses_other_versions_and_purposes_of_paseto),
        cmocka_unit_test(refuses_each_changed_character),
        cmocka_unit_test(refuses_each_truncation_and_extension),
        cmocka_unit_test(refuses_stray_bits),
        cmocka_unit_test(refuses_another_key),
        cmocka_unit_test(refuses_more_than_the_limit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
