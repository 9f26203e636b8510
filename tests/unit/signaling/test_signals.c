/* What passes between two people before they are connected: order, waiting, addresses. */
#include "services/signaling/signaling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define RELAY "candidate:3 1 udp 41885439 127.0.0.1 19600 typ relay raddr 0.0.0.0 rport 0"
#define HOST "candidate:1 1 udp 2122260223 192.168.1.23 54321 typ host"

static void a_flow_passes_each_signal_once_and_forward(void **state)
{
    static const struct {
        int64_t gen, seq;
        bool pass;
    } signals[] = {
        {0, 0, true},  {0, 0, false}, {0, 2, true},  {0, 1, false}, {2, 0, true},
        {1, 9, false}, {2, 1, true},  {2, 1, false}, {3, 0, true},  {INT64_MAX, INT64_MAX, true},
        {3, 5, false},
    };
    struct flow flow = {UUID_NIL, 0, -1};

    (void)state;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        assert_int_equal(flow_pass(&flow, signals[i].gen, signals[i].seq), signals[i].pass);
}

static void a_mailbox_keeps_order_a_minute_and_its_bounds(void **state)
{
    struct arena *arena = arena_new(4 * MAILBOX_BYTES);
    struct mailbox box = {0};
    char text[16];

    (void)state;
    assert_null(mailbox_take(&box, arena).p);
    for (int i = 0; i < MAILBOX_LETTERS; i++) {
        const int n = snprintf(text, sizeof text, "%d", i);
        assert_true(mailbox_put(&box, (struct str){text, (size_t)n}, 100));
    }
    assert_false(mailbox_put(&box, STR("one too many"), 100));
    assert_true(str_is(mailbox_take(&box, arena), "0"));
    assert_true(mailbox_put(&box, STR("again"), 101));
    assert_true(str_is(mailbox_take(&box, arena), "1"));

    mailbox_expire(&box, 100 + MAILBOX_US);
    assert_int_equal(box.count, MAILBOX_LETTERS - 1);
    mailbox_expire(&box, 101 + MAILBOX_US);
    assert_int_equal(box.count, 1);
    assert_true(str_is(mailbox_take(&box, arena), "again"));
    assert_int_equal(box.count, 0);
    assert_int_equal(box.bytes, 0);

    const struct str big = {arena_alloc(arena, MAILBOX_BYTES), MAILBOX_BYTES};
    assert_true(mailbox_put(&box, big, 0));
    assert_false(mailbox_put(&box, STR("x"), 0));
    mailbox_expire(&box, MAILBOX_US + 1);
    assert_true(mailbox_put(&box, STR("x"), MAILBOX_US + 1));
    mailbox_expire(&box, 3 * MAILBOX_US);
    arena_free(arena);
}

static void only_relayed_candidates_pass(void **state)
{
    static const struct {
        const char *text;
        bool pass;
    } candidates[] = {
        {RELAY, true},
        {HOST, false},
        {"{\"candidate\":\"" RELAY "\",\"sdpMid\":\"0\"}", true},
        {"{\"candidate\":\"" HOST "\"}", false},
        {"{\"candidate\":\"\"}", true}, /* the end of them */
        {"", true},
        {"candidate:1 1 udp 1 192.168.1.23 5", false}, /* of no type */
        {RELAY " " HOST, false},
        {HOST " " RELAY, false},
        {"candidate:1 1 udp 1 10.0.0.1 5 typ ", false},
        {"candidate:1 1 udp 1 10.0.0.1 5 typ srflx", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        assert_int_equal(candidate_is_relay(str_of(candidates[i].text)), candidates[i].pass);
}

static void a_description_loses_the_lines_that_give_addresses_away(void **state)
{
    static const struct {
        const char *given, *left;
    } texts[] = {
        {"v=0\r\na=" HOST "\r\na=mid:0\r\n", "v=0\r\na=mid:0\r\n"},
        {"v=0\na=" HOST "\na=" RELAY "\na=x", "v=0\na=" RELAY "\na=x"},
        {"{\"sdp\":\"v=0\\r\\na=" HOST "\\r\\na=mid:0\\r\\n\"}", "{\"sdp\":\"v=0\\r\\na=mid:0\\r\\n\"}"},
        {"{\"sdp\":\"a=" HOST "\"}", "{\"sdp\":\"\"}"},
        {"a=" HOST, ""},
        {"a=candidate:", ""},
        {"a=candidate:\\", "\\"},
        {"nothing of the kind", "nothing of the kind"},
        {"", ""},
    };
    struct arena *arena = arena_new(64 * 1024);

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct str left = description_relayed(arena, str_of(texts[i].given));

        assert_true(str_is(left, texts[i].left));
    }
    arena_free(arena);
}

static void of_two_exactly_one_is_polite(void **state)
{
    const struct str roles[] = {STR("patient"), STR("clinician")};

    (void)state;
    for (int i = 0; i < 200; i++) {
        const struct uuid a = uuid_v4(), b = uuid_v4();
        const struct str ra = roles[i & 1], rb = roles[i >> 1 & 1];

        assert_int_not_equal(room_polite(a, ra, b, rb), room_polite(b, rb, a, ra));
    }
    assert_true(room_polite(uuid_v4(), roles[0], uuid_v4(), roles[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_passes_each_signal_once_and_forward),
        cmocka_unit_test(a_mailbox_keeps_order_a_minute_and_its_bounds),
        cmocka_unit_test(only_relayed_candidates_pass),
        cmocka_unit_test(a_description_loses_the_lines_that_give_addresses_away),
        cmocka_unit_test(of_two_exactly_one_is_polite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
