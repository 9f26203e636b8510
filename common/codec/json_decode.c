/* JSON text to structs. Recursion follows the shape and is cut off at JSON_DEPTH_MAX. */
#include "common/codec/inside.h"

static bool object_read(struct json_reader *r, const struct shape *shape, void *row);

static bool text_read(struct json_reader *r, const struct field *field, void *member)
{
    struct str text;
    const char *code;

    if (!json_take_string(r, &text)) return false;
    code = json_text_store(field, text, r->arena, member);
    return code ? json_refuse(r, code) : true;
}

static bool int_read(struct json_reader *r, const struct field *field, void *member)
{
    const char c = json_peek(r), *const start = r->at;
    struct str text;

    if (c != '-' && (c < '0' || c > '9')) return json_refuse(r, "type");
    if (!json_skip_number(r)) return json_refuse(r, "syntax");
    text = (struct str){start, (size_t)(r->at - start)};
    if (str_int(text, field->min, field->max, member)) return true;
    for (size_t i = 1; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9') return json_refuse(r, "type");
    return json_refuse(r, "range");
}

static bool bool_read(struct json_reader *r, const struct field *field, void *member)
{
    (void)field;
    json_peek(r);
    *(bool *)member = json_take_word(r, "true");
    return *(bool *)member || json_take_word(r, "false") || json_refuse(r, "type");
}

static bool nested_read(struct json_reader *r, const struct field *field, void *member)
{
    void *const row = arena_try(r->arena, field->shape->size);

    if (!row) return json_refuse(r, "range");
    *(const void **)member = row;
    return object_read(r, field->shape, row);
}

/* How the items of the three kinds of array are read, and what one takes. */
static bool item_read(struct json_reader *r, const struct field *field, void *item)
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
static bool items_grow(struct json_reader *r, char **items, size_t n, size_t size)
{
    char *const more = arena_try(r->arena, (n ? 2 * n : 4) * size);

    if (!more) return json_refuse(r, "range");
    if (n) memcpy(more, *items, n * size);
    *items = more;
    return true;
}

static bool array_read(struct json_reader *r, const struct field *field, void *member)
{
    const size_t size = item_bytes(field);
    struct json_step *const step = &r->path[r->steps];
    char *items = NULL;
    size_t n = 0;

    if (!json_take(r, '[')) return json_refuse(r, "type");
    if (r->depth == JSON_DEPTH_MAX) return json_refuse(r, "syntax");
    r->depth++;
    r->steps++;
    if (!json_take(r, ']')) {
        do {
            *step = (struct json_step){NULL, n};
            if ((int64_t)n >= field->max) return json_refuse(r, "range");
            if ((n == 0 || (n >= 4 && (n & (n - 1)) == 0)) && !items_grow(r, &items, n, size))
                return false;
            if (!item_read(r, field, items + n * size)) return false;
            n++;
        } while (json_take(r, ','));
        if (!json_take(r, ']')) return json_refuse(r, "syntax");
    }
    r->steps--;
    r->depth--;
    if ((int64_t)n < field->min) return json_refuse(r, "range");
    /* The three kinds of list differ in what they point to only. */
    _Static_assert(sizeof(struct list) == sizeof(struct strs), "one layout");
    _Static_assert(sizeof(struct list) == sizeof(struct uuids), "one layout");
    memcpy(member, &(struct list){items, n}, sizeof(struct list));
    return true;
}

static bool flags_read(struct json_reader *r, const struct field *field, void *member)
{
    int64_t *const set = member;
    struct str word;

    if (!json_take(r, '[')) return json_refuse(r, "type");
    if (json_take(r, ']')) return true;
    do {
        unsigned i = 0;

        if (!json_take_string(r, &word)) return false;
        while (field->words[i] && !str_is(word, field->words[i])) i++;
        if (!field->words[i]) return json_refuse(r, "range");
        *set |= INT64_C(1) << i;
    } while (json_take(r, ','));
    return json_take(r, ']') || json_refuse(r, "syntax");
}

static bool raw_read(struct json_reader *r, const struct field *field, void *member)
{
    (void)field, (void)member;
    return json_refuse(r, "unknown");
}

static bool member_read(struct json_reader *r, const struct field *field, void *row)
{
    static bool (*const readers[])(struct json_reader *, const struct field *, void *) = {
        [TEXT] = text_read,   [UUID] = text_read,  [INT] = int_read,    [BOOL] = bool_read,
        [TIME] = text_read,   [DATE] = text_read,  [OBJECT] = nested_read, [LIST] = array_read,
        [TEXTS] = array_read, [UUIDS] = array_read, [BYTES] = text_read, [FLAGS] = flags_read,
        [RAW] = raw_read,
    };

    return readers[field->type](r, field, json_member(row, field));
}

/* One `"name": value`. @at is the index of the field that probably comes. */
static bool pair_read(struct json_reader *r, const struct shape *shape, void *row, uint64_t *seen,
                      int *at)
{
    const struct field *field;
    struct str name;
    int i;

    if (!json_take_name(r, &name)) return false;
    i = json_field_find(shape, name, *at);
    if (i < 0) return r->lenient ? json_skip_value(r) : json_refuse(r, "unknown");
    field = &shape->fields[i];
    *at = i + 1;
    r->path[r->steps++] = (struct json_step){field->name, 0};
    if (*seen >> i & 1) return json_refuse(r, "duplicate");
    if (!(r->lenient && json_peek(r) == 'n' && json_take_word(r, "null"))) {
        if (!member_read(r, field, row)) return false;
        *seen |= UINT64_C(1) << i;
    }
    r->steps--;
    return true;
}

static bool object_read(struct json_reader *r, const struct shape *shape, void *row)
{
    const struct field *missing;
    uint64_t seen = 0;
    int at = 0;

    if (!json_take(r, '{')) return json_refuse(r, "type");
    if (r->depth == JSON_DEPTH_MAX) return json_refuse(r, "syntax");
    r->depth++;
    if (!json_take(r, '}')) {
        do {
            if (!pair_read(r, shape, row, &seen, &at)) return false;
        } while (json_take(r, ','));
        if (!json_take(r, '}')) return json_refuse(r, "syntax");
    }
    r->depth--;
    missing = json_row_complete(shape, seen, row);
    if (!missing) return true;
    r->path[r->steps++] = (struct json_step){missing->name, 0};
    return json_refuse(r, "missing");
}

static err_t decode(const struct shape *shape, struct bytes text, struct arena *arena, void *ret,
                    struct json_fault *fault, bool lenient)
{
    struct json_fault ignored;
    struct json_reader r = {.at = (const char *)text.p, .arena = arena, .lenient = lenient};

    r.end = r.at + text.n;
    r.fault = fault ? fault : &ignored;
    memset(ret, 0, shape->size);
    if (!str_is_utf8((struct str){r.at, text.n})) {
        json_refuse(&r, "syntax");
        return ERR_BAD_BODY;
    }
    if (!object_read(&r, shape, ret)) return ERR_BAD_BODY;
    if (json_peek(&r) != 0) {
        json_refuse(&r, "syntax");
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
