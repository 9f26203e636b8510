#include "services/patients/patients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;

static const struct {
    enum index index;
    const char *given, *normal;
} cases[] = {
    {INDEX_NAME, "O'Brien", "obrien"},
    {INDEX_NAME, "o brien", "obrien"},
    {INDEX_NAME, "OBRIEN-", "obrien"},
    {INDEX_NAME, "Müller", "müller"},
    {INDEX_NAME, "MÜLLER", "müller"},
    {INDEX_NAME, "Ångström", "ångström"},
    {INDEX_NAME, "ΠΑΠΑΔΟΠΟΥΛΟΥ", "παπαδοπουλου"},
    {INDEX_NAME, "Ⱥ", "ⱥ"},
    {INDEX_NAME, "ȺȺȺȺȺȺȺȺ", "ⱥⱥⱥⱥⱥⱥⱥⱥ"},
    {INDEX_NAME, "山田", "山田"},
    {INDEX_NAME, "Kreiger458", "kreiger458"},
    {INDEX_NAME, "- '", ""},
    {INDEX_NAME, "", ""},
    {INDEX_NAME, "ab\xff", "ab"},
    {INDEX_MRN, "AB-00 17/x", "ab0017x"},
    {INDEX_PHONE, "+1 (555) 010-0199", "15550100199"},
    {INDEX_PHONE, "call me", ""},
    {INDEX_PHONE, "٣٤٥", ""},
    {INDEX_EMAIL, " Ana.Reyes@Example.ORG ", "ana.reyes@example.org"},
};

static void what_means_the_same_becomes_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct str got = index_normal(arena, cases[i].index, str_of(cases[i].given));
        char text[128];

        snprintf(text, sizeof text, STR_FMT, STR_ARG(got));
        assert_string_equal(text, cases[i].normal);
    }
}

static void nothing_given_is_nothing(void **state)
{
    (void)state;
    for (enum index i = 0; i < INDEXES; i++)
        assert_int_equal(index_normal(arena, i, STR_NONE).n, 0);
}

static int begin(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena = arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_means_the_same_becomes_the_same),
        cmocka_unit_test(nothing_given_is_nothing),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
