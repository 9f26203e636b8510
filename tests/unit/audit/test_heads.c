/* The file heads: what was added last is found, whatever a crash left before it. */
#include "services/audit/heads.h"
#include "services/audit/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <unistd.h>

static struct arena *arena;
static char dir[] = "/tmp/tc-heads-XXXXXX";

static struct checkpoint tree_of(uint64_t size)
{
    return (struct checkpoint){STR("audit.clinic/2026h2"), size,
                               hash_sha256(bytes_of(&size, sizeof size))};
}

static void given_bytes(const char *text)
{
    const char *const path = arena_cstr(arena, arena_printf(arena, "%s/" HEADS, dir));
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void assert_last(uint64_t size)
{
    const struct checkpoint want = tree_of(size);
    struct checkpoint last;

    assert_int_equal(heads_last(dir, arena, &last), ERR_OK);
    assert_true(str_equal(last.origin, want.origin) && last.size == size &&
                hash_equal(&last.root, &want.root));
}

static size_t lines(void)
{
    struct bytes all;
    size_t n = 0;

    assert_int_equal(store_read(dir, HEADS, arena, &all), ERR_OK);
    for (size_t i = 0; i < all.n; i++) n += all.p[i] == '\n';
    return n;
}

static void the_last_tree_is_found(void **state)
{
    struct checkpoint last;

    (void)state;
    assert_int_equal(heads_last(dir, arena, &last), ERR_NOT_FOUND);
    for (uint64_t size = 1; size <= 200; size++) { /* more than the tail that is read */
        const struct checkpoint tree = tree_of(size);

        assert_int_equal(heads_add(dir, &tree, arena), ERR_OK);
        assert_int_equal(heads_add(dir, &tree, arena), ERR_OK); /* once is enough */
        assert_last(size);
    }
    assert_int_equal(lines(), 200);
}

static void a_line_that_was_cut_short_hides_nothing(void **state)
{
    const struct checkpoint tree = tree_of(201);

    (void)state;
    given_bytes("audit.clinic/2026h2 20");
    assert_last(200);
    assert_int_equal(heads_add(dir, &tree, arena), ERR_OK);
    assert_last(201);
    assert_int_equal(lines(), 202);
}

static void what_is_no_tree_is_said(void **state)
{
    static const char *const wrong[] = {
        "\n", "x\n", "a 1\n", "a 1 AAAA\n", "a -1 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "a 01 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "a 1 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= more\n",
    };
    struct checkpoint last;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        given_bytes(wrong[i]);
        assert_int_equal(heads_last(dir, arena, &last), ERR_CORRUPT);
    }
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new((size_t)64 << 20);
    return mkdtemp(dir) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(store_remove(dir, HEADS), ERR_OK);
    rmdir(dir);
    arena = arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_tree_is_found),
        cmocka_unit_test(a_line_that_was_cut_short_hides_nothing),
        cmocka_unit_test(what_is_no_tree_is_said),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
