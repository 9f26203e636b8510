/*
 * str - borrowed text and bytes with their length.
 *
 * Neither owns what it points to. A str is UTF-8 and need not end in NUL; p == NULL means
 * "absent" (SQL NULL, a missing JSON field), which is not the same as empty.
 *
 * Threads  any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

struct bytes {
    const uint8_t *p;
    size_t n;
};

struct blobs { /* several; for SQL arrays */
    const struct bytes *p;
    size_t n;
};

struct strs { /* several; for SQL arrays and lists of words */
    const struct str *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
#define BYTES_NONE ((struct bytes){NULL, 0})
#define STR_FMT "%.*s" /* with STR_ARG() */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_of(const char *cstr)
{
    return cstr ? (struct str){cstr, strlen(cstr)} : STR_NONE;
}

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){(const uint8_t *)p, n};
}

static inline struct bytes str_bytes(struct str s)
{
    return (struct bytes){(const uint8_t *)s.p, s.n};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool str_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *b)
{
    return str_equal(a, str_of(b));
}

bool str_starts(struct str s, const char *prefix);
/* Cuts @rest after its first @mark: what stood before it. False: there is none. */
bool str_cut(struct str *rest, char mark, struct str *ret_before);
/* The next of several texts with @mark between them, which may be empty. False: nothing is left. */
bool str_next(struct str *rest, char mark, struct str *ret_next);
bool str_is_utf8(struct str s);       /* well formed, no NUL */
size_t str_points(struct str s);      /* code points, of what is well formed */
size_t str_prefix(struct str s, size_t points); /* bytes of no more than its first @points */
bool str_int(struct str s, int64_t min, int64_t max, int64_t *ret_value); /* decimal, whole text */
/* The inside of a JSON string; control characters, quotes and malformed UTF-8 become escapes. */
size_t str_escape(struct str from, char *to /* 6 * n */);

/* The strict forms: no padding, no white space, no stray bits. Buffers hold the whole result. */
size_t hex_encode(struct bytes from, char *to /* 2 * n */);
bool hex_decode(struct str from, uint8_t *to /* n / 2 */);
#define BASE64URL_LEN(n) (((n) * 4 + 2) / 3)
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)
size_t base64url_encode(struct bytes from, char *to /* BASE64URL_LEN(n) */);
bool base64url_decode(struct str from, uint8_t *to /* n * 3 / 4 */, size_t *ret_n);
size_t base64_encode(struct bytes from, char *to /* BASE64_LEN(n), padded */);
bool base64_decode(struct str from, uint8_t *to /* n * 3 / 4 */, size_t *ret_n); /* padded */
