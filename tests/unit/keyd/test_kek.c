#include "common/base/log.h"
#include "services/keyd/keyd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t key[AEAD_KEY_BYTES] = "thirty-two bytes of a data key.";
static const struct dek_name name = {{{1}}, {{2}}, {{3}}, {"visit", 5}};

struct fixture {
    char folder[32], file[64];
};

static int given_a_folder(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (!f) return -1;
    snprintf(f->folder, sizeof f->folder, "/tmp/kek-XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    snprintf(f->file, sizeof f->file, "%s/kek", f->folder);
    *state = f;
    return 0;
}

static int folder_removed(void **state)
{
    struct fixture *f = *state;

    kek_close();
    unlink(f->file);
    const int left = rmdir(f->folder); /* fails when a half-made file was left */
    free(f);
    return left;
}

static void it_is_made_once_and_opens_what_it_wrapped(void **state)
{
    struct fixture *f = *state;
    uint8_t wrapped[WRAPPED_BYTES], got[AEAD_KEY_BYTES];
    struct stat st;

    assert_int_equal(kek_open(f->file, "horse", true), ERR_OK);
    kek_wrap(&name, key, wrapped);
    kek_close();
    assert_int_equal(stat(f->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    assert_int_equal(kek_open(f->file, "horse", false), ERR_OK);
    assert_int_equal(kek_unwrap(&name, bytes_of(wrapped, sizeof wrapped), got), ERR_OK);
    assert_memory_equal(got, key, sizeof key);
}

static void another_passphrase_opens_nothing(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(kek_open(f->file, "horse", true), ERR_OK);
    kek_close();
    assert_int_equal(kek_open(f->file, "zebra", true), ERR_CORRUPT);
    assert_int_equal(kek_open(f->file, "", true), ERR_UNAVAILABLE);
}

static void a_lost_file_is_not_made_anew_when_keys_exist(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(kek_open(f->file, "horse", false), ERR_UNAVAILABLE);
    assert_int_equal(access(f->file, F_OK), -1);
}

static void a_damaged_file_is_refused(void **state)
{
    struct fixture *f = *state;
    char line[256] = "";

    assert_int_equal(kek_open(f->file, "horse", true), ERR_OK);
    kek_close();
    const int fd = open(f->file, O_RDWR);
    const ssize_t n = read(fd, line, sizeof line);
    assert_true(n > 40);
    line[n - 10] = line[n - 10] == 'A' ? 'B' : 'A';
    assert_int_equal(pwrite(fd, line, (size_t)n, 0), n);
    assert_int_equal(kek_open(f->file, "horse", true), ERR_CORRUPT);
    assert_int_equal(ftruncate(fd, 20), 0);
    close(fd);
    assert_int_equal(kek_open(f->file, "horse", true), ERR_CORRUPT);
}

static void a_row_that_was_moved_does_not_open(void **state)
{
    struct fixture *f = *state;
    uint8_t wrapped[WRAPPED_BYTES], got[AEAD_KEY_BYTES];
    const struct bytes sealed = bytes_of(wrapped, sizeof wrapped);
    struct dek_name other[] = {name, name, name, name};

    assert_int_equal(kek_open(f->file, "horse", true), ERR_OK);
    kek_wrap(&name, key, wrapped);
    other[0].org.b[0] ^= 1;
    other[1].patient.b[0] ^= 1;
    other[2].id.b[0] ^= 1;
    other[3].domain = STR("chart");
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        assert_int_equal(kek_unwrap(&other[i], sealed, got), ERR_CORRUPT);
    }
    assert_int_equal(kek_unwrap(&name, bytes_of(wrapped, sizeof wrapped - 1), got), ERR_CORRUPT);
    assert_int_equal(kek_unwrap(&name, sealed, got), ERR_OK);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, given_a_folder, folder_removed)
    const struct CMUnitTest tests[] = {
        TEST(it_is_made_once_and_opens_what_it_wrapped),    TEST(another_passphrase_opens_nothing),
        TEST(a_lost_file_is_not_made_anew_when_keys_exist), TEST(a_damaged_file_is_refused),
        TEST(a_row_that_was_moved_does_not_open),
    };
    log_open("test", LOG_FAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
