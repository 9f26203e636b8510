#include "common/crypto/aead.h"

#include "common/crypto/inside.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static const uint8_t key[AEAD_KEY_BYTES] = {7, 7, 7};

/* c2sp.org/XAES-256-GCM, "Test vectors": every byte of the key is @fill; top bit of L 0, then 1 */
static const struct {
    uint8_t fill;
    const char *aad, *sealed;
} published[] = {
    {1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
    {3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
};

static void agrees_with_the_published_vectors(void **state)
{
    (void)state;
    const struct bytes nonce = str_bytes(STR("ABCDEFGHIJKLMNOPQRSTUVWX"));
    const struct bytes plain = str_bytes(STR("XAES-256-GCM"));

    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        uint8_t k[AEAD_KEY_BYTES], sealed[64], opened[12];
        char hex[2 * 28];
        const struct bytes aad = str_bytes(str_of(published[i].aad));
        memset(k, published[i].fill, sizeof(k));
        inside_seal_at(k, nonce.p, aad, plain, sealed);
        hex_encode(bytes_of(sealed + AEAD_NONCE_BYTES, 28), hex);
        assert_memory_equal(hex, published[i].sealed, sizeof(hex));
        assert_int_equal(
            aead_open(k, aad, bytes_of(sealed, plain.n + AEAD_OVERHEAD_BYTES), opened), ERR_OK);
        assert_memory_equal(opened, plain.p, plain.n);
    }
}

/* 10 000 times key, nonce, plaintext and associated data out of SHAKE-128; the hash of all
 * ciphertexts is published in the same place. */
static void agrees_with_the_accumulated_vectors(void **state)
{
    (void)state;
    enum { TIMES = 10000, ONE_MAX = 32 + 24 + 2 * 256, ALL_MAX = TIMES * ONE_MAX };
    uint8_t *stream = test_malloc(ALL_MAX), digest[32], sealed[255 + AEAD_OVERHEAD_BYTES];
    EVP_MD *shake = EVP_MD_fetch(NULL, "SHAKE128", NULL);
    EVP_MD_CTX *from = EVP_MD_CTX_new(), *into = EVP_MD_CTX_new();
    char hex[64];

    assert_int_equal(EVP_DigestInit_ex2(from, shake, NULL), 1);
    assert_int_equal(EVP_DigestFinalXOF(from, stream, ALL_MAX), 1);
    assert_int_equal(EVP_DigestInit_ex2(into, shake, NULL), 1);
    const uint8_t *at = stream;
    for (int i = 0; i < TIMES; i++) {
        const uint8_t *k = at, *nonce = at + 32;
        const struct bytes plain = bytes_of(at + 57, at[56]);
        at = plain.p + plain.n;
        const struct bytes aad = bytes_of(at + 1, at[0]);
        at = aad.p + aad.n;
        inside_seal_at(k, nonce, aad, plain, sealed);
        EVP_DigestUpdate(into, sealed + AEAD_NONCE_BYTES, plain.n + AEAD_TAG_BYTES);
    }
    assert_int_equal(EVP_DigestFinalXOF(into, digest, sizeof(digest)), 1);
    hex_encode(bytes_of(digest, sizeof(digest)), hex);
    assert_memory_equal(hex, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939",
                        sizeof(hex));
    EVP_MD_CTX_free(from);
    EVP_MD_CTX_free(into);
    EVP_MD_free(shake);
    test_free(stream);
}

static void opens_what_it_sealed_at_every_length(void **state)
{
    (void)state;
    uint8_t plain[100], sealed[sizeof(plain) + AEAD_OVERHEAD_BYTES], opened[sizeof(plain)];

    memset(plain, 'p', sizeof(plain));
    for (size_t n = 0; n <= sizeof(plain); n++) {
        const struct bytes aad = bytes_of(plain, n / 2);
        aead_seal(key, aad, bytes_of(plain, n), sealed);
        assert_int_equal(aead_open(key, aad, bytes_of(sealed, n + AEAD_OVERHEAD_BYTES), opened),
                         ERR_OK);
        assert_memory_equal(opened, plain, n);
    }
}

static void never_repeats_a_nonce(void **state)
{
    (void)state;
    uint8_t sealed[2][AEAD_OVERHEAD_BYTES + 1];

    aead_seal(key, BYTES_NONE, str_bytes(STR("a")), sealed[0]);
    aead_seal(key, BYTES_NONE, str_bytes(STR("a")), sealed[1]);
    assert_memory_not_equal(sealed[0], sealed[1], AEAD_NONCE_BYTES);
    assert_memory_not_equal(sealed[0] + AEAD_NONCE_BYTES, sealed[1] + AEAD_NONCE_BYTES,
                            AEAD_TAG_BYTES + 1);
}

static void refuses_each_flipped_bit_and_wipes(void **state)
{
    (void)state;
    static const uint8_t zeros[8];
    uint8_t sealed[8 + AEAD_OVERHEAD_BYTES], opened[8];

    aead_seal(key, str_bytes(STR("row")), str_bytes(STR("diabetes")), sealed);
    for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(opened, 0xee, sizeof(opened));
        assert_int_equal(
            aead_open(key, str_bytes(STR("row")), bytes_of(sealed, sizeof(sealed)), opened),
            ERR_CORRUPT);
        assert_memory_equal(opened, zeros, sizeof(zeros));
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* OpenSSL 3.0 takes a tag of any length from 1 to 16: whatever is cut must be refused here. */
static void refuses_each_truncation(void **state)
{
    (void)state;
    uint8_t sealed[8 + AEAD_OVERHEAD_BYTES], opened[8];

    aead_seal(key, BYTES_NONE, str_bytes(STR("diabetes")), sealed);
    for (size_t n = 0; n < sizeof(sealed); n++) {
        assert_int_equal(aead_open(key, BYTES_NONE, bytes_of(sealed, n), opened), ERR_CORRUPT);
    }
}

static void refuses_each_length_of_cut_tag(void **state)
{
    (void)state;
    uint8_t sealed[AEAD_OVERHEAD_BYTES], opened[1];

    aead_seal(key, str_bytes(STR("aad")), BYTES_NONE, sealed);
    for (size_t tag_n = 0; tag_n < AEAD_TAG_BYTES; tag_n++) {
        const struct bytes cut = bytes_of(sealed, AEAD_NONCE_BYTES + tag_n);
        assert_int_equal(aead_open(key, str_bytes(STR("aad")), cut, opened), ERR_CORRUPT);
    }
}

static void refuses_another_key(void **state)
{
    (void)state;
    uint8_t sealed[1 + AEAD_OVERHEAD_BYTES], opened[1], other[AEAD_KEY_BYTES];

    aead_seal(key, BYTES_NONE, str_bytes(STR("a")), sealed);
    for (size_t i = 0; i < sizeof(other); i++) {
        memcpy(other, key, sizeof(other));
        other[i] ^= 1;
        assert_int_equal(aead_open(other, BYTES_NONE, bytes_of(sealed, sizeof(sealed)), opened),
                         ERR_CORRUPT);
    }
}

/* What keeps a blob from being moved: of five rows, patients, columns, versions and keys, each
 * opens in its own place only. */
static void opens_in_its_own_place_only(void **state)
{
    (void)state;
    static const char *const places[5][5] = {
        {"row1 ana name v1 k1", "row2 ana name v1 k1", "row3 ana name v1 k1",
         "row4 ana name v1 k1", "row5 ana name v1 k1"},
        {"row1 ben name v1 k1", "row1 cid name v1 k1", "row1 dan name v1 k1",
         "row1 eva name v1 k1", "row1 fay name v1 k1"},
        {"row1 ana note v1 k1", "row1 ana plan v1 k1", "row1 ana dose v1 k1",
         "row1 ana mail v1 k1", "row1 ana call v1 k1"},
        {"row1 ana name v2 k1", "row1 ana name v3 k1", "row1 ana name v4 k1",
         "row1 ana name v5 k1", "row1 ana name v6 k1"},
        {"row1 ana name v1 k2", "row1 ana name v1 k3", "row1 ana name v1 k4",
         "row1 ana name v1 k5", "row1 ana name v1 "},
    };
    uint8_t sealed[25][1 + AEAD_OVERHEAD_BYTES], opened[1];

    for (size_t i = 0; i < 25; i++) {
        aead_seal(key, str_bytes(str_of(places[i / 5][i % 5])), str_bytes(STR("x")), sealed[i]);
    }
    for (size_t i = 0; i < 625; i++) {
        const size_t from = i / 25, to = i % 25;
        assert_int_equal(aead_open(key, str_bytes(str_of(places[to / 5][to % 5])),
                                   bytes_of(sealed[from], sizeof(sealed[0])), opened),
                         from == to ? ERR_OK : ERR_CORRUPT);
    }
}

/* A thread keeps its last key until it is told to forget it; then no key is taken for that one. */
static void forgets_keys_and_goes_on(void **state)
{
    static const uint8_t none[AEAD_KEY_BYTES];
    const uint8_t *const keys[] = {none, key, none, none, key};
    uint8_t sealed[1 + AEAD_OVERHEAD_BYTES], opened[1];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        aead_seal(keys[i], BYTES_NONE, str_bytes(STR("x")), sealed);
        crypto_forget();
        assert_int_equal(aead_open(none, BYTES_NONE, bytes_of(sealed, sizeof sealed), opened),
                         keys[i] == none ? ERR_OK : ERR_CORRUPT);
        crypto_forget();
        assert_int_equal(aead_open(keys[i], BYTES_NONE, bytes_of(sealed, sizeof sealed), opened),
                         ERR_OK);
    }
}

/* Whatever the thread had ready: another key or another text has its own. */
static void commits_to_key_and_text(void **state)
{
    static const uint8_t none[AEAD_KEY_BYTES];
    const uint8_t *const keys[] = {none, key, key, key, none, none};
    const struct str texts[] = {STR("a"), STR("a"), STR("b"), STR("b"), STR("b"), STR("ba")};

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        const struct bytes text = str_bytes(texts[i % 6]);
        const struct hash said = aead_commitment(keys[i % 6], text);
        const struct hash is = hash_hmac(bytes_of(keys[i % 6], AEAD_KEY_BYTES), text);
        assert_true(hash_equal(&said, &is));
        if (i == 8) crypto_forget();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_published_vectors),
        cmocka_unit_test(agrees_with_the_accumulated_vectors),
        cmocka_unit_test(opens_what_it_sealed_at_every_length),
        cmocka_unit_test(never_repeats_a_nonce),
        cmocka_unit_test(refuses_each_flipped_bit_and_wipes),
        cmocka_unit_test(refuses_each_truncation),
        cmocka_unit_test(refuses_each_length_of_cut_tag),
        cmocka_unit_test(refuses_another_key),
        cmocka_unit_test(opens_in_its_own_place_only),
        cmocka_unit_test(forgets_keys_and_goes_on),
        cmocka_unit_test(commits_to_key_and_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
