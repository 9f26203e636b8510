/* Structs to JSON text. Recursion follows the shape. */
#include "common/base/clock.h"
#include "common/codec/inside.h"

#include <assert.h>

struct writer {
    struct arena *arena;
    char *p;
    size_t n, room;
    unsigned depth, without; /* marks of what is left out */
};

static void object_write(struct writer *w, const struct shape *shape, const void *row);

static char *reserve(struct writer *w, size_t more)
{
    if (w->room - w->n < more) {
        char *const old = w->p;

        w->room = 2 * (w->n + more);
        w->p = arena_alloc(w->arena, w->room);
        if (w->n) memcpy(w->p, old, w->n);
    }
    return w->p + w->n;
}

static void put(struct writer *w, const char *from, size_t n)
{
    char *const to = reserve(w, n);

    if (n) memcpy(to, from, n);
    w->n += n;
}

static void put_char(struct writer *w, char c)
{
    *reserve(w, 1) = c;
    w->n++;
}

/* Printable ASCII without quotes and backslashes, which is most of what is written. */
static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        const char c = text.p[i];

        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) return false;
    }
    return true;
}

static void put_text(struct writer *w, struct str text)
{
    put_char(w, '"');
    if (is_plain(text))
        put(w, text.p, text.n);
    else
        w->n += str_escape(text, reserve(w, 6 * text.n));
    put_char(w, '"');
}

static void put_uuid(struct writer *w, struct uuid id)
{
    char text[UUID_TEXT + 1];

    put_text(w, (struct str){uuid_format(id, text), UUID_TEXT});
}

static void text_write(struct writer *w, const struct field *field, const void *member)
{
    (void)field;
    put_text(w, *(const struct str *)member);
}

static void uuid_write(struct writer *w, const struct field *field, const void *member)
{
    (void)field;
    put_uuid(w, *(const struct uuid *)member);
}

static void int_write(struct writer *w, const struct field *field, const void *member)
{
    const int64_t value = *(const int64_t *)member;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char digits[20];
    size_t at = sizeof digits;

    (void)field;
    do digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) put_char(w, '-');
    put(w, digits + at, sizeof digits - at);
}

static void bool_write(struct writer *w, const struct field *field, const void *member)
{
    const struct str word = *(const bool *)member ? STR("true") : STR("false");

    (void)field;
    put(w, word.p, word.n);
}

static void time_write(struct writer *w, const struct field *field, const void *member)
{
    char text[CLOCK_TEXT + 1];

    (void)field;
    put_text(w, (struct str){clock_format(*(const int64_t *)member, text), CLOCK_TEXT});
}

static void nested_write(struct writer *w, const struct field *field, const void *member)
{
    const void *const row = *(const void *const *)member;

    assert(row); /* a required object that the handler forgot */
    object_write(w, field->shape, row);
}

static void list_write(struct writer *w, const struct field *field, const void *member)
{
    const struct list *const list = member;

    put_char(w, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i) put_char(w, ',');
        object_write(w, field->shape, (const char *)list->p + i * field->shape->size);
    }
    put_char(w, ']');
}

static void texts_write(struct writer *w, const struct field *field, const void *member)
{
    const struct strs *const texts = member;

    (void)field;
    put_char(w, '[');
    for (size_t i = 0; i < texts->n; i++) {
        if (i) put_char(w, ',');
        put_text(w, texts->p[i]);
    }
    put_char(w, ']');
}

static void uuids_write(struct writer *w, const struct field *field, const void *member)
{
    const struct uuids *const ids = member;

    (void)field;
    put_char(w, '[');
    for (size_t i = 0; i < ids->n; i++) {
        if (i) put_char(w, ',');
        put_uuid(w, ids->p[i]);
    }
    put_char(w, ']');
}

static void bytes_write(struct writer *w, const struct field *field, const void *member)
{
    const struct bytes *const bytes = member;

    (void)field;
    put_char(w, '"');
    w->n += base64url_encode(*bytes, reserve(w, BASE64URL_LEN(bytes->n)));
    put_char(w, '"');
}

static void flags_write(struct writer *w, const struct field *field, const void *member)
{
    const int64_t set = *(const int64_t *)member;
    char before = '[';

    for (unsigned i = 0; field->words[i]; i++) {
        if (!(set >> i & 1)) continue;
        put_char(w, before);
        put_text(w, str_of(field->words[i]));
        before = ',';
    }
    if (before == '[') put_char(w, '[');
    put_char(w, ']');
}

static void raw_write(struct writer *w, const struct field *field, const void *member)
{
    const struct str *const raw = member;

    (void)field;
    assert(raw->n); /* nothing is no JSON */
    put(w, raw->p, raw->n);
}

static bool is_absent(const struct field *field, const void *member)
{
    switch (field->type) {
    case TEXT:
    case DATE:
    case RAW: return !((const struct str *)member)->p;
    case UUID: return uuid_is_nil(*(const struct uuid *)member);
    case TIME:
    case FLAGS: return *(const int64_t *)member == 0;
    case OBJECT: return !*(const void *const *)member;
    case LIST: return ((const struct list *)member)->n == 0;
    case TEXTS: return ((const struct strs *)member)->n == 0;
    case UUIDS: return ((const struct uuids *)member)->n == 0;
    case BYTES: return !((const struct bytes *)member)->p;
    case INT:
    case BOOL:
    case JSON_NONE: break;
    }
    return false;
}

static void object_write(struct writer *w, const struct shape *shape, const void *row)
{
    static void (*const writers[])(struct writer *, const struct field *, const void *) = {
        [TEXT] = text_write,   [UUID] = uuid_write,   [INT] = int_write,
        [BOOL] = bool_write,   [TIME] = time_write,   [DATE] = text_write,
        [OBJECT] = nested_write, [LIST] = list_write, [TEXTS] = texts_write,
        [UUIDS] = uuids_write, [BYTES] = bytes_write, [FLAGS] = flags_write, [RAW] = raw_write,
    };
    char before = '{';

    assert(w->depth < JSON_DEPTH_MAX);
    w->depth++;
    for (const struct field *field = shape->fields; field->name; field++) {
        const void *const member = json_member_const(row, field);

        if (field->flags & w->without) continue;
        if (!(field->flags & REQUIRED) && is_absent(field, member)) continue;
        put_char(w, before);
        put_text(w, str_of(field->name));
        put_char(w, ':');
        writers[field->type](w, field, member);
        before = ',';
    }
    if (before == '{') put_char(w, '{');
    put_char(w, '}');
    w->depth--;
}

struct str json_encode(struct arena *arena, const struct shape *shape, const void *row)
{
    return json_encode_without(arena, shape, row, 0);
}

struct str json_encode_without(struct arena *arena, const struct shape *shape, const void *row,
                               unsigned marks)
{
    struct writer w = {.arena = arena, .without = marks};

    reserve(&w, 256);
    object_write(&w, shape, row);
    return (struct str){w.p, w.n};
}

struct str json_quote(struct arena *arena, struct str text)
{
    struct writer w = {.arena = arena};

    reserve(&w, text.n + 2);
    put_text(&w, text);
    return (struct str){w.p, w.n};
}
