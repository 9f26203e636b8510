#include "common/base/clock.h"

#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec at;

    clock_gettime(id, &at);
    return at.tv_sec * SECOND_US + at.tv_nsec / 1000;
}

#ifdef TELECURA_RELEASE

static int64_t offset_us(void)
{
    return 0;
}

#else

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_once_t offset_once = PTHREAD_ONCE_INIT;
static const int64_t *offset; /* in the file that all services share; NULL: there is none */

static void map_offset(void)
{
    const char *const name = getenv("TELECURA_TEST_CLOCK");
    struct stat file;
    void *map;
    int fd;

    if (!name) return;
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) != 0 || file.st_size < (off_t)sizeof *offset) {
        fprintf(stderr, "clock: TELECURA_TEST_CLOCK names no file of 8 bytes\n");
        abort();
    }
    map = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) abort();
    close(fd);
    offset = map;
}

static int64_t offset_us(void)
{
    pthread_once(&offset_once, map_offset);
    return offset ? __atomic_load_n(offset, __ATOMIC_RELAXED) : 0;
}

#endif

int64_t clock_now_us(void)
{
    return read_us(CLOCK_REALTIME) + offset_us();
}

int64_t clock_real_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

bool clock_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_us)
{
    const struct timespec until = {until_us / SECOND_US, until_us % SECOND_US * 1000};

    return pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &until) == 0;
}

/* The Gregorian calendar in eras of 400 years whose years begin in March, so that the leap day
 * ends a year. Day 0 is 1970-01-01. */
#define ERA_DAYS 146097
#define EPOCH_DAYS 719468 /* from 0000-03-01 */

static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month > 2 ? year : year - 1;
    const int64_t march_month = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * march_month + 2) / 5 + day - 1 - EPOCH_DAYS;
}

static void date_of(int64_t days, int64_t ret_date[3])
{
    const int64_t z = days + EPOCH_DAYS, era = z / ERA_DAYS, day = z % ERA_DAYS;
    const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    const int64_t year_day = day - (365 * year + year / 4 - year / 100);
    const int64_t march_month = (5 * year_day + 2) / 153;

    ret_date[1] = march_month < 10 ? march_month + 3 : march_month - 9;
    ret_date[0] = era * 400 + year + (ret_date[1] <= 2);
    ret_date[2] = year_day - (153 * march_month + 2) / 5 + 1;
}

static char *put_digits(char *to, int64_t value, int width, char after)
{
    for (int i = width - 1; i >= 0; i--, value /= 10) to[i] = (char)('0' + value % 10);
    to[width] = after;
    return to + width + 1;
}

char *clock_format(int64_t at_us, char text[CLOCK_TEXT + 1])
{
    const int64_t least = days_of(1, 1, 1) * DAY_US, most = days_of(10000, 1, 1) * DAY_US - 1;
    int64_t days, rest, date[3];
    char *to = text;

    /* Four digits of year: PostgreSQL's infinities become the first and the last day. */
    if (at_us < least) at_us = least;
    if (at_us > most) at_us = most;
    days = at_us / DAY_US;
    rest = at_us % DAY_US;
    if (rest < 0) {
        rest += DAY_US;
        days--;
    }
    date_of(days, date);
    to = put_digits(to, date[0], 4, '-');
    to = put_digits(to, date[1], 2, '-');
    to = put_digits(to, date[2], 2, 'T');
    to = put_digits(to, rest / HOUR_US, 2, ':');
    to = put_digits(to, rest / MINUTE_US % 60, 2, ':');
    to = put_digits(to, rest / SECOND_US % 60, 2, '.');
    to = put_digits(to, rest / MS_US % 1000, 3, 'Z');
    *to = 0;
    return text;
}

/* Takes @width digits and then @after (0: nothing) off @text; false unless the value fits. */
static bool take(struct str *text, size_t width, char after, int64_t min, int64_t max, int64_t *ret)
{
    const size_t whole = width + (after ? 1 : 0);
    int64_t value = 0;

    if (text->n < whole) return false;
    for (size_t i = 0; i < width; i++) {
        if (text->p[i] < '0' || text->p[i] > '9') return false;
        value = value * 10 + (text->p[i] - '0');
    }
    if (after && text->p[width] != after) return false;
    if (value < min || value > max) return false;
    text->p += whole;
    text->n -= whole;
    *ret = value;
    return true;
}

static bool take_date(struct str *text, char after, int64_t *ret_days)
{
    int64_t y, m, d, back[3];

    if (!take(text, 4, '-', 1900, 2200, &y)) return false;
    if (!take(text, 2, '-', 1, 12, &m)) return false;
    if (!take(text, 2, after, 1, 31, &d)) return false;
    *ret_days = days_of(y, m, d);
    date_of(*ret_days, back);
    return back[1] == m; /* 31 April would be in May */
}

/* ".123456789": up to nine digits; what is below a microsecond is cut off. */
static bool take_fraction(struct str *text, int64_t *ret_us)
{
    int64_t unit = SECOND_US / 10;
    size_t n = 1;

    *ret_us = 0;
    if (text->n == 0 || text->p[0] != '.') return true;
    for (; n < text->n && text->p[n] >= '0' && text->p[n] <= '9'; n++, unit /= 10)
        *ret_us += (text->p[n] - '0') * unit;
    if (n == 1 || n > 10) return false;
    text->p += n;
    text->n -= n;
    return true;
}

static bool take_zone(struct str *text, int64_t *ret_us)
{
    int64_t hours, minutes;
    char sign;

    if (text->n == 0) return false;
    sign = text->p[0];
    text->p++;
    text->n--;
    if (sign == 'Z') {
        *ret_us = 0;
        return true;
    }
    if (sign != '+' && sign != '-') return false;
    if (!take(text, 2, ':', 0, 23, &hours) || !take(text, 2, 0, 0, 59, &minutes)) return false;
    *ret_us = (hours * HOUR_US + minutes * MINUTE_US) * (sign == '-' ? -1 : 1);
    return true;
}

bool clock_parse(struct str text, int64_t *ret_us)
{
    int64_t days, h, m, s, fraction_us, zone_us;

    if (!take_date(&text, 'T', &days)) return false;
    if (!take(&text, 2, ':', 0, 23, &h) || !take(&text, 2, ':', 0, 59, &m)) return false;
    if (!take(&text, 2, 0, 0, 59, &s) || !take_fraction(&text, &fraction_us)) return false;
    if (!take_zone(&text, &zone_us) || text.n) return false;
    *ret_us = days * DAY_US + h * HOUR_US + m * MINUTE_US + s * SECOND_US + fraction_us - zone_us;
    return true;
}

bool clock_is_date(struct str text)
{
    int64_t days;

    return take_date(&text, 0, &days) && text.n == 0;
}
