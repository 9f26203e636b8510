#include "common/crypto/hash.h"

#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

/* FIPS 180-4 (NIST's examples), and the leaf and node hashes that RFC 6962 is built of */
static const struct {
    const char *text;
    const char *sha256;
} digests[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

/* RFC 4231, hexadecimal but for the texts */
static const struct {
    const char *key, *text, *hmac;
} macs[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819",
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
     "cdcdcdcdcd",
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
};

static void assert_hash(struct hash got, const char *expected)
{
    char hex[2 * HASH_BYTES];

    assert_int_equal(hex_encode(bytes_of(got.b, HASH_BYTES), hex), sizeof(hex));
    assert_memory_equal(hex, expected, sizeof(hex));
}

static void sha256_agrees_with_fips_180_4(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        assert_hash(hash_sha256(str_bytes(str_of(digests[i].text))), digests[i].sha256);
    }
}

static void parts_hash_like_the_whole(void **state)
{
    (void)state;
    const struct bytes whole = str_bytes(STR("telecura"));
    const struct hash expected = hash_sha256(whole);

    for (size_t i = 0; i <= whole.n; i++) {
        const struct bytes a = bytes_of(whole.p, i), rest = bytes_of(whole.p + i, whole.n - i);
        const struct hash two = hash_sha256_2(a, rest);
        assert_true(hash_equal(&two, &expected));
        for (size_t j = 0; j <= rest.n; j++) {
            const struct hash three =
                hash_sha256_3(a, bytes_of(rest.p, j), bytes_of(rest.p + j, rest.n - j));
            assert_true(hash_equal(&three, &expected));
        }
    }
}

static void hmac_agrees_with_rfc_4231(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
        uint8_t key[64], text[64];
        const struct str key_hex = str_of(macs[i].key), text_hex = str_of(macs[i].text);
        assert_true(hex_decode(key_hex, key) && hex_decode(text_hex, text));
        const struct bytes k = bytes_of(key, key_hex.n / 2);
        assert_hash(hash_hmac(k, bytes_of(text, text_hex.n / 2)), macs[i].hmac);
        assert_hash(hash_hmac_2(k, bytes_of(text, 3), bytes_of(text + 3, text_hex.n / 2 - 3)),
                    macs[i].hmac);
    }
}

/* A context is reused: an empty key must not mean the key of the call before. */
static void hmac_under_an_empty_key_forgets_the_last_key(void **state)
{
    (void)state;
    (void)hash_hmac(str_bytes(STR("another")), BYTES_NONE);
    assert_hash(hash_hmac(BYTES_NONE, BYTES_NONE),
                "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void equal_sees_every_bit(void **state)
{
    (void)state;
    const struct hash a = hash_sha256(str_bytes(STR("a")));

    for (int bit = 0; bit < 8 * HASH_BYTES; bit++) {
        struct hash b = a;
        b.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(hash_equal(&a, &b));
    }
}

static void *hash_often(void *ret_good)
{
    bool *good = ret_good;
    const struct hash first = hash_hmac(str_bytes(STR("k")), str_bytes(STR("t")));

    *good = true;
    for (int i = 0; i < 1000; i++) {
        const struct hash again = hash_hmac(str_bytes(STR("k")), str_bytes(STR("t")));
        (void)hash_sha256(bytes_of(&i, sizeof(i)));
        *good = *good && hash_equal(&first, &again);
    }
    return NULL;
}

static void threads_do_not_meet(void **state)
{
    (void)state;
    pthread_t threads[4];
    bool good[4] = {false};

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_often, &good[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(good[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_agrees_with_fips_180_4),
        cmocka_unit_test(parts_hash_like_the_whole),
        cmocka_unit_test(hmac_agrees_with_rfc_4231),
        cmocka_unit_test(hmac_under_an_empty_key_forgets_the_last_key),
        cmocka_unit_test(equal_sees_every_bit),
        cmocka_unit_test(threads_do_not_meet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
