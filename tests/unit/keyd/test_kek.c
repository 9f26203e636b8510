/*
 * What every provider of KEKs must do: the cells of providers[] x conformance[]. A new provider is
 * a row, with what makes and unmakes the place where it keeps its keys. Below them what only the
 * file promises.
 */
#include "common/base/log.h"
#include "common/base/secret.h"
#include "services/keyd/kek.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t key[AEAD_KEY_BYTES] = "thirty-two bytes of a data key.";
static const struct dek_name name = {{{1}}, {{2}}, {{3}}, {"visit", 5}};

struct place {
    const struct kek_provider *kek;
    struct kek_config config;
    struct arena *arena;
    char folder[32], file[64];
};

static int given_a_folder(struct place *place)
{
    snprintf(place->folder, sizeof place->folder, "/tmp/kek-XXXXXX");
    if (!mkdtemp(place->folder)) return -1;
    snprintf(place->file, sizeof place->file, "%s/kek", place->folder);
    place->config = (struct kek_config){place->file, "horse", true};
    return 0;
}

static int folder_removed(struct place *place)
{
    unlink(place->file);
    return rmdir(place->folder); /* fails when a half-made file was left */
}

static const struct {
    const struct kek_provider *kek;
    int (*given)(struct place *), (*removed)(struct place *);
} providers[] = {
    {&kek_file, given_a_folder, folder_removed},
};

static size_t provider;

static int given(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    if (!place) return -1;
    place->kek = providers[provider].kek;
    place->arena = arena_new(64 * 1024);
    *state = place;
    return providers[provider].given(place);
}

static int removed(void **state)
{
    struct place *place = *state;

    place->kek->close();
    const int left = providers[provider].removed(place);
    arena_free(place->arena);
    free(place);
    return left;
}

static struct bytes wrapped_under(struct place *place, int version)
{
    struct bytes wrapped;

    assert_int_equal(place->kek->wrap(place->arena, version, &name, key, &wrapped), ERR_OK);
    return wrapped;
}

static void assert_opens(struct place *place, int version, struct bytes wrapped)
{
    uint8_t got[AEAD_KEY_BYTES];

    assert_int_equal(place->kek->unwrap(version, &name, wrapped, got), ERR_OK);
    assert_memory_equal(got, key, sizeof key);
}

static void assert_shut(struct place *place, int version, struct bytes wrapped, err_t err)
{
    uint8_t got[AEAD_KEY_BYTES] = {0};

    assert_int_equal(place->kek->unwrap(version, &name, wrapped, got), err);
    assert_memory_not_equal(got, key, sizeof key);
}

static void reopened(struct place *place)
{
    place->kek->close();
    place->config.may_make = false;
    assert_int_equal(place->kek->open(&place->config), ERR_OK);
}

/* ---- conformance ---- */

static void it_is_made_once_and_opens_what_it_wrapped(void **state)
{
    struct place *place = *state;

    assert_int_equal(place->kek->open(&place->config), ERR_OK);
    const struct bytes wrapped = wrapped_under(place, 1);
    assert_null(memmem(wrapped.p, wrapped.n, key, sizeof key));
    reopened(place);
    assert_opens(place, 1, wrapped);
    assert_int_equal(place->kek->health(), ERR_OK);
}

static void two_wrappings_of_one_key_differ(void **state)
{
    struct place *place = *state;

    assert_int_equal(place->kek->open(&place->config), ERR_OK);
    const struct bytes a = wrapped_under(place, 1), b = wrapped_under(place, 1);
    assert_true(a.n != b.n || memcmp(a.p, b.p, a.n) != 0);
}

static void what_is_not_there_is_not_made_when_keys_exist(void **state)
{
    struct place *place = *state;

    place->config.may_make = false;
    assert_int_equal(place->kek->open(&place->config), ERR_UNAVAILABLE);
    assert_false(place->kek->has(1));
    place->config.may_make = true;
    assert_int_equal(place->kek->open(&place->config), ERR_OK);
}

static void a_row_that_was_moved_does_not_open(void **state)
{
    struct place *place = *state;
    struct dek_name other[] = {name, name, name, name};
    uint8_t got[AEAD_KEY_BYTES];

    assert_int_equal(place->kek->open(&place->config), ERR_OK);
    const struct bytes wrapped = wrapped_under(place, 1);
    other[0].org.b[0] ^= 1;
    other[1].patient.b[0] ^= 1;
    other[2].id.b[0] ^= 1;
    other[3].domain = STR("chart");
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct bytes moved;
        assert_int_equal(place->kek->unwrap(1, &other[i], wrapped, got), ERR_CORRUPT);
        assert_int_equal(place->kek->rewrap(place->arena, 1, 1, &other[i], wrapped, &moved),
                         ERR_CORRUPT);
    }
    assert_opens(place, 1, wrapped);
}

static void what_is_damaged_does_not_open(void **state)
{
    struct place *place = *state;

    assert_int_equal(place->kek->open(&place->config), ERR_OK);
    const struct bytes wrapped = wrapped_under(place, 1);
    uint8_t *bad = arena_alloc(place->arena, wrapped.n);
    for (size_t i = 0; i < wrapped.n; i++) {
        memcpy(bad, wrapped.p, wrapped.n);
        bad[i] ^= 1;
        assert_shut(place, 1, bytes_of(bad, wrapped.n), ERR_CORRUPT);
    }
    for (size_t n = 0; n < wrapped.n; n++) {
        assert_shut(place, 1, bytes_of(wrapped.p, n), ERR_CORRUPT);
    }
}

static void each_version_opens_its_own(void **state)
{
    struct place *place = *state;

    assert_int_equal(place->kek->open(&place->config), ERR_OK);
    const struct bytes one = wrapped_under(place, 1);
    assert_false(place->kek->has(2));
    assert_int_equal(place->kek->make(2), ERR_OK);
    assert_int_equal(place->kek->make(2), ERR_OK);
    const struct bytes two = wrapped_under(place, 2);
    assert_shut(place, 2, one, ERR_CORRUPT);
    assert_shut(place, 1, two, ERR_CORRUPT);
    assert_shut(place, 3, two, ERR_UNAVAILABLE);
    reopened(place);
    assert_true(place->kek->has(1) && place->kek->has(2) && !place->kek->has(3));
    assert_opens(place, 1, one);
    assert_opens(place, 2, two);
}

static void what_was_rewrapped_outlives_the_former_version(void **state)
{
    struct place *place = *state;
    struct bytes two;

    assert_int_equal(place->kek->open(&place->config), ERR_OK);
    const struct bytes one = wrapped_under(place, 1);
    assert_int_equal(place->kek->make(2), ERR_OK);
    assert_int_equal(place->kek->rewrap(place->arena, 1, 2, &name, one, &two), ERR_OK);
    assert_int_equal(place->kek->retire(1), ERR_OK);
    assert_int_equal(place->kek->retire(1), ERR_OK);
    assert_shut(place, 1, one, ERR_UNAVAILABLE);
    reopened(place);
    assert_false(place->kek->has(1));
    assert_shut(place, 1, one, ERR_UNAVAILABLE);
    assert_shut(place, 2, one, ERR_CORRUPT);
    assert_opens(place, 2, two);
    assert_int_equal(place->kek->rewrap(place->arena, 1, 2, &name, one, &two), ERR_UNAVAILABLE);
}

#define TURNS 12

static void it_goes_on_through_many_turns(void **state)
{
    struct place *place = *state;

    assert_int_equal(place->kek->open(&place->config), ERR_OK);
    struct bytes wrapped = wrapped_under(place, 1);
    for (int version = 1; version < TURNS; version++) {
        assert_int_equal(place->kek->make(version + 1), ERR_OK);
        assert_int_equal(place->kek->rewrap(place->arena, version, version + 1, &name, wrapped,
                                            &wrapped), ERR_OK);
        assert_int_equal(place->kek->retire(version), ERR_OK);
    }
    reopened(place);
    assert_opens(place, TURNS, wrapped);
}

#define HANDS 4

static _Atomic bool turned;

static void *wrap_and_open(void *user)
{
    struct place *place = user;
    struct arena *arena = arena_new(1024 * 1024);
    uint8_t got[AEAD_KEY_BYTES];
    bool sound = true;

    while (!turned && sound) {
        struct bytes wrapped;
        sound = place->kek->wrap(arena, 1, &name, key, &wrapped) == ERR_OK &&
                place->kek->unwrap(1, &name, wrapped, got) == ERR_OK &&
                memcmp(got, key, sizeof key) == 0;
        arena_reset(arena);
    }
    arena_free(arena);
    return sound ? place : NULL;
}

static void others_use_one_version_while_another_comes_and_goes(void **state)
{
    struct place *place = *state;
    pthread_t hands[HANDS];

    turned = false;
    assert_int_equal(place->kek->open(&place->config), ERR_OK);
    for (size_t i = 0; i < HANDS; i++) pthread_create(&hands[i], NULL, wrap_and_open, place);
    for (int version = 2; version < 5; version++) {
        assert_int_equal(place->kek->make(version), ERR_OK);
        assert_int_equal(place->kek->retire(version), ERR_OK);
    }
    turned = true;
    for (size_t i = 0; i < HANDS; i++) {
        void *sound;
        pthread_join(hands[i], &sound);
        assert_non_null(sound);
    }
}

/* ---- the file's own ---- */

static void only_its_owner_reads_the_file(void **state)
{
    struct place *place = *state;
    struct stat st;

    assert_int_equal(kek_file.open(&place->config), ERR_OK);
    for (int version = 2; version < 4; version++) {
        assert_int_equal(stat(place->file, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(kek_file.make(version), ERR_OK);
    }
}

static void another_passphrase_opens_nothing(void **state)
{
    struct place *place = *state;

    assert_int_equal(kek_file.open(&place->config), ERR_OK);
    kek_file.close();
    place->config.passphrase = "zebra";
    assert_int_equal(kek_file.open(&place->config), ERR_CORRUPT);
    place->config.passphrase = "";
    assert_int_equal(kek_file.open(&place->config), ERR_UNAVAILABLE);
}

static void a_damaged_file_is_refused(void **state)
{
    struct place *place = *state;
    char line[256] = "";

    assert_int_equal(kek_file.open(&place->config), ERR_OK);
    kek_file.close();
    const int fd = open(place->file, O_RDWR);
    const ssize_t n = read(fd, line, sizeof line);
    assert_true(n > 40);
    line[n - 10] = line[n - 10] == 'A' ? 'B' : 'A';
    assert_int_equal(pwrite(fd, line, (size_t)n, 0), n);
    assert_int_equal(kek_file.open(&place->config), ERR_CORRUPT);
    assert_int_equal(ftruncate(fd, 20), 0);
    assert_int_equal(kek_file.open(&place->config), ERR_CORRUPT);
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    assert_int_equal(kek_file.open(&place->config), ERR_CORRUPT);
}

static void a_file_that_went_away_is_noticed_before_the_next_start(void **state)
{
    struct place *place = *state;

    assert_int_equal(kek_file.open(&place->config), ERR_OK);
    unlink(place->file);
    assert_int_equal(kek_file.health(), ERR_UNAVAILABLE);
}

/* Made by the first release: one line that bears no number. */
static void the_first_releases_file_is_version_1(void **state)
{
    struct place *place = *state;
    char line[256] = "";

    assert_int_equal(kek_file.open(&place->config), ERR_OK);
    const int fd = open(place->file, O_RDONLY);
    assert_true(read(fd, line, sizeof line - 1) > 40);
    close(fd);
    assert_memory_equal(line, "telecura-kek-1 ", 15);
    const struct bytes wrapped = wrapped_under(place, 1);
    reopened(place);
    assert_opens(place, 1, wrapped);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, given, removed)
    const struct CMUnitTest conformance[] = {
        TEST(it_is_made_once_and_opens_what_it_wrapped),
        TEST(two_wrappings_of_one_key_differ),
        TEST(what_is_not_there_is_not_made_when_keys_exist),
        TEST(a_row_that_was_moved_does_not_open),
        TEST(what_is_damaged_does_not_open),
        TEST(each_version_opens_its_own),
        TEST(what_was_rewrapped_outlives_the_former_version),
        TEST(it_goes_on_through_many_turns),
        TEST(others_use_one_version_while_another_comes_and_goes),
    };
    const struct CMUnitTest of_the_file[] = {
        TEST(only_its_owner_reads_the_file),
        TEST(another_passphrase_opens_nothing),
        TEST(a_damaged_file_is_refused),
        TEST(a_file_that_went_away_is_noticed_before_the_next_start),
        TEST(the_first_releases_file_is_version_1),
    };
    int failed = 0;

    log_open("test", LOG_FAULT);
    for (provider = 0; provider < sizeof providers / sizeof *providers; provider++) {
        failed +=
            cmocka_run_group_tests_name(providers[provider].kek->name, conformance, NULL, NULL);
    }
    provider = 0;
    return failed + cmocka_run_group_tests(of_the_file, NULL, NULL);
}
