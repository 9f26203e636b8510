#include "services/prescriptions/prescriptions.h"

/* Of a page, which then ends: opened and written they take twenty times as much of an act. */
#define PAGE_SEALED_BYTES_MAX (1024 * 1024)

typedef Telecura__V1__PrescriptionEvent__Kind rx_event;

/* ---- what handlers share ---- */

/* Drafts are between those who write them. */
static bool shows_drafts(const struct act *act)
{
    return act->who.role == ROLE_CLINICIAN || act->who.role == ROLE_NURSE;
}

static struct unseal item_of(const struct prescription *row)
{
    return (struct unseal){.patient = row->patient_id, .row = row->id, .kind = KIND_PRESCRIPTION,
                           .version = row->sealed_version, .sealed = row->sealed};
}

/* The prescription of the path, opened; ERR_NOT_FOUND for what the actor may not see. */
static err_t rx_open(struct act *act, struct rx *rx)
{
    const struct prescription_get key = {.id = act->path_id, .drafts = shows_drafts(act)};

    TRY(prescription_get(act, &key, &rx->row));
    TRY(act_allow_row(act, rx->row.patient_id, (struct row_marks){.labels = rx->row.labels}));
    struct unseal item = item_of(&rx->row);
    TRY(act_unseal(act, &item, 1));
    rx->phi = (prescription_phi *)item.message;
    return ERR_OK;
}

/* Absent rather than empty, so that it is not shown. */
static struct str shown(const char *text)
{
    return *text ? str_of(text) : STR_NONE;
}

void rx_show(struct act *act, struct rx *rx)
{
    const prescription_phi *const phi = rx->phi;
    struct str *const findings = ARENA_ARRAY(act->arena, struct str, phi->n_findings + 1);

    for (size_t i = 0; i < phi->n_findings; i++) findings[i] = str_of(phi->findings[i]);
    rx->findings = (struct strs){findings, phi->n_findings};
    rx->drug = str_of(phi->drug);
    rx->drug_text = str_of(phi->drug_text);
    rx->dose_text = str_of(phi->dose_text);
    rx->dose_micrograms = phi->dose_micrograms;
    rx->doses_per_day = phi->doses_per_day;
    rx->quantity = phi->quantity;
    rx->refills = rx->row.fills_authorised - 1;
    rx->directions = str_of(phi->directions);
    rx->override_reason = phi->n_overrides ? str_of(phi->overrides[0]) : STR_NONE;
    rx->signed_text = shown(phi->signed_text);
}

static err_t rx_seal(struct act *act, const struct rx *rx, int64_t version,
                     struct bytes *ret_sealed)
{
    return act_seal(act, rx->row.patient_id, KIND_PRESCRIPTION, rx->row.id, version, &rx->phi->base,
                    ret_sealed);
}

static const ProtobufCMessage *event_of(struct act *act, rx_event kind,
                                        const struct prescription *row)
{
    Telecura__V1__PrescriptionEvent *const event =
        ARENA_NEW(act->arena, Telecura__V1__PrescriptionEvent);

    telecura__v1__prescription_event__init(event);
    event->kind = kind;
    event->patient = pb_uuid(act->arena, row->patient_id);
    event->visit = pb_uuid(act->arena, row->visit_id);
    event->prescriber = pb_uuid(act->arena, row->signed_by);
    event->state = pb_text(act->arena, row->state);
    event->fills_authorised = row->fills_authorised;
    event->fills_used = row->fills_used;
    event->sealed = pb_bytes(row->sealed);
    event->sealed_version = row->sealed_version;
    return &event->base;
}

/* What every step leaves: its history and the word to the others. */
static err_t rx_tell(struct act *act, const char *event, rx_event kind,
                     const struct prescription *row)
{
    const struct history_insert history = {
        .id = row->id, .version = row->version, .event = str_of(event), .state = row->state,
        .role = str_of(role_word(act->who.role)),
    };

    history_insert(act, &history);
    return act_emit(act, TOPIC_PRESCRIPTIONS, row->id, row->version, event_of(act, kind, row));
}

static err_t rx_reply(struct act *act, int status, struct rx *rx)
{
    rx_show(act, rx);
    return act_reply(act, status, &rx_shape, rx);
}

/* ---- draft and check ---- */

static struct str dose_text(struct act *act, int64_t micrograms, int64_t per_day)
{
    const bool whole_mg = micrograms % 1000 == 0;

    return arena_printf(act->arena, "%lld %s, %lld times a day",
                        (long long)(whole_mg ? micrograms / 1000 : micrograms),
                        whole_mg ? "mg" : "micrograms", (long long)per_day);
}

static prescription_phi *phi_of(struct act *act, const struct draft *in)
{
    prescription_phi *const phi = ARENA_NEW(act->arena, prescription_phi);

    telecura__v1__prescription_phi__init(phi);
    phi->drug = pb_text(act->arena, in->drug);
    phi->dose_text = pb_text(act->arena, dose_text(act, in->dose_micrograms, in->doses_per_day));
    phi->dose_micrograms = in->dose_micrograms;
    phi->doses_per_day = in->doses_per_day;
    phi->quantity = in->quantity;
    phi->directions = pb_text(act->arena, in->directions);
    return phi;
}

/* Which way the findings point. */
static err_t check_step(struct act *act, const struct rx *rx, struct fsm_step *ret_step)
{
    return act_step(act, rx_states, rx->phi->n_findings ? "block" : "pass", ret_step);
}

/* POST /v1/prescriptions: a clinician, or a nurse who prepares it. */
err_t rx_draft(struct act *act)
{
    const struct draft *in = act->in;
    struct fsm_step step;
    struct rx rx = {.row = {.id = uuid_v7(act->now_us), .patient_id = in->patient_id},
                    .phi = phi_of(act, in)};
    struct prescription_insert new = {
        .id = rx.row.id, .patient_id = in->patient_id, .visit_id = in->visit_id,
        .fills_authorised = 1 + in->refills,
    };
    struct visit_of found;

    TRY(act_allow(act, in->patient_id));
    const struct visit_find visit = {.id = in->visit_id, .patient_id = in->patient_id};
    TRY(act_at(act, "/visit_id", visit_find(act, &visit, &found)));
    TRY(act_allow_row(act, in->patient_id, (struct row_marks){.labels = found.labels}));
    TRY(rx_examine(act, &rx));
    TRY(check_step(act, &rx, &step));
    new.state = step.to;
    TRY(rx_seal(act, &rx, 1, &new.sealed));
    TRY(prescription_insert(act, &new, &rx.row));
    TRY(rx_tell(act, "draft", KIND_OF(PRESCRIPTION, DRAFTED), &rx.row));
    return rx_reply(act, 201, &rx);
}

/* The version that a step is for: the one named, else the one read. */
static int64_t version_of(const struct act *act, const struct rx *rx)
{
    return act->if_match >= 0 ? act->if_match : rx->row.version;
}

/* POST /v1/prescriptions/{id}/check */
err_t rx_check(struct act *act)
{
    struct fsm_step step;
    struct rx rx = {0};

    TRY(rx_open(act, &rx));
    TRY(rx_examine(act, &rx));
    TRY(check_step(act, &rx, &step));
    struct prescription_check update = {
        .id = rx.row.id, .state = step.to, .from = {step.from, step.n},
        .if_match = version_of(act, &rx),
    };
    TRY(rx_seal(act, &rx, rx.row.version + 1, &update.sealed));
    TRY(prescription_check(act, &update, &rx.row));
    TRY(rx_tell(act, "check", KIND_OF(PRESCRIPTION, DRAFTED), &rx.row));
    return rx_reply(act, 200, &rx);
}

/* ---- sign, send, cancel, hand out ---- */

static bool saw(const prescription_phi *phi, const char *finding)
{
    for (size_t i = 0; i < phi->n_findings; i++) {
        if (strcmp(phi->findings[i], finding) == 0) return true;
    }
    return false;
}

/* A reason covers what the signer was shown, and nothing that came up since. */
static err_t override(struct act *act, const prescription_phi *shown_phi, struct str reason,
                      prescription_phi *phi)
{
    if (phi->n_findings == 0) return ERR_OK;
    if (!reason.p) return ERR_CHECK_BLOCKED;

    for (size_t i = 0; i < phi->n_findings; i++) {
        if (!saw(shown_phi, phi->findings[i])) return ERR_CHECK_BLOCKED;
    }
    phi->n_overrides = 1;
    phi->overrides = ARENA_NEW(act->arena, char *);
    phi->overrides[0] = pb_text(act->arena, reason);
    return ERR_OK;
}

/* POST /v1/prescriptions/{id}/sign: checked by what is known at this moment, and never changed
 * afterwards. */
err_t rx_sign(struct act *act)
{
    const struct signing *in = act->in;
    struct fsm_step step;
    struct rx rx = {0};
    struct str to;

    TRY(act_step(act, rx_states, "sign", &step));
    TRY(rx_open(act, &rx));
    TRY(fsm_check(rx_states, "sign", rx.row.state, (unsigned)act->who.role, &to));
    const prescription_phi before = *rx.phi;
    TRY(rx_examine(act, &rx));
    TRY(override(act, &before, in->override_reason, rx.phi));
    struct prescription_sign update = {
        .id = rx.row.id, .state = step.to, .from = {step.from, step.n}, .if_match = act->if_match,
    };
    signature_make(act, &rx, &update);
    TRY(rx_seal(act, &rx, rx.row.version + 1, &update.sealed));
    TRY(prescription_sign(act, &update, &rx.row));
    TRY(rx_tell(act, "sign", KIND_OF(PRESCRIPTION, SIGNED), &rx.row));
    return rx_reply(act, 200, &rx);
}

static err_t rx_move(struct act *act, const char *event, rx_event kind)
{
    struct fsm_step step;
    struct rx rx = {0};

    TRY(act_step(act, rx_states, event, &step));
    TRY(rx_open(act, &rx));
    const struct prescription_step update = {
        .id = rx.row.id, .state = step.to, .from = {step.from, step.n}, .if_match = act->if_match,
    };
    TRY(prescription_step(act, &update, &rx.row));
    TRY(rx_tell(act, event, kind, &rx.row));
    return rx_reply(act, 200, &rx);
}

/* POST /v1/prescriptions/{id}/send */
err_t rx_send(struct act *act)
{
    return rx_move(act, "send", KIND_OF(PRESCRIPTION, SENT));
}

/* POST /v1/prescriptions/{id}/cancel */
err_t rx_cancel(struct act *act)
{
    return rx_move(act, "cancel", KIND_OF(PRESCRIPTION, CANCELLED));
}

static err_t fills_read(struct act *act, struct rx *rx)
{
    struct fill_rows fills;

    TRY(fills_of(act, &(struct fills_of){.prescription_id = rx->row.id}, &fills));
    rx->fills = (struct list){fills.p, fills.n};
    return ERR_OK;
}

/* POST /v1/prescriptions/{id}/fills */
err_t rx_fill(struct act *act)
{
    struct fsm_step step;
    struct rx rx = {0};

    TRY(act_step(act, rx_states, "fill", &step));
    TRY(rx_open(act, &rx));
    const struct prescription_fill update = {.id = rx.row.id, .from = {step.from, step.n}};
    TRY(prescription_fill(act, &update, &rx.row));
    fill_insert(act, &(struct fill_insert){rx.row.id, rx.row.fills_used});
    TRY(rx_tell(act, "fill", KIND_OF(PRESCRIPTION, FILLED), &rx.row));
    TRY(fills_read(act, &rx));
    return rx_reply(act, 201, &rx);
}

/* ---- read ---- */

/* GET /v1/prescriptions/{id} */
err_t rx_read(struct act *act)
{
    struct rx rx = {0};

    TRY(rx_open(act, &rx));
    TRY(fills_read(act, &rx));
    return rx_reply(act, 200, &rx);
}

/* How many of them a page holds: one at least. */
static size_t fitting(struct prescription_rows rows)
{
    size_t bytes = 0, n = 0;

    for (; n < rows.n; n++) {
        bytes += rows.p[n].sealed.n;
        if (n && bytes > PAGE_SEALED_BYTES_MAX) break;
    }
    return n;
}

/* GET /v1/prescriptions: of a patient whose key was destroyed only the bare facts are left. */
err_t rx_list(struct act *act)
{
    const struct prescription_query *in = act->in;
    struct cursor after;
    struct prescription_rows rows;
    struct str next = STR_NONE;

    TRY(act_allow_list(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    const struct prescriptions_visible query = {
        .after_at_us = after.at_us, .after_id = after.id, .drafts = shows_drafts(act),
        .state = in->state, .patient_id = in->patient_id, .visit_id = in->visit_id,
        .limit = in->limit,
    };
    TRY(prescriptions_visible(act, &query, &rows));
    const size_t n = fitting(rows);
    struct rx *const list = ARENA_ARRAY(act->arena, struct rx, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct unseal item = item_of(&rows.p[i]);
        const err_t err = act_unseal(act, &item, 1);

        if (err != ERR_NOT_FOUND) TRY(err);
        list[i] = (struct rx){.row = rows.p[i], .phi = (prescription_phi *)item.message};
        if (list[i].phi) rx_show(act, &list[i]);
    }
    if (n < rows.n || rows.n == (size_t)query.limit)
        next = act_cursor(act, (struct cursor){rows.p[n - 1].drafted_at_us, rows.p[n - 1].id});
    return act_reply_list(act, &rx_shape, list, n, next);
}

/* GET /v1/formulary */
err_t formulary_list(struct act *act)
{
    struct drug_rows rows;

    TRY(act_allow_none(act));
    TRY(drugs(act, &rows));
    return act_reply_list(act, &drug_shape, rows.p, rows.n, STR_NONE);
}
