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

/* The first required field of @shape that @seen (a bit a field) lacks, or NULL. */
const struct field *json_field_missing(const struct shape *shape, uint64_t seen);

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
