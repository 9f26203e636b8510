/* The words of JSON: white space, strings, numbers, and values that nobody asked for. */
#include "common/codec/inside.h"

bool json_refuse(struct json_reader *r, const char *code)
{
    char *const to = r->fault->pointer;
    size_t n = 0;

    to[0] = 0;
    for (unsigned i = 0; i < r->steps && n < sizeof r->fault->pointer; i++) {
        const struct json_step *const step = &r->path[i];
        const size_t room = sizeof r->fault->pointer - n;
        const int took = step->name ? snprintf(to + n, room, "/%s", step->name)
                                    : snprintf(to + n, room, "/%zu", step->index);

        n += took > 0 ? (size_t)took : 0;
    }
    r->fault->code = code;
    return false;
}

char json_peek(struct json_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
    return r->at < r->end ? *r->at : 0;
}

bool json_take(struct json_reader *r, char c)
{
    if (json_peek(r) != c) return false;
    r->at++;
    return true;
}

bool json_take_word(struct json_reader *r, const char *word)
{
    const size_t n = strlen(word);

    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0) return false;
    r->at += n;
    return true;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 63));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 63));
        *to++ = (char)(0x80 | (c >> 6 & 63));
    }
    *to++ = (char)(0x80 | (c & 63));
    return to;
}

/* Takes uXXXX off @raw. */
static bool take_unit(struct str *raw, uint32_t *ret_unit)
{
    uint8_t b[2];

    if (raw->n < 5 || raw->p[0] != 'u' || !hex_decode((struct str){raw->p + 1, 4}, b)) return false;
    *ret_unit = (uint32_t)b[0] << 8 | b[1];
    raw->p += 5;
    raw->n -= 5;
    return true;
}

/* Takes the escape after a backslash off @raw; 0 when it is none that we take. */
static uint32_t take_escape(struct str *raw)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *const letter = raw->n && *raw->p ? strchr(letters, *raw->p) : NULL;
    uint32_t c, low;

    if (letter) {
        raw->p++;
        raw->n--;
        return (uint32_t)meanings[letter - letters];
    }
    if (!take_unit(raw, &c)) return 0;
    if (c < 0xd800 || c > 0xdfff) return c;
    if (c > 0xdbff || raw->n == 0 || raw->p[0] != '\\') return 0;
    raw->p++;
    raw->n--;
    if (!take_unit(raw, &low) || low < 0xdc00 || low > 0xdfff) return 0;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

static bool unescape(struct json_reader *r, struct str raw, struct str *ret_text)
{
    char *const start = arena_try(r->arena, raw.n), *to = start;

    if (!start) return json_refuse(r, "range");
    while (raw.n) {
        uint32_t c;

        if (*raw.p != '\\') {
            *to++ = *raw.p++;
            raw.n--;
            continue;
        }
        raw.p++;
        raw.n--;
        c = take_escape(&raw);
        if (c == 0) return json_refuse(r, "syntax");
        to = put_utf8(to, c);
    }
    *ret_text = (struct str){start, (size_t)(to - start)};
    return true;
}

bool json_take_string(struct json_reader *r, struct str *ret_text)
{
    const char *start;
    bool escaped = false;

    if (!json_take(r, '"')) return json_refuse(r, "type");
    for (start = r->at;; r->at++) {
        if (r->at == r->end || (unsigned char)*r->at < 0x20) return json_refuse(r, "syntax");
        if (*r->at == '"') break;
        if (*r->at != '\\') continue;
        escaped = true;
        if (++r->at == r->end) return json_refuse(r, "syntax");
    }
    *ret_text = (struct str){start, (size_t)(r->at - start)};
    r->at++;
    return escaped ? unescape(r, *ret_text, ret_text) : true;
}

bool json_take_name(struct json_reader *r, struct str *ret_name)
{
    if (json_peek(r) != '"') return json_refuse(r, "syntax");
    if (!json_take_string(r, ret_name)) return false;
    return json_take(r, ':') || json_refuse(r, "syntax");
}

static bool digits_skip(struct json_reader *r)
{
    const char *const start = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
    return r->at > start;
}

/* Any JSON number: those that we decode are stricter. */
bool json_skip_number(struct json_reader *r)
{
    const char *first;

    json_take_word(r, "-");
    first = r->at;
    if (!digits_skip(r) || (*first == '0' && r->at > first + 1)) return false;
    if (json_take_word(r, ".") && !digits_skip(r)) return false;
    if (!json_take_word(r, "e") && !json_take_word(r, "E")) return true;
    if (!json_take_word(r, "+")) json_take_word(r, "-");
    return digits_skip(r);
}

static bool scalar_skip(struct json_reader *r)
{
    struct str ignored;

    if (json_peek(r) == '"') return json_take_string(r, &ignored);
    if (json_take_word(r, "true") || json_take_word(r, "false") || json_take_word(r, "null"))
        return true;
    return json_skip_number(r) || json_refuse(r, "syntax");
}

/* A value that no field describes, of whatever kind. */
bool json_skip_value(struct json_reader *r)
{
    char closers[JSON_DEPTH_MAX];
    unsigned open = 0;
    struct str name;

    for (;;) {
        const char c = json_peek(r);

        if (c == '{' || c == '[') {
            if (r->depth + open == JSON_DEPTH_MAX) return json_refuse(r, "syntax");
            r->at++;
            closers[open++] = c == '{' ? '}' : ']';
            if (json_peek(r) != closers[open - 1]) {
                if (c == '{' && !json_take_name(r, &name)) return false;
                continue;
            }
        } else if (!scalar_skip(r)) {
            return false;
        }
        while (open && json_take(r, closers[open - 1])) open--;
        if (open == 0) return true;
        if (!json_take(r, ',')) return json_refuse(r, "syntax");
        if (closers[open - 1] == '}' && !json_take_name(r, &name)) return false;
    }
}
