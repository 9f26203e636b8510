/*
 * Project Wycheproof's vectors (tests/data/wycheproof, Apache-2.0) against what verifies here:
 * Ed25519, ES256 and HMAC-SHA-256. Each must be taken or refused as they say.
 */
#include "common/base/arena.h"
#include "common/base/log.h"
#include "common/codec/json.h"
#include "common/crypto/hash.h"
#include "common/crypto/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FOLDER "tests/data/wycheproof/"
#define FILE_BYTES_MAX (512 * 1024)
#define ARENA_BYTES_MAX (16u * 1024 * 1024)
#define HEX_MAX 4096

struct vector {
    int64_t id;
    struct str key, msg, sig, tag, result;
};
struct public_key {
    struct str pk, uncompressed;
};
struct group {
    const struct public_key *key;
    int64_t tag_bits;
    struct list tests;
};
struct vectors {
    struct list groups;
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const struct shape vector_shape = {"Vector", sizeof(struct vector), (const struct field[]){
    {"tcId", INT, IN(vector, id), REQUIRED, 1, 100000},
    {"key", TEXT, IN(vector, key), 0, 0, HEX_MAX},
    {"msg", TEXT, IN(vector, msg), REQUIRED, 0, HEX_MAX},
    {"sig", TEXT, IN(vector, sig), 0, 0, HEX_MAX},
    {"tag", TEXT, IN(vector, tag), 0, 0, HEX_MAX},
    {"result", TEXT, IN(vector, result), REQUIRED, 1, 16},
    {0},
}};
static const struct shape key_shape = {
    "PublicKey", sizeof(struct public_key), (const struct field[]){
    {"pk", TEXT, IN(public_key, pk), 0, 64, 64},
    {"uncompressed", TEXT, IN(public_key, uncompressed), 0, 130, 130},
    {0},
}};
static const struct shape group_shape = {"Group", sizeof(struct group), (const struct field[]){
    {"publicKey", OBJECT, IN(group, key), 0, 0, 0, &key_shape},
    {"tagSize", INT, IN(group, tag_bits), 0, 0, 256},
    {"tests", LIST, IN(group, tests), REQUIRED, 0, 1000, &vector_shape},
    {0},
}};
static const struct shape vectors_shape = {
    "Vectors", sizeof(struct vectors), (const struct field[]){
    {"testGroups", LIST, IN(vectors, groups), REQUIRED, 1, 1000, &group_shape},
    {0},
}};
/* clang-format on */

static struct arena *arena;

static struct vectors given_vectors(const char *file)
{
    char *text = arena_alloc(arena, FILE_BYTES_MAX);
    struct json_fault fault = {{0}, NULL};
    struct vectors vectors;
    FILE *in = fopen(file, "re");

    assert_non_null(in);
    const size_t n = fread(text, 1, FILE_BYTES_MAX, in);
    fclose(in);
    assert_true(n < FILE_BYTES_MAX);
    const err_t err =
        json_decode_lenient(&vectors_shape, bytes_of(text, n), arena, &vectors, &fault);
    if (err != ERR_OK) fail_msg("%s: %s at %s", file, fault.code, fault.pointer);
    return vectors;
}

static struct bytes unhex(struct str hex)
{
    uint8_t *bytes = arena_alloc(arena, hex.n / 2 + 1);

    assert_true(hex_decode(hex, bytes));
    return bytes_of(bytes, hex.n / 2);
}

static void assert_as_they_say(const struct vector *vector, bool taken)
{
    const bool valid = str_is(vector->result, "valid");

    assert_true(valid || str_is(vector->result, "invalid"));
    if (taken != valid)
        fail_msg("vector %lld is %s", (long long)vector->id, taken ? "taken" : "refused");
}

/* How many there were: a file that says nothing proves nothing. */
static size_t signatures_run(const char *file,
                             struct sign_key *(*key_of)(const struct public_key *))
{
    const struct vectors vectors = given_vectors(file);
    const struct group *groups = vectors.groups.p;
    size_t count = 0;

    for (size_t g = 0; g < vectors.groups.n; g++) {
        const struct vector *tests = groups[g].tests.p;
        struct sign_key *key = key_of(groups[g].key);
        assert_non_null(key);
        for (size_t i = 0; i < groups[g].tests.n; i++, count++) {
            assert_as_they_say(&tests[i],
                               sign_verify(key, unhex(tests[i].msg), unhex(tests[i].sig)));
        }
        sign_key_free(key);
    }
    return count;
}

static struct sign_key *ed25519_key(const struct public_key *key)
{
    return sign_key_new_public(unhex(key->pk).p);
}

static struct sign_key *es256_key(const struct public_key *key)
{
    const uint8_t *point = unhex(key->uncompressed).p;

    return sign_key_new_es256(point + 1, point + 33);
}

static void ed25519_is_as_wycheproof_says(void **state)
{
    (void)state;
    assert_int_equal(signatures_run(FOLDER "ed25519_test.json", ed25519_key), 151);
}

static void es256_is_as_wycheproof_says(void **state)
{
    (void)state;
    assert_int_equal(
        signatures_run(FOLDER "ecdsa_secp256r1_sha256_p1363_test.json", es256_key), 262);
}

static void hmac_is_as_wycheproof_says(void **state)
{
    const struct vectors vectors = given_vectors(FOLDER "hmac_sha256_test.json");
    const struct group *groups = vectors.groups.p;
    size_t count = 0;

    (void)state;
    for (size_t g = 0; g < vectors.groups.n; g++) {
        const struct vector *tests = groups[g].tests.p;
        for (size_t i = 0; i < groups[g].tests.n; i++, count++) {
            const struct hash made = hash_hmac(unhex(tests[i].key), unhex(tests[i].msg));
            const struct bytes tag = unhex(tests[i].tag);
            assert_as_they_say(&tests[i], tag.n == (size_t)groups[g].tag_bits / 8 &&
                                              memcmp(made.b, tag.p, tag.n) == 0);
        }
    }
    assert_int_equal(count, 174);
}

static int given_an_arena(void **state)
{
    (void)state;
    arena = arena_new(ARENA_BYTES_MAX);
    return 0;
}

static int arena_given_back(void **state)
{
    (void)state;
    arena = arena_free(arena);
    return 0;
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, given_an_arena, arena_given_back)
    const struct CMUnitTest tests[] = {
        TEST(ed25519_is_as_wycheproof_says),
        TEST(es256_is_as_wycheproof_says),
        TEST(hmac_is_as_wycheproof_says),
    };
    log_open("test", LOG_FAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
