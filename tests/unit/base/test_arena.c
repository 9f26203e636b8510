/* arena: limits, alignment, zeroes, and that reset leaves nothing behind. */
#include "common/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

static void hands_out_zeroed_aligned_memory(void **state)
{
    struct arena *arena = arena_new(1 << 20);

    (void)state;
    for (size_t n = 0; n < 3000; n += 7) {
        uint8_t *p = arena_alloc(arena, n);

        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        assert_true(all_zero(p, n));
        memset(p, 0xff, n);
    }
    arena_free(arena);
}

static void memory_is_zero_again_after_reset(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    uint8_t *first = arena_alloc(arena, 4000), *again;

    (void)state;
    memset(first, 0xff, 4000);
    memset(arena_alloc(arena, 100000), 0xff, 100000);
    assert_true(arena_used(arena) >= 104000);
    arena_reset(arena);
    assert_int_equal(arena_used(arena), 0);
    again = arena_alloc(arena, 4000);
    assert_ptr_equal(again, first); /* the first block is kept, and was wiped */
    assert_true(all_zero(again, 4000));
    arena_free(arena);
}

static void what_it_keeps_is_handed_out_again_as_new(void **state)
{
    const size_t bytes = 300000;
    struct arena *arena = arena_new(1 << 20);

    (void)state;
    arena_keeps(arena, 2 * bytes);
    uint8_t *const p = arena_alloc(arena, bytes);
    memset(p, 0xff, bytes);
    arena_reset(arena);
    arena_alloc(arena, 8000); /* the first block is full */
    assert_ptr_equal(arena_alloc(arena, 60000), p);
    memset(p, 0xff, 60000);
    arena_reset(arena);
    assert_true(all_zero(arena_alloc(arena, bytes), bytes));
    arena_free(arena);
}

static void refuses_past_the_limit(void **state)
{
    struct arena *arena = arena_new(1000);

    (void)state;
    assert_null(arena_try(arena, 1001));
    assert_null(arena_try(arena, SIZE_MAX));
    assert_null(arena_try(arena, SIZE_MAX - 20));
    assert_non_null(arena_try(arena, 900));
    assert_null(arena_try(arena, 900));
    assert_non_null(arena_try(arena, 10));
    arena_reset(arena);
    assert_non_null(arena_try(arena, 900));
    assert_null(arena_free(arena));
    assert_null(arena_free(NULL));
}

static void copies_keep_absent_and_empty_apart(void **state)
{
    struct arena *arena = arena_new(1 << 16);

    (void)state;
    assert_null(arena_str(arena, STR_NONE).p);
    assert_non_null(arena_str(arena, STR("")).p);
    assert_null(arena_bytes(arena, BYTES_NONE).p);
    assert_string_equal(arena_cstr(arena, (struct str){"abcdef", 3}), "abc");
    assert_true(str_is(arena_printf(arena, "%s-%d", "a", 7), "a-7"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_zeroed_aligned_memory),
        cmocka_unit_test(memory_is_zero_again_after_reset),
        cmocka_unit_test(what_it_keeps_is_handed_out_again_as_new),
        cmocka_unit_test(refuses_past_the_limit),
        cmocka_unit_test(copies_keep_absent_and_empty_apart),
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
