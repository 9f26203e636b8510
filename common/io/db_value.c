#include "common/io/db_own.h"

#include <assert.h>
#include <endian.h>
#include <libpq-fe.h>

#define PG_EPOCH_US 946684800000000LL /* 2000-01-01 */
#define PG_EPOCH_DAYS 10957
#define ARRAY_HEAD_BYTES 20 /* dimensions, flags, type, length, lower bound: 4 bytes each */

static const struct {
    uint32_t oid;
    const char *name;
    int bytes; /* -1: any */
} types[] = {
    [SQL_UUID] = {2950, "uuid", 16},
    [SQL_TEXT] = {25, "text", -1},
    [SQL_BYTEA] = {17, "bytea", -1},
    [SQL_INT4] = {23, "int4", 4},
    [SQL_INT8] = {20, "int8", 8},
    [SQL_BOOL] = {16, "bool", 1},
    [SQL_TIMESTAMPTZ] = {1184, "timestamptz", 8},
    [SQL_DATE] = {1082, "date", 4},
    [SQL_UUIDS] = {2951, "uuid[]", -1},
    [SQL_TEXTS] = {1009, "text[]", -1},
    [SQL_BYTEAS] = {1001, "bytea[]", -1},
};

uint32_t db_oid(enum sql_type type)
{
    return types[type].oid;
}

const char *db_type_name(enum sql_type type)
{
    return types[type].name;
}

/* ---- to the server ---- */

static void put32(uint8_t *to, uint32_t value)
{
    const uint32_t wire = htobe32(value);

    memcpy(to, &wire, sizeof wire);
}

static const char *copy64(struct arena *arena, int64_t value, int *ret_bytes)
{
    const uint64_t wire = htobe64((uint64_t)value);

    *ret_bytes = sizeof wire;
    return arena_copy(arena, &wire, sizeof wire);
}

/* With a NUL behind it: dates travel as text, and an empty text is not NULL. */
static const char *copy_text(struct arena *arena, const void *p, size_t n, int *ret_bytes)
{
    if (!p) return NULL;
    *ret_bytes = (int)n;
    return arena_cstr(arena, (struct str){p, n});
}

/* INT64_MAX and INT64_MIN are PostgreSQL's infinities too. */
static const char *copy_time(struct arena *arena, int64_t at_us, int *ret_bytes)
{
    const bool infinite = at_us == INT64_MAX || at_us < INT64_MIN + PG_EPOCH_US;

    return copy64(arena, infinite ? at_us : at_us - PG_EPOCH_US, ret_bytes);
}

static uint8_t *array_head(struct arena *arena, size_t n, size_t bytes, enum sql_type element)
{
    uint8_t *head = arena_alloc(arena, ARRAY_HEAD_BYTES + bytes);

    put32(head, n > 0);
    put32(head + 8, types[element].oid);
    put32(head + 12, (uint32_t)n);
    put32(head + 16, 1);
    return head;
}

static const char *copy_uuids(struct arena *arena, const struct uuids *ids, int *ret_bytes)
{
    const size_t each = 4 + sizeof(struct uuid);
    uint8_t *head = array_head(arena, ids->n, ids->n * each, SQL_UUID);

    for (size_t i = 0; i < ids->n; i++) {
        put32(head + ARRAY_HEAD_BYTES + i * each, sizeof(struct uuid));
        memcpy(head + ARRAY_HEAD_BYTES + i * each + 4, &ids->p[i], sizeof(struct uuid));
    }
    *ret_bytes = (int)(ids->n > 0 ? ARRAY_HEAD_BYTES + ids->n * each : 12);
    return (char *)head;
}

static const char *copy_blobs(struct arena *arena, enum sql_type element,
                              const struct blobs *blobs, int *ret_bytes)
{
    size_t bytes = 0;

    for (size_t i = 0; i < blobs->n; i++) bytes += 4 + blobs->p[i].n;
    uint8_t *head = array_head(arena, blobs->n, bytes, element), *at = head + ARRAY_HEAD_BYTES;
    for (size_t i = 0; i < blobs->n; i++) {
        const struct bytes blob = blobs->p[i];
        put32(at, blob.p ? (uint32_t)blob.n : UINT32_MAX);
        if (blob.n > 0) memcpy(at + 4, blob.p, blob.n);
        at += 4 + blob.n;
    }
    *ret_bytes = (int)(blobs->n > 0 ? at - head : 12);
    return (char *)head;
}

static const char *copy_texts(struct arena *arena, const struct strs *texts, int *ret_bytes)
{
    struct bytes *const blobs = ARENA_ARRAY(arena, struct bytes, texts->n);

    for (size_t i = 0; i < texts->n; i++) blobs[i] = str_bytes(texts->p[i]);
    return copy_blobs(arena, SQL_TEXT, &(struct blobs){blobs, texts->n}, ret_bytes);
}

static const char *encode(struct arena *arena, const struct sql_slot *slot, const void *from,
                          int *ret_bytes)
{
    const bool nullable = slot->nullable;

    switch (slot->type) {
    case SQL_UUID:
        if (nullable && uuid_is_nil(*(const struct uuid *)from)) return NULL;
        *ret_bytes = sizeof(struct uuid);
        return arena_copy(arena, from, sizeof(struct uuid));
    case SQL_TEXT:
    case SQL_DATE: {
        const struct str *text = from;
        return copy_text(arena, text->p, text->n, ret_bytes);
    }
    case SQL_BYTEA: {
        const struct bytes *bytes = from;
        return copy_text(arena, bytes->p, bytes->n, ret_bytes);
    }
    case SQL_INT4: {
        const uint32_t wire = htobe32((uint32_t) * (const int32_t *)from);
        *ret_bytes = sizeof wire;
        return arena_copy(arena, &wire, sizeof wire);
    }
    case SQL_INT8: return copy64(arena, *(const int64_t *)from, ret_bytes);
    case SQL_BOOL: *ret_bytes = 1; return arena_copy(arena, from, 1);
    case SQL_TIMESTAMPTZ:
        if (nullable && *(const int64_t *)from == 0) return NULL;
        return copy_time(arena, *(const int64_t *)from, ret_bytes);
    case SQL_UUIDS:
        if (nullable && !((const struct uuids *)from)->p) return NULL;
        return copy_uuids(arena, from, ret_bytes);
    case SQL_TEXTS:
        if (nullable && !((const struct strs *)from)->p) return NULL;
        return copy_texts(arena, from, ret_bytes);
    case SQL_BYTEAS:
        if (nullable && !((const struct blobs *)from)->p) return NULL;
        return copy_blobs(arena, SQL_BYTEA, from, ret_bytes);
    }
    return NULL;
}

static const void *source(const struct sql_slot *slot, const struct tx_frame *frame,
                          const void *args)
{
    switch (slot->source) {
    case SQL_ORG: return &frame->org;
    case SQL_NOW: return &frame->now_us;
    case SQL_ACT: return &frame->act;
    case SQL_ACTOR: return &frame->actor;
    case SQL_ARGS: break;
    }
    assert(args);
    return (const char *)args + slot->offset;
}

struct db_values db_encode(const struct stmt *stmt, const struct tx_frame *frame, const void *args)
{
    struct arena *arena = frame->arena;
    const struct db_values to = {
        .values = ARENA_ARRAY(arena, const char *, stmt->param_count),
        .lengths = ARENA_ARRAY(arena, int, stmt->param_count),
        .formats = ARENA_ARRAY(arena, int, stmt->param_count),
    };

    for (size_t i = 0; i < stmt->param_count; i++) {
        const struct sql_slot *slot = &stmt->params[i];
        to.formats[i] = slot->type != SQL_DATE;
        to.values[i] = encode(arena, slot, source(slot, frame, args), &to.lengths[i]);
    }
    return to;
}

/* ---- from the server ---- */

static uint32_t get32(const char *from)
{
    uint32_t wire;

    memcpy(&wire, from, sizeof wire);
    return be32toh(wire);
}

static int64_t get64(const char *from)
{
    uint64_t wire;

    memcpy(&wire, from, sizeof wire);
    return (int64_t)be64toh(wire);
}

static int64_t get_time(const char *from)
{
    const int64_t at_us = get64(from);

    return at_us > INT64_MAX - PG_EPOCH_US || at_us == INT64_MIN ? at_us : at_us + PG_EPOCH_US;
}

/* Days to the calendar by the 400-year cycle, counted from 1 March so that leap days come last. */
static struct str get_date(struct arena *arena, const char *from)
{
    const int64_t day = (int64_t)(int32_t)get32(from) + PG_EPOCH_DAYS + 719468;
    const int64_t era = (day >= 0 ? day : day - 146096) / 146097;
    const int64_t of_era = day - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153;

    return arena_printf(arena, "%04d-%02d-%02d", (int)(year + era * 400 + (month >= 10)),
                        (int)(month < 10 ? month + 3 : month - 9),
                        (int)(of_year - (153 * month + 2) / 5 + 1));
}

/* A one-dimensional array into struct uuids or strs. False: it is not such an array. */
static bool get_array(struct arena *arena, enum sql_type type, const char *from, size_t n,
                      void *to)
{
    const bool uuids = type == SQL_UUIDS;
    const char *const end = from + n;

    if (n < 12) return false;
    if (get32(from) == 0) return true;
    if (get32(from) != 1 || n < ARRAY_HEAD_BYTES) return false;
    const uint32_t count = get32(from + 12);
    if (count > n / 4) return false;
    struct uuid *ids = uuids ? arena_try(arena, count * sizeof *ids) : NULL;
    struct str *texts = uuids ? NULL : arena_try(arena, count * sizeof *texts);
    if (!ids && !texts) return false;
    from += ARRAY_HEAD_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        if (end - from < 4) return false;
        const uint32_t bytes = get32(from);
        from += 4;
        if (bytes == UINT32_MAX) continue; /* NULL */
        if ((size_t)(end - from) < bytes || (uuids && bytes != sizeof *ids)) return false;
        if (uuids) memcpy(&ids[i], from, sizeof *ids);
        else texts[i] = arena_str(arena, (struct str){from, bytes});
        from += bytes;
    }
    if (uuids) *(struct uuids *)to = (struct uuids){ids, count};
    else *(struct strs *)to = (struct strs){texts, count};
    return true;
}

static bool get_bytes(struct arena *arena, const char *from, size_t n, const void **ret)
{
    char *copy = arena_try(arena, n + 1);

    if (copy) memcpy(copy, from, n);
    *ret = copy;
    return copy != NULL;
}

static bool decode(struct arena *arena, const struct sql_slot *slot, const char *from, size_t n,
                   void *to)
{
    const void *copy = NULL;

    switch (slot->type) {
    case SQL_UUID: memcpy(to, from, sizeof(struct uuid)); return true;
    case SQL_INT4: *(int32_t *)to = (int32_t)get32(from); return true;
    case SQL_INT8: *(int64_t *)to = get64(from); return true;
    case SQL_BOOL: *(bool *)to = *from != 0; return true;
    case SQL_TIMESTAMPTZ: *(int64_t *)to = get_time(from); return true;
    case SQL_DATE: *(struct str *)to = get_date(arena, from); return true;
    case SQL_UUIDS:
    case SQL_TEXTS: return get_array(arena, slot->type, from, n, to);
    case SQL_TEXT:
        if (!get_bytes(arena, from, n, &copy)) return false;
        *(struct str *)to = (struct str){copy, n};
        return true;
    case SQL_BYTEA:
        if (!get_bytes(arena, from, n, &copy)) return false;
        *(struct bytes *)to = (struct bytes){copy, n};
        return true;
    case SQL_BYTEAS: return false;
    }
    return false;
}

err_t db_decode(const struct stmt *stmt, const PGresult *result, struct arena *arena,
                struct rows *ret_rows)
{
    const int count = PQntuples(result);

    if (PQnfields(result) != (int)stmt->column_count) {
        return err_raise(ERR_INTERNAL, "%s: %d columns instead of %zu", stmt->name,
                         PQnfields(result), stmt->column_count);
    }
    char *rows = arena_try(arena, (size_t)count * stmt->row_bytes + 1);
    for (int row = 0; rows && row < count; row++) {
        for (int i = 0; i < (int)stmt->column_count; i++) {
            const struct sql_slot *slot = &stmt->columns[i];
            const int bytes = PQgetlength(result, row, i);
            if (PQgetisnull(result, row, i)) continue;
            if ((types[slot->type].bytes >= 0 && bytes != types[slot->type].bytes) ||
                !decode(arena, slot, PQgetvalue(result, row, i), (size_t)bytes,
                        rows + (size_t)row * stmt->row_bytes + slot->offset)) {
                return err_raise(ERR_INTERNAL, "%s: column %s of %d bytes is no %s, or too much",
                                 stmt->name, slot->name, bytes, types[slot->type].name);
            }
        }
    }
    if (!rows) return err_raise(ERR_INTERNAL, "%s: %d rows are too much", stmt->name, count);
    *ret_rows = (struct rows){rows, (size_t)count};
    return ERR_OK;
}
