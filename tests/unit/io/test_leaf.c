#include "common/io/leaf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t key[AEAD_KEY_BYTES] = {1, 2, 3};
static const uint8_t other_key[AEAD_KEY_BYTES] = {1, 2, 4};

static struct leaf sample(void)
{
    return (struct leaf){
        .log = STR("0190a3c2-0000-7000-8000-000000000001"),
        .producer = STR("patients"),
        .seq = 258,
        .time_ms = 1763770000123,
        .class = LEAF_EVENT,
        .dek_id = {{9, 8, 7}},
    };
}

static struct bytes encoded(struct arena *arena)
{
    const struct leaf leaf = sample();
    struct bytes bytes;

    assert_int_equal(leaf_encode(arena, &leaf, key, str_bytes(STR("who saw what")), &bytes),
                     ERR_OK);
    return bytes;
}

static void test_layout(void **state)
{
    struct arena *arena = *state;
    const struct bytes b = encoded(arena);
    size_t at = 0;

    assert_int_equal(b.p[at++], 1);
    assert_int_equal(b.p[at++], 36);
    assert_memory_equal(b.p + at, "0190a3c2-0000-7000-8000-000000000001", 36), at += 36;
    assert_int_equal(b.p[at++], 8);
    assert_memory_equal(b.p + at, "patients", 8), at += 8;
    assert_memory_equal(b.p + at, "\0\0\0\0\0\0\1\2", 8), at += 8;
    assert_memory_equal(b.p + at, "\x00\x00\x01\x9a\xa8\xe2\x62\xfb", 8), at += 8;
    assert_int_equal(b.p[at++], 1);
    assert_memory_equal(b.p + at, "\x09\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", 16), at += 16 + 32;
    assert_int_equal(b.p[at] << 8 | b.p[at + 1], 24 + 12 + 16);
    assert_int_equal(b.n, at + 2 + 24 + 12 + 16);
}

static void test_opens(void **state)
{
    struct arena *arena = *state;
    struct leaf leaf;
    struct bytes body;

    assert_int_equal(leaf_decode(encoded(arena), &leaf), ERR_OK);
    assert_int_equal(leaf.seq, 258);
    assert_int_equal(leaf.time_ms, 1763770000123);
    assert_true(str_is(leaf.producer, "patients"));
    assert_int_equal(leaf_open(arena, &leaf, key, &body), ERR_OK);
    assert_int_equal(body.n, 12);
    assert_memory_equal(body.p, "who saw what", 12);
    assert_int_equal(leaf_open(arena, &leaf, other_key, &body), ERR_CORRUPT);
}

/* No byte can be changed, dropped or added. */
static void test_every_byte_counts(void **state)
{
    struct arena *arena = *state;
    const struct bytes b = encoded(arena);
    struct leaf leaf;
    struct bytes body;
    uint8_t *copy = arena_alloc(arena, b.n + 1);

    for (size_t i = 0; i < b.n; i++) {
        memcpy(copy, b.p, b.n);
        copy[i] ^= 0x40;
        if (leaf_decode(bytes_of(copy, b.n), &leaf) == ERR_OK) {
            assert_int_equal(leaf_open(arena, &leaf, key, &body), ERR_CORRUPT);
        }
        assert_int_equal(leaf_decode(bytes_of(b.p, i), &leaf), ERR_CORRUPT);
    }
    memcpy(copy, b.p, b.n);
    assert_int_equal(leaf_decode(bytes_of(copy, b.n + 1), &leaf), ERR_CORRUPT);
}

static void test_heartbeat(void **state)
{
    struct arena *arena = *state;
    struct leaf leaf = sample(), read;
    struct bytes bytes, body;

    leaf.class = LEAF_HEARTBEAT;
    leaf.dek_id = UUID_NIL;
    assert_int_equal(leaf_encode(arena, &leaf, NULL, BYTES_NONE, &bytes), ERR_OK);
    assert_int_equal(leaf_decode(bytes, &read), ERR_OK);
    assert_int_equal(read.class, LEAF_HEARTBEAT);
    assert_int_equal(read.sealed.n, 0);
    assert_int_equal(leaf_open(arena, &read, key, &body), ERR_CORRUPT);

    leaf.class = LEAF_EVENT; /* an event must have a body */
    assert_int_equal(leaf_encode(arena, &leaf, NULL, BYTES_NONE, &bytes), ERR_OK);
    assert_int_equal(leaf_decode(bytes, &read), ERR_CORRUPT);
}

static void test_too_large(void **state)
{
    struct arena *arena = *state;
    const struct leaf leaf = sample();
    struct bytes bytes;
    const struct bytes body = {arena_alloc(arena, LEAF_BYTES_MAX), LEAF_BYTES_MAX};

    assert_int_equal(leaf_encode(arena, &leaf, key, body, &bytes), ERR_TOO_LARGE);
}

static void test_chain(void **state)
{
    const struct hash zero = {{0}};
    const struct bytes a = str_bytes(STR("a")), b = str_bytes(STR("b"));
    const struct hash first = leaf_mac(key, &zero, a);
    const struct hash second = leaf_mac(key, &first, b), swapped = leaf_mac(key, &zero, b);
    const struct uuid id = leaf_producer_id(STR("patients"));
    uint8_t input[HASH_BYTES + 1] = {0};

    (void)state;
    input[HASH_BYTES] = 'a';
    const struct hash whole = hash_hmac(bytes_of(key, sizeof key), bytes_of(input, sizeof input));
    assert_true(hash_equal(&first, &whole));
    assert_false(hash_equal(&second, &swapped));
    const struct hash named = hash_sha256(str_bytes(STR("producer:patients")));
    assert_memory_equal(id.b, named.b, sizeof id.b);
}

static int arena_up(void **state)
{
    *state = arena_new(4 << 20);
    return 0;
}

static int arena_down(void **state)
{
    *state = arena_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_opens),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_heartbeat),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_chain),
    };

    return cmocka_run_group_tests(tests, arena_up, arena_down);
}
