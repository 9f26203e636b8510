/* A leaf of the log, opened. It is read from the log itself; PostgreSQL only says which one. */
#include "services/audit/audit.h"

#include "common/io/leaf.h"
#include "services/audit/store.h"

void bundle_close(struct bundle *bundle)
{
    arena_free(bundle->arena);
}

struct bundle bundle_open(void)
{
    return (struct bundle){.arena = arena_new(STORE_FILE_BYTES_MAX)};
}

err_t bundle_seek(struct act *act, struct bundle *bundle, int64_t position)
{
    char folder[LOG_FOLDER_MAX];
    struct shard shard;

    if (position >= bundle->base && position < bundle->end) return ERR_OK;
    TRY(shard_at(act, &(struct shard_at){position}, &shard));
    log_folder_of(act->org, folder);
    snprintf(bundle->origin, sizeof bundle->origin, STR_FMT, STR_ARG(shard.origin));
    log_dir(folder, shard_of_origin(shard.origin), bundle->dir);
    bundle->base = shard.base;
    bundle->end = shard.closed ? shard.base + shard.size : INT64_MAX;
    bundle->width = 0;
    return ERR_OK;
}

static err_t bundle_load(struct bundle *bundle, uint64_t index)
{
    const unsigned width = (unsigned)(index % TILES_WIDTH) + 1;
    const struct tile tile = {TILES_ENTRIES, index / TILES_WIDTH, width};

    if (bundle->n == tile.n && width <= bundle->width) return ERR_OK;
    arena_reset(bundle->arena);
    bundle->width = 0;
    TRY(store_tile(bundle->dir, tile, bundle->arena, &bundle->bytes));
    bundle->n = tile.n;
    bundle->width = width;
    return ERR_OK;
}

err_t entry_of(struct act *act, struct bundle *bundle, int64_t position, struct bytes *ret)
{
    struct bytes rest, entry = BYTES_NONE;

    TRY(bundle_seek(act, bundle, position));
    const uint64_t index = (uint64_t)(position - bundle->base);
    TRY(bundle_load(bundle, index));
    rest = bundle->bytes;
    for (uint64_t i = 0; i <= index % TILES_WIDTH; i++) {
        if (!tiles_entry_next(&rest, &entry))
            return err_raise(ERR_CORRUPT, "%s: the bundle of leaf %lld is too short", bundle->dir,
                             (long long)index);
    }
    *ret = arena_bytes(act->arena, entry);
    return ERR_OK;
}

static struct str text_of(const char *text)
{
    return text && *text ? str_of(text) : STR_NONE;
}

/* "ETH,ADOL"; no code is part of another. */
static int64_t labels_of(const char *text)
{
    int64_t labels = 0;

    for (enum label label = 0; label < LABELS; label++) {
        if (strstr(text, label_words[label])) labels |= POLICY_BIT(label);
    }
    return labels;
}

void event_fill(struct audit_event *event, const Telecura__V1__AuditPhi *body)
{
    event->act = pb_to_uuid(body->act);
    event->actor = pb_to_uuid(body->actor);
    event->patient = pb_to_uuid(body->patient);
    event->resource_id = pb_to_uuid(body->resource_id);
    event->consent = pb_to_uuid(body->consent);
    event->request = pb_to_uuid(body->request);
    event->token = pb_to_uuid(body->token);
    event->sign_in = pb_to_uuid(body->sign_in);
    event->service = str_of(body->service);
    event->action = str_of(body->action);
    event->outcome = str_of(body->outcome);
    event->error = text_of(body->error);
    event->role = str_of(body->role);
    event->resource = str_of(body->resource);
    event->remote = text_of(body->remote);
    event->relation = text_of(body->relation);
    event->purpose = text_of(body->purpose);
    event->resource_version = (int64_t)body->resource_version;
    event->acr = body->acr;
    event->labels = labels_of(body->labels);
    event->at_us = body->at_us;
}

/* A leaf whose key was destroyed tells when, and nothing else. */
err_t event_open(struct act *act, struct bundle *bundle, struct uuid id, int64_t position,
                 struct audit_event *ret)
{
    const Telecura__V1__AuditPhi *body;
    struct bytes entry;
    struct leaf leaf;

    TRY(entry_of(act, bundle, position, &entry));
    TRY(leaf_decode(entry, &leaf));
    *ret = (struct audit_event){
        .id = id,
        .shard = arena_str(act->arena, shard_of_origin(str_of(bundle->origin))),
        .index = position - bundle->base,
        .service = leaf.producer,
        .at_us = leaf.time_ms * 1000,
        .action = STR(EVENT_DESTROYED),
        .outcome = STR(""),
        .role = STR(""),
        .resource = STR(""),
    };
    const err_t err = body_of(act->arena, act->org, &leaf, &body);
    if (err == ERR_NOT_FOUND) return ERR_OK;
    if (err == ERR_UNPROCESSABLE)
        return err_raise(ERR_CORRUPT, "%s: leaf %lld does not open", bundle->dir,
                         (long long)ret->index);
    if (err == ERR_OK) event_fill(ret, body);
    return err;
}

/* GET /v1/audit/events/{id} */
err_t event_read(struct act *act)
{
    struct audit_event event;
    struct found_leaf found;

    TRY(leaf_find(act, &(struct leaf_find){act->path_id}, &found));
    __attribute__((cleanup(bundle_close))) struct bundle bundle = bundle_open();
    TRY(event_open(act, &bundle, act->path_id, found.leaf_index, &event));
    TRY(uuid_is_nil(event.patient) ? act_allow_none(act) : act_allow(act, event.patient));
    return act_reply(act, 200, &event_shape, &event);
}
