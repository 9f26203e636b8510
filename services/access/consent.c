#include "services/access/access.h"

struct str hash_text(struct act *act, struct bytes hash)
{
    char *text = arena_alloc(act->arena, 2 * hash.n + 1);

    return hash.p ? (struct str){text, hex_encode(hash, text)} : STR_NONE;
}

static struct consent_view consent_view(struct act *act, const struct consent_row *row)
{
    return (struct consent_view){*row, hash_text(act, row->document_hash)};
}

static err_t consent_reply(struct act *act, int status, const struct consent_row *row)
{
    const struct consent_view view = consent_view(act, row);

    return act_reply(act, status, &consent_shape, &view);
}

/* GET /v1/consents/documents: what is to be read before it is agreed to. */
err_t documents_read(struct act *act)
{
    const struct page *in = act->in;
    const struct documents_list ask = {.scope = in->scope, .language = in->language};
    struct document_rows rows;

    TRY(act_allow_none(act));
    TRY(documents_list(act, &ask, &rows));
    struct document_view *views = ARENA_ARRAY(act->arena, struct document_view, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++) {
        views[i] = (struct document_view){rows.p[i], hash_text(act, rows.p[i].hash)};
    }
    return act_reply_list(act, &document_shape, views, rows.n, STR_NONE);
}

/* Only what discloses has parts, and nobody writes down that a patient trusts them. */
static err_t parts_check(struct act *act, const struct consent_ask *in)
{
    const bool parted = in->purpose.p || !uuid_is_nil(in->recipient_id);
    enum consent scope = CONSENT_NONE;
    struct tally known;

    if (!parted) return ERR_OK;
    if (!consent_parse(in->scope, &scope) || !consent_is_parted(scope))
        return act_at(act, "/scope", ERR_UNPROCESSABLE);
    if (uuid_is_nil(in->recipient_id)) return ERR_OK;
    if (!actor_is_patients(act) && uuid_equal(in->recipient_id, act->who.person))
        return ERR_FORBIDDEN;
    return act_at(act, "/recipient_id",
                  recipient_known(act, &(struct recipient_known){in->recipient_id}, &known));
}

/* The patient's side reads from its own screen. */
static struct str method_of(const struct act *act, struct str given)
{
    return given.p ? given : actor_is_patients(act) ? STR("screen") : STR("paper");
}

/* Staff say how they asked; what was only spoken was heard by somebody else too. */
static err_t evidence_check(struct act *act, const struct consent_ask *in, struct str method)
{
    const bool spoken = str_is(method, "spoken"), witnessed = !uuid_is_nil(in->witness_id);
    struct tally known;

    if (actor_is_patients(act) && !str_is(method, "screen"))
        return act_at(act, "/method", ERR_UNPROCESSABLE);
    if (in->shown_at_us > act->now_us) return act_at(act, "/shown_at", ERR_UNPROCESSABLE);
    if (spoken != witnessed) return act_at(act, "/witness_id", ERR_UNPROCESSABLE);
    if (!spoken) return ERR_OK;
    return act_at(act, "/witness_id",
                  witness_known(act, &(struct witness_known){in->witness_id}, &known));
}

/* There is no such version of the text, or no text in that language. */
static err_t text_blame(struct act *act, const struct consent_insert *new)
{
    const struct documents_list ask = {.scope = new->scope, .language = new->language};
    struct document_rows rows;

    TRY(documents_list(act, &ask, &rows));
    return act_at(act, rows.n ? "/document_version" : "/language", ERR_UNPROCESSABLE);
}

/* POST /v1/consents: a patient agrees, or staff record that they did. */
err_t consent_give(struct act *act)
{
    const struct consent_ask *in = act->in;
    const struct consent_supersede former = {
        .patient_id = in->patient_id,
        .scope = in->scope,
        .recipient = in->recipient_id,
        .purpose = in->purpose,
        .document_version = in->document_version,
    };
    const struct consent_insert new = {
        .id = uuid_v7(act->now_us),
        .patient_id = in->patient_id,
        .scope = in->scope,
        .recipient = in->recipient_id,
        .purpose = in->purpose,
        .document_version = in->document_version,
        .document_hash = in->document_hash,
        .language = person_language(in->language),
        .shown_at_us = in->shown_at_us ? in->shown_at_us : act->now_us,
        .method = method_of(act, in->method),
        .witness = in->witness_id,
        .given_as = str_of(role_word(act->who.role)),
        .ends_at_us = in->ends_at_us,
    };
    struct fsm_step step;
    struct consent_row old, row;
    bool superseded;

    TRY(act_step(act, consent_states, "give", &step));
    TRY(act_allow(act, in->patient_id));
    if (in->ends_at_us && in->ends_at_us <= act->now_us)
        return act_at(act, "/ends_at", ERR_UNPROCESSABLE);
    TRY(parts_check(act, in));
    TRY(evidence_check(act, in, new.method));
    TRY(consent_supersede(act, &former, &old, &superseded));
    if (superseded) TRY(tell_consent(act, &old));
    const err_t err = consent_insert(act, &new, &row);
    if (err == ERR_UNPROCESSABLE) return text_blame(act, &new);
    TRY(err);
    TRY(tell_consent(act, &row));
    return consent_reply(act, 201, &row);
}

/* GET /v1/consents/{id} */
err_t consent_read(struct act *act)
{
    const struct consent_get ask = {act->path_id};
    struct consent_row row;

    TRY(consent_get(act, &ask, &row));
    TRY(act_allow(act, row.patient_id));
    TRY(act_settle(act));
    return consent_reply(act, 200, &row);
}

/* GET /v1/consents */
err_t consents_read(struct act *act)
{
    const struct page *in = act->in;
    struct cursor after;
    struct consent_row_rows rows;
    struct str next = STR_NONE;

    TRY(act_cursor_open(act, in->cursor, &after));
    const struct consents_list ask = {
        .after_id = after.id,
        .patient_id = in->patient_id,
        .scope = in->scope,
        .limit = in->limit,
    };
    TRY(act_allow_list(act));
    TRY(consents_list(act, &ask, &rows));
    struct consent_view *views = ARENA_ARRAY(act->arena, struct consent_view, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++) views[i] = consent_view(act, &rows.p[i]);
    if (rows.n == (size_t)ask.limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &consent_shape, views, rows.n, next);
}

/* Each is told by its id: by the clock alone one would live that was minted by an act which began
 * after this one and has committed before it. */
static err_t grants_go(struct act *act, struct uuid patient)
{
    struct ended_grant_rows grants;

    TRY(grants_end_of_patient(act, &(struct grants_end_of_patient){patient}, &grants));
    return tell_grants_revoked(act, &grants);
}

/* POST /v1/consents/{id}/revoke: from now on; what happened under it stays. */
err_t consent_revoke(struct act *act)
{
    const struct consent_get ask = {act->path_id};
    struct fsm_step step;
    struct consent_row row;

    TRY(act_step(act, consent_states, "revoke", &step));
    TRY(consent_get(act, &ask, &row));
    TRY(act_allow(act, row.patient_id));
    const struct consent_revoked revoked = {
        .id = act->path_id,
        .state = step.to,
        .from = {step.from, step.n},
    };
    TRY(consent_revoked(act, &revoked, &row));
    if (str_is(row.scope, consent_word(CONSENT_TELEHEALTH)))
        TRY(grants_go(act, row.patient_id));
    TRY(tell_consent(act, &row));
    TRY(tell_consent_over(act, &row));
    return consent_reply(act, 200, &row);
}

/* Timer: its own end has come. */
err_t consent_expire(struct act *act)
{
    const struct consent_due *due = act->in;
    const struct consent_expired ended = {due->id};
    struct consent_row row;

    TRY(consent_expired(act, &ended, &row));
    TRY(act_allow(act, row.patient_id));
    act_resource(act, row.id, row.version);
    TRY(tell_consent(act, &row));
    return tell_consent_over(act, &row);
}
