#include "services/prescriptions/prescriptions.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const char *const state_words[] = {
    "ready", "blocked", "signed", "sent", "partially_filled", "filled", "cancelled", NULL,
};

static const struct field draft_fields[] = {
    {"patient_id", UUID, IN(draft, patient_id), REQUIRED},
    {"visit_id", UUID, IN(draft, visit_id), REQUIRED},
    {"drug", TEXT, IN(draft, drug), REQUIRED | PHI, 1, 64},
    {"dose_micrograms", INT, IN(draft, dose_micrograms), REQUIRED | PHI, 1, 100000000},
    {"doses_per_day", INT, IN(draft, doses_per_day), REQUIRED | PHI, 1, 24},
    {"quantity", INT, IN(draft, quantity), REQUIRED | PHI, 1, 10000},
    {"refills", INT, IN(draft, refills), REQUIRED, 0, 11},
    {"directions", TEXT, IN(draft, directions), REQUIRED | PHI, 1, 1000},
    {0},
};
const struct shape draft_shape = {"PrescriptionDraft", sizeof(struct draft), draft_fields};

static const struct field signing_fields[] = {
    {"override_reason", TEXT, IN(signing, override_reason), PHI, 1, 500},
    {0},
};
const struct shape signing_shape = {"PrescriptionSign", sizeof(struct signing), signing_fields};

static const struct field prescription_query_fields[] = {
    {"patient_id", UUID, IN(prescription_query, patient_id), 0},
    {"visit_id", UUID, IN(prescription_query, visit_id), 0},
    {"state", TEXT, IN(prescription_query, state), 0, 1, 32, .words = state_words},
    {"limit", INT, IN(prescription_query, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(prescription_query, cursor), 0, 1, 256},
    {0},
};
const struct shape prescription_query_shape = {
    "PrescriptionQuery", sizeof(struct prescription_query), prescription_query_fields,
};

static const struct field fill_fields[] = {
    {"number", INT, IN(fill, number), REQUIRED},
    {"pharmacist_id", UUID, IN(fill, pharmacist), REQUIRED},
    {"at", TIME, IN(fill, at_us), REQUIRED},
    {0},
};
static const struct shape fill_shape = {"Fill", sizeof(struct fill), fill_fields};

static const struct field rx_fields[] = {
    {"id", UUID, IN(rx, row.id), REQUIRED},
    {"version", INT, IN(rx, row.version), REQUIRED},
    {"state", TEXT, IN(rx, row.state), REQUIRED, .words = state_words},
    {"patient_id", UUID, IN(rx, row.patient_id), REQUIRED | PATIENT},
    {"visit_id", UUID, IN(rx, row.visit_id), REQUIRED},
    {"labels", FLAGS, IN(rx, row.labels), 0, .words = label_words},
    {"drafted_by", UUID, IN(rx, row.drafted_by), REQUIRED},
    {"drafted_at", TIME, IN(rx, row.drafted_at_us), REQUIRED},
    {"fills_authorised", INT, IN(rx, row.fills_authorised), REQUIRED},
    {"fills_used", INT, IN(rx, row.fills_used), REQUIRED},
    {"drug", TEXT, IN(rx, drug), PHI},
    {"drug_text", TEXT, IN(rx, drug_text), PHI},
    {"dose_text", TEXT, IN(rx, dose_text), PHI},
    {"dose_micrograms", INT, IN(rx, dose_micrograms), PHI},
    {"doses_per_day", INT, IN(rx, doses_per_day), PHI},
    {"quantity", INT, IN(rx, quantity), PHI},
    {"refills", INT, IN(rx, refills), 0},
    {"directions", TEXT, IN(rx, directions), PHI},
    {"findings", TEXTS, IN(rx, findings), REQUIRED | PHI},
    {"override_reason", TEXT, IN(rx, override_reason), PHI | CLINICAL},
    {"signed_by", UUID, IN(rx, row.signed_by), 0},
    {"signed_at", TIME, IN(rx, row.signed_at_us), 0},
    {"signed_text", TEXT, IN(rx, signed_text), PHI},
    {"signing_key", TEXT, IN(rx, row.signing_key), 0},
    {"signature", BYTES, IN(rx, row.signature), 0},
    {"fills", LIST, IN(rx, fills), 0, 0, 12, &fill_shape},
    {0},
};
const struct shape rx_shape = {"Prescription", sizeof(struct rx), rx_fields};

static const struct field drug_fields[] = {
    {"code", TEXT, IN(drug, code), REQUIRED},
    {"name", TEXT, IN(drug, name), REQUIRED},
    {"rxnorm", TEXT, IN(drug, ingredient), REQUIRED},
    {"drug_class", TEXT, IN(drug, drug_class), REQUIRED},
    {"dose_min_micrograms", INT, IN(drug, dose_min_micrograms), REQUIRED},
    {"dose_max_micrograms", INT, IN(drug, dose_max_micrograms), REQUIRED},
    {"daily_max_micrograms", INT, IN(drug, daily_max_micrograms), REQUIRED},
    {0},
};
const struct shape drug_shape = {"Drug", sizeof(struct drug), drug_fields};
/* clang-format on */
