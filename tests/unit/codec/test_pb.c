/* pb: what is sound goes both ways; what is hostile is refused before it costs anything. */
#include "common/codec/pb.h"
#include "tests/unit/codec/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena = arena_free(arena);
    return 0;
}

static err_t unpack(struct bytes packed, struct node **ret)
{
    ProtobufCMessage *message = NULL;
    const err_t err = pb_unpack(&node_type, packed, arena, &message);

    *ret = (struct node *)message;
    return err;
}

static bool refused(const void *packed, size_t n)
{
    struct node *ignored;

    return unpack(bytes_of(packed, n), &ignored) == ERR_BAD_BODY;
}

static void goes_both_ways(void **state)
{
    struct node child = NODE_INIT, parent = NODE_INIT, *children[] = {&child, &child}, *back;
    int64_t numbers[] = {1, -1, INT64_MAX};
    const struct uuid id = uuid_v4();

    (void)state;
    child.text = pb_text(arena, STR("caf\xc3\xa9"));
    parent.nodes = children;
    parent.nodes_n = 2;
    parent.numbers = numbers;
    parent.numbers_n = 3;
    parent.id = pb_uuid(arena, id);
    assert_int_equal(unpack(pb_pack(arena, &parent.base), &back), ERR_OK);
    assert_int_equal(back->nodes_n, 2);
    assert_string_equal(back->nodes[1]->text, "caf\xc3\xa9");
    assert_int_equal(back->numbers[2], INT64_MAX);
    assert_true(uuid_equal(pb_to_uuid(back->id), id));
    assert_true(uuid_is_nil(pb_to_uuid(child.id)));
    assert_string_equal(pb_text(arena, STR_NONE), "");
    assert_int_equal(unpack(BYTES_NONE, &back), ERR_OK);
    assert_string_equal(back->text, "");
}

/* @levels messages in each other. */
static struct bytes nested(unsigned levels)
{
    struct node *const nodes = ARENA_ARRAY(arena, struct node, levels);
    struct node **const links = ARENA_ARRAY(arena, struct node *, levels);

    for (unsigned i = 0; i < levels; i++) {
        node_init(&nodes[i].base);
        links[i] = &nodes[i];
        if (i + 1 == levels) break;
        nodes[i].nodes_n = 1;
        nodes[i].nodes = &links[i + 1];
    }
    return pb_pack(arena, &nodes[0].base);
}

static void nesting_is_cut_off(void **state)
{
    struct node *back;

    (void)state;
    assert_int_equal(unpack(nested(PB_DEPTH_MAX), &back), ERR_OK);
    assert_int_equal(unpack(nested(PB_DEPTH_MAX + 1), &back), ERR_BAD_BODY);
    assert_int_equal(unpack(nested(5000), &back), ERR_BAD_BODY);
}

static void empty_messages_do_not_swell(void **state)
{
    const size_t n = PB_BYTES_MAX;
    uint8_t *const known = malloc(n), *const unknown = malloc(n);
    size_t before;

    (void)state;
    assert_true(known && unknown);
    for (size_t i = 0; i < n; i += 2) {
        memcpy(known + i, "\x12\x00", 2);   /* an empty Node in field 2 */
        memcpy(unknown + i, "\x7a\x00", 2); /* nothing in field 15 */
    }
    before = arena_used(arena);
    assert_true(refused(known, n));
    assert_true(refused(unknown, n));
    assert_int_equal(arena_used(arena), before); /* the scan sees it, before memory is taken */
    assert_true(refused(known, 20000));
    assert_true(arena_used(arena) - before <= (20000 * PB_EXPANSION_MAX + 4096) * 2);
    free(known);
    free(unknown);
}

static void texts_are_utf8_wherever_they_stand(void **state)
{
    (void)state;
    assert_false(refused("\x0a\x02ok", 4));
    assert_true(refused("\x0a\x02o\x00", 4));
    assert_true(refused("\x0a\x02o\xff", 4));
    assert_true(refused("\x0a\x02\xff\xff\x0a\x02ok", 8)); /* one that is overwritten */
    assert_true(refused("\x22\x02ok\x22\x01\x80", 7));     /* repeated */
    assert_true(refused("\x12\x03\x0a\x01\xc0", 5));       /* nested */
    assert_false(refused("\x2a\x01\xff", 3));              /* bytes may be anything */
    assert_false(refused("\x7a\x01\xff", 3));              /* so may what we do not know */
}

static void broken_wire_formats_are_refused(void **state)
{
    static const struct {
        const char *p;
        size_t n;
    } rows[] = {
        {"\x0a", 1},                     /* a tag alone */
        {"\x0a\x05xx", 4},               /* longer than the rest */
        {"\x0a\xff\xff\xff\xff\x0f", 6}, /* a length of 4 GB */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
        {"\x00\x00", 2},                 /* field 0 */
        {"\x7b\x7c", 2},                 /* a group */
        {"\x7e\x00", 2},                 /* wire type 6 */
        {"\x79\x00\x00\x00", 4},         /* 64 bits cut off */
        {"\x7d\x00\x00", 3},             /* 32 bits cut off */
        {"\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* a varint of 11 bytes */
        {"\x08\x01", 2},                 /* a text as a number */
        {"\x10\x01", 2},                 /* a message as a number */
        {"\x1a\x01\x80", 3},             /* a packed list that is cut off */
    };
    uint8_t *const large = calloc(1, PB_BYTES_MAX + 1);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(refused(rows[i].p, rows[i].n));
    assert_true(refused(large, PB_BYTES_MAX + 1));
    free(large);
}

static void a_message_cut_anywhere_does_no_harm(void **state)
{
    struct node child = NODE_INIT, parent = NODE_INIT, *children[] = {&child, &child}, *back;
    struct bytes packed;

    (void)state;
    child.text = pb_text(arena, STR("a text"));
    parent.nodes = children;
    parent.nodes_n = 2;
    packed = pb_pack(arena, &parent.base);
    for (size_t n = 0; n < packed.n; n++) {
        uint8_t *const cut = malloc(n + 1); /* so that a read past the end is seen */

        memcpy(cut, packed.p, n);
        if (unpack(bytes_of(cut, n), &back) == ERR_OK) assert_true(n == 0 || n == packed.n / 2);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_both_ways),
        cmocka_unit_test(nesting_is_cut_off),
        cmocka_unit_test(empty_messages_do_not_swell),
        cmocka_unit_test(texts_are_utf8_wherever_they_stand),
        cmocka_unit_test(broken_wire_formats_are_refused),
        cmocka_unit_test(a_message_cut_anywhere_does_no_harm),
    };

    return cmocka_run_group_tests_name("pb", tests, setup, teardown);
}
