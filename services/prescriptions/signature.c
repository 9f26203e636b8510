/*
 * What is signed is one JSON text by signed_shape: whole, in the order of its fields, without white
 * space. It rests byte for byte inside the sealed blob; the signature is Ed25519 over those bytes.
 */
#include "services/prescriptions/prescriptions.h"

static struct signer *signer;

struct signed_rx {
    struct str format;
    struct uuid org;
    struct rx rx;
};

#define IN(member) offsetof(struct signed_rx, member)

/* clang-format off */
static const struct field signed_fields[] = {
    {"format", TEXT, IN(format), REQUIRED},
    {"org", UUID, IN(org), REQUIRED},
    {"id", UUID, IN(rx.row.id), REQUIRED},
    {"patient_id", UUID, IN(rx.row.patient_id), REQUIRED | PATIENT},
    {"visit_id", UUID, IN(rx.row.visit_id), REQUIRED},
    {"drug", TEXT, IN(rx.drug), REQUIRED | PHI},
    {"drug_text", TEXT, IN(rx.drug_text), REQUIRED | PHI},
    {"dose_micrograms", INT, IN(rx.dose_micrograms), REQUIRED | PHI},
    {"doses_per_day", INT, IN(rx.doses_per_day), REQUIRED | PHI},
    {"quantity", INT, IN(rx.quantity), REQUIRED | PHI},
    {"refills", INT, IN(rx.refills), REQUIRED},
    {"directions", TEXT, IN(rx.directions), REQUIRED | PHI},
    {"findings", TEXTS, IN(rx.findings), REQUIRED | PHI},
    {"override_reason", TEXT, IN(rx.override_reason), PHI},
    {"signed_by", UUID, IN(rx.row.signed_by), REQUIRED},
    {"signed_at", TIME, IN(rx.row.signed_at_us), REQUIRED},
    {0},
};
/* clang-format on */
static const struct shape signed_shape = {
    "SignedPrescription", sizeof(struct signed_rx), signed_fields};

err_t signature_start(void)
{
    const struct prescriptions_settings *settings = service_settings();

    signer = signer_new(settings->signing_key, settings->signing_public);
    return signer ? ERR_OK
                  : err_raise(ERR_UNAVAILABLE, "the key that signs prescriptions cannot be used");
}

void signature_make(struct act *act, struct rx *rx, struct prescription_sign *ret_sign)
{
    struct signed_rx whole = {.format = STR("telecura-prescription-1"), .org = act->org};
    uint8_t *const signature = arena_alloc(act->arena, SIGN_BYTES);

    rx->row.signed_by = act->who.person;
    rx->row.signed_at_us = act->now_us;
    rx_show(act, rx);
    whole.rx = *rx;
    const struct str text = json_encode(act->arena, &signed_shape, &whole);

    signer_sign(signer, str_bytes(text), signature);
    rx->phi->signed_text = pb_text(act->arena, text);
    ret_sign->signing_key = signer_id(signer);
    ret_sign->signature = bytes_of(signature, SIGN_BYTES);
}
