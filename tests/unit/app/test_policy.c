/* What the tables decide. That they say what they should is for their readers and for
 * tests/integration/policy, which reads them from the print and decides for itself. */
#include "common/app/auth.h"
#include "common/app/session_rules.h"
#include "common/codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static enum policy_word decided(enum role role, enum permission permission, unsigned labels,
                                struct policy_facts facts)
{
    const struct policy_ask ask = {role, permission, labels, false};

    return policy_decide(&ask, &facts).word;
}

static void a_relation_opens_its_cells_and_no_other(void **state)
{
    const struct policy_facts none = {.known = true},
                              booked = {.kinds = POLICY_BIT(RELATION_BOOKED), .known = true},
                              team = {.kinds = POLICY_BIT(RELATION_CARE_TEAM), .known = true},
                              proxy = {.kinds = POLICY_BIT(RELATION_GUARDIAN), .known = true};

    (void)state;
    assert_int_equal(decided(ROLE_CLINICIAN, READ_CHART, 0, none), POLICY_NO_RELATION);
    assert_int_equal(decided(ROLE_CLINICIAN, READ_CHART, 0, booked), POLICY_ALLOWED);
    assert_int_equal(decided(ROLE_CLINICIAN, READ_CHART, 0, proxy), POLICY_NO_RELATION);
    assert_int_equal(decided(ROLE_PROXY, READ_CHART, 0, proxy), POLICY_ALLOWED);
    assert_int_equal(decided(ROLE_PROXY, READ_NOTE, 0, proxy), POLICY_NO_ROLE);
    assert_int_equal(decided(ROLE_NURSE, READ_CHART, 0, none), POLICY_NO_RELATION);
    assert_int_equal(decided(ROLE_NURSE, READ_CHART, 0, team), POLICY_ALLOWED);
    assert_int_equal(decided(ROLE_NURSE, WRITE_CHART, 0, none), POLICY_NO_RELATION);
    assert_int_equal(decided(ROLE_NURSE, READ_VISIT, 0, none), POLICY_ALLOWED);
    assert_int_equal(decided(ROLE_NURSE, READ_VISIT, 0, (struct policy_facts){0}),
                     POLICY_NO_RELATION);
}

static void a_label_narrows_and_never_widens(void **state)
{
    (void)state;
    for (enum role role = 0; role < ROLES; role++) {
        for (enum permission may = PASS_ON + 1; may < PERMISSIONS; may++) {
            for (unsigned labels = 0; labels < POLICY_BIT(LABELS); labels++) {
                const struct policy_ask plain = {role, may, 0, false},
                                        marked = {role, may, labels, true};
                const struct policy_need before = policy_need(&plain), after = policy_need(&marked);

                if (before.word != POLICY_ALLOWED) assert_int_equal(after.word, before.word);
                if (before.site || before.reach & ANY) continue;
                assert_int_equal(after.kinds & ~before.kinds, 0);
                assert_false(after.site);
                assert_false(after.reach & ANY);
            }
        }
    }
}

static void addiction_asks_nurses_for_a_relation_and_pharmacies_for_consent(void **state)
{
    const unsigned part2 = POLICY_BIT(LABEL_PART2);
    const struct policy_facts known = {.known = true},
                              agreed = {.consents = POLICY_BIT(CONSENT_DATA_SHARING), .known = 1},
                              treats = {.kinds = POLICY_BIT(RELATION_TREATING), .known = true};

    (void)state;
    assert_int_equal(decided(ROLE_NURSE, READ_VISIT, part2, known), POLICY_NO_RELATION);
    assert_int_equal(decided(ROLE_NURSE, READ_VISIT, part2, treats), POLICY_ALLOWED);
    assert_int_equal(decided(ROLE_PHARMACIST, READ_RX, part2, known), POLICY_NO_CONSENT);
    assert_int_equal(decided(ROLE_PHARMACIST, READ_RX, part2, agreed), POLICY_ALLOWED);
    assert_int_equal(policy_unlisted(ROLE_NURSE, READ_VISIT, true) & part2, 0);
    assert_int_equal(policy_unlisted(ROLE_NURSE, READ_VISIT, false) & part2, part2);
    assert_int_equal(policy_unlisted(ROLE_PHARMACIST, READ_RX, true) & part2, part2);
}

static err_t may(enum role role, enum permission permission, const char *scope)
{
    const struct actor actor = {.role = role, .scopes = policy_scopes(str_of(scope)), .acr = 2};

    return auth_may(&actor, permission, 0);
}

static void scopes_take_away_and_never_add(void **state)
{
    static const char *const scopes[] = {
        "openid", "may:read_visit", "openid may:read_chart may:sign_rx", "may:", "may:no_such_thing",
        "may:READ_VISIT", "may:read_visi", "may:read_visits", "may:turn_keys may:erase_record"};

    (void)state;
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
        for (enum role role = 0; role < ROLES; role++)
            for (enum permission at = PASS_ON + 1; at < PERMISSIONS; at++)
                if (may(role, at, scopes[i]) == ERR_OK) assert_int_equal(may(role, at, ""), ERR_OK);
    assert_int_equal(may(ROLE_NURSE, READ_VISIT, "openid may:read_visit x"), ERR_OK);
    assert_int_equal(may(ROLE_NURSE, READ_CHART, "openid may:read_visit x"), ERR_FORBIDDEN);
    assert_int_equal(may(ROLE_NURSE, READ_CHART, "openid profile"), ERR_OK);
    for (size_t i = 3; i < 8; i++)
        assert_int_equal(may(ROLE_NURSE, READ_VISIT, scopes[i]), ERR_FORBIDDEN);
}

/* What a person answers for with a second factor, what breaks the glass, what signs and what is
 * said between people is not for programs, whatever scopes they have. */
static void a_machine_decides_nothing(void **state)
{
    static const enum permission never[] = {
        SIGN_RX, SEND_RX, DRAFT_RX, BREAK_GLASS, MINT_GRANT, CALL, CHAT, SEND_MESSAGE, GIVE_CONSENT,
        WRITE_NOTE, READ_NOTE, MANAGE_PEOPLE, DISABLE_PERSON, MANAGE_RELATIONS, INVITE_GUEST,
        READ_AUDIT};

    (void)state;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        assert_int_equal(permission_info(never[i])->reach[ROLE_CLIENT], NO);
    for (enum permission at = PASS_ON + 1; at < PERMISSIONS; at++)
        if (permission_info(at)->factor == FRESH)
            assert_int_equal(permission_info(at)->reach[ROLE_CLIENT], NO);
    for (enum label label = 0; label < LABELS; label++)
        assert_int_equal(label_info(label)->reach[ROLE_CLIENT], NO);
}

static void broken_glass_shows_and_changes_nothing(void **state)
{
    static const enum permission shown[] = {
        READ_PEOPLE, READ_DEMOGRAPHICS, READ_CHART, READ_VISIT, READ_NOTE, READ_SUMMARY, READ_RX,
        READ_GLASS, END_GLASS};
    const struct policy_facts broken = {
        .kinds = POLICY_BIT(RELATION_BREAK_GLASS), .known = true, .fresh = true};

    (void)state;
    for (enum permission may = PASS_ON + 1; may < PERMISSIONS; may++) {
        bool opens = permission_info(may)->reach[ROLE_CLINICIAN] & (ANY | SITE);

        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) opens |= may == shown[i];
        const enum policy_word word = decided(ROLE_CLINICIAN, may, 0, broken);
        assert_int_equal(word != POLICY_NO_ROLE && word != POLICY_NO_RELATION, opens);
        for (enum role role = 0; role < ROLES; role++) {
            const unsigned reach = permission_info(may)->reach[role];
            if (role != ROLE_CLINICIAN) assert_false(reach & BTG);
            if (may == BREAK_GLASS) assert_int_equal(reach, role == ROLE_CLINICIAN ? SITE : NO);
        }
    }
}

static void broken_glass_opens_addiction_but_no_psychotherapy(void **state)
{
    const struct policy_facts broken = {.kinds = POLICY_BIT(RELATION_BREAK_GLASS), .known = true};

    (void)state;
    assert_int_equal(decided(ROLE_CLINICIAN, READ_CHART, POLICY_BIT(LABEL_PART2), broken),
                     POLICY_ALLOWED);
    assert_int_equal(decided(ROLE_CLINICIAN, READ_VISIT, POLICY_BIT(LABEL_ADOL), broken),
                     POLICY_ALLOWED);
    assert_int_equal(decided(ROLE_CLINICIAN, READ_NOTE, POLICY_BIT(LABEL_PSYTHPN), broken),
                     POLICY_NO_LABEL);
}

/* A list leaves out by label for all whom one reaches by a relation of one's own, so a label must
 * not tell these relations apart where the action does not. */
static void a_label_takes_broken_glass_with_care(void **state)
{
    (void)state;
    for (enum permission may = PASS_ON + 1; may < PERMISSIONS; may++) {
        for (enum label label = 0; label < LABELS; label++) {
            const struct policy_ask ask = {ROLE_CLINICIAN, may, POLICY_BIT(label), true};
            const unsigned plain = permission_info(may)->reach[ROLE_CLINICIAN],
                           marked = policy_need(&ask).reach;

            if (plain == URG) assert_true(marked == NO || marked == URG);
        }
    }
}

static void a_psychotherapist_s_note_is_its_writer_s(void **state)
{
    const struct policy_facts booked = {.kinds = POLICY_BIT(RELATION_BOOKED), .known = true};
    struct policy_ask ask = {ROLE_CLINICIAN, READ_NOTE, POLICY_BIT(LABEL_PSYTHPN), true};

    (void)state;
    assert_int_equal(policy_decide(&ask, &booked).word, POLICY_ALLOWED);
    ask.mine = false;
    assert_int_equal(policy_decide(&ask, &booked).word, POLICY_NO_LABEL);
    ask.role = ROLE_NURSE;
    ask.mine = true;
    assert_int_equal(policy_decide(&ask, &booked).word, POLICY_NO_LABEL);
}

static void an_administrator_has_nobody_s_data(void **state)
{
    static const enum permission phi[] = {
        READ_DEMOGRAPHICS, READ_CHART, READ_VISIT, READ_NOTE, READ_SUMMARY, READ_RX, READ_INVOICE,
        CHAT, READ_OWN_AUDIT};
    const struct policy_facts all = {~0u, ~0u, true, true};

    (void)state;
    for (size_t i = 0; i < sizeof phi / sizeof *phi; i++)
        assert_int_equal(decided(ROLE_ADMIN, phi[i], 0, all), POLICY_NO_ROLE);
}

static void a_purpose_is_the_role_s_but_for_acts_that_have_their_own(void **state)
{
    (void)state;
    assert_string_equal(purpose_code(policy_purpose(ROLE_PATIENT, READ_CHART)), "PATRQT");
    assert_string_equal(purpose_code(policy_purpose(ROLE_CLINICIAN, READ_CHART)), "TREAT");
    assert_string_equal(purpose_code(policy_purpose(ROLE_FRONT_DESK, PAY_INVOICE)), "HPAYMT");
    assert_string_equal(purpose_code(policy_purpose(ROLE_PRIVACY, EXPLAIN_POLICY)), "HCOMPL");
    assert_string_equal(purpose_code(policy_purpose(ROLE_SERVICE, READ_CHART)), "HOPERAT");
}

static void fields_are_left_out_by_role(void **state)
{
    struct row { struct str reason, place, open; };
    static const struct field fields[] = {
        {"reason", TEXT, offsetof(struct row, reason), PHI | CLINICAL},
        {"place", TEXT, offsetof(struct row, place), PHI | CONTACT},
        {"open", TEXT, offsetof(struct row, open), 0},
        {0},
    };
    static const struct shape shape = {"Row", sizeof(struct row), fields};
    const struct row row = {STR("a"), STR("b"), STR("c")};
    struct arena *const arena = arena_new(4096);

    (void)state;
    struct str text = json_encode_without(arena, &shape, &row, policy_hidden(ROLE_FRONT_DESK));
    assert_true(str_is(text, "{\"place\":\"b\",\"open\":\"c\"}"));
    text = json_encode_without(arena, &shape, &row, policy_hidden(ROLE_BILLER));
    assert_true(str_is(text, "{\"open\":\"c\"}"));
    text = json_encode_without(arena, &shape, &row, policy_hidden(ROLE_CLINICIAN));
    assert_true(str_is(text, "{\"reason\":\"a\",\"place\":\"b\",\"open\":\"c\"}"));
    arena_free(arena);
}

static void who_may_have_a_connection_has_rules_for_it(void **state)
{
    (void)state;
    for (enum role role = 0; role < ROLES; role++) {
        const bool may =
            permission_info(CHAT)->reach[role] != NO || permission_info(CALL)->reach[role] != NO;

        assert_int_equal(session_rule(role)->windows > 0, may);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_have_a_connection_has_rules_for_it),
        cmocka_unit_test(a_relation_opens_its_cells_and_no_other),
        cmocka_unit_test(a_label_narrows_and_never_widens),
        cmocka_unit_test(addiction_asks_nurses_for_a_relation_and_pharmacies_for_consent),
        cmocka_unit_test(scopes_take_away_and_never_add),
        cmocka_unit_test(a_machine_decides_nothing),
        cmocka_unit_test(broken_glass_shows_and_changes_nothing),
        cmocka_unit_test(broken_glass_opens_addiction_but_no_psychotherapy),
        cmocka_unit_test(a_label_takes_broken_glass_with_care),
        cmocka_unit_test(a_psychotherapist_s_note_is_its_writer_s),
        cmocka_unit_test(an_administrator_has_nobody_s_data),
        cmocka_unit_test(a_purpose_is_the_role_s_but_for_acts_that_have_their_own),
        cmocka_unit_test(fields_are_left_out_by_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
