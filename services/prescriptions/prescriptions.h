/*
 * prescriptions - what a clinician prescribes, how it was checked and signed, what was handed out.
 *
 * The structs are what handlers take and answer; shapes.c says how they look as JSON, routes.c who
 * may ask, states.c which step may follow which, check.c what is dangerous. Rows come from sql/ by
 * sqlgen. The drug, its dose and its directions stand only inside the sealed PrescriptionPhi.
 *
 * Threads  handlers run on any worker; the signer is const after start.
 */
#pragma once

#include "common/app/service.h"
#include "common/app/signer.h"
#include "common/crypto/sign.h"
#include "services/prescriptions/check.h"
#include "services/prescriptions/sql.h"

struct prescriptions_settings {
    struct common_settings common;
    const char *signing_key;    /* file of the Ed25519 key that signs prescriptions */
    const char *signing_public; /* file of its public half, for those who verify */
};

/* ---- what is asked ---- */

struct draft {
    struct uuid patient_id, visit_id;
    struct str drug, directions;
    int64_t dose_micrograms, doses_per_day, quantity, refills;
};

struct signing { struct str override_reason; }; /* needed where the check found something */

struct prescription_query {
    struct uuid patient_id, visit_id;
    struct str state, cursor;
    int64_t limit;
};

/* ---- what is answered ---- */

typedef Telecura__V1__PrescriptionPhi prescription_phi;

struct rx { /* a prescription, opened */
    struct prescription row;
    prescription_phi *phi;
    /* of phi, as JSON shows it: */
    struct str drug, drug_text, dose_text, directions, override_reason, signed_text;
    int64_t dose_micrograms, doses_per_day, quantity, refills;
    struct strs findings;
    struct list fills; /* where one is read */
};

extern const struct shape draft_shape, signing_shape, prescription_query_shape, rx_shape,
    drug_shape;

/* ---- tables ---- */

extern const struct route prescriptions_routes[];
extern const struct sealed_table prescriptions_sealed[];
extern const struct hears prescriptions_hears[];
extern const struct states prescriptions_states[];
extern const struct fsm_row rx_states[];

/* ---- handlers ---- */

handler rx_draft, rx_check, rx_sign, rx_send, rx_cancel, rx_fill, rx_read, rx_list, formulary_list;
handler visit_heard, allergy_heard, record_remove;

/* ---- shared by handlers ---- */

void rx_show(struct act *act, struct rx *rx); /* fills what JSON shows from row and phi */
/* Puts what is dangerous about @rx into its phi. A check that cannot be done is a finding too. */
err_t rx_examine(struct act *act, struct rx *rx);

err_t signature_start(void); /* after settings */
/* Signs what @rx says, now and by the actor: phi->signed_text, the signature over its bytes and
 * the id of the key. */
void signature_make(struct act *act, struct rx *rx, struct prescription_sign *ret_sign);
