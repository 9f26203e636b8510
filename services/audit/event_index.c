/*
 * The index of what is logged: who, about whom, from where, which thing, each as a pseudonym. It is
 * made from the published log, behind the sequencer, so that an append waits for none of its trees,
 * and an emptied one fills again.
 */
#include "services/audit/audit.h"

#include "services/audit/tiles.h"

#define TURN_BUNDLES 2
#define TURN_BYTES ((size_t)2 << 20) /* of the act's arena, after which no leaf is begun */

/* The leaves of one bundle from @next on, as many as the turn has room for; then @next is the
 * first that is left. One that is no leaf or does not open is nobody's answer; who reads it is told
 * so, and the verifier finds it. */
static err_t leaves_index(struct act *act, struct bundle *bundle, int64_t size, int64_t *next)
{
    TRY(bundle_seek(act, bundle, *next));
    const int64_t ends[] = {*next + TILES_WIDTH - (*next - bundle->base) % TILES_WIDTH,
                            bundle->end, size};
    struct leaves_new which = {*next, ends[0]};

    for (int i = 1; i < 3; i++) {
        if (ends[i] < which.size) which.size = ends[i];
    }
    struct new_leaf_rows rows;
    struct bytes last;

    TRY(leaves_new(act, &which, &rows));
    /* The file is read once, up to the last of them; if it is too short, each leaf's turn tells. */
    if (rows.n) (void)!entry_of(act, bundle, rows.p[rows.n - 1].leaf_index, &last);
    for (size_t i = 0; i < rows.n; i++) {
        const struct new_leaf *const row = &rows.p[i];
        struct event_index_insert index;
        struct audit_event event;

        *next = row->leaf_index;
        if (arena_used(act->arena) > TURN_BYTES) return ERR_OK;
        const err_t err = event_open(act, bundle, row->event_id, row->leaf_index, &event);
        if (err == ERR_CORRUPT) continue;
        if (err != ERR_OK) return err;
        if (str_is(event.action, EVENT_DESTROYED)) continue;
        TRY(index_row_of(act, &event, &index));
        event_index_insert(act, &index);
    }
    *next = which.size;
    return ERR_OK;
}

/* A turn is bounded, as an act keeps in memory whatever it has opened; the next does the rest. */
err_t log_index(struct act *act)
{
    const struct unindexed_log *const log = act->in;
    __attribute__((cleanup(bundle_close))) struct bundle bundle = bundle_open();
    int64_t next = log->next;

    for (int i = 0; i < TURN_BUNDLES && next < log->size; i++)
        TRY(leaves_index(act, &bundle, log->size, &next));
    event_index_reach(act, &(struct event_index_reach){next});
    return ERR_OK;
}
