/*
 * patients - who the patients are, how they are reached, and their chart: allergies, conditions,
 * medicines.
 *
 * The structs are what handlers take and answer; shapes.c says how they look as JSON, routes.c who
 * may ask. Rows come from sql/ by sqlgen. All that is said about a patient is sealed; what can be
 * searched is found by blind indexes (index.c).
 *
 * Threads  handlers run on any worker; there is no state of our own.
 */
#pragma once

#include "common/app/service.h"
#include "services/patients/sql.h"

/* ---- what is asked ---- */

struct demographics {
    struct str family_name, given_name, birth_date, gender, mrn, phone, email, address, language;
};

struct registration {
    struct uuid patient_id; /* of a person whom access enrolled first; nil: a new one */
    struct demographics about;
};

struct list_query {
    struct str cursor;
    int64_t limit;
};

struct search { /* everything that is named must fit */
    struct str family_name, birth_date; /* together */
    struct str mrn, phone, email;
};

struct coded { /* one allergy, condition or medicine */
    struct str system, code, text, criticality, onset, status;
    int64_t labels;
};

/* ---- what is answered ---- */

struct patient_reply {
    struct patient row;
    struct demographics about;
};

struct record_reply {
    struct record row;
    struct str kind;
    struct coded about;
};

extern const struct shape registration_shape, demographics_shape, list_query_shape,
    records_query_shape, search_shape, patient_shape, allergy_post_shape, coded_post_shape,
    record_put_shape, record_shape;

/* ---- blind indexes: index.c ---- */

enum index { INDEX_NAME, INDEX_MRN, INDEX_PHONE, INDEX_EMAIL, INDEXES };

struct indexes {
    struct uuid key;
    struct bytes of[INDEXES]; /* absent where there is nothing to search by */
};

/* What differs in @text but means the same becomes the same; empty when nothing is left. */
struct str index_normal(struct arena *arena, enum index index, struct str text);
/* MACs of what is given under the organisation's @key; nil: the current one. ERR_KEY_UNAVAILABLE;
 * ERR_NOT_FOUND when a former key is gone: nothing is under it any more. */
err_t index_make(struct act *act, const struct search *given, struct uuid key,
                 struct indexes *ret);

/* ---- tables and handlers ---- */

extern const struct route patients_routes[];
extern const struct hears patients_hears[];
extern const struct sealed_table patients_sealed[];

handler patient_register, patient_read, patient_list, patient_change, patient_search,
    patient_index_again;
handler allergy_add, condition_add, medicine_add, allergy_list, condition_list, medicine_list;
handler record_read, record_change, record_remove, record_reseal;
