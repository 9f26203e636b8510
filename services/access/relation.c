#include "services/access/access.h"

#include "common/base/clock.h"

#define SERVES_MAX 4

/* Whom a relation of a kind serves; anybody else's would open nothing. */
static struct strs roles_of(struct arena *arena, const struct relation_info *kind)
{
    struct str *words = ARENA_ARRAY(arena, struct str, SERVES_MAX);
    size_t n = 0;

    for (enum role role = 0; role < ROLES; role++) {
        const struct str word = str_of(role_word(role));

        if (policy_lists(kind->serves, word)) words[n++] = word;
    }
    return (struct strs){words, n};
}

/* What relations.def asks of a relation of this kind, and when it ends at the latest. */
static err_t end_of(struct act *act, const struct relation_info *kind, int64_t starts_at_us,
                    int64_t *ret_ends_at_us)
{
    const struct relation_ask *in = act->in;
    const int64_t last_us = starts_at_us + kind->at_most * DAY_US;

    if (!policy_lists(kind->proofs, in->proof)) return act_at(act, "/proof", ERR_UNPROCESSABLE);
    if ((kind->end == END_MAJORITY) != (in->birth_date.p != NULL))
        return act_at(act, "/birth_date", ERR_UNPROCESSABLE);
    if ((kind->end == END_VISIT) == uuid_is_nil(in->visit_id))
        return act_at(act, "/visit_id", ERR_UNPROCESSABLE);
    if (in->ends_at_us && in->ends_at_us <= starts_at_us)
        return act_at(act, "/ends_at", ERR_UNPROCESSABLE);

    *ret_ends_at_us = in->ends_at_us;
    if (kind->end != END_DATED) return ERR_OK;
    if (in->ends_at_us > last_us) return act_at(act, "/ends_at", ERR_UNPROCESSABLE);
    if (!in->ends_at_us) *ret_ends_at_us = last_us;
    return ERR_OK;
}

/* The first field that must be another. */
static err_t relation_blame(struct act *act, const struct relation_insert *new)
{
    const struct relation_ask *in = act->in;
    const struct relation_fits ask = {
        .person = new->person,
        .roles = new->roles,
        .visit_id = new->visit_id,
        .patient_id = new->patient_id,
        .ends_at_us = in->ends_at_us,
        .born = new->born,
    };
    struct relation_fit fit;

    TRY(relation_fits(act, &ask, &fit));
    const struct {
        bool fits;
        const char *at;
    } fields[] = {
        {fit.serves, "/person_id"}, {fit.open, "/visit_id"}, {fit.ahead, "/ends_at"},
        {fit.young, "/birth_date"}, {false, "/starts_at"},
    };
    size_t i = 0;
    while (fields[i].fits) i++;
    return act_at(act, fields[i].at, ERR_UNPROCESSABLE);
}

/* POST /v1/relations: the front desk records who cares for a patient or acts for them, and what
 * proves it. */
err_t relation_open(struct act *act)
{
    const struct relation_ask *in = act->in;
    const int64_t starts_at_us = in->starts_at_us ? in->starts_at_us : act->now_us;
    enum relation_kind kind;
    struct relation row;

    TRY(act_allow(act, in->patient_id));
    if (!relation_parse(in->kind, &kind)) return act_at(act, "/kind", ERR_UNPROCESSABLE);
    struct relation_insert new = {
        .id = uuid_v7(act->now_us),
        .person = in->person_id,
        .patient_id = in->patient_id,
        .visit_id = in->visit_id,
        .kind = in->kind,
        .proof = in->proof,
        .born = in->birth_date,
        .starts_at_us = starts_at_us,
        .roles = roles_of(act->arena, relation_info(kind)),
    };
    TRY(end_of(act, relation_info(kind), starts_at_us, &new.ends_at_us));
    const err_t err = relation_insert(act, &new, &row);
    if (err == ERR_UNPROCESSABLE) return relation_blame(act, &new);
    TRY(err);
    TRY(tell_relation(act, &row));
    return act_reply(act, 201, &relation_shape, &row);
}

/* GET /v1/relations/{id} */
err_t relation_read(struct act *act)
{
    const struct relation_get ask = {act->path_id};
    struct relation row;
    struct tally labels;

    TRY(relation_get(act, &ask, &row));
    TRY(relation_labels(act, &(struct relation_labels){row.id}, &labels));
    TRY(act_allow_row(act, row.patient_id, (struct row_marks){.labels = labels.n}));
    TRY(act_settle(act));
    return act_reply(act, 200, &relation_shape, &row);
}

/* GET /v1/relations */
err_t relations_read(struct act *act)
{
    const struct page *in = act->in;
    struct cursor after;
    struct relation_rows rows;
    struct str next = STR_NONE;

    TRY(act_cursor_open(act, in->cursor, &after));
    const struct relations_list ask = {
        .after_id = after.id,
        .patient_id = in->patient_id,
        .person = in->person_id,
        .limit = in->limit,
    };
    TRY(act_allow_list(act));
    TRY(relations_list(act, &ask, &rows));
    if (rows.n == (size_t)ask.limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &relation_shape, rows.p, rows.n, next);
}

err_t relation_gone(struct act *act, const struct relation *ended)
{
    const struct grants_end_of_relation theirs = {ended->patient_id, ended->person};
    struct ended_grant_rows grants;

    TRY(tell_relation(act, ended));
    TRY(grants_end_of_relation(act, &theirs, &grants));
    return tell_grants_revoked(act, &grants);
}

/* POST /v1/relations/{id}/close: where it was the last one, grants and sockets end with it. Who
 * mints holds the relation until COMMIT, so no grant comes behind this. */
err_t relation_close(struct act *act)
{
    const struct relation_get ask = {act->path_id};
    const struct relation_end end = {act->path_id};
    struct relation_due_rows held;
    struct relation row;

    TRY(relation_get(act, &ask, &row));
    TRY(act_allow(act, row.patient_id));
    TRY(relations_hold(act, &(struct relations_hold){row.person, row.patient_id}, &held));
    TRY(relation_end(act, &end, &row));
    TRY(relation_gone(act, &row));
    return act_reply(act, 200, &relation_shape, &row);
}

/* Timer: the law of majority has changed, and with it how long somebody is a guardian. */
err_t relation_age(struct act *act)
{
    const struct relation_due *due = act->in;
    struct relation row;

    TRY(relation_aged(act, &(struct relation_aged){due->id}, &row));
    TRY(act_allow(act, row.patient_id));
    act_resource(act, row.id, row.version);
    return row.ends_at_us <= act->now_us ? relation_gone(act, &row) : tell_relation(act, &row);
}
