/* str: the strict forms take what they should and nothing beside it. */
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void counts_code_points(void **state)
{
    (void)state;
    assert_int_equal(str_points(STR_NONE), 0);
    assert_int_equal(str_points(STR("abc")), 3);
    assert_int_equal(str_points(STR("\xc2\x80-\xe0\xa0\x80-\xef\xbf\xbf-\xf4\x8f\xbf\xbf")), 7);
    assert_int_equal(str_prefix(STR_NONE, 3), 0);
    assert_int_equal(str_prefix(STR("abc"), 2), 2);
    assert_int_equal(str_prefix(STR("abc"), 4), 3);
    assert_int_equal(str_prefix(STR("\xc2\x80-\xf4\x8f\xbf\xbf-"), 3), 7);
    assert_int_equal(str_prefix(STR("\xa0\x80-"), 0), 2); /* from within a code point */
}

static void knows_utf8(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"", true},
        {"plain ASCII that is longer than eight", true},
        {"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", true},
        {"\xed\x9f\xbf\xee\x80\x80", true},
        {"12345678\x80", false},             /* a lone continuation */
        {"\xc0\x80", false},                 /* overlong */
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xed\xa0\x80", false},             /* a surrogate */
        {"\xf4\x90\x80\x80", false},         /* past the last */
        {"\xf5\x80\x80\x80", false},
        {"\xe2\x82", false},                 /* cut off */
        {"1234567\xc3", false},
        {"\xc3\x28", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(str_is_utf8(str_of(rows[i].text)), rows[i].good);
    for (size_t at = 0; at < 20; at++) {
        char text[20];

        memset(text, 'x', sizeof text);
        assert_true(str_is_utf8((struct str){text, sizeof text}));
        text[at] = 0;
        assert_false(str_is_utf8((struct str){text, sizeof text}));
        text[at] = (char)0xff;
        assert_false(str_is_utf8((struct str){text, sizeof text}));
    }
}

static void cuts_at_the_first_mark_only(void **state)
{
    struct str rest = STR("a=b=c"), before;

    (void)state;
    assert_true(str_cut(&rest, '=', &before));
    assert_true(str_is(before, "a") && str_is(rest, "b=c"));
    assert_false(str_cut(&rest, '&', &before));
    assert_true(str_is(before, "a") && str_is(rest, "b=c"));
    rest = STR_NONE;
    assert_false(str_cut(&rest, '=', &before));
}

/* An empty one between two marks counts; behind the last mark there is none. */
static void goes_through_a_list(void **state)
{
    static const struct {
        const char *list, *each[4];
    } rows[] = {
        {"", {0}}, {"a", {"a"}}, {"a b", {"a", "b"}}, {"a  b ", {"a", "", "b"}}, {" ", {""}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str rest = str_of(rows[i].list), each;
        size_t n = 0;

        for (; str_next(&rest, ' ', &each); n++) assert_true(str_is(each, rows[i].each[n]));
        assert_null(rows[i].each[n]);
    }
}

static void escapes_into_one_json_string(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"plain", "plain"},
        {"a\"b\\c", "a\\\"b\\\\c"},
        {"\b\t\n\f\r", "\\b\\t\\n\\f\\r"},
        {"\x01\x1f\x7f", "\\u0001\\u001f\\u007f"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"x\xff\xc3", "x\\ufffd\\ufffd"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char to[100];

        to[str_escape(str_of(rows[i].from), to)] = 0;
        assert_string_equal(to, rows[i].to);
    }
}

static void reads_whole_numbers_only(void **state)
{
    static const char *const bad[] = {"",    "-",  "+1", "01", "-0", "-01", " 1",
                                      "1 ",  "1a", "0x1", "1.0", "1e3", "--1",
                                      "9223372036854775808", "-9223372036854775809",
                                      "99999999999999999999"};
    int64_t value = 77;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_int(str_of(bad[i]), INT64_MIN, INT64_MAX, &value));
    assert_int_equal(value, 77);
    assert_true(str_int(STR("9223372036854775807"), 0, INT64_MAX, &value));
    assert_int_equal(value, INT64_MAX);
    assert_true(str_int(STR("-9223372036854775808"), INT64_MIN, 0, &value));
    assert_int_equal(value, INT64_MIN);
    assert_true(str_int(STR("0"), 0, 0, &value));
    assert_int_equal(value, 0);
    assert_false(str_int(STR("6"), 1, 5, &value));
    assert_false(str_int(STR("0"), 1, 5, &value));
}

static void base64_goes_both_ways(void **state)
{
    uint8_t from[67], back[80];
    char text[2 * sizeof from];

    (void)state;
    for (size_t i = 0; i < sizeof from; i++) from[i] = (uint8_t)(i * 151 + 7);
    for (size_t n = 0; n <= sizeof from; n++) {
        size_t len = base64url_encode(bytes_of(from, n), text), m = 99;

        assert_int_equal(len, BASE64URL_LEN(n));
        assert_true(base64url_decode((struct str){text, len}, back, &m));
        assert_int_equal(m, n);
        assert_memory_equal(back, from, n);

        len = base64_encode(bytes_of(from, n), text);
        assert_int_equal(len, BASE64_LEN(n));
        assert_true(base64_decode((struct str){text, len}, back, &m));
        assert_int_equal(m, n);
        assert_memory_equal(back, from, n);

        len = hex_encode(bytes_of(from, n), text);
        assert_true(hex_decode((struct str){text, len}, back));
        assert_memory_equal(back, from, n);
    }
}

static void base64_is_strict(void **state)
{
    static const char *const bad_url[] = {"A", "AAAAA", "AA==", "A A", "AB", "AAB", "+/AA", "AA\n"};
    static const char *const bad_plain[] = {"AA", "AAA", "A===", "AA=A", "AB==", "AAB=",
                                            "-_AA", "====", "AAA=\n"};
    uint8_t to[20];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof bad_url / sizeof *bad_url; i++)
        assert_false(base64url_decode(str_of(bad_url[i]), to, &n));
    for (size_t i = 0; i < sizeof bad_plain / sizeof *bad_plain; i++)
        assert_false(base64_decode(str_of(bad_plain[i]), to, &n));
    assert_true(base64url_decode(STR("-_-_"), to, &n));
    assert_memory_equal(to, "\xfb\xff\xbf", 3);
    assert_true(base64_decode(STR("Zm9vYg=="), to, &n)); /* RFC 4648 */
    assert_int_equal(n, 4);
    assert_memory_equal(to, "foob", 4);
    assert_false(hex_decode(STR("abc"), to));
    assert_false(hex_decode(STR("0g"), to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(counts_code_points),
        cmocka_unit_test(cuts_at_the_first_mark_only),
        cmocka_unit_test(goes_through_a_list),
        cmocka_unit_test(escapes_into_one_json_string),
        cmocka_unit_test(reads_whole_numbers_only),
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(base64_is_strict),
    };

    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
