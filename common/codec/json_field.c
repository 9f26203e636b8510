/* Fields and the texts in them: what the decoders of bodies and of queries share. */
#include "common/base/clock.h"
#include "common/codec/inside.h"

#include <assert.h>

int json_field_find(const struct shape *shape, struct str name, int hint)
{
    if (shape->fields[hint].name && str_is(name, shape->fields[hint].name)) return hint;
    for (int i = 0; shape->fields[i].name; i++) {
        assert(i < JSON_FIELDS_MAX);
        if (str_is(name, shape->fields[i].name)) return i;
    }
    return -1;
}

const struct field *json_row_complete(const struct shape *shape, uint64_t seen, void *row)
{
    for (int i = 0; shape->fields[i].name; i++) {
        const struct field *const field = &shape->fields[i];

        if (seen >> i & 1) continue;
        if (field->flags & REQUIRED) return field;
        if (field->usual) *(int64_t *)json_member(row, field) = field->usual;
    }
    return NULL;
}

static bool in_range(size_t n, const struct field *field)
{
    return n <= INT64_MAX && (int64_t)n >= field->min && (int64_t)n <= field->max;
}

static const char *copy_store(struct str text, struct arena *arena, struct str *member)
{
    char *const copy = arena_try(arena, text.n);

    if (!copy) return "range";
    if (text.n) memcpy(copy, text.p, text.n);
    *member = (struct str){copy, text.n};
    return NULL;
}

static const char *text_store(const struct field *field, struct str text, struct arena *arena,
                              void *member)
{
    const size_t length = field->flags & CHARS ? str_points(text) : text.n;

    if (!field->words) return in_range(length, field) ? copy_store(text, arena, member) : "range";
    for (const char *const *word = field->words; *word; word++) {
        if (!str_is(text, *word)) continue;
        *(struct str *)member = (struct str){*word, text.n};
        return NULL;
    }
    return "range";
}

static const char *uuid_store(const struct field *field, struct str text, struct arena *arena,
                              void *member)
{
    (void)field, (void)arena;
    return uuid_parse(text, member) ? NULL : "type";
}

static const char *time_store(const struct field *field, struct str text, struct arena *arena,
                              void *member)
{
    (void)field, (void)arena;
    return clock_parse(text, member) ? NULL : "type";
}

static const char *date_store(const struct field *field, struct str text, struct arena *arena,
                              void *member)
{
    (void)field;
    return clock_is_date(text) ? copy_store(text, arena, member) : "type";
}

static const char *bytes_store(const struct field *field, struct str text, struct arena *arena,
                               void *member)
{
    struct bytes *const ret = member;
    uint8_t *to;

    if (!in_range(text.n / 4 * 3, &(struct field){.max = field->max})) return "range";
    to = arena_try(arena, text.n / 4 * 3 + 3);
    if (!to) return "range";
    if (!base64url_decode(text, to, &ret->n)) return "type";
    ret->p = to;
    return in_range(ret->n, field) ? NULL : "range";
}

const char *json_text_store(const struct field *field, struct str text, struct arena *arena,
                            void *member)
{
    static const char *(*const stores[])(const struct field *, struct str, struct arena *,
                                         void *) = {
        [TEXT] = text_store, [UUID] = uuid_store,   [TIME] = time_store,
        [DATE] = date_store, [BYTES] = bytes_store, [FLAGS] = NULL, [RAW] = NULL,
    };

    return stores[field->type] ? stores[field->type](field, text, arena, member) : "type";
}
