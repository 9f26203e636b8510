/*
 * Erasure of a patient: one asks, another approves, then keyd destroys every key of the patient and
 * signs that it did. Refused while a hold stands or the record must be kept; both are asked again
 * when it is approved, under the lock that a new hold takes.
 *
 * What holds if anybody dies: an approved erasure is due until it is done. keyd destroys nothing
 * twice and certifies the same again; what this service changes and tells is one transaction.
 */
#include "services/access/access.h"

#include "common/base/clock.h"
#include "common/app/run.h"
#include "common/io/keys.h"

/* The fields of keyd's question and answer. */
struct destroy {
    struct uuid org, patient, erasure, asked_by, approved_by;
};
struct destroyed {
    struct str certificate, public_key;
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const struct field destroy_fields[] = {
    {"org", UUID, IN(destroy, org), REQUIRED},
    {"patient", UUID, IN(destroy, patient), REQUIRED},
    {"erasure", UUID, IN(destroy, erasure), REQUIRED},
    {"asked_by", UUID, IN(destroy, asked_by), REQUIRED},
    {"approved_by", UUID, IN(destroy, approved_by), REQUIRED},
    {0},
};
static const struct shape destroy_shape = {"KeysToDestroy", sizeof(struct destroy), destroy_fields};
static const struct field destroyed_fields[] = {
    {"certificate", TEXT, IN(destroyed, certificate), REQUIRED, 1, 8192},
    {"public_key", TEXT, IN(destroyed, public_key), REQUIRED, 1, 64},
    {0},
};
static const struct shape destroyed_shape = {
    "KeysDestroyed", sizeof(struct destroyed), destroyed_fields,
};
/* clang-format on */

/* Who was here since then is kept. */
static int64_t kept_since_us(const struct act *act)
{
    const struct access_settings *settings = service_settings();

    return act->now_us - settings->retention_days * DAY_US;
}

/* POST /v1/erasures */
err_t erasure_ask(struct act *act)
{
    const struct patient_ask *in = act->in;
    struct erasure_insert new = {
        .id = uuid_v7(act->now_us),
        .patient_id = in->patient_id,
        .reason = in->reason,
        .kept_since_us = kept_since_us(act),
    };
    struct fsm_step step;
    struct erasure row;

    TRY(act_step(act, erasure_states, "ask", &step));
    new.state = step.to;
    TRY(act_allow(act, in->patient_id));
    record_lock(act, &(struct record_lock){in->patient_id});
    TRY(erasure_insert(act, &new, &row));
    return act_reply(act, 201, &erasure_shape, &row);
}

/* GET /v1/erasures/{id} */
err_t erasure_read(struct act *act)
{
    struct erasure row;

    TRY(erasure_get(act, &(struct erasure_get){act->path_id}, &row));
    TRY(act_allow(act, row.patient_id));
    return act_reply(act, 200, &erasure_shape, &row);
}

/* GET /v1/erasures: who is to be erased and who was; an erased patient is nobody's to see. */
err_t erasures_read(struct act *act)
{
    const struct page *in = act->in;
    struct cursor after;
    struct erasure_rows rows;
    struct str next = STR_NONE;

    TRY(act_cursor_open(act, in->cursor, &after));
    TRY(act_allow_none(act));
    TRY(erasures_list(act, &(struct erasures_list){after.id, in->limit}, &rows));
    if (rows.n == (size_t)in->limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &erasure_shape, rows.p, rows.n, next);
}

static err_t decide(struct act *act, const char *event)
{
    struct erasure row;
    struct fsm_step step;

    TRY(act_step(act, erasure_states, event, &step));
    TRY(erasure_get(act, &(struct erasure_get){act->path_id}, &row));
    TRY(act_allow(act, row.patient_id));
    record_lock(act, &(struct record_lock){row.patient_id});
    const struct erasure_decide decided = {
        .id = row.id,
        .state = step.to,
        .from = {step.from, step.n},
        .kept_since_us = kept_since_us(act),
    };
    TRY(erasure_decide(act, &decided, &row));
    return act_reply(act, 200, &erasure_shape, &row);
}

/* POST /v1/erasures/{id}/approve, /refuse */
err_t erasure_approve(struct act *act)
{
    return decide(act, "approve");
}

err_t erasure_refuse(struct act *act)
{
    return decide(act, "refuse");
}

/* Nobody reaches the record any more, and whoever was the patient is signed out. */
static err_t ends_tell(struct act *act, struct uuid patient)
{
    /* patients keeps a relation of its own for a record that was nobody's yet. */
    const struct relation nobodys = {
        .id = patient, .patient_id = patient, .kind = STR("self"),
        .starts_at_us = act->now_us, .ends_at_us = act->now_us, .version = INT32_MAX,
    };
    struct relation_rows rows;
    struct member member;
    bool found = false;

    TRY(relations_end_of(act, &(struct relations_end_of){patient}, &rows));
    for (size_t i = 0; i < rows.n; i++) TRY(tell_relation(act, &rows.p[i]));
    TRY(tell_relation(act, &nobodys));
    TRY(member_of_patient(act, &(struct member_of_patient){patient}, &member, &found));
    if (!found) return ERR_OK;

    codes_cancel(act, &(struct codes_cancel){member.person});
    grants_end_of_person(act, &(struct grants_end_of_person){member.person});
    TRY(tell_member(act, &member));
    TRY(tell_person_disabled(act, &member));
    act_forget_actors(act);
    return ERR_OK;
}

static err_t keys_destroy(struct act *act, const struct erasure *row, struct destroyed *ret)
{
    const struct destroy ask = {
        act->org, row->patient_id, row->id, row->asked_by, row->decided_by};
    struct bytes answer;

    TRY(keys_manage(run_keys(), "/v1/keys/destroy", json_encode(act->arena, &destroy_shape, &ask),
                    act->arena, &answer));
    if (json_decode_lenient(&destroyed_shape, answer, act->arena, ret, NULL) != ERR_OK)
        return err_raise(ERR_INTERNAL, "keyd certifies nothing");
    return ERR_OK;
}

/* Timer: two people have decided. */
err_t erasure_do(struct act *act)
{
    const struct erasure_due *due = act->in;
    struct destroyed destroyed;
    struct erasure row;
    struct fsm_step step;

    TRY(act_step(act, erasure_states, "erase", &step));
    TRY(erasure_get(act, &(struct erasure_get){due->id}, &row));
    TRY(act_allow(act, row.patient_id));
    act_resource(act, row.id, row.version + 1);
    record_lock(act, &(struct record_lock){row.patient_id});
    TRY(act_settle(act));
    TRY(keys_destroy(act, &row, &destroyed));
    const struct erasure_done done = {
        .id = row.id,
        .state = step.to,
        .from = {step.from, step.n},
        .certificate = destroyed.certificate,
        .public_key = destroyed.public_key,
    };
    TRY(erasure_done(act, &done, &row));
    TRY(ends_tell(act, row.patient_id));
    keys_drop(run_keys(), row.patient_id);
    return tell_erased(act, row.patient_id, row.version);
}

/* ---- legal holds ---- */

/* POST /v1/holds */
err_t hold_place(struct act *act)
{
    const struct patient_ask *in = act->in;
    const struct hold_insert new = {uuid_v7(act->now_us), in->patient_id, in->reason};
    struct hold row;

    TRY(act_allow(act, in->patient_id));
    record_lock(act, &(struct record_lock){in->patient_id});
    TRY(hold_insert(act, &new, &row));
    return act_reply(act, 201, &hold_shape, &row);
}

/* GET /v1/holds/{id} */
err_t hold_read(struct act *act)
{
    struct hold row;

    TRY(hold_get(act, &(struct hold_get){act->path_id}, &row));
    TRY(act_allow(act, row.patient_id));
    return act_reply(act, 200, &hold_shape, &row);
}

/* GET /v1/holds */
err_t holds_read(struct act *act)
{
    const struct page *in = act->in;
    struct cursor after;
    struct hold_rows rows;
    struct str next = STR_NONE;

    TRY(act_cursor_open(act, in->cursor, &after));
    const struct holds_list ask = {
        .after_id = after.id, .patient_id = in->patient_id, .limit = in->limit};
    TRY(act_allow_list(act));
    TRY(holds_list(act, &ask, &rows));
    if (rows.n == (size_t)ask.limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &hold_shape, rows.p, rows.n, next);
}

/* POST /v1/holds/{id}/release */
err_t hold_release_by_hand(struct act *act)
{
    struct hold row;

    TRY(hold_get(act, &(struct hold_get){act->path_id}, &row));
    TRY(act_allow(act, row.patient_id));
    TRY(hold_release(act, &(struct hold_release){act->path_id}, &row));
    return act_reply(act, 200, &hold_shape, &row);
}
