#include "common/crypto/sign.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

/* RFC 8032, section 7.1: TEST 1, 2, 3 */
static const struct {
    const char *seed, *public, *message, *signature;
} published[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

/* RFC 6979, A.2.5: P-256, SHA-256, messages "sample" and "test" */
static const char x_hex[] = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
static const char y_hex[] = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
static const struct {
    const char *message, *signature;
} es256[] = {
    {"sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
               "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
    {"test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
             "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
};

static void from_hex(const char *hex, uint8_t *to)
{
    assert_true(hex_decode(str_of(hex), to));
}

static void ed25519_agrees_with_rfc_8032(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        uint8_t seed[32], public[32], got[64], expected[64], text[2];
        from_hex(published[i].seed, seed);
        from_hex(published[i].public, public);
        from_hex(published[i].signature, expected);
        from_hex(published[i].message, text);
        const struct bytes message = bytes_of(text, strlen(published[i].message) / 2);
        struct sign_key *key = sign_key_new_seed(seed);
        sign_key_public(key, got);
        assert_memory_equal(got, public, 32);
        sign_key_seed(key, got);
        assert_memory_equal(got, seed, 32);
        sign_make(key, message, got);
        assert_memory_equal(got, expected, 64);
        key = sign_key_free(key);

        key = sign_key_new_public(public);
        assert_int_equal(sign_key_alg(key), SIGN_ED25519);
        assert_true(sign_verify(key, message, bytes_of(expected, 64)));
        assert_null(sign_key_free(key));
    }
}

static void es256_agrees_with_rfc_6979(void **state)
{
    (void)state;
    uint8_t x[32], y[32], signature[64];

    from_hex(x_hex, x);
    from_hex(y_hex, y);
    struct sign_key *key = sign_key_new_es256(x, y);
    assert_non_null(key);
    assert_int_equal(sign_key_alg(key), SIGN_ES256);
    for (size_t i = 0; i < 2; i++) {
        from_hex(es256[i].signature, signature);
        assert_true(sign_verify(key, str_bytes(str_of(es256[i].message)), bytes_of(signature, 64)));
        assert_false(
            sign_verify(key, str_bytes(str_of(es256[!i].message)), bytes_of(signature, 64)));
    }
    sign_key_free(key);
}

static void assert_each_change_refused(struct sign_key *key, const uint8_t *signature)
{
    uint8_t changed[65] = {0};

    for (size_t bit = 0; bit < 512; bit++) {
        memcpy(changed, signature, 64);
        changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(sign_verify(key, str_bytes(STR("sample")), bytes_of(changed, 64)));
    }
    memcpy(changed, signature, 64);
    for (size_t n = 0; n <= 65; n++) {
        if (n == 64) continue;
        assert_false(sign_verify(key, str_bytes(STR("sample")), bytes_of(changed, n)));
    }
    memset(changed, 0, sizeof(changed)); /* r = s = 0: CVE-2022-21449's shape */
    assert_false(sign_verify(key, str_bytes(STR("sample")), bytes_of(changed, 64)));
}

static void refuses_each_flipped_bit_and_wrong_length(void **state)
{
    (void)state;
    uint8_t x[32], y[32], signature[64];

    from_hex(x_hex, x);
    from_hex(y_hex, y);
    from_hex(es256[0].signature, signature);
    struct sign_key *key = sign_key_new_es256(x, y);
    assert_each_change_refused(key, signature);
    sign_key_free(key);

    key = sign_key_new_ed25519();
    sign_make(key, str_bytes(STR("sample")), signature);
    assert_true(sign_verify(key, str_bytes(STR("sample")), bytes_of(signature, 64)));
    assert_each_change_refused(key, signature);
    sign_key_free(key);
}

static void refuses_a_point_off_the_curve(void **state)
{
    (void)state;
    uint8_t x[32], y[32], zero[32] = {0};

    from_hex(x_hex, x);
    from_hex(y_hex, y);
    y[31] ^= 1;
    assert_null(sign_key_new_es256(x, y));
    assert_null(sign_key_new_es256(zero, zero));
    memset(x, 0xff, sizeof(x)); /* not below the field's prime */
    assert_null(sign_key_new_es256(x, y));
}

static void fresh_keys_differ(void **state)
{
    (void)state;
    struct sign_key *a = sign_key_new_ed25519(), *b = sign_key_new_ed25519();
    uint8_t seed_a[32], seed_b[32];

    sign_key_seed(a, seed_a);
    sign_key_seed(b, seed_b);
    assert_memory_not_equal(seed_a, seed_b, 32);
    sign_key_free(a);
    sign_key_free(b);
    assert_null(sign_key_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ed25519_agrees_with_rfc_8032),
        cmocka_unit_test(es256_agrees_with_rfc_6979),
        cmocka_unit_test(refuses_each_flipped_bit_and_wrong_length),
        cmocka_unit_test(refuses_a_point_off_the_curve),
        cmocka_unit_test(fresh_keys_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
