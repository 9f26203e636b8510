/* Whatever bytes come as a body or a query: no harm is done, and what is taken survives being
 * written and read again. */
#include "common/codec/json.h"

#include <stddef.h>
#include <stdlib.h>

struct item {
    struct str text;
    int64_t n;
    const struct item *inner;
};

struct body {
    struct uuid id;
    struct str text, kind, day;
    int64_t n, at;
    bool flag;
    struct list items;
    struct strs tags;
    struct uuids ids;
    struct bytes blob;
};

static const char *const kinds[] = {"video", "voice", NULL};

static const struct shape item_shape;
static const struct field item_fields[] = {
    {"text", TEXT, offsetof(struct item, text), REQUIRED, 0, 50, NULL, NULL},
    {"n", INT, offsetof(struct item, n), 0, INT64_MIN, INT64_MAX, NULL, NULL},
    {"inner", OBJECT, offsetof(struct item, inner), 0, 0, 0, &item_shape, NULL},
    {0},
};
static const struct shape item_shape = {"Item", sizeof(struct item), item_fields};

#define AT(member) offsetof(struct body, member)
static const struct field body_fields[] = {
    {"id", UUID, AT(id), 0, 0, 0, NULL, NULL},
    {"text", TEXT, AT(text), REQUIRED | PHI, 1, 200, NULL, NULL},
    {"kind", TEXT, AT(kind), 0, 0, 0, NULL, kinds},
    {"day", DATE, AT(day), 0, 0, 0, NULL, NULL},
    {"n", INT, AT(n), 0, -1000, 1000, NULL, NULL},
    {"at", TIME, AT(at), 0, 0, 0, NULL, NULL},
    {"flag", BOOL, AT(flag), 0, 0, 0, NULL, NULL},
    {"items", LIST, AT(items), 0, 0, 20, &item_shape, NULL},
    {"tags", TEXTS, AT(tags), 0, 0, 20, NULL, NULL},
    {"ids", UUIDS, AT(ids), 0, 0, 20, NULL, NULL},
    {"blob", BYTES, AT(blob), 0, 0, 100, NULL, NULL},
    {0},
};
static const struct shape body_shape = {"Body", sizeof(struct body), body_fields};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was decoded once is encoded, decoded and encoded again: both texts are the same. */
static void go_round(struct arena *arena, const struct body *first)
{
    const struct str text = json_encode(arena, &body_shape, first);
    struct body second;

    /* A time before 1900 UTC by its zone, or after 2200, is taken but not taken back. */
    if (json_decode(&body_shape, str_bytes(text), arena, &second, NULL) != ERR_OK) {
        if (first->at < -2208988800000000 || first->at >= 7289654400000000) return;
        abort();
    }
    if (!str_equal(text, json_encode(arena, &body_shape, &second))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct arena *arena;
    struct json_fault fault;
    struct body strict, other;
    const struct str text = {(const char *)data, n};

    if (!arena) arena = arena_new(1 << 20);
    arena_reset(arena);
    if (json_decode(&body_shape, bytes_of(data, n), arena, &strict, &fault) == ERR_OK) {
        go_round(arena, &strict);
        if (json_decode_lenient(&body_shape, bytes_of(data, n), arena, &other, &fault) != ERR_OK)
            abort(); /* lenient takes whatever strict takes */
    } else if (strlen(fault.pointer) >= sizeof fault.pointer || !fault.code) {
        abort();
    }
    if (json_decode_lenient(&body_shape, bytes_of(data, n), arena, &other, &fault) == ERR_OK)
        go_round(arena, &other);
    if (json_decode_query(&body_shape, text, arena, &other, &fault) == ERR_OK)
        go_round(arena, &other);
    return 0;
}
