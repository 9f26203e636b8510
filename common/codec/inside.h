/*
 * inside - what the halves of json share; nothing outside this folder includes it.
 */
#pragma once

#include "common/codec/json.h"

#define JSON_DEPTH_MAX 8
#define JSON_FIELDS_MAX 64 /* of one shape: a bit each */
#define JSON_ITEM_BYTES_MAX 1024 /* of one text in TEXTS */

/* Index of the field called @name, or -1; @hint is where it probably is. */
int json_field_find(const struct shape *shape, struct str name, int hint);

/* Gives @row what is usual for the fields that @seen (a bit a field) lacks. The first of them that
 * is required, or NULL. */
const struct field *json_row_complete(const struct shape *shape, uint64_t seen, void *row);

/* Stores @text, which is UTF-8, as the member that @field describes. NULL, or a fault's code. */
const char *json_text_store(const struct field *field, struct str text, struct arena *arena,
                            void *member);

static inline void *json_member(void *row, const struct field *field)
{
    return (char *)row + field->offset;
}

static inline const void *json_member_const(const void *row, const struct field *field)
{
    return (const char *)row + field->offset;
}

struct json_step { /* into a field, or an item when it has no name */
    const char *name;
    size_t index;
};

struct json_reader {
    const char *at, *end;
    struct arena *arena;
    struct json_fault *fault;
    bool lenient;
    unsigned depth;
    struct json_step path[2 * JSON_DEPTH_MAX];
    unsigned steps;
};

/* Says where and why; always false. */
bool json_refuse(struct json_reader *r, const char *code);

char json_peek(struct json_reader *r); /* the next that is not white space; 0 at the end */
bool json_take(struct json_reader *r, char c); /* skips white space first */
bool json_take_word(struct json_reader *r, const char *word); /* does not */

/* From here on false has refused. @ret_text is borrowed from the input, or from the arena when it
 * had escapes. */
bool json_take_string(struct json_reader *r, struct str *ret_text);
bool json_take_name(struct json_reader *r, struct str *ret_name); /* and the colon */
bool json_skip_value(struct json_reader *r);

bool json_skip_number(struct json_reader *r); /* any JSON number; false: there is none */
