/* raw_requests - reads tests/hostile/raw_requests.txt; tests run from the checkout's root. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAW_REQUESTS 65

struct raw {
    char kind[8], name[64];
    int status;
    size_t n;
    char bytes[24000];
};

static inline size_t raw_byte(const char **at, char *to)
{
    static const char plain[] = "rnt", meant[] = "\r\n\t";
    const char *p = *at, *known;

    if (*p != '\\') {
        *to = *p;
        *at = p + 1;
    } else if ((known = strchr(plain, p[1])) != NULL) {
        *to = meant[known - plain];
        *at = p + 2;
    } else {
        assert(p[1] == 'x');
        *to = (char)strtol((char[]){p[2], p[3], 0}, NULL, 16);
        *at = p + 4;
    }
    return 1;
}

static inline size_t raw_decode(const char *text, const char *end, char *to)
{
    size_t n = 0;

    while (text < end) {
        if (strncmp(text, "<<", 2) != 0) {
            n += raw_byte(&text, to + n);
            continue;
        }
        const char *star = strchr(text, '*'), *begin = text + 2;
        int times = 0;
        assert(sscanf(star, "*%d>>", &times) == 1);
        for (; times > 0; times--)
            for (const char *p = begin; p < star;) n += raw_byte(&p, to + n);
        text = strstr(star, ">>") + 2;
    }
    return n;
}

/* Calls @each for every row and returns how many there were. */
static inline unsigned raw_requests(void (*each)(const struct raw *raw, void *user), void *user)
{
    FILE *file = fopen("tests/hostile/raw_requests.txt", "r");
    static struct raw raw;
    char line[4096];
    unsigned count = 0;

    assert(file);
    while (fgets(line, sizeof line, file)) {
        char gateway[32], bytes[4096];

        if (line[0] == '#') continue;
        const int got = sscanf(line, "%7[^\t]\t%63[^\t]\t%d\t%31[^\t]%*1[\t]%4095[^\n]", raw.kind,
                               raw.name, &raw.status, gateway, bytes);
        assert(got == 5);
        raw.n = raw_decode(bytes, bytes + strlen(bytes), raw.bytes);
        each(&raw, user);
        count++;
    }
    fclose(file);
    return count;
}
