/* The staging file: what went in comes out, and no changed or cut byte passes. */
#include "services/audit/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;

static struct bytes given_stage(void)
{
    struct stage stage = {.old_size = 0x0102030405060708};

    stage_add(&stage, STR("tile/entries/000.p/3"), str_bytes(STR("abc")));
    stage_add(&stage, STR("tile/0/000.p/3"), BYTES_NONE);
    stage_add(&stage, STR("checkpoint"), str_bytes(STR("signed\n")));
    return stage_pack(arena, &stage);
}

static void what_went_in_comes_out(void **state)
{
    struct stage stage;

    (void)state;
    assert_true(stage_parse(given_stage(), &stage));
    assert_true(stage.old_size == 0x0102030405060708);
    assert_int_equal(stage.count, 3);
    assert_true(str_is(stage.files[0].name, "tile/entries/000.p/3"));
    assert_int_equal(stage.files[0].bytes.n, 3);
    assert_memory_equal(stage.files[0].bytes.p, "abc", 3);
    assert_int_equal(stage.files[1].bytes.n, 0);
    assert_true(str_is(stage.files[2].name, "checkpoint"));
    assert_memory_equal(stage.files[2].bytes.p, "signed\n", 7);
}

static void no_changed_byte_passes(void **state)
{
    const struct bytes whole = given_stage();
    struct stage stage;

    (void)state;
    for (size_t i = 0; i < whole.n; i++) {
        uint8_t *const copy = arena_copy(arena, whole.p, whole.n);

        copy[i] ^= 1;
        assert_false(stage_parse(bytes_of(copy, whole.n), &stage));
        assert_false(stage_parse(bytes_of(whole.p, i), &stage));
    }
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
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
        cmocka_unit_test(what_went_in_comes_out),
        cmocka_unit_test(no_changed_byte_passes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
