/*
 * access - who is who, who stands how to which patient, who agreed to what, and who may enter which
 * visit. The other services hear of it; nobody asks.
 *
 * The tables member, relation and consent, which are projections elsewhere, are the truth here:
 * every change bumps its row's version and is told with that version.
 *
 * Threads  handlers run on workers; what start() opens is const afterwards.
 */
#pragma once

#include "common/app/grant.h"
#include "common/app/service.h"
#include "services/access/sql.h"

struct access_settings {
    struct common_settings common;
    const char *signing_key, *portal_dir, *openapi, *bootstrap_file;
    struct uuid operator_org;
    int64_t grant_minutes, staff_grant_minutes;
    int64_t retention_days, review_days;
};

/* ---- people: person.c, me.c, sign_in_code.c ---- */

struct enrolment {
    struct str role;
    struct uuid patient_id;
    struct str display_name, email, phone, language;
};

struct page {
    struct uuid patient_id, person_id, visit_id;
    struct str role, scope, language, cursor;
    int64_t limit;
};

struct person {
    struct uuid id; /* the person as who they are here: each of their roles has its own */
    struct uuid org, patient_id;
    struct str role, state, language, display_name, email, phone;
    bool bound; /* has signed in once */
    struct str sign_in_code;
    int64_t code_expires_at_us, version;
};

struct bind {
    struct str code;
};

struct membership_view {
    struct membership row;
    int64_t idle_minutes; /* 0: the role has no connections */
};

struct me {
    struct uuid person_id, org, patient_id; /* of the first membership */
    struct str role, language, display_name;
    struct list memberships;
};

struct code {
    struct str sign_in_code;
    int64_t code_expires_at_us;
};

handler person_enrol, person_read, people_list, person_disable, person_code, me_read, me_bind,
    sites_read;

/* A member row with its PHI opened. */
err_t person_of(struct act *act, const struct member *row, struct person *ret);
struct str person_language(struct str given); /* "en" when absent */
bool actor_is_patients(const struct act *act); /* a patient, or who acts for one */
/* A clinician's own are theirs, a colleague's are not there: ERR_NOT_FOUND. Others see all. */
err_t clinician_check(const struct act *act, struct uuid clinician);
struct uuid clinician_filter(const struct act *act); /* the same for a list; nil: all */
/* Seals and inserts the member and, for a patient, what they are to themselves; tells both. */
struct newcomer {
    struct uuid person, patient_id;
    struct str role, issuer, subject, display_name, email, phone, language;
};
err_t person_insert(struct act *act, const struct newcomer *new, struct member *ret);

/* A secret of 128 bits that is shown once, in 43 characters; its hash is what is kept. */
struct str one_time_make(struct act *act, struct bytes *ret_hash);
/* False: nobody has made that. */
bool one_time_read(struct act *act, struct str text, struct uuid *ret_org, struct bytes *ret_hash);
/* A new one-time code; what was issued before and not used ends. */
err_t code_issue(struct act *act, struct uuid person, struct code *ret);
/* Takes @code once, for a sign-in that is not its issuer's, and enters its organisation;
 * ERR_CODE_INVALID, ERR_SECOND_PERSON. */
err_t code_take(struct act *act, struct str code, struct uuid *ret_person);

/* ---- relations ---- */

struct relation_ask {
    struct uuid person_id, patient_id, visit_id; /* guests: which visit */
    struct str kind, proof, birth_date;          /* guardians: the patient's, not kept */
    int64_t starts_at_us, ends_at_us;
};

handler relation_open, relation_read, relations_read, relation_close, relation_age;

/* It has ended: tells so, and ends the grants that rest on no other. */
err_t relation_gone(struct act *act, const struct relation *ended);

/* ---- why may they? ---- */

struct decision_query {
    struct uuid person_id, patient_id;
    struct str action, label;
};

struct decision_view {
    struct str decision; /* "allow", or what is missing: policy_words */
    struct str role, action, cell, label, purpose;
    struct str relation, proof, consent; /* that decided, or is missing or has ended */
    struct uuid relation_id, consent_id;
    int64_t relation_starts_at_us, relation_ends_at_us;
    bool second_factor; /* is needed as well */
};

handler policy_read;

/* ---- consents ---- */

struct consent_ask {
    struct uuid patient_id;
    struct str scope, language;
    struct uuid recipient_id; /* to them alone */
    struct str purpose;       /* for this alone */
    int64_t document_version, ends_at_us;
    struct str document_hash, method; /* of the text that was shown, and how */
    int64_t shown_at_us;
    struct uuid witness_id; /* spoken: who else heard it */
};

struct consent_view {
    struct consent_row row;
    struct str document_hash; /* hexadecimal */
};

struct document_view {
    struct document row;
    struct str hash;
};

struct standing_view { /* where a scope stands, or a part of it: standing.c */
    struct consent_standing row;
    struct str document_hash;
    struct strs actions, roles; /* in force: what rests on it, who is shown sensitive rows by it */
};

handler consent_give, consent_read, consents_read, consent_revoke, consent_expire, documents_read,
    consents_standing;
struct str hash_text(struct act *act, struct bytes hash); /* in hexadecimal */

/* ---- grants ---- */

struct grant_ask {
    struct str pass;
    struct uuid visit_id;
};

struct grant_view {
    struct uuid id, visit_id, channel_id;
    struct str grant, seat;
    int64_t expires_at_us;
};

handler grant_make, grant_read, grant_revoke, visit_heard;
err_t grant_start(void); /* after settings */
bool visit_is_closed(struct str state);

/* Answers a grant into @visit for who acts, by a consent and a relation that are held until COMMIT.
 * ERR_BAD_STATE when the visit is not open. */
struct grant_terms {
    struct str rights;
    bool alone; /* as grant.h says */
};
err_t grant_give(struct act *act, const struct visit *visit, const struct grant_terms *terms);

/* ---- guests, by a one-time link: guest.c, one_time.c ---- */

struct guest_ask {
    struct uuid visit_id;
    struct str display_name, birth_date, phone;
    int64_t minutes;
};

struct guest_view {
    struct guest row;
    struct str display_name, link; /* link: only where it was made */
    int64_t tries_left;
};

struct guest_entry {
    struct str link, device, birth_date, phone;
};

handler guest_invite, guest_read, guests_read, guest_end, guest_enter;

/* ---- out of a visit: removal.c ---- */

struct removal_ask {
    struct uuid visit_id, person_id;
};

handler removal_make, removal_read, removal_lift;

/* ---- holds and erasure: erasure.c ---- */

struct patient_ask {
    struct uuid patient_id;
    struct str reason;
};

handler hold_place, hold_read, holds_read, hold_release_by_hand;
handler erasure_ask, erasure_read, erasures_read, erasure_approve, erasure_refuse, erasure_do;

/* ---- broken glass: glass.c ---- */

struct glass_ask {
    struct uuid patient_id;
    struct str reason, text;
};

struct glass_query {
    struct uuid patient_id;
    struct str state, cursor;
    int64_t limit;
};

struct glass_finding {
    struct str finding, text;
};

struct glass_view {
    struct glass row;
    struct str text, finding_text; /* absent in lists, and for whom it concerns */
    struct str pass;               /* for who has broken it, while it lasts */
};

/* The pass by which services that have not heard of it yet let them in. */
struct str grant_emergency(struct act *act, const struct glass *row);

handler glass_break, glass_read, glasses_read, glass_end, glass_review, glass_tell_again;

/* ---- keys, for operators: keys.c ---- */

struct kek_view {
    int64_t version, made_at_us, keys, destroyed;
    struct str state;
};

struct keys_view {
    struct str provider;
    bool healthy;
    struct list keks; /* struct kek_view */
};

struct renew_ask {
    struct uuid patient_id;
    struct str domain;
};

struct renewed_view {
    int64_t renewed;
};

handler keys_read, keys_rotate, keys_renew;

/* ---- what others hear: tell.c ---- */

err_t tell_member(struct act *act, const struct member *row);
err_t tell_relation(struct act *act, const struct relation *row);
err_t tell_removal(struct act *act, const struct removal *row);
err_t tell_consent(struct act *act, const struct consent_row *row);
err_t tell_person_disabled(struct act *act, const struct member *row);
err_t tell_member_changed(struct act *act, const struct member *row);
err_t tell_consent_over(struct act *act, const struct consent_row *row);
err_t tell_guest_ended(struct act *act, struct uuid guest, int64_t version);
err_t tell_grant_revoked(struct act *act, struct uuid grant, int64_t version);
err_t tell_grants_revoked(struct act *act, const struct ended_grant_rows *grants);
err_t tell_visit_closed(struct act *act, struct uuid visit, int64_t version);
err_t tell_erased(struct act *act, struct uuid patient, int64_t version);
err_t tell_emergency(struct act *act, const struct glass *row,
                     Telecura__V1__EmergencyEvent__Kind kind);

/* ---- files, first people, start ---- */

handler portal_read, openapi_read;

/* Inserts the organisations and people of bootstrap_file that are not there yet. */
err_t bootstrap(const struct access_settings *settings);
err_t access_start(void);

/* ---- tables ---- */

extern const struct shape enrolment_shape, people_query_shape, person_shape, bind_shape, me_shape,
    code_shape, relation_ask_shape, relations_query_shape, relation_shape, decision_query_shape,
    decision_shape, consent_ask_shape,
    consents_query_shape, consent_shape, standing_query_shape, standing_shape,
    documents_query_shape, document_shape, grant_ask_shape,
    grant_shape, grant_end_shape, guest_ask_shape, guest_shape, guests_query_shape,
    guest_entry_shape, site_shape, hold_ask_shape, hold_shape, holds_query_shape,
    erasure_ask_shape, erasure_shape, erasures_query_shape, glass_ask_shape, glass_query_shape,
    glass_finding_shape, glass_shape, removal_ask_shape, removal_shape, keys_shape, renew_ask_shape,
    renewed_view_shape;
extern const struct setting access_setting_rows[];
extern const struct route access_routes[];
extern const struct sealed_table access_sealed[];
extern const struct hears access_hears[];
extern const struct timer access_timers[];
extern const struct states access_states[];
extern const struct fsm_row consent_states[], erasure_states[], glass_states[];

