/* h1 under any bytes: no control byte in what it returns, never two body lengths, no head in a
 * shorter prefix, and a chunked body is the same in pieces as in one. The first byte chooses the
 * pieces. */
#include "common/io/h1.h"

#include <stdlib.h>

#define BODY_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(bool holds)
{
    if (!holds) abort();
}

static void check_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        check(s.p[i] == '\t' || (s.p[i] >= 0x20 && s.p[i] < 0x7f));
}

static void check_head(const char *text, size_t n)
{
    const long end = h1_head_end(text, n);
    struct h1_head head;

    if (end <= 0) return;
    check((size_t)end <= n && h1_head_end(text, (size_t)end - 1) == 0);
    char *copy = malloc((size_t)end);
    memcpy(copy, text, (size_t)end);
    const int status = h1_head_parse(copy, (size_t)end, &head);
    check(status == 0 || (status >= 400 && status <= 505));
    if (status == 0) {
        check(head.method > METHOD_NONE && head.method < METHODS);
        check(!(head.chunked && head.content_length >= 0) && head.content_length >= -1);
        check(head.header_count <= H1_HEADERS_MAX && h1_header(&head, "host").n > 0);
        check(head.path.n > 0 && head.path.p[0] == '/');
        check(!memmem(head.path.p, head.path.n, "/../", 4));
        check_text(head.path);
        check_text(head.query);
        for (unsigned i = 0; i < head.header_count; i++) {
            check(head.headers[i].name.n > 0);
            check_text(head.headers[i].name);
            check_text(head.headers[i].value);
        }
    }
    free(copy);
}

struct outcome {
    int end;
    size_t used, n;
    char *body;
};

static struct outcome decode(const char *text, size_t n, size_t piece)
{
    struct outcome outcome = {.body = malloc(n + 1)};
    struct h1_chunked chunked = {0};

    while (outcome.end == 0 && outcome.used < n) {
        const size_t left = n - outcome.used, take = left < piece ? left : piece;
        char *copy = malloc(take);
        size_t used = 0, put = 0;

        memcpy(copy, text + outcome.used, take);
        outcome.end = h1_chunked(&chunked, copy, take, BODY_MAX, &used, outcome.body + outcome.n,
                                 &put);
        check(used <= take && put <= used && (outcome.end != 0 || used == take));
        outcome.used += used;
        outcome.n += put;
        free(copy);
    }
    check(outcome.n <= BODY_MAX);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < 2) return 0;
    const char *text = (const char *)bytes + 1;
    const size_t length = n - 1;

    check_head(text, length);
    const struct outcome whole = decode(text, length, length);
    const struct outcome pieces = decode(text, length, 1u + bytes[0] % 16);
    check(whole.end == pieces.end && whole.used == pieces.used && whole.n == pieces.n);
    check(memcmp(whole.body, pieces.body, whole.n) == 0);
    free(whole.body);
    free(pieces.body);
    return 0;
}
