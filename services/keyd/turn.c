/*
 * From one KEK to the next: a new version wraps from now on, a timer rewraps what stands under the
 * former ones, and a version under which nothing stands is taken from the provider.
 *
 * What holds if the process dies
 *   after the provider's make()      the version is there and nobody's; the next rotation takes it.
 *   between two batches              the table says what stands under which; the timer goes on.
 *   after keks_retire()              the row says `retired`; the timer takes it from the provider.
 *   after the provider's retire()    once more, which does nothing, and the row becomes `gone`.
 */
#include "services/keyd/keyd.h"
#include "services/keyd/sql.h"

/* clang-format off */
const struct timer keyd_timers[] = {
    {"turn", 1000, &turns_due_stmt, kek_turn, AUDIT_KEK_TURNED},
    {0},
};
/* clang-format on */

const struct kek_provider *const kek = &kek_file;

static err_t status_reply(struct act *act)
{
    struct kek_shown_rows rows;

    TRY(kek_rows(act, &rows));
    const struct keys_status status = {
        .provider = str_of(kek->name),
        .healthy = kek->health() == ERR_OK,
        .keks = {rows.p, rows.n},
    };
    return act_reply(act, 200, &status_shape, &status);
}

/* POST /v1/keys/status */
err_t kek_status(struct act *act)
{
    TRY(act_allow_none(act));
    TRY(keys_manager(act));
    return status_reply(act);
}

/* POST /v1/keys/rotate: while one turn is under way, no other begins. */
err_t kek_rotate(struct act *act)
{
    struct kek_shown_rows rows;
    int active = 0;

    TRY(act_allow_none(act));
    TRY(keys_manager(act));
    kek_lock(act);
    TRY(kek_rows(act, &rows));
    for (size_t i = 0; i < rows.n; i++) active += str_is(rows.p[i].state, "active");
    if (active > 1) return status_reply(act);

    const struct kek_insert next = {(int)rows.p[rows.n - 1].version + 1};
    TRY(kek->make(next.version));
    kek_insert(act, &next);
    act_resource(act, UUID_NIL, next.version);
    return status_reply(act);
}

static err_t rewrap(struct act *act, const struct dek_turned *row, int version)
{
    const struct dek_name name = {row->org, row->patient, row->id, row->domain};
    struct turn_put put = {version, BYTES_NONE, row->org, row->patient, row->domain, row->id};
    const err_t err =
        kek->rewrap(act->arena, row->kek, version, &name, row->wrapped, &put.wrapped);

    /* A damaged row keeps its version, and that from going; the others need not wait for it. */
    if (err == ERR_CORRUPT) return ERR_OK;
    if (err == ERR_OK) turn_put(act, &put);
    return err;
}

/* Timer: one batch; when there is none left, the former versions go. */
err_t kek_turn(struct act *act)
{
    struct kek_version current;
    struct dek_turned_rows rows;
    struct kek_version_rows keks;

    TRY(act_allow_none(act));
    TRY(kek_current(act, &current));
    act_resource(act, UUID_NIL, current.version);
    TRY(turn_take(act, &(struct turn_take){current.version}, &rows));
    for (size_t i = 0; i < rows.n; i++) TRY(rewrap(act, &rows.p[i], current.version));
    if (rows.n > 0) return ERR_OK;

    TRY(keks_hold(act, &(struct keks_hold){current.version}, &keks));
    keks_retire(act, &(struct keks_retire){current.version});
    TRY(keks_retired(act, &keks));
    for (size_t i = 0; i < keks.n; i++) {
        TRY(kek->retire(keks.p[i].version));
        kek_gone(act, &(struct kek_gone){keks.p[i].version});
    }
    return ERR_OK;
}
