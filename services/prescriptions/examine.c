/* What a check needs, gathered and opened. */
#include "services/prescriptions/prescriptions.h"

#define LOOKED_AT_MAX 200 /* LIMIT of the statements: more than that was not all looked at */

static void findings_set(struct act *act, prescription_phi *phi, struct strs findings)
{
    phi->n_findings = findings.n;
    phi->findings = ARENA_ARRAY(act->arena, char *, findings.n + 1);
    for (size_t i = 0; i < findings.n; i++)
        phi->findings[i] = pb_text(act->arena, findings.p[i]);
}

/* Allergies first, then the other prescriptions; the same order in which check takes them. */
static struct unseal *items_of(struct act *act, struct uuid patient, struct allergy_rows allergies,
                               struct prescription_rows others)
{
    struct unseal *const items = ARENA_ARRAY(act->arena, struct unseal, allergies.n + others.n + 1);

    for (size_t i = 0; i < allergies.n; i++)
        items[i] = (struct unseal){.patient = patient, .row = allergies.p[i].id,
                                   .kind = KIND_ALLERGY, .version = allergies.p[i].version,
                                   .sealed = allergies.p[i].sealed};
    for (size_t i = 0; i < others.n; i++)
        items[allergies.n + i] = (struct unseal){.patient = patient, .row = others.p[i].id,
                                                 .kind = KIND_PRESCRIPTION,
                                                 .version = others.p[i].sealed_version,
                                                 .sealed = others.p[i].sealed};
    return items;
}

err_t rx_examine(struct act *act, struct rx *rx)
{
    prescription_phi *const phi = rx->phi;
    const struct uuid patient = rx->row.patient_id;
    static const struct str unchecked = {"unchecked", 9};
    struct check check = {.dose_micrograms = phi->dose_micrograms,
                          .doses_per_day = phi->doses_per_day};
    struct drug drug;
    struct allergy_rows allergies;
    struct prescription_rows others;

    patient_hold(act, &(struct patient_hold){.patient_id = patient});
    TRY(act_at(act, "/drug", drug_get(act, &(struct drug_get){.code = str_of(phi->drug)}, &drug)));
    TRY(allergens_of(act, &(struct allergens_of){.drug_class = drug.drug_class}, &check.allergens));
    TRY(allergies_of(act, &(struct allergies_of){.patient_id = patient}, &allergies));
    TRY(prescriptions_in_force(
        act, &(struct prescriptions_in_force){.patient_id = patient, .id = rx->row.id}, &others));

    phi->drug_text = pb_text(act->arena, drug.name);
    phi->ingredient = pb_text(act->arena, drug.ingredient);
    phi->drug_class = pb_text(act->arena, drug.drug_class);

    struct unseal *const items = items_of(act, patient, allergies, others);
    const size_t count = allergies.n + others.n;
    /* Whatever keeps the engine from seeing all of it blocks, and is shown. */
    if (allergies.n == LOOKED_AT_MAX || others.n == LOOKED_AT_MAX ||
        act_unseal(act, items, count) != ERR_OK) {
        findings_set(act, phi, (struct strs){&unchecked, 1});
        return ERR_OK;
    }

    const Telecura__V1__CodedPhi **const coded =
        ARENA_ARRAY(act->arena, const Telecura__V1__CodedPhi *, allergies.n + 1);
    const prescription_phi **const in_force =
        ARENA_ARRAY(act->arena, const prescription_phi *, others.n + 1);
    for (size_t i = 0; i < allergies.n; i++)
        coded[i] = (const Telecura__V1__CodedPhi *)items[i].message;
    for (size_t i = 0; i < others.n; i++)
        in_force[i] = (const prescription_phi *)items[allergies.n + i].message;
    check.drug = &drug;
    check.allergies = coded;
    check.allergy_count = allergies.n;
    check.in_force = in_force;
    check.in_force_count = others.n;
    findings_set(act, phi, check_run(act->arena, &check));
    return ERR_OK;
}
