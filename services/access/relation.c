#include "services/access/access.h"

/* Whom a relation of a kind serves; anybody else's would open nothing. */
static struct strs roles_of(struct str kind)
{
    static const struct str proxies[] = {STR("proxy")}, staff[] = {STR("clinician"), STR("nurse")};

    return str_is(kind, "proxy") ? (struct strs){proxies, 1} : (struct strs){staff, 2};
}

/* POST /v1/relations: the front desk records who cares for a patient or acts for them. */
err_t relation_open(struct act *act)
{
    const struct relation_ask *in = act->in;
    const struct relation_insert new = {
        .id = uuid_v7(act->now_us),
        .person = in->person_id,
        .patient_id = in->patient_id,
        .kind = in->kind,
        .starts_at_us = in->starts_at_us ? in->starts_at_us : act->now_us,
        .ends_at_us = in->ends_at_us,
        .roles = roles_of(in->kind),
    };
    struct relation row;

    TRY(act_allow(act, in->patient_id));
    if (in->ends_at_us && in->ends_at_us <= new.starts_at_us) return ERR_UNPROCESSABLE;
    TRY(relation_insert(act, &new, &row));
    TRY(tell_relation(act, &row));
    return act_reply(act, 201, &relation_shape, &row);
}

/* GET /v1/relations/{id} */
err_t relation_read(struct act *act)
{
    const struct relation_get ask = {act->path_id};
    struct relation row;

    TRY(relation_get(act, &ask, &row));
    TRY(act_allow(act, row.patient_id));
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

/* POST /v1/relations/{id}/close */
err_t relation_close(struct act *act)
{
    const struct relation_get ask = {act->path_id};
    const struct relation_end end = {act->path_id};
    struct relation row;

    TRY(relation_get(act, &ask, &row));
    TRY(act_allow(act, row.patient_id));
    TRY(relation_end(act, &end, &row));
    TRY(tell_relation(act, &row));
    return act_reply(act, 200, &relation_shape, &row);
}
