#include "common/app/grant.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_US (1763770000LL * SECOND_US)

static const struct grant grant = {
    .id = {{1}},
    .org = {{2}},
    .person = {{3}},
    .patient = {{4}},
    .provider = {{5}},
    .visit = {{6}},
    .channel = {{7}},
    .role = {"patient", 7},
    .rights = {"chat call", 9},
    .minted_at_us = NOW_US,
    .ends_at_us = NOW_US + 10 * MINUTE_US,
};
static const struct pass pass = {
    .org = {{2}},
    .visit = {{6}},
    .patient = {{4}},
    .provider = {{5}},
    .version = 3,
    .state = {"arrived", 7},
    .starts_at_us = NOW_US,
    .ends_at_us = NOW_US + 30 * MINUTE_US,
    .issued_at_us = NOW_US,
    .expires_at_us = NOW_US + 15 * MINUTE_US,
};

struct fixture {
    char folder[32], key[64], public[64];
    struct signer *signer;
    struct arena *arena;
};

static int given_a_signer(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (!f) return -1;
    snprintf(f->folder, sizeof f->folder, "/tmp/grant-XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    snprintf(f->key, sizeof f->key, "%s/key", f->folder);
    snprintf(f->public, sizeof f->public, "%s/public", f->folder);
    f->signer = signer_new(f->key, f->public);
    f->arena = arena_new((size_t)16 * 1024 * 1024);
    *state = f;
    return f->signer ? 0 : -1;
}

static int all_removed(void **state)
{
    struct fixture *f = *state;

    signer_free(f->signer);
    arena_free(f->arena);
    unlink(f->key);
    unlink(f->public);
    const int left = rmdir(f->folder);
    free(f);
    return left;
}

static void a_grant_says_what_was_minted(void **state)
{
    struct fixture *f = *state;
    const struct str token = grant_mint(f->arena, f->signer, &grant);
    struct grant got;

    assert_int_equal(grant_check(f->arena, f->public, token, NOW_US + 1, &got), ERR_OK);
    assert_memory_equal(&got, &grant, offsetof(struct grant, role)); /* the ids */
    assert_true(str_is(got.role, "patient") && str_is(got.rights, "chat call"));
    assert_true(got.minted_at_us == grant.minted_at_us && got.ends_at_us == grant.ends_at_us);
}

static void a_pass_says_what_was_minted(void **state)
{
    struct fixture *f = *state;
    const struct str token = pass_mint(f->arena, f->signer, &pass);
    struct pass got;

    assert_int_equal(pass_check(f->arena, f->public, token, NOW_US + 1, &got), ERR_OK);
    assert_memory_equal(&got, &pass, offsetof(struct pass, version));
    assert_int_equal(got.version, 3);
    assert_true(str_is(got.state, "arrived"));
    assert_true(got.ends_at_us == pass.ends_at_us && got.expires_at_us == pass.expires_at_us);
}

static void one_never_passes_for_the_other(void **state)
{
    struct fixture *f = *state;
    struct grant as_grant;
    struct pass as_pass;

    assert_int_equal(
        pass_check(f->arena, f->public, grant_mint(f->arena, f->signer, &grant), NOW_US, &as_pass),
        ERR_GRANT_REQUIRED);
    assert_int_equal(
        grant_check(f->arena, f->public, pass_mint(f->arena, f->signer, &pass), NOW_US, &as_grant),
        ERR_GRANT_REQUIRED);
}

static void it_opens_from_its_minting_to_its_end(void **state)
{
    struct fixture *f = *state;
    const struct str token = grant_mint(f->arena, f->signer, &grant);
    struct grant got;

    assert_int_equal(grant_check(f->arena, f->public, token, grant.ends_at_us - 1, &got), ERR_OK);
    assert_int_equal(grant_check(f->arena, f->public, token, grant.ends_at_us, &got),
                     ERR_GRANT_EXPIRED);
    assert_int_equal(grant_check(f->arena, f->public, token, NOW_US - HOUR_US, &got),
                     ERR_GRANT_REQUIRED);
}

/* Whoever signed it: a patient's for half an hour, a clinician's for an hour. */
static void it_is_never_for_longer_than_its_ceiling(void **state)
{
    static const struct {
        const char *seat;
        int64_t minutes;
    } seats[] = {{"patient", GRANT_PATIENT_MINUTES_MAX}, {"clinician", GRANT_STAFF_MINUTES_MAX}};
    struct fixture *f = *state;
    struct grant got;

    for (size_t i = 0; i < sizeof seats / sizeof *seats; i++) {
        for (int longer = 0; longer < 2; longer++) {
            struct grant given = grant;

            given.role = str_of(seats[i].seat);
            given.ends_at_us = given.minted_at_us + seats[i].minutes * MINUTE_US;
            given.ends_at_us += longer * SECOND_US;
            const struct str token = grant_mint(f->arena, f->signer, &given);
            assert_int_equal(grant_check(f->arena, f->public, token, given.minted_at_us, &got),
                             longer ? ERR_GRANT_REQUIRED : ERR_OK);
            assert_int_equal(grant_check(f->arena, f->public, token, given.ends_at_us, &got),
                             longer ? ERR_GRANT_REQUIRED : ERR_GRANT_EXPIRED);
        }
    }
}

static void every_changed_character_is_noticed(void **state)
{
    struct fixture *f = *state;
    const struct str token = grant_mint(f->arena, f->signer, &grant);
    struct grant got;

    assert_int_equal(grant_check(f->arena, f->public, token, NOW_US, &got), ERR_OK);
    for (size_t i = 0; i < token.n; i++) {
        char *changed = arena_cstr(f->arena, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(grant_check(f->arena, f->public, str_of(changed), NOW_US, &got),
                         ERR_GRANT_REQUIRED);
    }
    for (size_t n = 0; n < token.n; n += 7) {
        const struct str cut = {token.p, n};
        assert_int_equal(grant_check(f->arena, f->public, cut, NOW_US, &got), ERR_GRANT_REQUIRED);
    }
    assert_int_equal(grant_check(f->arena, f->public, STR_NONE, NOW_US, &got), ERR_GRANT_REQUIRED);
}

static void the_key_outlives_the_process(void **state)
{
    struct fixture *f = *state;
    const struct str token = grant_mint(f->arena, f->signer, &grant);
    struct stat before, after, key;
    struct grant got;

    assert_int_equal(stat(f->public, &before), 0);
    f->signer = signer_free(f->signer);
    f->signer = signer_new(f->key, f->public);
    assert_non_null(f->signer);
    assert_int_equal(grant_check(f->arena, f->public, token, NOW_US, &got), ERR_OK);
    assert_int_equal(stat(f->public, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* it said so already: left alone */
    assert_int_equal(stat(f->key, &key), 0);
    assert_int_equal(key.st_mode & 0777, 0600);
}

/* Another key in the file: the old one's tokens end at once, the new one's are taken. */
static void a_changed_public_file_is_read_again(void **state)
{
    struct fixture *f = *state;
    const struct str old = grant_mint(f->arena, f->signer, &grant);
    struct grant got;

    assert_int_equal(grant_check(f->arena, f->public, old, NOW_US, &got), ERR_OK);
    unlink(f->key);
    f->signer = signer_free(f->signer);
    f->signer = signer_new(f->key, f->public);
    assert_non_null(f->signer);
    assert_int_equal(grant_check(f->arena, f->public, old, NOW_US, &got), ERR_GRANT_REQUIRED);
    assert_int_equal(
        grant_check(f->arena, f->public, grant_mint(f->arena, f->signer, &grant), NOW_US, &got),
        ERR_OK);
    unlink(f->public);
    assert_int_equal(
        grant_check(f->arena, f->public, grant_mint(f->arena, f->signer, &grant), NOW_US, &got),
        ERR_GRANT_REQUIRED);
}

static void what_is_no_key_file_is_refused(void **state)
{
    struct fixture *f = *state;
    FILE *out = fopen(f->key, "w");

    fputs("telecura-ed25519-1 short\n", out);
    fclose(out);
    assert_null(signer_new(f->key, f->public));
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, given_a_signer, all_removed)
    const struct CMUnitTest tests[] = {
        TEST(a_grant_says_what_was_minted),        TEST(a_pass_says_what_was_minted),
        TEST(one_never_passes_for_the_other),      TEST(it_opens_from_its_minting_to_its_end),
        TEST(it_is_never_for_longer_than_its_ceiling),
        TEST(every_changed_character_is_noticed),  TEST(the_key_outlives_the_process),
        TEST(a_changed_public_file_is_read_again), TEST(what_is_no_key_file_is_refused),
    };
    log_open("test", LOG_FAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
