/*
 * appointments - what clinicians offer, who comes when, the waiting room, notes and summaries.
 *
 * The structs are what handlers take and answer; shapes.c says how they look as JSON, routes.c who
 * may ask, states.c which step may follow which. Rows come from sql/ by sqlgen.
 *
 * Threads  handlers run on any worker; the signer is const after start.
 */
#pragma once

#include "common/app/grant.h"
#include "common/app/service.h"
#include "services/appointments/sql.h"

struct appointments_settings {
    struct common_settings common;
    const char *signing_key; /* file of the Ed25519 key that signs visit passes */
};

/* ---- what is asked ---- */

struct offer_rule { /* of one weekday, in wall time */
    int64_t weekday; /* Monday is 1 */
    struct str from, to; /* "09:00"; "24:00" is the end of the day */
};

struct offer { /* PUT /v1/providers/{id}/availability: all of the clinician's rules at one site */
    struct uuid site_id;
    struct str time_zone;
    int64_t weeks; /* how far ahead; 0: 12 */
    struct list rules;
};

struct slot_query {
    struct uuid provider_id;
    struct str visit_type, cursor;
    int64_t from_us, to_us, limit;
};

struct booking {
    struct uuid patient_id, provider_id;
    struct str visit_type, reason;
    int64_t starts_at_us, labels;
};

struct visit_query {
    struct uuid provider_id, patient_id;
    struct str state, cursor;
    int64_t from_us, to_us, limit;
};

struct shift { int64_t starts_at_us; };
struct place { struct str place, call_back_number; };
struct queue_query { struct uuid provider_id; };
struct note_text { struct str text; };
/* Not for a whole visit: a psychotherapist's own note has a place of its own. */
#define LABELS_OF_NOTES POLICY_BIT(LABEL_PSYTHPN)
struct labelling { int64_t labels; };
struct ending { struct str summary; }; /* absent: the note is the summary */

/* ---- what is answered ---- */

struct offer_reply {
    struct schedule row;
    struct list rules;
};

struct visit {
    struct appointment row;
    struct str reason, place, call_back_number; /* where one visit is shown to its own people */
    int64_t consents;                           /* in force, for who reads one visit */
    const struct queue_place *queue;            /* at check-in */
    struct str visit_pass;                      /* at check-in, admit and start */
};

struct queue_reply {
    struct queue_entry row;
    struct str visit_pass; /* of who is in */
};

struct note_reply {
    struct note row;
    struct str text;
};

struct summary_reply {
    struct appointment row;
    struct str text;
    struct list prescriptions;
};

extern const struct shape offer_shape, offer_reply_shape, slot_query_shape, slot_shape,
    visit_type_shape, booking_shape, labelling_shape, visit_query_shape, visit_shape, shift_shape,
    place_shape, queue_query_shape, queue_shape, note_text_shape, note_shape, ending_shape,
    summary_shape;

/* ---- tables ---- */

extern const struct route appointments_routes[];
extern const struct sealed_table appointments_sealed[];
extern const struct hears appointments_hears[];
extern const struct timer appointments_timers[];
extern const struct states appointments_states[];
extern const struct fsm_row visit_states[];

/* ---- handlers ---- */

handler availability_put, visit_type_list, slot_list, schedule_extend;
handler visit_book, visit_read, visit_list, visit_confirm, visit_cancel, visit_cancel_due,
    visit_reschedule, visit_miss, visit_miss_due, visit_label;
handler place_put;
handler room_check_in, room_admit, room_start, room_end, room_list;
handler note_put, note_read, own_note_put, own_note_read, summary_read;
handler prescription_heard, presence_heard, call_heard;

/* ---- shared by handlers ---- */

typedef Telecura__V1__VisitEvent__Kind visit_event;

/* act_allow() for a visit, by its labels. */
err_t visit_allow(struct act *act, const struct appointment *row);
/* The visit of the path and the states from which @event may come; queues the guard. A clinician
 * steps in their own calendar or in that of whom they cover: ERR_FORBIDDEN. */
err_t visit_begin(struct act *act, const char *event, struct appointment *ret_row,
                  struct fsm_step *ret_step);
static inline struct strs visit_from(const struct fsm_step *step)
{
    return (struct strs){step->from, step->n};
}
/* What every step leaves: its history and the word to the others. */
err_t visit_tell(struct act *act, const char *event, visit_event kind,
                 const struct appointment *row);
/* Seals and opens what a visit keeps of its patient. */
err_t visit_seal(struct act *act, const struct appointment *row, int64_t version,
                 const struct visit *visit, struct bytes *ret_sealed);
err_t visit_unseal(struct act *act, struct visit *visit);
/* Why they come is clinical: who sees visits of the whole house sees that by a relation of care. */
err_t visit_show(struct act *act, struct visit *visit);
/* Clinicians of their own visit, or of whom they cover; everybody else of anybody's. */
err_t visit_own(struct act *act, const struct appointment *row);
/* What the patient takes home; @text absent: the note itself. ERR_NOTE_MISSING. */
err_t summary_make(struct act *act, const struct appointment *row, struct str text);

err_t pass_start(void); /* after settings */
/* A pass for the visit, good for 15 minutes. @pass: its visit, patient, provider, version, state
 * and span. */
struct str pass_of(struct act *act, const struct pass *pass);
struct str pass_of_visit(struct act *act, const struct appointment *row);
