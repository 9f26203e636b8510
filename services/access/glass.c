/*
 * Breaking the glass: in an emergency a clinician who stands in no relation of care to a patient
 * takes one for half an hour, by a reason, words and a second factor of the last five minutes.
 *
 * It is a relation like any other (relations.def), so every service honours it, writes it beside
 * what it let through, and asks for its end at each use: nothing has to happen for it to be over.
 * Who broke it gets a pass that says the same (grant.h), so that nobody waits for Kafka. The
 * patient and the privacy officers are told by the event that commits with it; the officers again
 * of what nobody has reviewed in time.
 *
 * What holds if the process dies: before COMMIT no glass is broken and nobody is told; after it
 * the word to all of them is in the outbox, whether the clinician has got an answer or not.
 */
#include "services/access/access.h"

#include "common/base/clock.h"

static int64_t review_due_us(const struct act *act)
{
    const struct access_settings *const settings = service_settings();

    return act->now_us + settings->review_days * DAY_US;
}

static err_t words_seal(struct act *act, struct uuid patient, enum kind kind, struct uuid row,
                        struct str text, struct bytes *ret)
{
    Telecura__V1__NotePhi note = TELECURA__V1__NOTE_PHI__INIT;

    note.text = pb_text(act->arena, text);
    note.author = pb_text(act->arena, arena_printf(act->arena, "%s", UUID_ARG(act->who.person)));
    note.written_at_us = act->now_us;
    return act_seal(act, patient, kind, row, 1, &note.base, ret); /* each is written once */
}

static struct str words_of(const struct unseal *item)
{
    const Telecura__V1__NotePhi *const note = (const void *)item->message;

    return note ? str_of(note->text) : STR_NONE;
}

/* The words are for who has broken the glass and who reviews it; the patient is told who, when and
 * for which of the reasons. */
static err_t glass_reply(struct act *act, int status, const struct glass *row)
{
    struct glass_view view = {.row = *row};
    struct unseal words[] = {
        {.patient = row->patient_id, .row = row->id, .kind = KIND_GLASS_REASON,
         .sealed = row->sealed, .version = 1},
        {.patient = row->patient_id, .row = row->id, .kind = KIND_GLASS_FINDING,
         .sealed = row->finding_sealed, .version = 1},
    };

    if (act->who.role == ROLE_CLINICIAN || act->who.role == ROLE_PRIVACY) {
        TRY(act_unseal(act, words, 2));
        view.text = words_of(&words[0]);
        view.finding_text = words_of(&words[1]);
    }
    if (uuid_equal(row->person, act->who.person) && row->ends_at_us > act->now_us)
        view.pass = grant_emergency(act, row);
    return act_reply(act, status, &glass_shape, &view);
}

static err_t glass_of(struct act *act, struct glass *ret)
{
    TRY(glass_get(act, &(struct glass_get){act->path_id}, ret));
    TRY(act_allow(act, ret->patient_id));
    TRY(act_settle(act));
    return clinician_check(act, ret->person);
}

/* POST /v1/break-glass */
err_t glass_break(struct act *act)
{
    const struct glass_ask *in = act->in;
    struct glass_insert new = {
        .id = uuid_v7(act->now_us),
        .patient_id = in->patient_id,
        .reason = in->reason,
        .ends_at_us = act->now_us + relation_info(RELATION_BREAK_GLASS)->at_most * MINUTE_US,
        .review_due_at_us = review_due_us(act),
    };
    struct fsm_step step;
    struct glass row;
    struct relation relation;

    TRY(act_step(act, glass_states, "break", &step));
    new.state = step.to;
    record_lock(act, &(struct record_lock){in->patient_id}); /* an erasure comes before or after */
    TRY(act_allow(act, in->patient_id));
    TRY(act_settle(act));
    TRY(words_seal(act, in->patient_id, KIND_GLASS_REASON, new.id, in->text, &new.sealed));
    TRY(glass_insert(act, &new, &row));
    const struct relation_of_glass opened = {row.id, row.patient_id, row.ends_at_us};
    TRY(relation_of_glass(act, &opened, &relation));
    TRY(tell_relation(act, &relation));
    TRY(tell_emergency(act, &row, KIND_OF(EMERGENCY, OPENED)));
    return glass_reply(act, 201, &row);
}

/* GET /v1/break-glass/{id} */
err_t glass_read(struct act *act)
{
    struct glass row;

    TRY(glass_of(act, &row));
    return glass_reply(act, 200, &row);
}

/* GET /v1/break-glass: without the words. */
err_t glasses_read(struct act *act)
{
    const struct glass_query *in = act->in;
    struct cursor after;
    struct glass_rows rows;
    struct str next = STR_NONE;

    TRY(act_cursor_open(act, in->cursor, &after));
    const struct glasses_list ask = {
        .after_id = after.id,
        .patient_id = in->patient_id,
        .person = clinician_filter(act),
        .state = in->state,
        .limit = in->limit,
    };
    TRY(act_allow_list(act));
    TRY(glasses_list(act, &ask, &rows));
    struct glass_view *views = ARENA_ARRAY(act->arena, struct glass_view, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++) views[i] = (struct glass_view){.row = rows.p[i]};
    if (rows.n == (size_t)ask.limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &glass_shape, views, rows.n, next);
}

/* POST /v1/break-glass/{id}/end: by who has broken it or by a privacy officer. */
err_t glass_end(struct act *act)
{
    struct glass row;
    struct relation relation;

    TRY(glass_of(act, &row));
    TRY(glass_end_now(act, &(struct glass_end_now){row.id}, &row));
    TRY(relation_of_glass_end(act, &(struct relation_of_glass_end){row.id}, &relation));
    TRY(tell_relation(act, &relation));
    TRY(tell_emergency(act, &row, KIND_OF(EMERGENCY, ENDED)));
    return glass_reply(act, 200, &row);
}

/* POST /v1/break-glass/{id}/review */
err_t glass_review(struct act *act)
{
    const struct glass_finding *in = act->in;
    struct fsm_step step;
    struct glass row;
    struct bytes words;

    TRY(act_step(act, glass_states, "review", &step));
    TRY(glass_of(act, &row));
    TRY(words_seal(act, row.patient_id, KIND_GLASS_FINDING, row.id, in->text, &words));
    const struct glass_reviewed reviewed = {
        .id = row.id,
        .state = step.to,
        .from = {step.from, step.n},
        .finding = in->finding,
        .sealed = words,
    };
    TRY(glass_reviewed(act, &reviewed, &row));
    TRY(tell_emergency(act, &row, KIND_OF(EMERGENCY, REVIEWED)));
    return glass_reply(act, 200, &row);
}

/* Timer: nobody has reviewed it in time. */
err_t glass_tell_again(struct act *act)
{
    const struct glass_due *due = act->in;
    const struct glass_told_again again = {.id = due->id, .next_us = review_due_us(act)};
    struct glass row;

    TRY(glass_told_again(act, &again, &row));
    TRY(act_allow(act, row.patient_id));
    act_resource(act, row.id, row.version);
    return tell_emergency(act, &row, KIND_OF(EMERGENCY, OVERDUE));
}
