/*
 * check - what is dangerous about a prescription: an allergy, the same therapy twice, a dose
 * outside the formulary.
 *
 * A finding is a text: a word, and what it is about after a colon ("allergy: Penicillin V").
 * Nothing found is no findings. The words: allergy, duplicate, dose_low, dose_high,
 * daily_dose_high, and `unchecked`, when something that the check must see could not be opened
 * or more was found than is told. Each is said once; what is cut or only counted ends with a mark
 * of the whole, so that it never passes for another.
 *
 * Threads  any; pure. Texts live in the arena.
 */
#pragma once

#include "common/base/arena.h"
#include "services/prescriptions/sql.h"

#include "telecura/v1/sealed.pb-c.h"

struct check {
    const struct drug *drug;
    int64_t dose_micrograms, doses_per_day;
    struct allergen_rows allergens;                       /* codes that mean the drug's class */
    const Telecura__V1__CodedPhi *const *allergies;
    size_t allergy_count;
    const Telecura__V1__PrescriptionPhi *const *in_force; /* other prescriptions */
    size_t in_force_count;
};

struct strs check_run(struct arena *arena, const struct check *check);
