/*
 * Holds, and the end of a shard: its bodies' keys are destroyed when their time is over, no hold
 * stands, one privacy officer has asked and another has approved. Tiles, checkpoints, links and
 * proofs stay as they are.
 *
 *   asked -> approved -> destroying -> destroyed -> forgotten
 *
 * Before `destroying` it can be withdrawn, and a hold keeps it where it is; after it no hold comes
 * in time. Timers carry it out: keyd destroys the half year's keys (again is fine), then the act
 * commits with its signed statement, then the index loses what it has of that half year, a batch a
 * turn. Killed after any of these, the next turn goes on.
 */
#include "services/audit/audit.h"

#include "common/base/clock.h"
#include "common/io/keys.h"
#include "common/io/leaf.h"

#define STATEMENT "telecura audit shard destroyed v1"

static int64_t retention_years(void)
{
    const struct audit_settings *const settings = service_settings();

    return settings->retention_years;
}

/* ---- holds ---- */

static err_t reason_seal(struct act *act, struct uuid row, int64_t version, struct str reason,
                         struct bytes *ret)
{
    Telecura__V1__NotePhi note = TELECURA__V1__NOTE_PHI__INIT;

    note.text = pb_text(act->arena, reason);
    note.written_at_us = act->now_us;
    return act_seal(act, UUID_NIL, KIND_LOG_HOLD, row, version, &note.base, ret);
}

static err_t holds_view(struct act *act, const struct hold *rows, size_t n, struct hold_view *ret)
{
    struct unseal *const items = ARENA_ARRAY(act->arena, struct unseal, 2 * n + 1);

    for (size_t i = 0; i < n; i++) {
        items[2 * i] = (struct unseal){
            .row = rows[i].id, .kind = KIND_LOG_HOLD, .sealed = rows[i].sealed, .version = 1};
        items[2 * i + 1] = (struct unseal){
            .row = rows[i].id, .kind = KIND_LOG_HOLD, .sealed = rows[i].lift_sealed, .version = 2};
    }
    TRY(act_unseal(act, items, 2 * n));
    for (size_t i = 0; i < n; i++) {
        const Telecura__V1__NotePhi *const why = (const void *)items[2 * i].message;
        const Telecura__V1__NotePhi *const lift = (const void *)items[2 * i + 1].message;

        ret[i] = (struct hold_view){
            .row = rows[i],
            .state = rows[i].lifted_at_us ? STR("lifted") : STR("open"),
            .one_patient = !uuid_is_nil(rows[i].patient),
            .reason = str_of(why->text),
            .lift_reason = lift ? str_of(lift->text) : STR_NONE,
        };
    }
    return ERR_OK;
}

static err_t hold_reply(struct act *act, int status, const struct hold *row)
{
    struct hold_view view;

    TRY(holds_view(act, row, 1, &view));
    return act_reply(act, status, &hold_shape, &view);
}

/* POST /v1/audit/holds: of the log, of a shard, or of all that has something of a patient. */
err_t hold_place(struct act *act)
{
    const struct hold_ask *const in = act->in;
    struct hold_insert new = {.id = uuid_v7(act->now_us), .shard = in->shard};
    struct hold row;

    TRY(uuid_is_nil(in->patient) ? act_allow_none(act) : act_allow(act, in->patient));
    if (in->shard.n && !shard_is_name(in->shard)) return act_at(act, "/shard", ERR_UNPROCESSABLE);
    TRY(pseudonym_of_id(act, OF_PATIENT_ID, in->patient, &new.patient));
    TRY(reason_seal(act, new.id, 1, in->reason, &new.sealed));
    retention_lock(act);
    TRY(hold_insert(act, &new, &row));
    return hold_reply(act, 201, &row);
}

/* GET /v1/audit/holds/{id} */
err_t hold_read(struct act *act)
{
    struct hold row;

    TRY(act_allow_none(act));
    TRY(hold_get(act, &(struct hold_get){act->path_id}, &row));
    return hold_reply(act, 200, &row);
}

/* GET /v1/audit/holds */
err_t holds_read(struct act *act)
{
    const struct page_query *const in = act->in;
    struct hold_rows rows;
    struct cursor after;
    struct str next = STR_NONE;

    TRY(act_allow_none(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    TRY(holds_list(act, &(struct holds_list){after.id, in->limit}, &rows));
    struct hold_view *const views = ARENA_ARRAY(act->arena, struct hold_view, rows.n + 1);
    TRY(holds_view(act, rows.p, rows.n, views));
    if (rows.n && rows.n == (size_t)in->limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &hold_shape, views, rows.n, next);
}

/* POST /v1/audit/holds/{id}/lift */
err_t hold_release(struct act *act)
{
    const struct lift_ask *const in = act->in;
    struct hold_lift change = {.id = act->path_id};
    struct hold row;

    TRY(act_allow_none(act));
    TRY(hold_get(act, &(struct hold_get){act->path_id}, &row));
    TRY(reason_seal(act, row.id, 2, in->reason, &change.sealed));
    retention_lock(act);
    TRY(hold_lift(act, &change, &row));
    return hold_reply(act, 200, &row);
}

/* ---- what two persons decide ---- */

/* POST /v1/audit/destructions */
err_t destruction_ask(struct act *act)
{
    const struct shard_ask *const in = act->in;
    const struct destruction_insert new = {
        .id = uuid_v7(act->now_us), .shard = in->shard, .years = (int32_t)retention_years()};
    struct destruction row;

    TRY(act_allow_none(act));
    if (!shard_is_name(in->shard)) return act_at(act, "/shard", ERR_UNPROCESSABLE);
    retention_lock(act);
    TRY(destruction_insert(act, &new, &row));
    return act_reply(act, 201, &destruction_shape, &row);
}

/* GET /v1/audit/destructions/{id} */
err_t destruction_read(struct act *act)
{
    struct destruction row;

    TRY(act_allow_none(act));
    TRY(destruction_get(act, &(struct destruction_get){act->path_id}, &row));
    return act_reply(act, 200, &destruction_shape, &row);
}

/* GET /v1/audit/destructions */
err_t destructions_read(struct act *act)
{
    const struct page_query *const in = act->in;
    struct destruction_rows rows;
    struct cursor after;
    struct str next = STR_NONE;

    TRY(act_allow_none(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    TRY(destructions_list(act, &(struct destructions_list){after.id, in->limit}, &rows));
    if (rows.n && rows.n == (size_t)in->limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &destruction_shape, rows.p, rows.n, next);
}

/* POST /v1/audit/destructions/{id}/approve: somebody else than who asked. */
err_t destruction_second(struct act *act)
{
    struct destruction row;

    TRY(act_allow_none(act));
    retention_lock(act);
    TRY(destruction_approve(act, &(struct destruction_approve){act->path_id}, &row));
    return act_reply(act, 200, &destruction_shape, &row);
}

/* POST /v1/audit/destructions/{id}/withdraw */
err_t destruction_drop(struct act *act)
{
    struct destruction row;

    TRY(act_allow_none(act));
    retention_lock(act);
    TRY(destruction_withdraw(act, &(struct destruction_withdraw){act->path_id}, &row));
    return act_reply(act, 200, &destruction_shape, &row);
}

/* ---- what is done ---- */

/* A note signed by the key of the shard itself: what is gone, and who wanted it. */
struct str destruction_statement(struct act *act, const struct destruction *row,
                                 const struct last_tree *tree)
{
    char *const root = arena_alloc(act->arena, BASE64_LEN(HASH_BYTES) + 1);
    char asked[CLOCK_TEXT + 1], approved[CLOCK_TEXT + 1], now[CLOCK_TEXT + 1];
    const struct note_key key = log_key_of(arena_cstr(act->arena, tree->origin));

    const size_t n = base64_encode(tree->root, root);
    const struct str text = arena_printf(
        act->arena,
        STATEMENT "\n" STR_FMT "\n%lld\n%.*s\nkeys %lld\n"
                  "asked %s %s\napproved %s %s\ndestroyed %s\n",
        STR_ARG(tree->origin), (long long)tree->size, (int)n, root, (long long)row->keys,
        clock_format(row->asked_at_us, asked), UUID_ARG(row->asked_by),
        clock_format(row->approved_at_us, approved), UUID_ARG(row->approved_by),
        clock_format(row->destroyed_at_us, now));
    return note_sign(act->arena, text, &key);
}

err_t destruction_start(struct act *act)
{
    const struct due_destruction *const due = act->in;

    retention_lock(act);
    destruction_begin(act, &(struct destruction_begin){due->id});
    return ERR_OK;
}

err_t shard_destroy(struct act *act)
{
    const struct due_destruction *const due = act->in;
    struct destruction row;
    struct last_tree tree;
    bool found = false;
    TRY(act_allow_none(act));
    TRY(destruction_due(act, &(struct destruction_due){due->id}, &row, &found));
    if (!found) return ERR_OK;
    TRY(tree_last(act, &(struct tree_last){row.shard}, &tree));
    if (tree.root.n != HASH_BYTES) return err_raise(ERR_CORRUPT, "a root of no hash");
    TRY(keys_destroy_shard(service_keys(), act->org, leaf_shard_id(row.shard), &row.keys));
    row.destroyed_at_us = act->now_us;
    const struct destruction_end end = {.keys = row.keys,
                                        .statement = destruction_statement(act, &row, &tree),
                                        .id = row.id};
    destruction_end(act, &end);
    act_resource(act, row.id, row.version + 1);
    return ERR_OK;
}

err_t shard_forget(struct act *act)
{
    const struct due_destruction *const due = act->in;
    struct forgotten forgotten;

    TRY(index_forget(act, &(struct index_forget){due->id}, &forgotten));
    if (forgotten.n == 0) destruction_forgotten(act, &(struct destruction_forgotten){due->id});
    return ERR_OK;
}
