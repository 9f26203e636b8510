/* What an act answers: rendered at once, sent after COMMIT. */
#include "common/app/act.h"
#include "common/app/run.h"
#include "common/base/clock.h"

#include <assert.h>

static const struct field *field_find(const struct shape *shape, const char *name,
                                      enum json_type type)
{
    for (const struct field *field = shape->fields; field->name; field++) {
        if (field->type == type && strcmp(field->name, name) == 0) return field;
    }
    return NULL;
}

static const void *member_at(const void *row, const struct field *field)
{
    return (const char *)row + field->offset;
}

static void header_add(struct act_own *own, const char *name, struct str value)
{
    assert(own->header_count < sizeof own->headers / sizeof *own->headers);
    own->headers[own->header_count++] = (struct http_header){name, value};
}

/* The labels of a row must have been asked about too; a list's statement was to leave out what has
 * one of some. */
static err_t labels_check(struct act *act, int64_t labels)
{
    const struct act_own *own = act->own;
    const int64_t barred = own->listed ? policy_unlisted(act->who.role, own->run->may, true)
                                       : ~own->labels;

    if (act->who.role == ROLE_SERVICE || !(labels & barred)) return ERR_OK;
    return err_raise(ERR_NOT_VISIBLE, "%s shows a row by whose labels it has not asked",
                     own->run->resource);
}

/* Whom a reply shows must have been asked about, or be asked about as a list commits. */
static err_t shown_check(struct act *act, const struct shape *shape, const void *row)
{
    for (const struct field *field = shape->fields; field->name; field++) {
        struct uuid patient;

        if (field->type == FLAGS && field->words == label_words) {
            int64_t labels;

            memcpy(&labels, member_at(row, field), sizeof labels);
            TRY(labels_check(act, labels));
        }
        if (!(field->flags & PATIENT) || field->type != UUID) continue;
        memcpy(&patient, member_at(row, field), sizeof patient);
        if (!uuid_is_nil(patient)) TRY(run_shown(act, patient));
    }
    return ERR_OK;
}

/* Only the fields that the actor's role is shown. */
static struct str row_encode(struct act *act, const struct shape *shape, const void *row)
{
    return json_encode_without(act->arena, shape, row, policy_hidden(act->who.role));
}

err_t act_reply(struct act *act, int status, const struct shape *shape, const void *row)
{
    const struct field *id = field_find(shape, "id", UUID);
    const struct field *version = field_find(shape, "version", INT);
    struct act_own *own = act->own;

    TRY(shown_check(act, shape, row));
    own->status = status;
    own->content_type = "application/json";
    own->body = str_bytes(row_encode(act, shape, row));
    if (id) memcpy(&own->resource, member_at(row, id), sizeof own->resource);
    if (version) {
        memcpy(&own->resource_version, member_at(row, version), sizeof own->resource_version);
        header_add(own, "ETag",
                   arena_printf(act->arena, "\"%lld\"", (long long)own->resource_version));
    }
    return ERR_OK;
}

err_t act_reply_list(struct act *act, const struct shape *shape, const void *rows, size_t count,
                     struct str next_cursor)
{
    struct str *items = ARENA_ARRAY(act->arena, struct str, count + 1);
    size_t n = 64 + next_cursor.n;

    /* A page without its cursor would look like the last one. */
    if (act->own->page_lost) return ERR_KEY_UNAVAILABLE;
    for (size_t i = 0; i < count; i++) {
        const void *row = (const char *)rows + i * shape->size;

        TRY(shown_check(act, shape, row));
        items[i] = row_encode(act, shape, row);
        n += items[i].n + 1;
    }

    char *text = arena_alloc(act->arena, n);
    size_t at = (size_t)snprintf(text, n, "{\"data\":[");
    for (size_t i = 0; i < count; i++) {
        if (i) text[at++] = ',';
        memcpy(text + at, items[i].p, items[i].n);
        at += items[i].n;
    }
    if (next_cursor.p)
        at += (size_t)snprintf(text + at, n - at, "],\"next_cursor\":\"" STR_FMT "\"}",
                               STR_ARG(next_cursor));
    else
        at += (size_t)snprintf(text + at, n - at, "]}");

    act->own->status = 200;
    act->own->content_type = "application/json";
    act->own->body = bytes_of(text, at);
    return ERR_OK;
}

err_t act_refuse(struct act *act, err_t refusal)
{
    act->own->refusal = refusal;
    return ERR_OK;
}

err_t act_at(struct act *act, const char *pointer, err_t err)
{
    if (err == ERR_UNPROCESSABLE) act->own->at = pointer;
    return err;
}

err_t act_reply_raw(struct act *act, int status, const char *content_type, struct bytes body,
                    const struct http_header *headers, size_t header_count)
{
    act->own->status = status;
    act->own->content_type = content_type;
    act->own->body = body;
    for (size_t i = 0; i < header_count; i++)
        header_add(act->own, headers[i].name, headers[i].value);
    return ERR_OK;
}

/* ---- cursors: at (8) || id (16) || mac (16), base64url ---- */

#define CURSOR_PLAIN 24
#define CURSOR_MAC 16
#define CURSOR_BYTES (CURSOR_PLAIN + CURSOR_MAC)

/* The query but for where the page begins and how long it is. */
static struct str filters_of(struct act *act)
{
    const struct shape *shape = act->own->run->filters;

    if (!shape) return STR("");
    char *query = arena_alloc(act->arena, shape->size);
    memcpy(query, act->in, shape->size);
    for (const struct field *field = shape->fields; field->name; field++) {
        if (strcmp(field->name, "cursor") == 0)
            memset(query + field->offset, 0, sizeof(struct str));
        else if (strcmp(field->name, "limit") == 0)
            memset(query + field->offset, 0, sizeof(int64_t));
    }
    return json_encode(act->arena, shape, query);
}

/* Bound to who asks and to what is asked, so that a cursor opens nothing for anybody else, and no
 * page of another list. */
static err_t cursor_mac(struct act *act, const uint8_t *plain, struct hash *ret_mac)
{
    const struct str filters = filters_of(act);
    struct bytes key;

    TRY(run_mac_key(&key));
    const struct str bound =
        arena_printf(act->arena, "%s\n%s\n%s\n%s\n%s\n" STR_FMT, act->own->run->resource,
                     UUID_ARG(act->path_id), UUID_ARG(act->org), UUID_ARG(act->who.person),
                     role_word(act->who.role), STR_ARG(filters));
    *ret_mac = hash_hmac_2(key, str_bytes(bound), bytes_of(plain, CURSOR_PLAIN));
    return ERR_OK;
}

struct str act_cursor(struct act *act, struct cursor after)
{
    uint8_t raw[CURSOR_BYTES];
    struct hash mac;

    for (int i = 0; i < 8; i++) raw[i] = (uint8_t)((uint64_t)after.at_us >> (56 - 8 * i));
    memcpy(raw + 8, after.id.b, 16);
    if (cursor_mac(act, raw, &mac) != ERR_OK) {
        act->own->page_lost = true;
        return STR_NONE;
    }
    memcpy(raw + CURSOR_PLAIN, mac.b, CURSOR_MAC);

    char *text = arena_alloc(act->arena, BASE64URL_LEN(CURSOR_BYTES) + 1);
    return (struct str){text, base64url_encode(bytes_of(raw, CURSOR_BYTES), text)};
}

err_t act_cursor_open(struct act *act, struct str text, struct cursor *ret_after)
{
    uint8_t raw[CURSOR_BYTES + 3];
    struct hash mac;
    size_t n;

    *ret_after = (struct cursor){0, UUID_NIL};
    if (!text.p) return ERR_OK;
    if (text.n != BASE64URL_LEN(CURSOR_BYTES) || !base64url_decode(text, raw, &n) ||
        n != CURSOR_BYTES)
        return ERR_BAD_QUERY;

    TRY(cursor_mac(act, raw, &mac));
    struct hash given = mac;
    memcpy(given.b, raw + CURSOR_PLAIN, CURSOR_MAC);
    if (!hash_equal(&given, &mac)) return ERR_BAD_QUERY;

    for (int i = 0; i < 8; i++)
        ret_after->at_us = (int64_t)((uint64_t)ret_after->at_us << 8 | raw[i]);
    memcpy(ret_after->id.b, raw + 8, 16);
    return ERR_OK;
}
