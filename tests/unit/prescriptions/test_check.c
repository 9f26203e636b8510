/* What is dangerous, by hand-made charts; and every state x event x role of a prescription. */
#include "services/prescriptions/prescriptions.h"
#include "tests/harness/states.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define RXNORM_TEXT "http://www.nlm.nih.gov/research/umls/rxnorm"

typedef Telecura__V1__CodedPhi coded_phi;

static const struct drug ibuprofen = {
    STR("ibuprofen"), STR("Ibuprofen"), STR("5640"), STR("nsaid"), 200000, 800000, 3200000,
};
static const struct allergen nsaids[] = {{STR("http://snomed.info/sct"), STR("372665008")}};
static struct arena *arena;

static coded_phi allergy(const char *system, const char *code, const char *text,
                         const char *status)
{
    coded_phi phi = TELECURA__V1__CODED_PHI__INIT;

    phi.system = (char *)(uintptr_t)system;
    phi.code = (char *)(uintptr_t)code;
    phi.text = (char *)(uintptr_t)text;
    phi.status = (char *)(uintptr_t)status;
    return phi;
}

static struct strs run(int64_t dose, int64_t times, const coded_phi *phi,
                       const prescription_phi *other)
{
    const struct check check = {
        .drug = &ibuprofen, .dose_micrograms = dose, .doses_per_day = times,
        .allergens = {nsaids, COUNT(nsaids)},
        .allergies = &phi, .allergy_count = phi != NULL,
        .in_force = &other, .in_force_count = other != NULL,
    };

    return check_run(arena, &check);
}

static void nothing_is_found_in_an_empty_chart(void **state)
{
    (void)state;
    assert_int_equal(run(400000, 3, NULL, NULL).n, 0);
}

static void allergies_by_ingredient_class_and_words(void **state)
{
    static const struct { const char *system, *code, *text, *status; bool hit; } rows[] = {
        {RXNORM_TEXT, "5640", "", "active", true},
        {RXNORM_TEXT, "5640", "", "", true}, /* no status is no all-clear */
        {RXNORM_TEXT, "5640", "", "refuted", false},
        {RXNORM_TEXT, "5640", "", "entered-in-error", false},
        {"urn:else", "5640", "", "active", false},
        {"http://snomed.info/sct", "372665008", "", "active", true},
        {"http://snomed.info/sct", "372665009", "", "active", false},
        {"", "", "hives from IBUPROFEN", "active", true},
        {"", "", "any NSAID", "active", true},
        {"", "", "peanuts", "active", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const coded_phi phi = allergy(rows[i].system, rows[i].code, rows[i].text, rows[i].status);
        const struct strs found = run(400000, 3, &phi, NULL);

        assert_int_equal(found.n, rows[i].hit);
        if (found.n) assert_true(str_starts(found.p[0], "allergy"));
    }
}

static void the_same_therapy_by_ingredient_or_class(void **state)
{
    static const struct { const char *ingredient, *class; bool hit; } rows[] = {
        {"5640", "other", true}, {"7258", "nsaid", true}, {"723", "penicillin", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        prescription_phi other = TELECURA__V1__PRESCRIPTION_PHI__INIT;
        other.ingredient = (char *)(uintptr_t)rows[i].ingredient;
        other.drug_class = (char *)(uintptr_t)rows[i].class;
        assert_int_equal(run(400000, 3, NULL, &other).n, rows[i].hit);
    }
}

static void doses_at_their_borders(void **state)
{
    static const struct { int64_t dose, times; const char *found; } rows[] = {
        {199999, 1, "dose_low"},  {200000, 16, NULL}, {200000, 17, "daily_dose_high"},
        {800000, 4, NULL}, {800001, 3, "dose_high"}, {1, INT64_MAX, "dose_low"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct strs found = run(rows[i].dose, rows[i].times, NULL, NULL);

        if (!rows[i].found) assert_int_equal(found.n, 0);
        else assert_true(found.n > 0 && str_is(found.p[0], rows[i].found));
    }
}

/* ---- states ---- */

/* Written out by hand, once more. */
static const struct expected_step expected[] = {
    {"pass", NULL, "ready", "ND"}, {"pass", "ready", "ready", "ND"}, {"pass", "blocked", "ready", "ND"},
    {"block", NULL, "blocked", "ND"}, {"block", "ready", "blocked", "ND"},
    {"block", "blocked", "blocked", "ND"},
    {"sign", "ready", "signed", "D"}, {"sign", "blocked", "signed", "D"},
    {"send", "signed", "sent", "D"},
    {"fill", "sent", "partially_filled", "A"}, {"fill", "partially_filled", "partially_filled", "A"},
    {"fill_last", "sent", "filled", "A"}, {"fill_last", "partially_filled", "filled", "A"},
    {"cancel", "ready", "cancelled", "D"}, {"cancel", "blocked", "cancelled", "D"},
    {"cancel", "signed", "cancelled", "D"}, {"cancel", "sent", "cancelled", "D"},
    {"cancel", "partially_filled", "cancelled", "D"},
    {NULL, NULL, NULL, NULL},
};

static void every_cell_is_as_written(void **state)
{
    (void)state;
    assert_states(rx_states, expected);
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1024 * 1024);
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
        cmocka_unit_test(nothing_is_found_in_an_empty_chart),
        cmocka_unit_test(allergies_by_ingredient_class_and_words),
        cmocka_unit_test(the_same_therapy_by_ingredient_or_class),
        cmocka_unit_test(doses_at_their_borders),
        cmocka_unit_test(every_cell_is_as_written),
    };

    return cmocka_run_group_tests_name("prescriptions", tests, setup, teardown);
}
