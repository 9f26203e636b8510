/* json: one table decodes, refuses, encodes and documents. */
#include "common/codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

struct line {
    struct str text;
    int64_t amount;
};

struct order {
    struct uuid id;
    struct str reason, kind, day, raw;
    int64_t minutes, starts_at;
    bool urgent;
    const struct line *first;
    struct list lines;
    struct strs tags;
    struct uuids people;
    struct bytes blob;
};

static const char *const kinds[] = {"video", "voice", NULL};

static const struct field line_fields[] = {
    {"text", TEXT, offsetof(struct line, text), REQUIRED | PHI, 1, 10, NULL, NULL},
    {"amount", INT, offsetof(struct line, amount), 0, -5, 5, .usual = 2},
    {0},
};
static const struct shape line_shape = {"Line", sizeof(struct line), line_fields};

#define AT(member) offsetof(struct order, member)
static const struct field order_fields[] = {
    {"id", UUID, AT(id), PATIENT, 0, 0, NULL, NULL},
    {"reason", TEXT, AT(reason), REQUIRED | PHI | CHARS, 1, 20, NULL, NULL},
    {"kind", TEXT, AT(kind), 0, 0, 0, NULL, kinds},
    {"day", DATE, AT(day), 0, 0, 0, NULL, NULL},
    {"minutes", INT, AT(minutes), REQUIRED, 5, 120, NULL, NULL},
    {"starts_at", TIME, AT(starts_at), 0, 0, 0, NULL, NULL},
    {"urgent", BOOL, AT(urgent), 0, 0, 0, NULL, NULL},
    {"first", OBJECT, AT(first), 0, 0, 0, &line_shape, NULL},
    {"lines", LIST, AT(lines), 0, 0, 9, &line_shape, NULL},
    {"tags", TEXTS, AT(tags), 0, 0, 3, NULL, NULL},
    {"people", UUIDS, AT(people), 0, 1, 2, NULL, NULL},
    {"blob", BYTES, AT(blob), 0, 0, 4, NULL, NULL},
    {"raw", RAW, AT(raw), 0, 0, 0, NULL, NULL},
    {0},
};
static const struct shape order_shape = {"Order", sizeof(struct order), order_fields};

#define TEN_UMLAUTS "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"
#define ID "0190a5b4-7c11-7abc-8def-0123456789ab"
#define WITH(more) "{\"reason\":\"x\",\"minutes\":30," more "}"

static struct arena *arena;
static struct json_fault fault;
static struct order order;

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

/* Decodes from memory of exactly that size, so that a read past the end is seen. */
static err_t decode(const char *text)
{
    const size_t n = strlen(text);
    char *const exact = malloc(n ? n : 1);
    err_t err;

    memcpy(exact, text, n);
    err = json_decode(&order_shape, bytes_of(exact, n), arena, &order, &fault);
    free(exact);
    return err;
}

static void decodes_every_type(void **state)
{
    const struct line *lines;

    (void)state;
    assert_int_equal(
        decode(" { \"id\" : \"" ID "\",\n\"reason\":\"a \\\"b\\\" \\u00e9 \\ud83d\\ude00\\n\","
               "\"kind\":\"voice\",\"day\":\"2024-02-29\",\"minutes\":30,"
               "\"starts_at\":\"2026-11-22T10:00:00+01:00\",\"urgent\":true,"
               "\"first\":{\"text\":\"one\",\"amount\":-5},"
               "\"lines\":[{\"text\":\"1\"},{\"text\":\"2\"},{\"text\":\"3\"},{\"text\":\"4\"},"
               "{\"text\":\"5\"},{\"text\":\"6\"},{\"text\":\"7\"},{\"text\":\"8\"},"
               "{\"text\":\"9\",\"amount\":5}],"
               "\"tags\":[\"\",\"b\"],\"people\":[\"" ID "\"],\"blob\":\"-_8\"}\r\n\t "),
        ERR_OK);
    assert_true(str_is(order.reason, "a \"b\" \xc3\xa9 \xf0\x9f\x98\x80\n"));
    assert_true(str_is(order.kind, "voice"));
    assert_true(str_is(order.day, "2024-02-29"));
    assert_int_equal(order.minutes, 30);
    assert_int_equal(order.starts_at, 1795338000000000);
    assert_true(order.urgent);
    assert_true(str_is(order.first->text, "one"));
    assert_int_equal(order.first->amount, -5);
    assert_int_equal(order.lines.n, 9);
    lines = order.lines.p;
    assert_true(str_is(lines[0].text, "1") && str_is(lines[3].text, "4"));
    assert_true(str_is(lines[8].text, "9"));
    assert_int_equal(lines[8].amount, 5);
    assert_int_equal(order.tags.n, 2);
    assert_non_null(order.tags.p[0].p);
    assert_true(uuid_equal(order.people.p[0], order.id));
    assert_int_equal(order.blob.n, 2);
    assert_memory_equal(order.blob.p, "\xfb\xff", 2);
}

static void absent_is_zero_and_names_may_be_escaped(void **state)
{
    static const struct order zero;

    (void)state;
    assert_int_equal(decode("{\"minutes\":5,\"re\\u0061son\":\"x\"}"), ERR_OK);
    assert_int_equal(order.minutes, 5);
    order.minutes = 0;
    order.reason = STR_NONE;
    assert_memory_equal(&order, &zero, sizeof zero);
}

static void refuses_what_is_not_the_shape(void **state)
{
    static const struct {
        const char *text, *pointer, *code;
    } rows[] = {
        {"", "", "type"},
        {"[]", "", "type"},
        {"null", "", "type"},
        {"{", "", "syntax"},
        {"{}", "/reason", "missing"},
        {"{\"reason\":\"x\"}", "/minutes", "missing"},
        {WITH("\"colour\":1"), "", "unknown"},
        {WITH("\"raw\":1"), "/raw", "unknown"},
        {WITH("\"minutes\":30"), "/minutes", "duplicate"},
        {WITH("\"urgent\":true") "x", "", "syntax"},
        {WITH("\"urgent\":true,"), "", "syntax"},
        {WITH("\"urgent\" true"), "", "syntax"},
        {WITH("urgent:true"), "", "syntax"},
        {WITH("\"urgent\":truex"), "", "syntax"},
        {WITH("\"urgent\":1"), "/urgent", "type"},
        {WITH("\"urgent\":null"), "/urgent", "type"},
        {WITH("\"id\":\"x\""), "/id", "type"},
        {WITH("\"kind\":\"smell\""), "/kind", "range"},
        {WITH("\"kind\":\"\""), "/kind", "range"},
        {WITH("\"day\":\"2023-02-29\""), "/day", "type"},
        {WITH("\"starts_at\":\"tomorrow\""), "/starts_at", "type"},
        {WITH("\"first\":[]"), "/first", "type"},
        {WITH("\"first\":{}"), "/first/text", "missing"},
        {WITH("\"first\":{\"text\":\"x\",\"amount\":6}"), "/first/amount", "range"},
        {WITH("\"first\":{\"text\":\"" TEN_UMLAUTS "\"}"), "/first/text", "range"}, /* of ten bytes */
        {WITH("\"lines\":{}"), "/lines", "type"},
        {WITH("\"lines\":[{\"text\":\"x\"},{\"text\":7}]"), "/lines/1/text", "type"},
        {WITH("\"lines\":[{\"text\":\"x\"},]"), "/lines/1", "type"},
        {WITH("\"lines\":[{\"text\":\"x\"}"), "/lines/0", "syntax"},
        {WITH("\"tags\":[\"a\",\"b\",\"c\",\"d\"]"), "/tags/3", "range"},
        {WITH("\"people\":[]"), "/people", "range"},
        {WITH("\"people\":[\"x\"]"), "/people/0", "type"},
        {WITH("\"blob\":\"AAAAAAA\""), "/blob", "range"},
        {WITH("\"blob\":\"AAAAAAAAAAAAAAAAAAAAAAAA\""), "/blob", "range"},
        {WITH("\"blob\":\"AA==\""), "/blob", "type"},
        {WITH("\"blob\":\"AB\""), "/blob", "type"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(decode(rows[i].text), ERR_BAD_BODY);
        assert_string_equal(fault.pointer, rows[i].pointer);
        assert_string_equal(fault.code, rows[i].code);
    }
}

static void numbers_are_whole(void **state)
{
    static const struct {
        const char *number, *code; /* NULL: good */
    } rows[] = {
        {"5", NULL},       {"120", NULL},   {"4", "range"},    {"121", "range"},
        {"30.0", "type"},  {"3e1", "type"}, {"3E+1", "type"},  {"\"30\"", "type"},
        {"030", "syntax"}, {"+30", "type"}, {"- 30", "syntax"}, {"-", "syntax"},
        {"-0", "range"},   {".5", "type"},  {"30.", "syntax"}, {"3e", "syntax"},
        {"0x1e", ""},      {"NaN", "type"}, {"99999999999999999999", "range"},
        {"-99999999999999999999", "range"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[100];
        const int n = snprintf(text, sizeof text, "{\"reason\":\"x\",\"minutes\":%s}",
                               rows[i].number);

        assert_true(n > 0);
        assert_int_equal(decode(text), rows[i].code ? ERR_BAD_BODY : ERR_OK);
        if (rows[i].code && *rows[i].code) assert_string_equal(fault.code, rows[i].code);
    }
}

static void strings_are_text(void **state)
{
    static const struct {
        const char *inside, *means; /* NULL: refused */
    } rows[] = {
        {"\\/\\b\\f\\r\\t\\\\", "/\b\f\r\t\\"},
        {"\\u0041\\u00E9\\u20ac", "A\xc3\xa9\xe2\x82\xac"},
        {"\\uD834\\uDD1E", "\xf0\x9d\x84\x9e"},
        {"\\udbff\\udfff", "\xf4\x8f\xbf\xbf"},
        {"\\u0000", NULL},
        {"\\ud800", NULL},
        {"\\ud800x", NULL},
        {"\\ud800\\n", NULL},
        {"\\ud800\\ud800", NULL},
        {"\\udc00", NULL},
        {"\\udc00\\ud800", NULL},
        {"\\u12", NULL},
        {"\\u12g4", NULL},
        {"\\U0041", NULL},
        {"\\x41", NULL},
        {"\\'", NULL},
        {"\\", NULL},
        {"a\nb", NULL},
        {"a\tb", NULL},
        {"a\x01", NULL},
        {"\xff", NULL},
        {"\xc0\x80", NULL},
        {"\xed\xa0\x80", NULL},
        {"", NULL},                       /* shorter than one */
        {"123456789012345678901", NULL},  /* longer than twenty */
        {"12345678901234567890", "12345678901234567890"},
        {TEN_UMLAUTS TEN_UMLAUTS, TEN_UMLAUTS TEN_UMLAUTS}, /* twenty in forty bytes */
        {TEN_UMLAUTS TEN_UMLAUTS "u", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[100];

        snprintf(text, sizeof text, "{\"minutes\":30,\"reason\":\"%s\"}", rows[i].inside);
        assert_int_equal(decode(text), rows[i].means ? ERR_OK : ERR_BAD_BODY);
        if (rows[i].means) assert_true(str_is(order.reason, rows[i].means));
    }
    /* a NUL in the middle */
    assert_int_equal(json_decode(&order_shape, bytes_of("{\"reason\":\"a\0b\"}", 16), arena,
                                 &order, NULL),
                     ERR_BAD_BODY);
}

static void a_body_cut_anywhere_is_refused(void **state)
{
    static const char whole[] = WITH("\"first\":{\"text\":\"\\ud83d\\ude00\"},\"urgent\":false,"
                                     "\"lines\":[{\"text\":\"x\"}],\"starts_at\":"
                                     "\"2026-11-22T10:00:00Z\"");
    char cut[sizeof whole];

    (void)state;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        memcpy(cut, whole, n);
        cut[n] = 0;
        assert_int_equal(decode(cut), ERR_BAD_BODY);
    }
    assert_int_equal(decode(whole), ERR_OK);
}

static err_t lenient(const char *text)
{
    return json_decode_lenient(&order_shape, str_bytes(str_of(text)), arena, &order, &fault);
}

static void lenient_skips_what_it_does_not_know(void **state)
{
    (void)state;
    assert_int_equal(
        lenient("{\"a\":{\"b\":[1,-2.5e+3,{\"c\":[[]],\"d\":{}},\"\\n\",true,null]},"
                "\"reason\":\"x\","
                "\"z\":[],\"minutes\":30,\"urgent\":null,\"y\":0.5}"),
        ERR_OK);
    assert_int_equal(order.minutes, 30);
    assert_int_equal(lenient(WITH("\"a\":[[[[[[[1]]]]]]]")), ERR_OK); /* eight with the outermost */
    assert_int_equal(lenient(WITH("\"a\":[[[[[[[[1]]]]]]]]")), ERR_BAD_BODY);
    assert_int_equal(lenient("{\"reason\":null,\"minutes\":30}"), ERR_BAD_BODY);
    assert_string_equal(fault.code, "missing");
}

static void lenient_is_no_excuse_for_bad_json(void **state)
{
    static const char *const bad[] = {
        "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{a:1}", "[1 2]", "[1}", "{\"a\":1]", "01", "1.",
        "1e", "-", "tru", "\"\\q\"", "{\"a\":1,}", "[", "{", "\"", "'a'", "+1", ".5", "nul", "",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[100];

        snprintf(text, sizeof text, "{\"reason\":\"x\",\"minutes\":30,\"a\":%s}", bad[i]);
        assert_int_equal(lenient(text), ERR_BAD_BODY);
    }
}

static void a_shape_may_contain_itself(void **state)
{
    struct node {
        const void *next;
    };
    static struct field fields[] = {{"next", OBJECT, 0, 0, 0, 0, NULL, NULL}, {0}};
    static const struct shape shape = {"Node", sizeof(struct node), fields};
    const struct str eight = STR("{\"next\":{\"next\":{\"next\":{\"next\":{\"next\":{\"next\":"
                                 "{\"next\":{}}}}}}}}");
    struct node node;

    (void)state;
    fields[0].shape = &shape;
    assert_int_equal(json_decode(&shape, str_bytes(eight), arena, &node, &fault), ERR_OK);
    assert_int_equal(json_decode(&shape,
                                 str_bytes(arena_printf(arena, "{\"next\":" STR_FMT "}",
                                                        STR_ARG(eight))),
                                 arena, &node, &fault),
                     ERR_BAD_BODY);
}

static err_t query(const char *text)
{
    return json_decode_query(&order_shape, str_of(text), arena, &order, &fault);
}

static void queries_follow_the_shape(void **state)
{
    static const struct {
        const char *text, *pointer, *code;
    } bad[] = {
        {"", "/reason", "missing"},
        {"minutes=30", "/reason", "missing"},
        {"reason=a&reason=b", "/reason", "duplicate"},
        {"reason=a&&minutes=30", "", "syntax"},
        {"reason=a&minutes=30&", "", "syntax"},
        {"reason", "", "syntax"},
        {"colour=1", "", "unknown"},
        {"reason=%4", "/reason", "syntax"},
        {"reason=%zz", "/reason", "syntax"},
        {"reason=%00", "/reason", "syntax"},
        {"reason=%ff", "/reason", "syntax"},
        {"reason=", "/reason", "range"},
        {"minutes=4", "/minutes", "range"},
        {"minutes=030", "/minutes", "range"},
        {"urgent=1", "/urgent", "type"},
        {"id=x", "/id", "type"},
        {"lines=x", "/lines", "type"},
        {"raw=x", "/raw", "type"},
    };

    (void)state;
    assert_int_equal(query("reason=a%20b+%C3%A9%26&minutes=30&urgent=false&id=" ID "&kind=video"
                           "&starts_at=2026-11-22T10:00:00%2B01:00&day=2024-02-29"),
                     ERR_OK);
    assert_true(str_is(order.reason, "a b \xc3\xa9&"));
    assert_int_equal(order.minutes, 30);
    assert_int_equal(order.starts_at, 1795338000000000);
    assert_false(uuid_is_nil(order.id));
    assert_true(str_is(order.day, "2024-02-29"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(query(bad[i].text), ERR_BAD_QUERY);
        assert_string_equal(fault.pointer, bad[i].pointer);
        assert_string_equal(fault.code, bad[i].code);
    }
}

static void what_is_encoded_decodes_to_the_same(void **state)
{
    static const char text[] =
        "{\"id\":\"" ID "\",\"reason\":\"a\\\"\\\\\\n\xc3\xa9\",\"kind\":\"video\","
        "\"day\":\"2024-02-29\",\"minutes\":120,\"starts_at\":\"2026-11-22T09:00:00.123Z\","
        "\"urgent\":false,\"first\":{\"text\":\"one\",\"amount\":-5},"
        "\"lines\":[{\"text\":\"x\",\"amount\":0},{\"text\":\"y\",\"amount\":5}],"
        "\"tags\":[\"\",\"b\"],\"people\":[\"" ID "\",\"" ID "\"],\"blob\":\"-_8\"}";
    struct str encoded;

    (void)state;
    assert_int_equal(decode(text), ERR_OK);
    encoded = json_encode(arena, &order_shape, &order);
    assert_int_equal(encoded.n, sizeof text - 1);
    assert_memory_equal(encoded.p, text, encoded.n);
    order = (struct order){.raw = STR("[1]"), .minutes = INT64_MIN};
    encoded = json_encode(arena, &order_shape, &order);
    assert_true(str_is(encoded, "{\"reason\":\"\",\"minutes\":-9223372036854775808,"
                                "\"urgent\":false,\"raw\":[1]}"));
    assert_true(str_is(json_quote(arena, STR("a\"\x01")), "\"a\\\"\\u0001\""));
}

static void a_long_list_encodes(void **state)
{
    struct line *const lines = ARENA_ARRAY(arena, struct line, 1000);
    struct str encoded;

    (void)state;
    for (size_t i = 0; i < 1000; i++) lines[i] = (struct line){STR("\"\"\"\"\"\"\"\"\"\""), 5};
    order = (struct order){.lines = {lines, 1000}};
    encoded = json_encode(arena, &order_shape, &order);
    assert_true(encoded.n > 1000 * 40);
    assert_int_equal(encoded.p[encoded.n - 1], '}');
    assert_int_equal(lenient(arena_cstr(arena, encoded)), ERR_BAD_BODY); /* nine are allowed */
    assert_string_equal(fault.code, "range");
}

static void an_absent_number_is_the_usual_one(void **state)
{
    static const struct { const char *text, *query; int64_t amount; } rows[] = {
        {"{\"text\":\"x\"}", "text=x", 2},
        {"{\"text\":\"x\",\"amount\":0}", "text=x&amount=0", 0},
    };
    struct line line;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(json_decode(&line_shape, str_bytes(str_of(rows[i].text)), arena, &line,
                                     &fault), ERR_OK);
        assert_int_equal(line.amount, rows[i].amount);
        assert_int_equal(json_decode_query(&line_shape, str_of(rows[i].query), arena, &line,
                                           &fault), ERR_OK);
        assert_int_equal(line.amount, rows[i].amount);
    }
}

static void the_schema_says_it_all(void **state)
{
    static char text[4096];
    FILE *const out = fmemopen(text, sizeof text, "w");

    (void)state;
    json_schema(out, &line_shape);
    fputc('\n', out);
    json_schema(out, &order_shape);
    fclose(out);
    assert_string_equal(
        text,
        "{\"type\":\"object\",\"properties\":{"
        "\"text\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":10,\"x-phi\":true},"
        "\"amount\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":-5,\"maximum\":5,"
        "\"default\":2}},"
        "\"required\":[\"text\"],\"additionalProperties\":false}\n"
        "{\"type\":\"object\",\"properties\":{"
        "\"id\":{\"type\":\"string\",\"format\":\"uuid\"},"
        "\"reason\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":20,\"x-phi\":true,"
        "\"x-length\":\"characters\"},"
        "\"kind\":{\"type\":\"string\",\"enum\":[\"video\",\"voice\"]},"
        "\"day\":{\"type\":\"string\",\"format\":\"date\"},"
        "\"minutes\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":5,\"maximum\":120},"
        "\"starts_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
        "\"urgent\":{\"type\":\"boolean\"},"
        "\"first\":{\"$ref\":\"#/components/schemas/Line\"},"
        "\"lines\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Line\"},"
        "\"maxItems\":9},"
        "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":1024},"
        "\"maxItems\":3},"
        "\"people\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"format\":\"uuid\"},"
        "\"minItems\":1,\"maxItems\":2},"
        "\"blob\":{\"type\":\"string\",\"contentEncoding\":\"base64url\",\"maxLength\":6},"
        "\"raw\":{}},"
        "\"required\":[\"reason\",\"minutes\"],\"additionalProperties\":false}");
}

static void count(const struct shape *shape, void *user)
{
    (void)shape;
    ++*(int *)user;
}

static void the_walk_sees_every_mention(void **state)
{
    int seen = 0;

    (void)state;
    json_walk(&order_shape, count, &seen);
    assert_int_equal(seen, 3);
}

static void a_full_arena_is_a_refusal(void **state)
{
    struct arena *const small = arena_new(64);

    (void)state;
    assert_int_equal(json_decode(&order_shape,
                                 str_bytes(STR(WITH("\"lines\":[{\"text\":\"x\"}]"))), small,
                                 &order, &fault),
                     ERR_BAD_BODY);
    assert_string_equal(fault.pointer, "/lines/0");
    arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_type),
        cmocka_unit_test(absent_is_zero_and_names_may_be_escaped),
        cmocka_unit_test(refuses_what_is_not_the_shape),
        cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(strings_are_text),
        cmocka_unit_test(a_body_cut_anywhere_is_refused),
        cmocka_unit_test(lenient_skips_what_it_does_not_know),
        cmocka_unit_test(lenient_is_no_excuse_for_bad_json),
        cmocka_unit_test(a_shape_may_contain_itself),
        cmocka_unit_test(queries_follow_the_shape),
        cmocka_unit_test(what_is_encoded_decodes_to_the_same),
        cmocka_unit_test(a_long_list_encodes),
        cmocka_unit_test(an_absent_number_is_the_usual_one),
        cmocka_unit_test(the_schema_says_it_all),
        cmocka_unit_test(the_walk_sees_every_mention),
        cmocka_unit_test(a_full_arena_is_a_refusal),
    };

    return cmocka_run_group_tests_name("json", tests, setup, teardown);
}
