#include "services/audit/tiles.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static const struct {
    struct tile tile;
    const char *path;
} paths[] = {
    {{0, 0, 256}, "tile/0/000"},
    {{0, 999, 256}, "tile/0/999"},
    {{0, 1000, 256}, "tile/0/x001/000"},
    {{1, 1234067, 256}, "tile/1/x001/x234/067"}, /* the specification's example */
    {{2, 0, 1}, "tile/2/000.p/1"},
    {{63, 273, 255}, "tile/63/273.p/255"},
    {{TILES_ENTRIES, 273, 112}, "tile/entries/273.p/112"},
    {{TILES_ENTRIES, 1000000, 256}, "tile/entries/x001/x000/000"},
    {{0, UINT64_MAX, 255}, "tile/0/x018/x446/x744/x073/x709/x551/615.p/255"},
};

static const char *const no_paths[] = {
    "", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000",
    "tile/00/000", "tile/01/000", "tile/64/000", "tile/-1/000", "tile//000", "tile/x/000",
    "tile/0/x000/000", "tile/0/001/000", "tile/0/x001", "tile/0/x001/x000", "tile/0/x1/000",
    "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/00", "tile/0/000.p/01",
    "tile/0/000.p/256", "tile/0/000.p/-1", "tile/0/000.p/1/", "tile/0/000/", "tile/0/000 ",
    "/tile/0/000", "Tile/0/000", "tile/0/000.P/1", "tile/entries", "tile/entries/",
    "tile/entry/000",
    "tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/../000", "checkpoint",
    "tile/18446744073709551616/000",
};

static void paths_are_written_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char path[TILES_PATH_MAX];
        struct tile tile;
        assert_int_equal(tiles_path(paths[i].tile, path), strlen(paths[i].path));
        assert_string_equal(path, paths[i].path);
        assert_true(tiles_parse(str_of(paths[i].path), &tile));
        assert_int_equal(tile.level, paths[i].tile.level);
        assert_true(tile.n == paths[i].tile.n);
        assert_int_equal(tile.width, paths[i].tile.width);
    }
}

static void what_is_no_path_is_refused(void **state)
{
    (void)state;
    struct tile tile;

    for (size_t i = 0; i < sizeof(no_paths) / sizeof(no_paths[0]); i++) {
        assert_false(tiles_parse(str_of(no_paths[i]), &tile));
    }
    assert_false(tiles_parse((struct str){"tile/0/000\0x", 12}, &tile));
}

/* The specification's example: a tree of 70,000 entries. */
static void widths_are_those_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(tiles_width(70000, 0, 272), 256);
    assert_int_equal(tiles_width(70000, 0, 273), 112);
    assert_int_equal(tiles_width(70000, 0, 274), 0);
    assert_int_equal(tiles_width(70000, TILES_ENTRIES, 273), 112);
    assert_int_equal(tiles_width(70000, 1, 0), 256);
    assert_int_equal(tiles_width(70000, 1, 1), 17);
    assert_int_equal(tiles_width(70000, 2, 0), 1);
    assert_int_equal(tiles_width(70000, 3, 0), 0);
    assert_int_equal(tiles_width(256, 0, 0), 256);
    assert_int_equal(tiles_width(256, 0, 1), 0);
    assert_int_equal(tiles_width(256, 1, 0), 1);
    assert_int_equal(tiles_width(0, 0, 0), 0);
    assert_int_equal(tiles_width(UINT64_MAX, 7, 0), 255);
    assert_int_equal(tiles_width(UINT64_MAX, 8, 0), 0);
    assert_int_equal(tiles_width(UINT64_MAX, 63, 0), 0);
}

static void bundles_give_back_their_entries(void **state)
{
    (void)state;
    static uint8_t bundle[2 + 0 + 2 + 3 + 2 + 65535], large[65535];
    size_t n = tiles_entry_write(BYTES_NONE, bundle);
    n += tiles_entry_write(str_bytes(STR("abc")), bundle + n);
    n += tiles_entry_write(bytes_of(large, sizeof(large)), bundle + n);
    assert_int_equal(n, sizeof(bundle));

    struct bytes rest = bytes_of(bundle, n), entry;
    assert_true(tiles_entry_next(&rest, &entry));
    assert_int_equal(entry.n, 0);
    assert_true(tiles_entry_next(&rest, &entry));
    assert_int_equal(entry.n, 3);
    assert_memory_equal(entry.p, "abc", 3);
    assert_true(tiles_entry_next(&rest, &entry));
    assert_int_equal(entry.n, sizeof(large));
    assert_int_equal(rest.n, 0);
    assert_false(tiles_entry_next(&rest, &entry));
}

static void a_cut_entry_is_no_entry(void **state)
{
    (void)state;
    uint8_t bundle[5];
    struct bytes entry;

    tiles_entry_write(str_bytes(STR("abc")), bundle);
    for (size_t n = 0; n < sizeof(bundle); n++) {
        struct bytes rest = bytes_of(bundle, n);
        assert_false(tiles_entry_next(&rest, &entry));
        assert_int_equal(rest.n, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_written_and_read),
        cmocka_unit_test(what_is_no_path_is_refused),
        cmocka_unit_test(widths_are_those_of_the_specification),
        cmocka_unit_test(bundles_give_back_their_entries),
        cmocka_unit_test(a_cut_entry_is_no_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
