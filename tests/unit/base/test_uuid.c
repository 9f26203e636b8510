/* uuid: the bits of RFC 9562, order within a millisecond, strict text. */
#include "common/base/uuid.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define NOW_US INT64_C(1795306233123456)
#define EACH 20000

static uint64_t ms_of(struct uuid id)
{
    uint64_t ms = 0;

    for (int i = 0; i < 6; i++) ms = ms << 8 | id.b[i];
    return ms;
}

static int order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static void has_version_and_variant(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        const struct uuid v4 = uuid_v4(), v7 = uuid_v7(NOW_US);

        assert_int_equal(v4.b[6] >> 4, 4);
        assert_int_equal(v4.b[8] >> 6, 2);
        assert_int_equal(v7.b[6] >> 4, 7);
        assert_int_equal(v7.b[8] >> 6, 2);
        assert_int_equal(ms_of(v7), NOW_US / 1000);
    }
}

static void rises_even_when_the_clock_steps_back(void **state)
{
    struct uuid before = uuid_v7(NOW_US + 5000);

    (void)state;
    for (int i = 0; i < 10000; i++) {
        const struct uuid next = uuid_v7(NOW_US + 5000 - i % 3 * 1000);

        assert_true(order(&before, &next) < 0);
        before = next;
    }
    /* a clock that was moved: not stuck in the future */
    assert_int_equal(ms_of(uuid_v7(NOW_US - 3600 * INT64_C(1000000))), NOW_US / 1000 - 3600000);
}

static void *draw(void *to)
{
    struct uuid *const ids = to;

    for (int i = 0; i < EACH; i++) ids[i] = uuid_v7(NOW_US);
    for (int i = 1; i < EACH; i++)
        if (order(&ids[i - 1], &ids[i]) >= 0) return to;
    return NULL;
}

static void threads_draw_rising_and_distinct(void **state)
{
    static struct uuid ids[4 * EACH];
    pthread_t threads[4];
    void *fault;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, draw, ids + i * EACH), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &fault);
        assert_null(fault);
    }
    qsort(ids, 4 * EACH, sizeof *ids, order);
    for (size_t i = 1; i < 4 * EACH; i++) assert_false(uuid_equal(ids[i - 1], ids[i]));
}

static void text_is_canonical(void **state)
{
    static const char *const bad[] = {
        "", "0190a5b4-7c11-7abc-8def-0123456789a", "0190a5b4-7c11-7abc-8def-0123456789abc",
        "0190a5b47c11-7abc-8def-00123456789ab-", "{190a5b4-7c11-7abc-8def-0123456789ab",
        "0190a5b4-7c11-7abc-8def-0123456789ag", "0190a5b4_7c11-7abc-8def-0123456789ab",
    };
    const char *const good = "0190a5b4-7c11-7abc-8def-0123456789ab";
    char text[UUID_TEXT + 1];
    struct uuid id = UUID_NIL, upper;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(uuid_parse(str_of(bad[i]), &id));
    assert_true(uuid_is_nil(id));
    assert_true(uuid_parse(str_of(good), &id));
    assert_string_equal(uuid_format(id, text), good);
    assert_true(uuid_parse(STR("0190A5B4-7C11-7ABC-8DEF-0123456789AB"), &upper));
    assert_true(uuid_equal(id, upper));
    assert_true(uuid_from_bytes(bytes_of(id.b, 16), &upper));
    assert_false(uuid_from_bytes(bytes_of(id.b, 15), &upper));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_version_and_variant),
        cmocka_unit_test(rises_even_when_the_clock_steps_back),
        cmocka_unit_test(threads_draw_rising_and_distinct),
        cmocka_unit_test(text_is_canonical),
    };

    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
