/* What stands in the log, opened: for auditors and privacy officers, and for the patient whom it is
 * about. The leaf is read from the log itself; PostgreSQL only says which one. */
#include "services/audit/audit.h"

#include "common/io/leaf.h"
#include "services/audit/store.h"

#define PAGE_DEFAULT 50

/* One bundle at a time, as neighbours lie in the same one. */
struct bundle {
    struct arena *arena;
    struct bytes bytes;
    uint64_t n;
    bool loaded;
};

static void bundle_close(struct bundle *bundle)
{
    arena_free(bundle->arena);
}

static err_t bundle_load(struct act *act, struct bundle *bundle, uint64_t index)
{
    const uint64_t n = index / TILES_WIDTH;
    const struct tile tile = {TILES_ENTRIES, n, (unsigned)(index % TILES_WIDTH) + 1};
    char dir[LOG_DIR_MAX];

    if (bundle->loaded && bundle->n == n) return ERR_OK;
    arena_reset(bundle->arena);
    log_dir_of(act->org, dir);
    TRY(store_tile(dir, tile, bundle->arena, &bundle->bytes));
    bundle->n = n;
    bundle->loaded = true;
    return ERR_OK;
}

/* Newest first: whatever follows in this bundle has a lower index than the one it was loaded for.
 */
static err_t leaf_read(struct act *act, struct bundle *bundle, uint64_t index, struct leaf *ret)
{
    struct bytes rest, entry = BYTES_NONE;

    TRY(bundle_load(act, bundle, index));
    rest = bundle->bytes;
    for (uint64_t i = 0; i <= index % TILES_WIDTH; i++) {
        if (!tiles_entry_next(&rest, &entry))
            return err_raise(ERR_CORRUPT, "the bundle of leaf %llu is too short",
                             (unsigned long long)index);
    }
    return leaf_decode(arena_bytes(act->arena, entry), ret);
}

static struct str text_of(const char *text)
{
    return text && *text ? str_of(text) : STR_NONE;
}

static void event_fill(struct audit_event *event, const Telecura__V1__AuditPhi *body)
{
    event->act = pb_to_uuid(body->act);
    event->actor = pb_to_uuid(body->actor);
    event->patient = pb_to_uuid(body->patient);
    event->resource_id = pb_to_uuid(body->resource_id);
    event->consent = pb_to_uuid(body->consent);
    event->service = str_of(body->service);
    event->action = str_of(body->action);
    event->outcome = str_of(body->outcome);
    event->error = text_of(body->error);
    event->role = str_of(body->role);
    event->resource = str_of(body->resource);
    event->remote = text_of(body->remote);
    event->relation = text_of(body->relation);
    event->resource_version = (int64_t)body->resource_version;
    event->acr = body->acr;
    event->at_us = body->at_us;
}

/* A leaf whose key was destroyed tells when, and nothing else. */
static err_t event_open(struct act *act, struct bundle *bundle, struct uuid id, int64_t index,
                        struct audit_event *ret)
{
    const Telecura__V1__AuditPhi *body;
    struct leaf leaf;

    TRY(leaf_read(act, bundle, (uint64_t)index, &leaf));
    *ret = (struct audit_event){
        .id = id,
        .index = index,
        .service = leaf.producer,
        .at_us = leaf.time_ms * 1000,
        .action = STR("erased"),
        .outcome = STR(""),
        .role = STR(""),
        .resource = STR(""),
    };
    const err_t err = body_of(act, &leaf, &body);
    if (err == ERR_NOT_FOUND) return ERR_OK;
    if (err == ERR_UNPROCESSABLE)
        return err_raise(ERR_CORRUPT, "leaf %lld does not open", (long long)index);
    if (err == ERR_OK) event_fill(ret, body);
    return err;
}

/* GET /v1/audit/events/{id} */
err_t event_read(struct act *act)
{
    struct audit_event event;
    struct found_leaf found;

    TRY(leaf_find(act, &(struct leaf_find){act->path_id}, &found));
    __attribute__((cleanup(bundle_close))) struct bundle bundle = {arena_new(STORE_FILE_BYTES_MAX)};
    TRY(event_open(act, &bundle, act->path_id, found.leaf_index, &event));
    TRY(uuid_is_nil(event.patient) ? act_allow_none(act) : act_allow(act, event.patient));
    return act_reply(act, 200, &event_shape, &event);
}

/* GET /v1/audit/patients/{id}/events: the accesses to one patient's record. */
err_t events_about(struct act *act)
{
    const struct events_query *const in = act->in;
    struct leaves_about query = {.limit = in->limit ? in->limit : PAGE_DEFAULT};
    struct listed_leaf_rows rows;
    struct cursor after;
    struct str next = STR_NONE;

    TRY(act_allow(act, act->path_id));
    TRY(act_cursor_open(act, in->cursor, &after));
    TRY(subject_of(act, act->path_id, &query.subject));
    query.before = after.at_us;
    TRY(leaves_about(act, &query, &rows));

    __attribute__((cleanup(bundle_close))) struct bundle bundle = {arena_new(STORE_FILE_BYTES_MAX)};
    struct audit_event *const events = ARENA_ARRAY(act->arena, struct audit_event, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++)
        TRY(event_open(act, &bundle, rows.p[i].event_id, rows.p[i].leaf_index, &events[i]));
    if (rows.n == (size_t)query.limit && rows.p[rows.n - 1].leaf_index > 0)
        next = act_cursor(act, (struct cursor){.at_us = rows.p[rows.n - 1].leaf_index});
    return act_reply_list(act, &access_shape, events, rows.n, next);
}
