#include "common/io/chain.h"

#include "common/base/clock.h"
#include "common/codec/pb.h"
#include "common/io/keys.h"
#include "common/io/leaf.h"

#include "common/io/sql.h"
#include "telecura/v1/audit.pb-c.h"
#include "telecura/v1/sealed.pb-c.h"

#define BARRED_US SECOND_US

/* What one turn needs to know of an organisation's log. */
struct log {
    struct uuid org;
    int64_t seq;
    struct hash mac;
};

/* A body is sealed under the key of the half year of its act. */
struct body_key {
    struct uuid org;
    char shard[LEAF_SHARD_MAX];
    struct key key;
};

struct logs {
    struct log *p;
    size_t n;
    struct body_key *keys;
    size_t keys_n;
};

static struct log *log_find(const struct logs *logs, struct uuid org)
{
    for (size_t i = 0; i < logs->n; i++) {
        if (uuid_equal(logs->p[i].org, org)) return &logs->p[i];
    }
    return NULL;
}

static err_t mac_key(const struct chain *chain, struct key *ret_key)
{
    const struct key_name name = {
        .org = UUID_NIL,
        .patient = leaf_producer_id(str_of(chain->service)),
        .domain = "mac",
    };

    return keys_to_seal(chain->keys, &name, ret_key);
}

static const struct key *body_key(const struct logs *logs, const struct audit_entry *row)
{
    char shard[LEAF_SHARD_MAX];

    leaf_shard(row->at_us, shard);
    for (size_t i = 0; i < logs->keys_n; i++) {
        const struct body_key *const key = &logs->keys[i];
        if (uuid_equal(key->org, row->org) && strcmp(key->shard, shard) == 0) return &key->key;
    }
    return NULL;
}

static struct tx *begin(struct db *db, struct arena *arena, struct tx_frame *frame)
{
    *frame = (struct tx_frame){
        .now_us = clock_real_us(), .deadline_us = clock_mono_us() + 5 * SECOND_US, .arena = arena};
    return tx_begin(db, frame);
}

/* ---- logs that wait for their key ---- */

static struct audit_unnumbered unnumbered(struct chain *chain)
{
    if (clock_mono_us() >= chain->barred_until_us) chain->barred_count = 0;
    return (struct audit_unnumbered){{chain->barred, chain->barred_count}};
}

static bool is_barred(const struct chain *chain, struct uuid org)
{
    for (size_t i = 0; i < chain->barred_count; i++) {
        if (uuid_equal(chain->barred[i], org)) return true;
    }
    return false;
}

static void bar(struct chain *chain, struct uuid org)
{
    if (chain->barred_count == 0) chain->barred_until_us = clock_mono_us() + BARRED_US;
    if (chain->barred_count < BARRED_MAX) chain->barred[chain->barred_count++] = org;
}

/* Keys are asked for outside the transaction, so that a slow keyd holds no lock. */
static struct logs logs_open(struct chain *chain, struct arena *arena,
                             const struct audit_entry_rows *rows)
{
    struct logs logs = {ARENA_ARRAY(arena, struct log, rows->n), 0,
                        ARENA_ARRAY(arena, struct body_key, rows->n), 0};

    for (size_t i = 0; i < rows->n; i++) {
        const struct uuid org = rows->p[i].org;
        struct body_key *const key = &logs.keys[logs.keys_n];
        if (is_barred(chain, org) || body_key(&logs, &rows->p[i])) continue;
        leaf_shard(rows->p[i].at_us, key->shard);
        const struct key_name name = {org, leaf_shard_id(str_of(key->shard)), "audit"};
        if (keys_to_seal(chain->keys, &name, &key->key) != ERR_OK) {
            bar(chain, org);
            continue;
        }
        key->org = org;
        logs.keys_n++;
        if (!log_find(&logs, org)) logs.p[logs.n++].org = org;
    }
    return logs;
}

static struct bytes body_pack(const struct chain *chain, struct arena *arena,
                              const struct audit_entry *row)
{
    Telecura__V1__AuditPhi body = TELECURA__V1__AUDIT_PHI__INIT;

    body.act = pb_uuid(arena, row->act);
    body.event = pb_uuid(arena, row->id);
    body.action = pb_text(arena, row->action);
    body.outcome = pb_text(arena, row->outcome);
    body.error = pb_text(arena, row->error);
    body.role = pb_text(arena, row->role);
    body.service = pb_text(arena, str_of(chain->service));
    body.resource = pb_text(arena, row->resource);
    body.resource_version = (uint64_t)row->resource_version;
    body.acr = row->acr;
    body.remote = pb_text(arena, row->remote);
    body.at_us = row->at_us;
    body.relation = pb_text(arena, row->relation);
    body.purpose = pb_text(arena, row->purpose);
    body.labels = pb_text(arena, row->labels);
    if (!uuid_is_nil(row->actor)) body.actor = pb_uuid(arena, row->actor);
    if (!uuid_is_nil(row->patient)) body.patient = pb_uuid(arena, row->patient);
    if (!uuid_is_nil(row->resource_id)) body.resource_id = pb_uuid(arena, row->resource_id);
    if (!uuid_is_nil(row->request)) body.request = pb_uuid(arena, row->request);
    if (!uuid_is_nil(row->token)) body.token = pb_uuid(arena, row->token);
    if (!uuid_is_nil(row->sign_in)) body.sign_in = pb_uuid(arena, row->sign_in);
    if (!uuid_is_nil(row->consent)) body.consent = pb_uuid(arena, row->consent);
    return pb_pack(arena, &body.base);
}

static struct str log_name(struct arena *arena, struct uuid org)
{
    return arena_printf(arena, "%s", UUID_ARG(org));
}

static err_t row_number(const struct chain *chain, struct tx *tx, struct arena *arena,
                        int64_t epoch, const struct key *mac, struct log *log,
                        const struct key *key, const struct audit_entry *row)
{
    const struct leaf leaf = {
        .log = log_name(arena, row->org),
        .producer = str_of(chain->service),
        .seq = (uint64_t)log->seq + 1,
        .time_ms = row->at_us / MS_US,
        .class = LEAF_EVENT,
        .dek_id = key->id,
    };
    struct audit_number set = {
        .epoch = epoch,
        .seq = log->seq + 1,
        .mac_key = mac->id,
        .log = row->org,
        .id = row->id,
    };
    struct hash *link = ARENA_ARRAY(arena, struct hash, 2); /* borrowed by the queue */

    TRY(leaf_encode(arena, &leaf, key->secret, body_pack(chain, arena, row), &set.leaf));
    link[0] = log->mac;
    link[1] = leaf_mac(mac->secret, &log->mac, set.leaf);
    set.prev_mac = bytes_of(link[0].b, HASH_BYTES);
    set.mac = bytes_of(link[1].b, HASH_BYTES);
    audit_number(tx, &set);
    log->mac = link[1];
    log->seq++;
    return ERR_OK;
}

static err_t tails_read(struct tx *tx, const struct logs *logs)
{
    struct audit_tail_rows tails;

    TRY(audit_tails(tx, &tails));
    for (size_t i = 0; i < tails.n; i++) {
        struct log *log = log_find(logs, tails.p[i].org);
        if (!log) continue;
        if (tails.p[i].mac.n != HASH_BYTES) {
            return err_raise(ERR_CORRUPT, "audit_chain: mac of %zu bytes", tails.p[i].mac.n);
        }
        log->seq = tails.p[i].seq;
        memcpy(log->mac.b, tails.p[i].mac.p, HASH_BYTES);
    }
    return ERR_OK;
}

/* Inside the fence: what was read before it may be numbered by now. */
static err_t number_fenced(const struct chain *chain, struct tx *tx, struct arena *arena,
                           const struct chain_lease *lease, const struct key *mac,
                           const struct logs *logs, const struct audit_unnumbered *which,
                           bool *ret_more)
{
    const struct lease_fence fence = {
        .name = STR("relay"), .holder = lease->holder, .epoch = lease->epoch};
    struct lease_held held;
    struct audit_entry_rows rows;
    bool ours = false;

    TRY(lease_fence(tx, &fence, &held, &ours));
    if (!ours) return ERR_CONFLICT;
    TRY(tails_read(tx, logs));
    TRY(audit_unnumbered(tx, which, &rows));
    *ret_more = false;
    for (size_t i = 0; i < rows.n; i++) {
        struct log *log = log_find(logs, rows.p[i].org);
        const struct key *key = body_key(logs, &rows.p[i]);
        if (!log || !key) continue;
        TRY(row_number(chain, tx, arena, lease->epoch, mac, log, key, &rows.p[i]));
        *ret_more = true;
    }
    for (size_t i = 0; i < logs->n; i++) {
        const struct log *log = &logs->p[i];
        if (log->seq == 0) continue;
        audit_tail_set(tx, &(struct audit_tail_set){.log = log->org,
                                                    .seq = log->seq,
                                                    .mac = bytes_of(log->mac.b, HASH_BYTES)});
    }
    return ERR_OK;
}

err_t chain_number(struct chain *chain, struct db *db, struct arena *arena,
                   const struct chain_lease *lease, bool *ret_more)
{
    struct tx_frame frame;
    struct audit_entry_rows rows = {0};
    struct key mac;
    const struct audit_unnumbered which = unnumbered(chain);
    struct tx *tx = begin(db, arena, &frame);
    err_t err = audit_unnumbered(tx, &which, &rows);

    *ret_more = false;
    tx_rollback(tx);
    if (err != ERR_OK || rows.n == 0) return err;
    TRY(mac_key(chain, &mac));
    const struct logs logs = logs_open(chain, arena, &rows);
    tx = begin(db, arena, &frame);
    err = number_fenced(chain, tx, arena, lease, &mac, &logs, &which, ret_more);
    if (err == ERR_OK) return tx_commit(tx);
    tx_rollback(tx);
    return err;
}

/* ---- records ---- */

static struct bytes record_pack(const struct chain *chain, struct arena *arena,
                                Telecura__V1__AuditRecord *record, const struct event *event)
{
    record->kind = (Telecura__V1__AuditRecord__Kind)event->kind;
    record->producer = pb_text(arena, str_of(chain->service));
    record->epoch = event->epoch;
    record->seq = event->version;
    return pb_pack(arena, &record->base);
}

struct bytes chain_record(const struct chain *chain, struct arena *arena,
                          const struct audit_numbered *row, struct event *ret_event)
{
    Telecura__V1__AuditRecord record = TELECURA__V1__AUDIT_RECORD__INIT;

    *ret_event = (struct event){
        .topic = TOPIC_AUDIT_EVENTS,
        .id = row->id,
        .org = row->org,
        .act = row->act,
        .key = leaf_producer_id(str_of(chain->service)),
        .version = row->seq,
        .epoch = row->epoch,
        .at_us = row->at_us,
        .kind = TELECURA__V1__AUDIT_RECORD__KIND__EVENT,
    };
    record.event = pb_uuid(arena, row->id);
    record.prev_mac = pb_bytes(row->prev_mac);
    record.mac = pb_bytes(row->mac);
    record.leaf = pb_bytes(row->leaf);
    record.mac_key = pb_uuid(arena, row->mac_key);
    return record_pack(chain, arena, &record, ret_event);
}

err_t chain_heartbeat(const struct chain *chain, struct arena *arena, const struct audit_tail *tail,
                      int64_t epoch, struct event *ret_event, struct bytes *ret_payload)
{
    Telecura__V1__AuditRecord record = TELECURA__V1__AUDIT_RECORD__INIT;
    const int64_t now_us = clock_real_us();
    const struct leaf leaf = {
        .log = log_name(arena, tail->org),
        .producer = str_of(chain->service),
        .seq = (uint64_t)tail->seq,
        .time_ms = now_us / MS_US,
        .class = LEAF_HEARTBEAT,
    };
    struct bytes bytes;
    struct hash prev, mac;
    struct key key;

    TRY(mac_key(chain, &key));
    TRY(leaf_encode(arena, &leaf, NULL, BYTES_NONE, &bytes));
    memcpy(prev.b, tail->mac.p, HASH_BYTES);
    mac = leaf_mac(key.secret, &prev, bytes);
    *ret_event = (struct event){
        .topic = TOPIC_AUDIT_EVENTS,
        .id = uuid_v7(now_us),
        .org = tail->org,
        .key = leaf_producer_id(str_of(chain->service)),
        .version = tail->seq,
        .epoch = epoch,
        .at_us = now_us,
        .kind = TELECURA__V1__AUDIT_RECORD__KIND__HEARTBEAT,
    };
    record.prev_mac = pb_bytes(tail->mac);
    record.mac = pb_bytes(bytes_of(mac.b, HASH_BYTES));
    record.leaf = pb_bytes(bytes);
    record.mac_key = pb_uuid(arena, key.id);
    *ret_payload = record_pack(chain, arena, &record, ret_event);
    return ERR_OK;
}
