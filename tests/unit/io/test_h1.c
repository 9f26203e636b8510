#include "common/io/h1.h"

#include "tests/unit/io/raw_requests.h"

#include <stdarg.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>

#define BODY_MAX 4096

/* What h1 makes of bytes that come in pieces of @piece (0: of random size). */
struct verdict {
    int status; /* 0: incomplete */
    size_t used, body_n;
    char body[BODY_MAX];
};

/* The same sequence in every run. */
static unsigned chance(void)
{
    static unsigned state = 1;

    state = state * 1103515245u + 12345u;
    return state >> 16;
}

static size_t piece_of(size_t piece, size_t left)
{
    if (piece == 0) piece = 1 + chance() % 7;
    return piece < left ? piece : left;
}

static int chunked_verdict(const char *bytes, size_t n, size_t piece, struct verdict *verdict)
{
    struct h1_chunked chunked = {0};
    int end = 0;

    for (size_t at = 0; at < n && end == 0;) {
        const size_t take = piece_of(piece, n - at);
        size_t used = 0, put = 0;

        end = h1_chunked(&chunked, bytes + at, take, BODY_MAX - 16, &used,
                         verdict->body + verdict->body_n, &put);
        verdict->body_n += put;
        verdict->used += used;
        at += used;
        if (end == 0) assert_int_equal(used, take);
    }
    return end == 1 ? 200 : end == -1 ? 400 : end == -2 ? 413 : 0;
}

static struct verdict judge(const char *bytes, size_t n, size_t piece)
{
    struct verdict verdict = {0};
    struct h1_head head;
    long end = 0;

    for (size_t have = 0; have < n && end == 0;) {
        have += piece_of(piece, n - have);
        end = h1_head_end(bytes, have);
        if (end > 0 && piece == 1) assert_int_equal(end, have); /* not in a shorter prefix */
        if (end == 0 && have >= H1_HEAD_BYTES_MAX) return (struct verdict){.status = 431};
    }
    if (end <= 0) return (struct verdict){.status = end < 0 ? 400 : 0};
    char *copy = malloc((size_t)end); /* exactly as long, for the sanitizer */
    memcpy(copy, bytes, (size_t)end);
    verdict.status = h1_head_parse(copy, (size_t)end, &head);
    verdict.used = (size_t)end;
    if (verdict.status == 0) {
        assert_false(head.chunked && head.content_length >= 0);
        verdict.status = head.chunked
                             ? chunked_verdict(bytes + end, n - (size_t)end, piece, &verdict)
                             : 200;
    }
    free(copy);
    return verdict;
}

static void judged_alike_in_pieces(const struct raw *raw, void *user)
{
    unsigned *kinds = user;
    const struct verdict whole = judge(raw->bytes, raw->n, raw->n);

    kinds[raw->kind[0] == 'v' ? 0 : raw->kind[0] == 'm' ? 1 : 2]++;
    if (whole.status != raw->status) print_error("%s: %d\n", raw->name, whole.status);
    assert_int_equal(whole.status, raw->status);
    for (int round = 0; round < 20; round++) {
        const struct verdict split = judge(raw->bytes, raw->n, round == 0 ? 1 : 0);
        assert_int_equal(split.status, whole.status);
        assert_int_equal(split.body_n, whole.body_n);
        assert_memory_equal(split.body, whole.body, whole.body_n);
        if (raw->n > 10000) break; /* scanning anew at each byte is quadratic */
    }
}

static void sixty_five_raw_requests(void **state)
{
    unsigned kinds[3] = {0};

    (void)state;
    assert_int_equal(raw_requests(judged_alike_in_pieces, kinds), RAW_REQUESTS);
    assert_int_equal(kinds[0], 2);
    assert_int_equal(kinds[1], 51);
    assert_int_equal(kinds[2], 12);
}

static int parse(const char *text, struct h1_head *ret)
{
    static char buf[4096];
    const long end = h1_head_end(text, strlen(text));

    assert_true(end > 0);
    memcpy(buf, text, (size_t)end);
    return h1_head_parse(buf, (size_t)end, ret);
}

static void a_head_in_full(void **state)
{
    struct h1_head head;

    (void)state;
    assert_int_equal(parse("PATCH /v1/x/%C3%A9?at=2026-11-22T10:00:00Z&q=a/../b HTTP/1.1\r\n"
                           "Host: telecura.test:8443\r\nX-Empty:\r\nContent-Length: 12 \r\n"
                           "TE: trailers\r\nConnection: Keep-Alive , close\r\n"
                           "EXPECT: 100-Continue\r\n\r\n", &head), 0);
    assert_int_equal(head.method, PATCH);
    assert_true(str_is(head.path, "/v1/x/%C3%A9"));
    assert_true(str_is(head.query, "at=2026-11-22T10:00:00Z&q=a/../b"));
    assert_int_equal(head.header_count, 6);
    assert_int_equal(head.content_length, 12);
    assert_false(head.keep_alive);
    assert_true(head.expect_continue);
    assert_true(str_is(h1_header(&head, "host"), "telecura.test:8443"));
    assert_non_null(h1_header(&head, "x-empty").p);
    assert_int_equal(h1_header(&head, "x-empty").n, 0);
    assert_null(h1_header(&head, "x-none").p);
}

static void an_upgrade(void **state)
{
    struct h1_head head;

    (void)state;
    assert_int_equal(parse("GET /v1/stream HTTP/1.1\r\nHost: [::1]:80\r\nConnection: Upgrade\r\n"
                           "Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", &head), 0);
    assert_int_equal(head.method, WS);
    assert_null(head.query.p);
}

static void one_header_more_is_too_many(void **state)
{
    char text[4096];
    struct h1_head head;

    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (int i = 1; i < H1_HEADERS_MAX + extra; i++) memcpy(text + n, "X-A: b\r\n", 8), n += 8;
        memcpy(text + n, "\r\n", sizeof "\r\n");
        assert_int_equal(parse(text, &head), extra ? 431 : 0);
    }
}

static void heads_that_are_refused(void **state)
{
    static const struct { const char *line, *headers; int status; } rows[] = {
        {"GET / HTTP/1.1", "Host:\r\n", 400},
        {"GET / HTTP/1.1", "Host: a:\r\n", 400},
        {"GET / HTTP/1.1", "Host: a:999999\r\n", 400},
        {"GET / HTTP/1.1", "Host: [::1\r\n", 400},
        {"GET / HTTP/1.1", "Host: [gg]\r\n", 400},
        {"GET /. HTTP/1.1", "Host: a\r\n", 400},
        {"GET /a/.%2E HTTP/1.1", "Host: a\r\n", 400},
        {"GET /a?%0a HTTP/1.1", "Host: a\r\n", 400},
        {"GET /a?% HTTP/1.1", "Host: a\r\n", 400},
        {"GET  HTTP/1.1", "Host: a\r\n", 400},
        {"GET / HTTP/1.1 ", "Host: a\r\n", 400},
        {"GET / HTTP/1.10", "Host: a\r\n", 400},
        {"GET / HTTP/2.0", "Host: a\r\n", 505},
        {"GET / HTTP/1.1", "Host: a\r\nTE: gzip\r\n", 400},
        {"GET / HTTP/1.1", "Host: a\r\nAuthorization: x\r\nauthorization: y\r\n", 400},
        {"GET / HTTP/1.1", "Host: a\r\nUpgrade: websocket\r\n", 400},
        {"GET / HTTP/1.1", "Host: a\r\nConnection: upgrade\r\n", 400},
        {"GET / HTTP/1.1", "Host: a\r\nContent-Length:\r\n", 400},
        {"GET / HTTP/1.1", "Host: a\r\nContent-Length: 1 1\r\n", 400},
        {"HEAD / HTTP/1.1", "Host: a\r\n", 0},
        {"head / HTTP/1.1", "Host: a\r\n", 501},
        {"HEAD / HTTP/1.1",
         "Host: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         400},
        {"GET /... HTTP/1.1", "Host: a\r\n", 0},
        {"GET /a/ HTTP/1.1", "Host: a\r\n", 0},
        {"GET /.well-known/x HTTP/1.1", "Host: a.b-c:1\r\n", 0},
    };
    char text[1024];
    struct h1_head head;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "%s\r\n%s\r\n", rows[i].line, rows[i].headers);
        if (parse(text, &head) != rows[i].status) print_error("%s", text);
        assert_int_equal(parse(text, &head), rows[i].status);
    }
}

static void chunked_bodies_have_a_limit(void **state)
{
    struct h1_chunked c = {0};
    char out[64];
    size_t used, put;

    (void)state;
    assert_int_equal(h1_chunked(&c, "5\r\nhello\r\n6\r\n", 13, 10, &used, out, &put), -2);
    assert_int_equal(put, 5);
    c = (struct h1_chunked){0};
    assert_int_equal(h1_chunked(&c, "A\r\n0123456789\r\n0\r\n\r\nGET /", 25, 10, &used, out, &put),
                     1);
    assert_int_equal(put, 10);
    assert_int_equal(used, 20); /* what follows is another request's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixty_five_raw_requests),
        cmocka_unit_test(a_head_in_full),
        cmocka_unit_test(an_upgrade),
        cmocka_unit_test(one_header_more_is_too_many),
        cmocka_unit_test(heads_that_are_refused),
        cmocka_unit_test(chunked_bodies_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
