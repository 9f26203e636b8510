#include "common/app/reseal.h"
#include "common/app/run.h"
#include "common/app/sql.h"
#include "common/app/worker.h"
#include "common/base/clock.h"

#include <assert.h>
#include <stdatomic.h>

#define BATCH 32 /* rows of a table in one turn: the LIMIT of every `under` statement */
#define LISTS_BYTES_MAX (16u * 1024 * 1024)

struct renewed_key { /* as keyd tells it, and is told */
    struct uuid org, patient, dek_id;
    struct str domain;
};
struct renewed_keys {
    struct list keys;
};
struct under { /* what every `under` statement is asked by */
    struct uuid patient, key;
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const struct field key_fields[] = {
    {"org", UUID, IN(renewed_key, org), REQUIRED},
    {"patient", UUID, IN(renewed_key, patient), 0},
    {"domain", TEXT, IN(renewed_key, domain), REQUIRED, 1, 32},
    {"dek_id", UUID, IN(renewed_key, dek_id), REQUIRED},
    {0},
};
static const struct shape key_shape = {"RenewedKey", sizeof(struct renewed_key), key_fields};
static const struct field keys_fields[] = {
    {"keys", LIST, IN(renewed_keys, keys), REQUIRED, 0, 16, &key_shape},
    {0},
};
static const struct shape keys_shape = {"RenewedKeys", sizeof(struct renewed_keys), keys_fields};
/* clang-format on */

struct put { /* what every `put` statement is given */
    struct bytes sealed;
    struct uuid id;
    int64_t sealed_version;
    struct uuid patient;
};
struct in_place {
    struct sealed_row row; /* first: what @in of an act is */
    const struct stmt *put;
};

static struct job turn_job;
static _Atomic bool queued;
static const struct sealed_table *tables;

static struct tx *begin(struct worker *worker, struct arena *arena, struct uuid org,
                        struct tx_frame *frame)
{
    *frame = (struct tx_frame){
        .org = org,
        .now_us = clock_now_us(),
        .deadline_us = clock_mono_us() + 10 * SECOND_US,
        .arena = arena,
    };
    return tx_begin(worker->db, frame);
}

static err_t rows_under(struct worker *worker, struct arena *arena,
                        const struct sealed_table *table, const struct renewed_key *key,
                        struct rows *ret)
{
    const struct under ask = {key->patient, key->dek_id};
    struct tx_frame frame;
    struct tx *tx = begin(worker, arena, key->org, &frame);
    const err_t err = tx_many(tx, table->under, &ask, ret);

    tx_rollback(tx);
    return err;
}

static err_t again_in_place(struct act *act)
{
    const struct in_place *in = act->in;
    struct put put = {
        .id = in->row.id,
        .sealed_version = in->row.sealed_version,
        .patient = in->row.patient,
    };

    TRY(uuid_is_nil(put.patient) ? act_allow_none(act) : act_allow(act, put.patient));
    TRY(act_reseal(act, &in->row, put.sealed_version, &put.sealed));
    tx_queue(act_tx(act), in->put, &put);
    return ERR_OK;
}

/* False when the row could not be sealed anew; the next round tries it again. */
static bool row_again(struct worker *worker, const struct sealed_table *table, struct uuid org,
                      const struct sealed_row *row)
{
    const struct run run = {.may = PERMISSION_NONE,
                            .audit = AUDIT_RESEALED,
                            .resource = "reseal",
                            .ms = 10000,
                            .handler = table->put ? again_in_place : table->again};
    const struct in_place in = {*row, table->put};
    const struct run_input input = {.org = org, .path_id = row->id, .in = &in, .if_match = -1};
    struct act act;
    const err_t err = run_act(&run, &input, worker->db, worker->arena, &act);

    arena_reset(worker->arena);
    return err == ERR_OK;
}

struct found {
    size_t rows; /* that name the key */
    bool more;   /* there may be others behind them, and all of these are done */
};

static err_t table_again(struct worker *worker, struct arena *arena,
                         const struct sealed_table *table, const struct renewed_key *key,
                         struct found *found)
{
    struct rows rows = {NULL, 0};
    bool done = table->put || table->again;

    TRY(rows_under(worker, arena, table, key, &rows));
    const struct sealed_row *row = rows.p;
    for (size_t i = 0; done && i < rows.n && !service_stopping(); i++) {
        done = row_again(worker, table, key->org, &row[i]);
    }
    found->rows += rows.n;
    found->more |= done && rows.n == BATCH;
    return ERR_OK;
}

/* Where the framework keeps blobs of its own and of others. */
static err_t named_elsewhere(struct worker *worker, struct arena *arena,
                             const struct renewed_key *key, struct found *found)
{
    const struct key_named ask = {key->dek_id};
    struct tx_frame frame;
    struct key_naming naming = {0};
    struct tx *tx = begin(worker, arena, key->org, &frame);
    const err_t err = key_named(tx, &ask, &naming);

    tx_rollback(tx);
    found->rows += (size_t)naming.n;
    return err;
}

static err_t key_again(struct worker *worker, struct arena *arena, const struct renewed_key *key,
                       bool *more)
{
    struct found found = {0};
    struct bytes said;

    keys_drop(run_keys(), key->patient);
    for (const struct sealed_table *table = tables; table && table->under; table++) {
        TRY(table_again(worker, arena, table, key, &found));
    }
    TRY(named_elsewhere(worker, arena, key, &found));
    *more |= found.more;
    if (found.rows > 0) return ERR_OK;
    return keys_manage(run_keys(), "/v1/keys/clean", json_encode(arena, &key_shape, key), arena,
                       &said);
}

static void turn(struct worker *worker, struct job *job)
{
    struct arena *arena = arena_new(LISTS_BYTES_MAX);
    struct renewed_keys renewed = {0};
    struct bytes told;
    bool more = false;

    /* What fails was raised where it did, and is asked for again in the next round. */
    if (keys_manage(run_keys(), "/v1/keys/renewed", STR("{}"), arena, &told) == ERR_OK &&
        json_decode_lenient(&keys_shape, told, arena, &renewed, NULL) == ERR_OK) {
        const struct renewed_key *key = renewed.keys.p;
        for (size_t i = 0; i < renewed.keys.n && !service_stopping(); i++) {
            (void)!key_again(worker, arena, &key[i], &more);
        }
    }
    arena_free(arena);
    if (more && workers_put_timer(job)) return;
    atomic_store(&queued, false);
}

static void turn_put(void *unused)
{
    (void)unused;
    if (atomic_exchange(&queued, true)) return;
    if (!workers_put_timer(&turn_job)) atomic_store(&queued, false);
}

void reseal_start(const struct service *service, struct loop *loop)
{
    const struct common_settings *settings = service_settings();

    /* keyd has no blob that it would open, and its workers must not wait for themselves. */
    if (!service->migrations || !run_keys() || strcmp(service->name, "keyd") == 0) return;
    tables = service->sealed;
    for (const struct sealed_table *table = tables; table && table->under; table++) {
        assert(table->under->row_bytes == sizeof(struct sealed_row) &&
               table->under->param_count == 3 &&
               table->under->columns[5].offset == offsetof(struct sealed_row, sealed));
        assert(!table->put || table->put->param_count == 5); /* :org, and those of struct put */
    }
    turn_job.run = turn;
    loop_every(loop, (unsigned)settings->reseal_every_s * 1000, turn_put, NULL);
}
