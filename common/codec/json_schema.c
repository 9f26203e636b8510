/* Shapes as documents: JSON Schema for OpenAPI, and a walk for whoever reads marks. */
#include "common/codec/inside.h"

#include <inttypes.h>

/* What a type always says, and the names of its limits. */
static const struct kind {
    const char *says, *min, *max;
} kinds[] = {
    [TEXT] = {"\"type\":\"string\"", "minLength", "maxLength"},
    [UUID] = {"\"type\":\"string\",\"format\":\"uuid\"", NULL, NULL},
    [INT] = {"\"type\":\"integer\",\"format\":\"int64\"", "minimum", "maximum"},
    [BOOL] = {"\"type\":\"boolean\"", NULL, NULL},
    [TIME] = {"\"type\":\"string\",\"format\":\"date-time\"", NULL, NULL},
    [DATE] = {"\"type\":\"string\",\"format\":\"date\"", NULL, NULL},
    [OBJECT] = {NULL, NULL, NULL},
    [LIST] = {"\"type\":\"array\"", "minItems", "maxItems"},
    [TEXTS] = {"\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":1024}", "minItems",
               "maxItems"},
    [UUIDS] = {"\"type\":\"array\",\"items\":{\"type\":\"string\",\"format\":\"uuid\"}", "minItems",
               "maxItems"},
    [BYTES] = {"\"type\":\"string\",\"contentEncoding\":\"base64url\"", "minLength", "maxLength"},
    [FLAGS] = {"\"type\":\"array\"", NULL, NULL},
    [RAW] = {NULL, NULL, NULL},
};

static void limits_print(FILE *out, const struct field *field)
{
    const struct kind *const kind = &kinds[field->type];
    int64_t min = field->min, max = field->max;

    /* A shape that is only written may leave its limits out. */
    if (!kind->max || field->words || (min == 0 && max == 0)) return;
    if (field->type == BYTES) {
        min = BASE64URL_LEN(min);
        max = BASE64URL_LEN(max);
    }
    if (min || field->type == INT) fprintf(out, ",\"%s\":%" PRId64, kind->min, min);
    fprintf(out, ",\"%s\":%" PRId64, kind->max, max);
}

static void words_print(FILE *out, const char *const *words)
{
    fputs(",\"enum\":[", out);
    for (size_t i = 0; words[i]; i++) fprintf(out, "%s\"%s\"", i ? "," : "", words[i]);
    fputc(']', out);
}

static void field_print(FILE *out, const struct field *field)
{
    const char *const says = kinds[field->type].says;

    fprintf(out, "\"%s\":{", field->name);
    if (says) fputs(says, out);
    if (field->type == LIST)
        fprintf(out, ",\"items\":{\"$ref\":\"#/components/schemas/%s\"}", field->shape->name);
    if (field->type == OBJECT)
        fprintf(out, "\"$ref\":\"#/components/schemas/%s\"", field->shape->name);
    limits_print(out, field);
    if (field->type == FLAGS) fputs(",\"items\":{\"type\":\"string\"", out);
    if (field->words) words_print(out, field->words);
    if (field->type == FLAGS) fputc('}', out);
    if (field->usual) fprintf(out, ",\"default\":%" PRId64, field->usual);
    if (field->flags & PHI) fprintf(out, "%s\"x-phi\":true", field->type == RAW ? "" : ",");
    if (field->flags & CHARS) fputs(",\"x-length\":\"characters\"", out);
    if (field->flags & CLINICAL) fputs(",\"x-field-set\":\"clinical\"", out);
    if (field->flags & CONTACT) fputs(",\"x-field-set\":\"contact\"", out);
    fputc('}', out);
}

void json_schema(FILE *out, const struct shape *shape)
{
    const char *before = "";

    fputs("{\"type\":\"object\",\"properties\":{", out);
    for (const struct field *field = shape->fields; field->name; field++) {
        if (field > shape->fields) fputc(',', out);
        field_print(out, field);
    }
    fputc('}', out);
    for (const struct field *field = shape->fields; field->name; field++) {
        if (!(field->flags & REQUIRED)) continue;
        fprintf(out, "%s\"%s\"", *before ? before : ",\"required\":[", field->name);
        before = ",";
    }
    fprintf(out, "%s,\"additionalProperties\":false}", *before ? "]" : "");
}

void json_walk(const struct shape *shape, void (*seen)(const struct shape *, void *), void *user)
{
    seen(shape, user);
    for (const struct field *field = shape->fields; field->name; field++)
        if (field->shape) json_walk(field->shape, seen, user);
}
