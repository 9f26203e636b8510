#include "common/base/str.h"

bool str_starts(struct str s, const char *prefix)
{
    const size_t n = strlen(prefix);

    return s.n >= n && (n == 0 || memcmp(s.p, prefix, n) == 0);
}

bool str_cut(struct str *rest, char mark, struct str *ret_before)
{
    const char *const at = rest->n ? memchr(rest->p, mark, rest->n) : NULL;

    if (!at) return false;
    *ret_before = (struct str){rest->p, (size_t)(at - rest->p)};
    *rest = (struct str){at + 1, rest->n - ret_before->n - 1};
    return true;
}

bool str_next(struct str *rest, char mark, struct str *ret_next)
{
    if (rest->n == 0) return false;
    if (!str_cut(rest, mark, ret_next)) {
        *ret_next = *rest;
        *rest = (struct str){rest->p + rest->n, 0};
    }
    return true;
}

/* The length of the well-formed sequence that @p begins with, 0 if there is none (Unicode 15,
 * table 3-7: no overlong forms, no surrogates, nothing past U+10FFFF). */
static size_t utf8_len(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t lead_min, lead_max, second_min, second_max, len;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (p[0] < forms[i].lead_min || p[0] > forms[i].lead_max) continue;
        if (forms[i].len > n) return 0;
        if (forms[i].len > 1 && (p[1] < forms[i].second_min || p[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].len; k++)
            if ((p[k] & 0xc0) != 0x80) return 0;
        return forms[i].len;
    }
    return 0;
}

bool str_is_utf8(struct str s)
{
    const uint8_t *p = (const uint8_t *)s.p;
    size_t at = 0;

    while (at < s.n) {
        uint64_t eight;
        size_t len = 8;

        if (s.n - at >= 8) {
            memcpy(&eight, p + at, 8);
            /* Eight bytes of 1..127: no high bit, and none borrows when one is taken off each. */
            if (((eight | (eight - 0x0101010101010101)) & 0x8080808080808080) == 0) {
                at += len;
                continue;
            }
        }
        len = utf8_len(p + at, s.n - at);
        if (len == 0 || p[at] == 0) return false;
        at += len;
    }
    return true;
}

static bool begins_point(char byte)
{
    return ((uint8_t)byte & 0xc0) != 0x80;
}

size_t str_points(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) n += begins_point(s.p[i]);
    return n;
}

size_t str_prefix(struct str s, size_t points)
{
    size_t at = 0;

    for (; at < s.n; at++) {
        if (begins_point(s.p[at]) && points-- == 0) break;
    }
    return at;
}

size_t str_escape(struct str from, char *to)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_form[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                          ['\r'] = 'r'};
    const uint8_t *p = (const uint8_t *)from.p;
    char *const start = to;

    for (size_t at = 0; at < from.n;) {
        const uint8_t c = p[at];
        const size_t len = c < 0x80 ? 1 : utf8_len(p + at, from.n - at);

        if (c == '"' || c == '\\') {
            *to++ = '\\';
            *to++ = (char)c;
        } else if (c < 0x20 && short_form[c]) {
            *to++ = '\\';
            *to++ = short_form[c];
        } else if (c < 0x20 || c == 0x7f) {
            memcpy(to, "\\u00", 4);
            to[4] = hex[c >> 4];
            to[5] = hex[c & 15];
            to += 6;
        } else if (len == 0) {
            memcpy(to, "\\ufffd", 6);
            to += 6;
        } else {
            memcpy(to, p + at, len);
            to += len;
        }
        at += len ? len : 1;
    }
    return (size_t)(to - start);
}

bool str_int(struct str s, int64_t min, int64_t max, int64_t *ret_value)
{
    const bool negative = s.n > 0 && s.p[0] == '-';
    size_t at = negative;
    int64_t value = 0;

    if (at == s.n) return false;
    if (s.p[at] == '0' && (negative || s.n > 1)) return false;
    for (; at < s.n; at++) {
        const int digit = s.p[at] - '0';

        if (digit < 0 || digit > 9) return false;
        if (__builtin_mul_overflow(value, (int64_t)10, &value)) return false;
        if (__builtin_add_overflow(value, negative ? -digit : digit, &value)) return false;
    }
    if (value < min || value > max) return false;
    *ret_value = value;
    return true;
}

size_t hex_encode(struct bytes from, char *to)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < from.n; i++) {
        to[2 * i] = digits[from.p[i] >> 4];
        to[2 * i + 1] = digits[from.p[i] & 15];
    }
    return 2 * from.n;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool hex_decode(struct str from, uint8_t *to)
{
    if (from.n % 2) return false;
    for (size_t i = 0; i < from.n / 2; i++) {
        const int high = hex_value(from.p[2 * i]), low = hex_value(from.p[2 * i + 1]);

        if (high < 0 || low < 0) return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* The two alphabets differ in their last two characters only. */
#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
static const char plain_alphabet[] = ALPHANUMERIC "+/";
static const char url_alphabet[] = ALPHANUMERIC "-_";

static size_t encode_64(struct bytes from, char *to, const char alphabet[])
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;

    for (size_t i = 0; i < from.n; i++) {
        bits = bits << 8 | from.p[i];
        for (held += 8; held >= 6; held -= 6) to[n++] = alphabet[bits >> (held - 6) & 63];
    }
    if (held) to[n++] = alphabet[bits << (6 - held) & 63];
    return n;
}

static int value_64(char c, const char alphabet[])
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == alphabet[62]) return 62;
    if (c == alphabet[63]) return 63;
    return -1;
}

static bool decode_64(struct str from, uint8_t *to, size_t *ret_n, const char alphabet[])
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;

    if (from.n % 4 == 1) return false;
    for (size_t i = 0; i < from.n; i++) {
        const int value = value_64(from.p[i], alphabet);

        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[n++] = (uint8_t)(bits >> held);
        }
    }
    if (bits & ((1u << held) - 1)) return false;
    *ret_n = n;
    return true;
}

size_t base64url_encode(struct bytes from, char *to)
{
    return encode_64(from, to, url_alphabet);
}

bool base64url_decode(struct str from, uint8_t *to, size_t *ret_n)
{
    return decode_64(from, to, ret_n, url_alphabet);
}

size_t base64_encode(struct bytes from, char *to)
{
    size_t n = encode_64(from, to, plain_alphabet);

    while (n % 4) to[n++] = '=';
    return n;
}

bool base64_decode(struct str from, uint8_t *to, size_t *ret_n)
{
    if (from.n % 4) return false;
    for (int pad = 0; pad < 2 && from.n && from.p[from.n - 1] == '='; pad++) from.n--;
    return decode_64(from, to, ret_n, plain_alphabet);
}
