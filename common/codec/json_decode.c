/* JSON text to structs. Recursion follows the shape and is cut off at JSON_DEPTH_MAX; what no
 * shape describes is skipped by a loop. */
#include "common/codec/inside.h"

struct step { /* into a field, or an item when it has no name */
    const char *name;
    size_t index;
};

struct reader {
    const char *at, *end;
    struct arena *arena;
    struct json_fault *fault;
    bool lenient;
    unsigned depth;
    struct step path[2 * JSON_DEPTH_MAX];
    unsigned steps;
};

static bool object_read(struct reader *r, const struct shape *shape, void *row);

/* Says where and why, once; always false. */
static bool refuse(struct reader *r, const char *code)
{
    char *const to = r->fault->pointer;
    size_t n = 0;

    to[0] = 0;
    for (unsigned i = 0; i < r->steps && n < sizeof r->fault->pointer; i++) {
        const struct step *const step = &r->path[i];
        const size_t room = sizeof r->fault->pointer - n;
        const int took = step->name ? snprintf(to + n, room, "/%s", step->name)
                                    : snprintf(to + n, room, "/%zu", step->index);

        n += took > 0 ? (size_t)took : 0;
    }
    r->fault->code = code;
    return false;
}

/* The next character that is not white space; 0 at the end. */
static char peek(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
    return r->at < r->end ? *r->at : 0;
}

static bool take(struct reader *r, char c)
{
    if (peek(r) != c) return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
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

static bool unescape(struct reader *r, struct str raw, struct str *ret_text)
{
    char *const start = arena_try(r->arena, raw.n), *to = start;

    if (!start) return refuse(r, "range");
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
        if (c == 0) return refuse(r, "syntax");
        to = put_utf8(to, c);
    }
    *ret_text = (struct str){start, (size_t)(to - start)};
    return true;
}

/* @ret_text is borrowed from the input, or from the arena when it had escapes. */
static bool string_read(struct reader *r, struct str *ret_text)
{
    const char *start;
    bool escaped = false;

    if (!take(r, '"')) return refuse(r, "type");
    for (start = r->at;; r->at++) {
        if (r->at == r->end || (unsigned char)*r->at < 0x20) return refuse(r, "syntax");
        if (*r->at == '"') break;
        if (*r->at != '\\') continue;
        escaped = true;
        if (++r->at == r->end) return refuse(r, "syntax");
    }
    *ret_text = (struct str){start, (size_t)(r->at - start)};
    r->at++;
    return escaped ? unescape(r, *ret_text, ret_text) : true;
}

static bool name_read(struct reader *r, struct str *ret_name)
{
    if (peek(r) != '"') return refuse(r, "syntax");
    if (!string_read(r, ret_name)) return false;
    return take(r, ':') || refuse(r, "syntax");
}

static bool digits_skip(struct reader *r)
{
    const char *const start = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
    return r->at > start;
}

/* Any JSON number: those that we decode are stricter. */
static bool number_skip(struct reader *r)
{
    const char *first;

    take_word(r, "-");
    first = r->at;
    if (!digits_skip(r) || (*first == '0' && r->at > first + 1)) return false;
    if (take_word(r, ".") && !digits_skip(r)) return false;
    if (!take_word(r, "e") && !take_word(r, "E")) return true;
    if (!take_word(r, "+")) take_word(r, "-");
    return digits_skip(r);
}

static bool scalar_skip(struct reader *r)
{
    struct str ignored;

    if (peek(r) == '"') return string_read(r, &ignored);
    if (take_word(r, "true") || take_word(r, "false") || take_word(r, "null")) return true;
    return number_skip(r) || refuse(r, "syntax");
}

/* A value that no field describes, of whatever kind. */
static bool value_skip(struct reader *r)
{
    char closers[JSON_DEPTH_MAX];
    unsigned open = 0;
    struct str name;

    for (;;) {
        const char c = peek(r);

        if (c == '{' || c == '[') {
            if (r->depth + open == JSON_DEPTH_MAX) return refuse(r, "syntax");
            r->at++;
            closers[open++] = c == '{' ? '}' : ']';
            if (peek(r) != closers[open - 1]) {
                if (c == '{' && !name_read(r, &name)) return false;
                continue;
            }
        } else if (!scalar_skip(r)) {
            return false;
        }
        while (open && take(r, closers[open - 1])) open--;
        if (open == 0) return true;
        if (!take(r, ',')) return refuse(r, "syntax");
        if (closers[open - 1] == '}' && !name_read(r, &name)) return false;
    }
}

static bool text_read(struct reader *r, const struct field *field, void *member)
{
    struct str text;
    const char *code;

    if (!string_read(r, &text)) return false;
    code = json_text_store(field, text, r->arena, member);
    return code ? refuse(r, code) : true;
}

static bool int_read(struct reader *r, const struct field *field, void *member)
{
    const char c = peek(r), *const start = r->at;
    struct str text;

    if (c != '-' && (c < '0' || c > '9')) return refuse(r, "type");
    if (!number_skip(r)) return refuse(r, "syntax");
    text = (struct str){start, (size_t)(r->at - start)};
    if (str_int(text, field->min, field->max, member)) return true;
    for (size_t i = 1; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9') return refuse(r, "type");
    return refuse(r, "range");
}

static bool bool_read(struct reader *r, const struct field *field, void *member)
{
    (void)field;
    peek(r);
    *(bool *)member = take_word(r, "true");
    return *(bool *)member || take_word(r, "false") || refuse(r, "type");
}

static bool nested_read(struct reader *r, const struct field *field, void *member)
{
    void *const row = arena_try(r->arena, field->shape->size);

    if (!row) return refuse(r, "range");
    *(const void **)member = row;
    return object_read(r, field->shape, row);
}

/* How the items of the three kinds of array are read, and what one takes. */
static bool item_read(struct reader *r, const struct field *field, void *item)
{
    static const struct field text = {.type = TEXT, .max = JSON_ITEM_BYTES_MAX};
    static const struct field uuid = {.type = UUID};

    if (field->type == LIST) return object_read(r, field->shape, item);
    return text_read(r, field->type == TEXTS ? &text : &uuid, item);
}

static size_t item_bytes(const struct field *field)
{
    if (field->type == LIST) return field->shape->size;
    return field->type == TEXTS ? sizeof(struct str) : sizeof(struct uuid);
}

/* Doubles, so that what is left behind in the arena is no more than what is kept. */
static bool items_grow(struct reader *r, char **items, size_t n, size_t size)
{
    char *const more = arena_try(r->arena, (n ? 2 * n : 4) * size);

    if (!more) return refuse(r, "range");
    if (n) memcpy(more, *items, n * size);
    *items = more;
    return true;
}

static bool array_read(struct reader *r, const struct field *field, void *member)
{
    const size_t size = item_bytes(field);
    struct step *const step = &r->path[r->steps];
    char *items = NULL;
    size_t n = 0;

    if (!take(r, '[')) return refuse(r, "type");
    if (r->depth == JSON_DEPTH_MAX) return refuse(r, "syntax");
    r->depth++;
    r->steps++;
    if (!take(r, ']')) {
        do {
            *step = (struct step){NULL, n};
            if ((int64_t)n >= field->max) return refuse(r, "range");
            if ((n == 0 || (n >= 4 && (n & (n - 1)) == 0)) && !items_grow(r, &items, n, size))
                return false;
            if (!item_read(r, field, items + n * size)) return false;
            n++;
        } while (take(r, ','));
        if (!take(r, ']')) return refuse(r, "syntax");
    }
    r->steps--;
    r->depth--;
    if ((int64_t)n < field->min) return refuse(r, "range");
    /* The three kinds of list differ in what they point to only. */
    _Static_assert(sizeof(struct list) == sizeof(struct strs), "one layout");
    _Static_assert(sizeof(struct list) == sizeof(struct uuids), "one layout");
    memcpy(member, &(struct list){items, n}, sizeof(struct list));
    return true;
}

static bool raw_read(struct reader *r, const struct field *field, void *member)
{
    (void)field, (void)member;
    return refuse(r, "unknown");
}

static bool member_read(struct reader *r, const struct field *field, void *row)
{
    static bool (*const readers[])(struct reader *, const struct field *, void *) = {
        [TEXT] = text_read,   [UUID] = text_read,  [INT] = int_read,    [BOOL] = bool_read,
        [TIME] = text_read,   [DATE] = text_read,  [OBJECT] = nested_read, [LIST] = array_read,
        [TEXTS] = array_read, [UUIDS] = array_read, [BYTES] = text_read, [RAW] = raw_read,
    };

    return readers[field->type](r, field, json_member(row, field));
}

/* One `"name": value`. @at is the index of the field that probably comes. */
static bool pair_read(struct reader *r, const struct shape *shape, void *row, uint64_t *seen,
                      int *at)
{
    const struct field *field;
    struct str name;
    int i;

    if (!name_read(r, &name)) return false;
    i = json_field_find(shape, name, *at);
    if (i < 0) return r->lenient ? value_skip(r) : refuse(r, "unknown");
    field = &shape->fields[i];
    *at = i + 1;
    r->path[r->steps++] = (struct step){field->name, 0};
    if (*seen >> i & 1) return refuse(r, "duplicate");
    if (!(r->lenient && peek(r) == 'n' && take_word(r, "null"))) {
        if (!member_read(r, field, row)) return false;
        *seen |= UINT64_C(1) << i;
    }
    r->steps--;
    return true;
}

static bool object_read(struct reader *r, const struct shape *shape, void *row)
{
    const struct field *missing;
    uint64_t seen = 0;
    int at = 0;

    if (!take(r, '{')) return refuse(r, "type");
    if (r->depth == JSON_DEPTH_MAX) return refuse(r, "syntax");
    r->depth++;
    if (!take(r, '}')) {
        do {
            if (!pair_read(r, shape, row, &seen, &at)) return false;
        } while (take(r, ','));
        if (!take(r, '}')) return refuse(r, "syntax");
    }
    r->depth--;
    missing = json_field_missing(shape, seen);
    if (!missing) return true;
    r->path[r->steps++] = (struct step){missing->name, 0};
    return refuse(r, "missing");
}

static err_t decode(const struct shape *shape, struct bytes text, struct arena *arena, void *ret,
                    struct json_fault *fault, bool lenient)
{
    struct json_fault ignored;
    struct reader r = {.at = (const char *)text.p, .arena = arena, .lenient = lenient};

    r.end = r.at + text.n;
    r.fault = fault ? fault : &ignored;
    memset(ret, 0, shape->size);
    if (!str_is_utf8((struct str){r.at, text.n})) {
        refuse(&r, "syntax");
        return ERR_BAD_BODY;
    }
    if (!object_read(&r, shape, ret)) return ERR_BAD_BODY;
    if (peek(&r) != 0) {
        refuse(&r, "syntax");
        return ERR_BAD_BODY;
    }
    return ERR_OK;
}

err_t json_decode(const struct shape *shape, struct bytes text, struct arena *arena, void *ret,
                  struct json_fault *fault)
{
    return decode(shape, text, arena, ret, fault, false);
}

err_t json_decode_lenient(const struct shape *shape, struct bytes text, struct arena *arena,
                          void *ret, struct json_fault *fault)
{
    return decode(shape, text, arena, ret, fault, true);
}
