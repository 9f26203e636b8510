/* clock: RFC 3339 both ways, and the door for tests. */
#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static void formats_as_the_c_library_does(void **state)
{
    (void)state;
    /* every 37 hours or so from 1900 to 2200 */
    for (int64_t at = -2208988800; at < 7258118400; at += 134217) {
        char text[CLOCK_TEXT + 1], expected[CLOCK_TEXT + 10];
        const time_t seconds = at;
        struct tm tm;
        int64_t back;

        gmtime_r(&seconds, &tm);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.007Z", &tm);
        assert_string_equal(clock_format(at * SECOND_US + 7999, text), expected);
        assert_true(clock_parse(str_of(text), &back));
        assert_int_equal(back, at * SECOND_US + 7000);
    }
}

static void formats_whatever_it_gets(void **state)
{
    char text[CLOCK_TEXT + 1];

    (void)state;
    assert_string_equal(clock_format(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(clock_format(INT64_MIN, text), "0001-01-01T00:00:00.000Z");
    assert_string_equal(clock_format(-1, text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
}

static void parses_what_rfc_3339_allows(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01.5Z", 1500000},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"1970-01-01T00:00:00.123456789Z", 123456},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"2024-02-29T12:00:00Z", 1709208000000000},
    };
    static const char *const bad[] = {
        "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-01-01T00:00:00z",
        "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:60Z",
        "2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2023-04-31T00:00:00Z",
        "2023-13-01T00:00:00Z", "2023-00-01T00:00:00Z", "2023-01-00T00:00:00Z",
        "1899-12-31T00:00:00Z", "2201-01-01T00:00:00Z", "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.1234567890Z", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00ZZ", "1970-1-01T00:00:00Z", "1970-01-01T00:00Z", "+970-01-01T00:00:00Z",
    };
    int64_t us = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(clock_parse(str_of(rows[i].text), &us));
        assert_int_equal(us, rows[i].us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(clock_parse(str_of(bad[i]), &us));
    assert_true(clock_is_date(STR("2024-02-29")));
    assert_false(clock_is_date(STR("2023-02-29")));
    assert_false(clock_is_date(STR("2024-02-29T")));
}

#ifndef TELECURA_RELEASE
static void a_file_moves_wall_time_only(void **state)
{
    char name[] = "/tmp/test_clock.XXXXXX";
    const int fd = mkstemp(name);
    int64_t offset = 90 * DAY_US, mono = clock_mono_us();

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &offset, sizeof offset, 0), sizeof offset);
    setenv("TELECURA_TEST_CLOCK", name, 1);
    assert_in_range(clock_now_us() - clock_real_us(), 90 * DAY_US - SECOND_US, 90 * DAY_US);
    offset = 0; /* while mapped */
    assert_int_equal(pwrite(fd, &offset, sizeof offset, 0), sizeof offset);
    assert_true(clock_real_us() - clock_now_us() <= 0);
    assert_true(clock_now_us() - clock_real_us() < SECOND_US);
    assert_true(clock_mono_us() - mono < MINUTE_US);
    close(fd);
    unlink(name);
}
#endif

/* What is over is not waited for, and nobody waits for longer than they said. */
static void a_wait_ends_at_its_time(void **state)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t nobody = PTHREAD_COND_INITIALIZER;
    const int64_t until_us = clock_mono_us() + 20 * MS_US;

    (void)state;
    pthread_mutex_lock(&lock);
    assert_false(clock_wait(&nobody, &lock, until_us - HOUR_US));
    while (clock_wait(&nobody, &lock, until_us)) continue;
    pthread_mutex_unlock(&lock);
    assert_true(clock_mono_us() >= until_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifndef TELECURA_RELEASE
        cmocka_unit_test(a_file_moves_wall_time_only),
#endif
        cmocka_unit_test(formats_as_the_c_library_does),
        cmocka_unit_test(formats_whatever_it_gets),
        cmocka_unit_test(parses_what_rfc_3339_allows),
        cmocka_unit_test(a_wait_ends_at_its_time),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
