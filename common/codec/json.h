/*
 * json - structs to and from JSON by a table of fields; no tree in between, so no PHI outlives
 * the arena it was decoded into.
 *
 * One shape decodes, validates, encodes, documents (JSON Schema for OpenAPI) and tells the logger
 * and the audit what a field is. Decoding is strict: UTF-8, one document, no name twice and none
 * that is unknown, depth <= 8, numbers are whole and within min..max, lengths are counted in
 * bytes, of what people write (CHARS) in code points. A max that is left out is 0: only shapes that
 * are never decoded may do so.
 * Absent optional fields are left zero (str.p NULL, uuid nil, list empty; INT: its `usual`) and are
 * not written; a list that should be written as [] is REQUIRED. INT and BOOL are always written.
 * null is refused. json_decode_lenient() skips unknown names and takes null for absence.
 *
 *   type     C member       JSON
 *   TEXT     struct str     string, min..max bytes or CHARS; `words` restricts it to a list
 *   UUID     struct uuid    string
 *   INT      int64_t        number, min..max
 *   BOOL     bool           true, false
 *   TIME     int64_t        string, RFC 3339; microseconds UTC; 0 is absent
 *   DATE     struct str     string, a real day YYYY-MM-DD
 *   OBJECT   const void *   object of `shape`, in the arena; NULL is absent
 *   LIST     struct list    array of objects of `shape`, at most max of them
 *   TEXTS    struct strs    array of strings, at most max of them, each <= 1024 bytes
 *   UUIDS    struct uuids   array of strings
 *   BYTES    struct bytes   string, base64url without padding, at most max bytes decoded
 *   FLAGS    int64_t        array of `words`, a bit each in their order; 0 is absent
 *   RAW      struct str     written verbatim (already JSON); never decoded
 *
 * Threads  any: shapes are const.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"

#include <stddef.h>
#include <stdio.h>

enum json_type {
    JSON_NONE,
    TEXT,
    UUID,
    INT,
    BOOL,
    TIME,
    DATE,
    OBJECT,
    LIST,
    TEXTS,
    UUIDS,
    BYTES,
    FLAGS,
    RAW,
};

enum {
    REQUIRED = 1,
    PHI = 2,     /* never logged, cached or put into an error text */
    PATIENT = 4, /* the patient that this row is about: a list's reply audits each */
    CLINICAL = 8, CONTACT = 16, /* sets of fields (fields.def): not every role is shown them */
    CHARS = 32, /* TEXT: min..max are code points; not for what a buffer or long lists must hold */
};

struct shape;

struct field {
    const char *name;
    enum json_type type;
    size_t offset;
    unsigned flags;
    int64_t min, max;
    const struct shape *shape;       /* OBJECT, LIST */
    const char *const *words;        /* TEXT, FLAGS: NULL-terminated, or NULL */
    int64_t usual;                   /* INT: what is read when it is absent */
};

struct shape {
    const char *name;           /* "Booking": the schema's name */
    size_t size;                /* sizeof the struct */
    const struct field *fields; /* ends in a row without name */
};

struct list {
    const void *p;
    size_t n;
};

struct json_fault {
    char pointer[96];  /* RFC 6901, of our own field names only: input is never quoted */
    const char *code;  /* "unknown", "missing", "type", "range", "duplicate", "syntax" */
};

/* ERR_BAD_BODY with @fault (may be NULL) filled in; @ret is then undefined. @text is borrowed;
 * decoded texts are copies in @arena. */
err_t json_decode(const struct shape *shape, struct bytes text, struct arena *arena, void *ret,
                  struct json_fault *fault);
/* As above for what other programs write. */
err_t json_decode_lenient(const struct shape *shape, struct bytes text, struct arena *arena,
                          void *ret, struct json_fault *fault);
/* A query string (without '?') by the same rules; ERR_BAD_QUERY. */
err_t json_decode_query(const struct shape *shape, struct str query, struct arena *arena, void *ret,
                        struct json_fault *fault);

struct str json_encode(struct arena *arena, const struct shape *shape, const void *row);
/* Without the fields that have one of these marks, at any depth. */
struct str json_encode_without(struct arena *arena, const struct shape *shape, const void *row,
                               unsigned marks);
struct str json_quote(struct arena *arena, struct str text); /* one JSON string */

/* The shape as a JSON Schema (draft 2020-12) object; nested shapes as $ref under
 * #/components/schemas. */
void json_schema(FILE *out, const struct shape *shape);
/* Calls @seen for @shape and every shape below it, each once per mention; no shape may contain
 * itself. */
void json_walk(const struct shape *shape, void (*seen)(const struct shape *, void *), void *user);
