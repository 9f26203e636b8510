/* Query strings by the rules of a shape. */
#include "common/codec/inside.h"

static err_t refuse(struct json_fault *fault, const struct field *field, const char *code)
{
    if (fault) {
        fault->code = code;
        snprintf(fault->pointer, sizeof fault->pointer, "%s%s", field ? "/" : "",
                 field ? field->name : "");
    }
    return ERR_BAD_QUERY;
}

/* Undoes %XX and '+'. NULL, or a fault's code. */
static const char *unquote(struct str from, struct arena *arena, struct str *ret_text)
{
    char *const to = arena_try(arena, from.n);
    size_t n = 0;

    if (!to) return "range";
    for (size_t i = 0; i < from.n; i++) {
        uint8_t byte = from.p[i] == '+' ? ' ' : (uint8_t)from.p[i];

        if (from.p[i] == '%') {
            if (from.n - i < 3 || !hex_decode((struct str){from.p + i + 1, 2}, &byte))
                return "syntax";
            i += 2;
        }
        to[n++] = (char)byte;
    }
    *ret_text = (struct str){to, n};
    return str_is_utf8(*ret_text) ? NULL : "syntax";
}

static const char *value_store(const struct field *field, struct str raw, struct arena *arena,
                               void *member)
{
    struct str text;
    const char *code = unquote(raw, arena, &text);

    if (code) return code;
    if (field->type == INT)
        return str_int(text, field->min, field->max, member) ? NULL : "range";
    if (field->type == BOOL) {
        *(bool *)member = str_is(text, "true");
        return *(bool *)member || str_is(text, "false") ? NULL : "type";
    }
    return json_text_store(field, text, arena, member);
}

err_t json_decode_query(const struct shape *shape, struct str query, struct arena *arena, void *ret,
                        struct json_fault *fault)
{
    const struct field *missing;
    uint64_t seen = 0;
    bool more = query.n > 0;

    memset(ret, 0, shape->size);
    while (more) {
        struct str value = query, name; /* the last has no mark behind it */
        const struct field *field;
        const char *code;
        int i;

        more = str_cut(&query, '&', &value);
        if (!str_cut(&value, '=', &name)) return refuse(fault, NULL, "syntax");
        i = json_field_find(shape, name, 0);
        if (i < 0) return refuse(fault, NULL, "unknown");
        field = &shape->fields[i];
        if (seen >> i & 1) return refuse(fault, field, "duplicate");
        seen |= UINT64_C(1) << i;
        code = value_store(field, value, arena, json_member(ret, field));
        if (code) return refuse(fault, field, code);
    }
    missing = json_row_complete(shape, seen, ret);
    return missing ? refuse(fault, missing, "missing") : ERR_OK;
}
