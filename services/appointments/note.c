/* Notes and summaries: versions are only ever added. */
#include "services/appointments/appointments.h"

static err_t note_seal(struct act *act, struct uuid patient, enum kind kind, struct str text,
                       struct note_insert *new)
{
    Telecura__V1__NotePhi phi = TELECURA__V1__NOTE_PHI__INIT;

    phi.text = pb_text(act->arena, text);
    phi.author = pb_text(act->arena, arena_printf(act->arena, "%s", UUID_ARG(act->who.person)));
    phi.written_at_us = act->now_us;
    return act_seal(act, patient, kind, new->id, 1, &phi.base, &new->sealed);
}

static err_t note_unseal(struct act *act, struct uuid patient, enum kind kind,
                         const struct note *note, struct str *ret_text)
{
    struct unseal item = {
        .patient = patient, .row = note->id, .kind = kind, .sealed = note->sealed, .version = 1,
    };

    TRY(act_unseal(act, &item, 1));
    *ret_text = str_of(((const Telecura__V1__NotePhi *)item.message)->text);
    return ERR_OK;
}

/* A note of a visit, or the one that its clinician keeps for themselves. */
struct notebook {
    enum kind kind;
    const char *word;
    int64_t labels;
};

static const struct notebook
    of_visit = {KIND_NOTE, "note", 0},
    own = {KIND_OWN_NOTE, "psychotherapy", POLICY_BIT(LABEL_PSYTHPN)};

/* The visit of the path; queues the guard. */
static err_t visit_of(struct act *act, const struct notebook *book, struct appointment *ret_row)
{
    TRY(appointment_get(act, &(struct appointment_get){.id = act->path_id}, ret_row));
    const struct row_marks marks = {ret_row->labels | book->labels, ret_row->provider_id};
    return act_allow_row(act, ret_row->patient_id, marks);
}

static err_t book_write(struct act *act, const struct notebook *book)
{
    const struct note_text *in = act->in;
    struct appointment row;
    struct note_reply note = {.text = in->text};
    struct note_insert new = {
        .id = uuid_v7(act->now_us), .appointment_id = act->path_id, .kind = str_of(book->word),
        .if_match = act->if_match,
    };

    TRY(visit_of(act, book, &row));
    TRY(visit_own(act, &row));
    TRY(act_settle(act));
    if (!str_is(row.state, "in_progress") && !str_is(row.state, "completed")) return ERR_BAD_STATE;

    TRY(note_seal(act, row.patient_id, book->kind, in->text, &new));
    TRY(note_insert(act, &new, &note.row));
    return act_reply(act, 200, &note_shape, &note);
}

static err_t book_read(struct act *act, const struct notebook *book)
{
    const struct note_get key = {.appointment_id = act->path_id, .kind = str_of(book->word)};
    struct appointment row;
    struct note_reply note = {0};

    TRY(visit_of(act, book, &row));
    TRY(note_get(act, &key, &note.row));
    TRY(note_unseal(act, row.patient_id, book->kind, &note.row, &note.text));
    return act_reply(act, 200, &note_shape, &note);
}

/* PUT /v1/appointments/{id}/note: during the visit, and as an addendum afterwards. */
err_t note_put(struct act *act)
{
    return book_write(act, &of_visit);
}

/* GET /v1/appointments/{id}/note */
err_t note_read(struct act *act)
{
    return book_read(act, &of_visit);
}

/* PUT /v1/appointments/{id}/psychotherapy_note */
err_t own_note_put(struct act *act)
{
    return book_write(act, &own);
}

/* GET /v1/appointments/{id}/psychotherapy_note */
err_t own_note_read(struct act *act)
{
    return book_read(act, &own);
}

err_t summary_make(struct act *act, const struct appointment *row, struct str text)
{
    struct note note;
    struct note_insert new = {
        .id = uuid_v7(act->now_us), .appointment_id = row->id, .kind = STR("summary"),
    };

    TRY(note_last(act, &(struct note_last){.appointment_id = row->id}, &note));
    if (!text.p) TRY(note_unseal(act, row->patient_id, KIND_NOTE, &note, &text));
    TRY(note_seal(act, row->patient_id, KIND_SUMMARY, text, &new));
    return note_insert(act, &new, &note);
}

/* GET /v1/appointments/{id}/summary */
err_t summary_read(struct act *act)
{
    const struct note_get key = {.appointment_id = act->path_id, .kind = STR("summary")};
    const struct prescriptions_of visit = {.visit_id = act->path_id};
    struct summary_reply summary = {0};
    struct note note;
    struct prescription_rows prescriptions;

    TRY(visit_of(act, &of_visit, &summary.row));
    TRY(note_get(act, &key, &note));
    TRY(prescriptions_of(act, &visit, &prescriptions));
    TRY(note_unseal(act, summary.row.patient_id, KIND_SUMMARY, &note, &summary.text));
    summary.prescriptions = (struct list){prescriptions.p, prescriptions.n};
    return act_reply(act, 200, &summary_shape, &summary);
}
