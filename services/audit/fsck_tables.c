/* fsck: the tables that no leaf has a row in. What they say of the log is compared with it, and
 * what the log says of them with them; a signed statement with what it is made from. */
#include "services/audit/fsck.h"

#include "services/audit/writer.h"

struct fsck_log {
    struct inspection *in;
    int64_t end; /* of the signed tree */
};

static void faults_say(struct inspection *in, const struct table_fault_rows *faults)
{
    for (size_t i = 0; i < faults->n; i++)
        inspect_found(in, "", "table " STR_FMT, STR_ARG(faults->p[i].what));
}

static err_t places_check(struct act *act)
{
    const struct fsck_log *const log = act->in;
    struct table_fault_rows faults;

    TRY(tables_compare(act, &(struct tables_compare){log->end}, &faults));
    faults_say(log->in, &faults);
    return ERR_OK;
}

/* ---- what persons decided ---- */

static err_t holds_known(struct act *act, struct inspection *in, struct decisions_compare *ret)
{
    struct hold_rows rows;

    TRY(holds_list(act, &(struct holds_list){UUID_NIL, INT64_MAX}, &rows));
    struct uuid *const held = ARENA_ARRAY(act->arena, struct uuid, rows.n + 1);
    struct uuid *const lifted = ARENA_ARRAY(act->arena, struct uuid, rows.n + 1);

    for (size_t i = 0; i < rows.n; i++) {
        const struct hold *const row = &rows.p[i];
        const bool is_lifted = row->lifted_at_us != 0;

        TRY(pseudonym_of_id(act, OF_THING, row->id, &held[ret->held.n++]));
        if (is_lifted) lifted[ret->lifted.n++] = held[ret->held.n - 1];
        if (is_lifted == uuid_is_nil(row->lifted_by) || is_lifted != (row->lift_sealed.n > 0))
            inspect_found(in, "", "table hold: %s is neither open nor lifted", UUID_ARG(row->id));
    }
    ret->held.p = held;
    ret->lifted.p = lifted;
    return ERR_OK;
}

/* The signature is of one form only, so who has the key can write it once more and compare. */
static err_t statement_check(struct act *act, struct inspection *in, const struct destruction *row)
{
    struct last_tree tree;
    const err_t err = tree_last(act, &(struct tree_last){row->shard}, &tree);

    if (err_is_fault(err)) return err;
    if (err == ERR_OK && tree.root.n == HASH_BYTES &&
        str_equal(row->statement, destruction_statement(act, row, &tree)))
        return ERR_OK;
    inspect_found(in, "", "table destruction: %s is not what its statement has signed",
                  UUID_ARG(row->id));
    return ERR_OK;
}

static err_t destructions_known(struct act *act, struct inspection *in,
                                struct decisions_compare *ret)
{
    struct destruction_rows rows;

    TRY(destructions_list(act, &(struct destructions_list){UUID_NIL, INT64_MAX}, &rows));
    struct uuid *const ended = ARENA_ARRAY(act->arena, struct uuid, rows.n + 1);

    for (size_t i = 0; i < rows.n; i++) {
        const struct destruction *const row = &rows.p[i];

        if (!str_is(row->state, "destroyed") && !str_is(row->state, "forgotten")) continue;
        TRY(pseudonym_of_id(act, OF_THING, row->id, &ended[ret->ended.n++]));
        TRY(statement_check(act, in, row));
    }
    ret->ended.p = ended;
    return ERR_OK;
}

static err_t decisions_check(struct act *act)
{
    const struct fsck_log *const log = act->in;
    struct decisions_compare known = {.held.n = 0};
    struct table_fault_rows faults;

    TRY(holds_known(act, log->in, &known));
    TRY(destructions_known(act, log->in, &known));
    TRY(decisions_compare(act, &known, &faults));
    faults_say(log->in, &faults);
    return ERR_OK;
}

void fsck_tables(struct inspection *in, struct uuid org, int64_t end)
{
    const struct fsck_log log = {in, end};

    if (service_act(writer.db, org, AUDIT_NONE, places_check, &log) != ERR_OK ||
        service_act(writer.db, org, AUDIT_NONE, decisions_check, &log) != ERR_OK)
        inspect_found(in, "", "tables beside entry and event_index cannot be read");
}
