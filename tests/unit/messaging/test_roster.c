/* Who sits elsewhere, as far as is known, and the words by which replicas tell each other. */
#include "services/messaging/messaging.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct uuid ana = {{1}}, lee = {{2}};
static char news[256];

static void note(void *user, struct uuid person, enum sight sight)
{
    static const char *const words[] = {"gone", "present", "unknown"};
    const size_t n = strlen(news);

    (void)user;
    snprintf(news + n, sizeof news - n, "%s %s;", uuid_equal(person, ana) ? "ana" : "lee",
             words[sight]);
}

static void see(struct roster *roster, struct uuids seen, enum sight others, const char *told)
{
    news[0] = '\0';
    roster_see(roster, seen, others, note, NULL);
    assert_string_equal(news, told);
}

#define SEEN(...) ((struct uuids){(const struct uuid[]){__VA_ARGS__}, \
                                  sizeof((const struct uuid[]){__VA_ARGS__}) / sizeof(struct uuid)})
#define NOBODY ((struct uuids){NULL, 0})

static void only_what_is_news_is_told(void **state)
{
    struct roster roster = {0};

    (void)state;
    see(&roster, SEEN(ana), SIGHT_GONE, "ana present;");
    see(&roster, SEEN(ana), SIGHT_GONE, "");
    see(&roster, SEEN(lee, ana), SIGHT_GONE, "lee present;");
    see(&roster, SEEN(lee), SIGHT_GONE, "ana gone;");
    assert_int_equal(roster_sight(&roster, ana), SIGHT_GONE);
    assert_int_equal(roster_sight(&roster, lee), SIGHT_PRESENT);
    see(&roster, NOBODY, SIGHT_GONE, "lee gone;");
    assert_null(roster.first);
}

static void who_cannot_be_seen_is_unknown_until_all_can(void **state)
{
    struct roster roster = {0};

    (void)state;
    see(&roster, SEEN(ana), SIGHT_GONE, "ana present;");
    see(&roster, NOBODY, SIGHT_UNKNOWN, "ana unknown;"); /* Redis went */
    see(&roster, NOBODY, SIGHT_UNKNOWN, "");             /* it is back, and empty yet */
    see(&roster, SEEN(lee), SIGHT_UNKNOWN, "lee present;");
    assert_int_equal(roster_sight(&roster, ana), SIGHT_UNKNOWN);
    see(&roster, SEEN(lee), SIGHT_GONE, "ana gone;"); /* all have told who sits with them */
    roster_doubt(&roster, ana);
    assert_int_equal(roster_sight(&roster, ana), SIGHT_UNKNOWN);
    see(&roster, SEEN(ana, lee), SIGHT_GONE, "ana present;");
    roster_free(&roster);
    assert_null(roster.first);
}

static void a_word_is_read_as_it_was_written(void **state)
{
    char text[WORD_BYTES];

    (void)state;
    for (enum verb verb = VERB_LOOK; verb <= VERB_TYPING; verb++) {
        const struct word word = {verb, uuid_v4(), uuid_v4(), uuid_v4()};
        struct word read = {0};

        assert_true(word_parse(str_of(word_print(&word, text)), &read));
        assert_memory_equal(&read, &word, sizeof word);
    }
}

static void what_is_no_word_is_left_alone(void **state)
{
    const struct word word = {VERB_TYPING, uuid_v4(), uuid_v4(), uuid_v4()};
    struct word read = {.verb = VERB_GONE};
    char text[WORD_BYTES];

    (void)state;
    const struct str whole = str_of(word_print(&word, text));
    for (size_t n = 0; n < whole.n; n++)
        assert_false(word_parse((struct str){whole.p, n}, &read));
    text[sizeof "typing"] = 'x';
    assert_false(word_parse(whole, &read));
    assert_false(word_parse(STR("shout 1 2 3"), &read));
    assert_int_equal(read.verb, VERB_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_news_is_told),
        cmocka_unit_test(who_cannot_be_seen_is_unknown_until_all_can),
        cmocka_unit_test(a_word_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_word_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
