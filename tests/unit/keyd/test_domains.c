#include "common/io/leaf.h"
#include "services/keyd/keyd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct uuid patient = {{7}};

static const char *const services[] = {
    "access",    "patients",      "appointments",  "signaling",
    "messaging", "notifications", "prescriptions", "billing",
    "fhir",      "audit",         "keyd",
    /* others whose certificates our CA signs, or might */
    "gateway",   "topics",        "*",             "access audit",
    "",
};
#define OURS 11

/* What each service may, written here a second time: s seal, o open. Others may nothing. */
static const struct {
    const char *service, *domain, *may;
} expected[] = {
    {"appointments", "visit", "so"},         {"patients", "chart", "so"},
    {"prescriptions", "chart", "o"},         {"access", "person", "so"},
    {"notifications", "person", "o"},        {"messaging", "message", "so"},
    {"prescriptions", "prescription", "so"},
};

static bool is_expected(const char *service, const char *domain, char use)
{
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (strcmp(expected[i].service, service) == 0 && strcmp(expected[i].domain, domain) == 0) {
            return strchr(expected[i].may, use) != NULL;
        }
    }
    return false;
}

static void every_cell_of_patients_domains_is_as_expected(void **state)
{
    (void)state;
    static const char *const domains[] = {"visit", "chart", "person", "message", "prescription"};

    for (size_t s = 0; s < sizeof services / sizeof *services; s++) {
        for (size_t d = 0; d < sizeof domains / sizeof *domains; d++) {
            const struct str domain = str_of(domains[d]);
            assert_int_equal(domain_may(services[s], USE_SEAL, domain, patient),
                             is_expected(services[s], domains[d], 's') ? ERR_OK : ERR_FORBIDDEN);
            assert_int_equal(domain_may(services[s], USE_OPEN, domain, patient),
                             is_expected(services[s], domains[d], 'o') ? ERR_OK : ERR_FORBIDDEN);
        }
    }
}

static void every_kind_has_a_domain(void **state)
{
    (void)state;
#define KIND(name, number, domain, message) assert_true(domain_known(domain));
#include "common/app/kinds.def"
#undef KIND
    assert_false(domain_known("visits"));
    assert_int_equal(domain_may("audit", USE_OPEN, STR("visits"), patient), ERR_FORBIDDEN);
}

static void whose_key_it_is_must_fit_the_domain(void **state)
{
    (void)state;
    assert_int_equal(domain_may("appointments", USE_SEAL, STR("visit"), UUID_NIL), ERR_FORBIDDEN);
    assert_int_equal(domain_may("access", USE_SEAL, STR("person"), UUID_NIL), ERR_OK);
    assert_int_equal(domain_may("access", USE_SEAL, STR("audit"), patient), ERR_FORBIDDEN);
}

static void every_service_seals_audit_leaves_and_only_audit_opens_them(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof services / sizeof *services; s++) {
        const bool audit = strcmp(services[s], "audit") == 0;
        assert_int_equal(domain_may(services[s], USE_SEAL, STR("audit"), UUID_NIL),
                         s < OURS ? ERR_OK : ERR_FORBIDDEN);
        assert_int_equal(domain_may(services[s], USE_OPEN, STR("audit"), UUID_NIL),
                         audit ? ERR_OK : ERR_FORBIDDEN);
    }
}

static void only_patients_has_blind_indexes(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof services / sizeof *services; s++) {
        const bool patients = strcmp(services[s], "patients") == 0;
        assert_int_equal(domain_may(services[s], USE_SEAL, STR("idx"), UUID_NIL),
                         patients ? ERR_OK : ERR_FORBIDDEN);
        assert_int_equal(domain_may(services[s], USE_OPEN, STR("idx"), UUID_NIL),
                         patients ? ERR_OK : ERR_FORBIDDEN);
        assert_int_equal(domain_may(services[s], USE_SEAL, STR("idx"), patient), ERR_FORBIDDEN);
    }
}

static void a_mac_key_is_its_producers_and_audits(void **state)
{
    (void)state;
    const struct uuid billing = leaf_producer_id(STR("billing"));

    assert_int_equal(domain_may("billing", USE_SEAL, STR("mac"), billing), ERR_OK);
    assert_int_equal(domain_may("billing", USE_OPEN, STR("mac"), billing), ERR_OK);
    assert_int_equal(domain_may("access", USE_SEAL, STR("mac"), billing), ERR_FORBIDDEN);
    assert_int_equal(domain_may("access", USE_OPEN, STR("mac"), billing), ERR_FORBIDDEN);
    assert_int_equal(domain_may("audit", USE_SEAL, STR("mac"), billing), ERR_OK);
    assert_int_equal(domain_may("audit", USE_OPEN, STR("mac"), billing), ERR_OK);
}

static void a_mac_key_is_for_services_alone(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof services / sizeof *services; s++) {
        const struct uuid own = leaf_producer_id(str_of(services[s]));
        const err_t expected_err = s < OURS ? ERR_OK : ERR_FORBIDDEN;
        assert_int_equal(domain_may(services[s], USE_SEAL, STR("mac"), own), expected_err);
        assert_int_equal(domain_may(services[s], USE_OPEN, STR("mac"), own), expected_err);
    }
}

static void the_log_s_keys_are_not_renewed_along_with_others(void **state)
{
    struct arena *const arena = arena_new(4096);
    const struct strs names = domains_renewable(arena);

    (void)state;
    for (size_t i = 0; i < names.n; i++) {
        assert_false(str_is(names.p[i], "audit"));
        assert_false(str_is(names.p[i], "mac"));
        assert_false(str_is(names.p[i], "body"));
    }
    arena_free(arena);
}

static void who_shows_no_certificate_gets_nothing(void **state)
{
    (void)state;
    assert_int_equal(domain_may(NULL, USE_SEAL, STR("audit"), UUID_NIL), ERR_FORBIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_of_patients_domains_is_as_expected),
        cmocka_unit_test(every_kind_has_a_domain),
        cmocka_unit_test(whose_key_it_is_must_fit_the_domain),
        cmocka_unit_test(every_service_seals_audit_leaves_and_only_audit_opens_them),
        cmocka_unit_test(a_mac_key_is_for_services_alone),
        cmocka_unit_test(only_patients_has_blind_indexes),
        cmocka_unit_test(a_mac_key_is_its_producers_and_audits),
        cmocka_unit_test(the_log_s_keys_are_not_renewed_along_with_others),
        cmocka_unit_test(who_shows_no_certificate_gets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
