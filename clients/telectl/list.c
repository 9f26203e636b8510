/* What services answer as lists: page after page, as a table or as one JSON object a line. */
#include "clients/telectl/telectl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TAIL_ROWS 30
#define PAGE_ROWS_MAX 200
#define COLUMNS_MAX 24

struct event {
    struct str at, actor, role, action, outcome, error, patient, resource, resource_id, why,
        relation, consent, recipient, purpose, remote, service, id, act, shard;
    int64_t version, index, acr;
};

struct member {
    struct str person, role, state, last_used_at;
    int64_t relations, glass_broken;
};

struct touched {
    struct str patient, first_at, last_at;
    int64_t events;
};

struct browsing {
    struct str at, kind, person, since, event;
    int64_t patients;
};

struct incident {
    struct str kind, producer, first_at, last_at, closed_at, event, id;
    int64_t seq, epoch, times;
};

struct hold {
    struct str placed_at, state, shard, reason, placed_by, lifted_at, lift_reason, id;
};

struct destruction {
    struct str shard, state, asked_by, asked_at, approved_by, approved_at, destroyed_at, id,
        statement;
};

struct page {
    struct list data;
    struct str next_cursor;
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)
#define EVENT(name, member) {name, TEXT, IN(event, member), 0, 0, 256}

static const struct shape event_shape = {"Event", sizeof(struct event), (const struct field[]){
    EVENT("at", at), EVENT("actor", actor), EVENT("role", role),
    EVENT("action", action), EVENT("outcome", outcome), EVENT("error", error),
    EVENT("recipient", recipient), EVENT("purpose", purpose), EVENT("relation", relation),
    EVENT("patient_id", patient), EVENT("resource", resource), EVENT("resource_id", resource_id),
    EVENT("consent_id", consent), EVENT("remote", remote),
    EVENT("service", service), EVENT("id", id), EVENT("act", act), EVENT("shard", shard),
    {"resource_version", INT, IN(event, version), 0, 0, INT64_MAX},
    {"index", INT, IN(event, index), 0, 0, INT64_MAX},
    {"acr", INT, IN(event, acr), 0, 0, 9},
    {0},
}};
static const uint8_t
    log_widths[COLUMNS_MAX] = {28, 37, 13, 22, 9, 0, 0, 0, 0, 37, 0, 0, 0, 16, 0, 37},
    access_widths[COLUMNS_MAX] = {28, 37, 13, 22, 9, 0, 0, 10, 12, 0, 32, 0, 37},
    disclosure_widths[COLUMNS_MAX] = {28, 37, 13, 22, 0, 0, 20, 12, 0, 0, 0, 37, 37};

static const struct shape member_shape = {"Member", sizeof(struct member), (const struct field[]){
    {"person", TEXT, IN(member, person), 0, 0, 64},
    {"role", TEXT, IN(member, role), 0, 0, 64},
    {"state", TEXT, IN(member, state), 0, 0, 64},
    {"relations", INT, IN(member, relations), 0, 0, INT64_MAX},
    {"glass_broken", INT, IN(member, glass_broken), 0, 0, INT64_MAX},
    {"last_used_at", TEXT, IN(member, last_used_at), 0, 0, 64},
    {0},
}};
static const uint8_t member_widths[COLUMNS_MAX] = {37, 13, 10, 10, 13, 28};

static const struct shape touched_shape = {"Touched", sizeof(struct touched),
    (const struct field[]){
    {"patient_id", TEXT, IN(touched, patient), 0, 0, 64},
    {"events", INT, IN(touched, events), 0, 0, INT64_MAX},
    {"first_at", TEXT, IN(touched, first_at), 0, 0, 64},
    {"last_at", TEXT, IN(touched, last_at), 0, 0, 64},
    {0},
}};
static const uint8_t touched_widths[COLUMNS_MAX] = {37, 8, 28, 28};

static const struct shape browsing_shape = {"Browsing", sizeof(struct browsing),
    (const struct field[]){
    {"at", TEXT, IN(browsing, at), 0, 0, 64},
    {"kind", TEXT, IN(browsing, kind), 0, 0, 64},
    {"person", TEXT, IN(browsing, person), 0, 0, 64},
    {"patients", INT, IN(browsing, patients), 0, 0, INT64_MAX},
    {"since", TEXT, IN(browsing, since), 0, 0, 64},
    {"event", TEXT, IN(browsing, event), 0, 0, 64},
    {0},
}};
static const uint8_t browsing_widths[COLUMNS_MAX] = {28, 12, 37, 9, 28, 37};

#define INCIDENT(name, member) {name, TEXT, IN(incident, member), 0, 0, 64}
static const struct shape incident_shape = {"Incident", sizeof(struct incident),
    (const struct field[]){
    INCIDENT("first_at", first_at), INCIDENT("kind", kind), INCIDENT("producer", producer),
    {"seq", INT, IN(incident, seq), 0, INT64_MIN, INT64_MAX},
    {"times", INT, IN(incident, times), 0, 1, INT64_MAX},
    INCIDENT("last_at", last_at), INCIDENT("closed_at", closed_at),
    INCIDENT("event_id", event), INCIDENT("id", id),
    {"epoch", INT, IN(incident, epoch), 0, INT64_MIN, INT64_MAX},
    {0},
}};
static const uint8_t incident_widths[COLUMNS_MAX] = {28, 10, 16, 10, 7, 28, 28};

#define HOLD(name, member) {name, TEXT, IN(hold, member), 0, 0, 2000}
static const struct shape hold_shape = {"Hold", sizeof(struct hold), (const struct field[]){
    HOLD("placed_at", placed_at), HOLD("state", state), HOLD("shard", shard),
    HOLD("reason", reason), HOLD("placed_by", placed_by), HOLD("lifted_at", lifted_at),
    HOLD("lift_reason", lift_reason), HOLD("id", id),
    {0},
}};
static const uint8_t hold_widths[COLUMNS_MAX] = {28, 8, 8, 40, 0, 0, 0, 37};

#define END(name, member) {name, TEXT, IN(destruction, member), 0, 0, 4096}
static const struct shape destruction_shape = {"Destruction", sizeof(struct destruction),
    (const struct field[]){
    END("shard", shard), END("state", state), END("asked_by", asked_by), END("asked_at", asked_at),
    END("approved_by", approved_by), END("approved_at", approved_at),
    END("destroyed_at", destroyed_at), END("id", id), END("statement", statement),
    {0},
}};
static const uint8_t destruction_widths[COLUMNS_MAX] = {8, 11, 37, 0, 37, 0, 28, 37};

const struct listing
    tail_listing = {"/v1/audit/events", &event_shape, log_widths, TAIL_ROWS},
    search_listing = {"/v1/audit/events", &event_shape, log_widths, 0},
    access_listing = {"/v1/audit/patients/%s/events", &event_shape, access_widths, 0},
    disclosures_listing = {"/v1/audit/patients/%s/disclosures", &event_shape, disclosure_widths, 0},
    review_listing = {"/v1/audit/access-review", &member_shape, member_widths, 0},
    breach_listing = {"/v1/audit/breach", &touched_shape, touched_widths, 0},
    browsing_listing = {"/v1/audit/browsing", &browsing_shape, browsing_widths, 0},
    incidents_listing = {"/v1/audit/incidents", &incident_shape, incident_widths, 0},
    holds_listing = {"/v1/audit/holds", &hold_shape, hold_widths, 0},
    destructions_listing = {"/v1/audit/destructions", &destruction_shape, destruction_widths, 0};
/* clang-format on */

static bool page_read(const struct call *call, const struct listing *listing, struct str cursor,
                      struct page *ret)
{
    const struct field fields[] = {
        {"data", LIST, IN(page, data), REQUIRED, 0, PAGE_ROWS_MAX, listing->shape},
        {"next_cursor", TEXT, IN(page, next_cursor), 0, 1, 256},
        {0},
    };
    const struct shape shape = {"Page", sizeof(struct page), fields};
    const char *const between = strstr(listing->path, "%s");
    struct str path = str_of(listing->path);
    struct json_fault fault = {{0}, NULL};
    struct bytes body;

    if (between)
        path = arena_printf(call->arena, "%.*s%s%s", (int)(between - listing->path), listing->path,
                            call->operand, between + 2);
    const struct str query = ask_query(call, cursor);
    path = arena_printf(call->arena, STR_FMT STR_FMT, STR_ARG(path), STR_ARG(query));
    if (!ask(call, path, &body)) return false;
    *ret = (struct page){{NULL, 0}, STR_NONE};
    if (json_decode_lenient(&shape, body, call->arena, ret, &fault) == ERR_OK) return true;
    trouble("the suite's answer is not one of this version: %s at '%s'", "make down up",
            fault.code ? fault.code : "unreadable", fault.pointer);
    return false;
}

/* What is not known is a dash, so that columns stay columns for other programs too. */
static void cell_print(const struct field *field, const void *row, int width)
{
    const void *const at = (const char *)row + field->offset;

    if (field->type == INT) {
        printf("%-*" PRId64, width, *(const int64_t *)at);
    } else {
        const struct str *const text = at;
        const int left = width - (int)text->n;

        printf(STR_FMT "%*s", text->n ? (int)text->n : 1, text->n ? text->p : "-",
               left > 1 ? left - (text->n == 0) : 1, "");
    }
}

static void row_print(const struct call *call, const struct listing *listing, const void *row)
{
    if (call->with[WITH_JSON]) {
        const struct str text = json_encode(call->arena, listing->shape, row);
        printf(STR_FMT "\n", STR_ARG(text));
        return;
    }
    for (size_t i = 0; listing->shape->fields[i].name; i++) {
        if (listing->widths[i]) cell_print(&listing->shape->fields[i], row, listing->widths[i]);
    }
    putchar('\n');
}

static void heading_print(const struct listing *listing)
{
    for (size_t i = 0; listing->shape->fields[i].name; i++) {
        if (listing->widths[i]) printf("%-*s", listing->widths[i], listing->shape->fields[i].name);
    }
    putchar('\n');
}

int list_show(const struct call *call)
{
    const struct listing *const listing = call->command->listing;
    int64_t left = listing->rows_max ? listing->rows_max : INT64_MAX;
    struct page page = {{NULL, 0}, STR_NONE};
    char kept[256];

    if (call->with[WITH_LIMIT] && !str_int(str_of(call->with[WITH_LIMIT]), 1, INT64_MAX, &left))
        return WRONG_CALL;
    if (!call->with[WITH_JSON]) heading_print(listing);
    do {
        const size_t n = page.next_cursor.n;

        if (n) memcpy(kept, page.next_cursor.p, n);
        arena_reset(call->arena);
        if (!page_read(call, listing, (struct str){kept, n}, &page)) return UNWELL;
        for (size_t i = 0; i < page.data.n && left > 0; i++, left--)
            row_print(call, listing, (const char *)page.data.p + i * listing->shape->size);
    } while (page.next_cursor.n && left > 0);
    return WELL;
}
