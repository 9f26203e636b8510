#include "services/patients/patients.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const char *const gender_words[] = {"male", "female", "other", "unknown", NULL};
static const char *const criticality_words[] = {"low", "high", "unable-to-assess", NULL};
static const char *const kind_words[] = {"allergy", "condition", "medicine", NULL};

#define DEMOGRAPHICS(type, path)                                                                   \
    {"family_name", TEXT, IN(type, path family_name), REQUIRED | PHI | CHARS, 1, 200},             \
    {"given_name", TEXT, IN(type, path given_name), REQUIRED | PHI | CHARS, 1, 200},               \
    {"birth_date", DATE, IN(type, path birth_date), REQUIRED | PHI},                               \
    {"gender", TEXT, IN(type, path gender), REQUIRED | PHI, 1, 16, .words = gender_words},         \
    {"mrn", TEXT, IN(type, path mrn), PHI, 1, 64},                                                 \
    {"phone", TEXT, IN(type, path phone), PHI | CONTACT, 3, 40},                                   \
    {"email", TEXT, IN(type, path email), PHI | CONTACT, 3, 254},                                  \
    {"address", TEXT, IN(type, path address), PHI | CONTACT | CHARS, 1, 500},                      \
    {"language", TEXT, IN(type, path language), PHI, 2, 35}

static const struct field demographics_fields[] = {
    DEMOGRAPHICS(demographics, ),
    {0},
};
const struct shape demographics_shape = {
    "PatientPut", sizeof(struct demographics), demographics_fields,
};

static const struct field registration_fields[] = {
    {"patient_id", UUID, IN(registration, patient_id), 0},
    DEMOGRAPHICS(registration, about.),
    {0},
};
const struct shape registration_shape = {
    "PatientPost", sizeof(struct registration), registration_fields,
};

static const struct field patient_fields[] = {
    {"id", UUID, IN(patient_reply, row.patient_id), REQUIRED | PATIENT},
    {"version", INT, IN(patient_reply, row.version), REQUIRED},
    {"created_at", TIME, IN(patient_reply, row.created_at_us), REQUIRED},
    DEMOGRAPHICS(patient_reply, about.),
    {0},
};
const struct shape patient_shape = {"Patient", sizeof(struct patient_reply), patient_fields};

#define PAGE_QUERY(usual_limit) \
    {"limit", INT, IN(list_query, limit), 0, 1, 200, .usual = (usual_limit)}, \
    {"cursor", TEXT, IN(list_query, cursor), 0, 1, 256}

static const struct field list_query_fields[] = {PAGE_QUERY(50), {0}};
static const struct field records_query_fields[] = {PAGE_QUERY(200), {0}};
const struct shape list_query_shape = {"PageQuery", sizeof(struct list_query), list_query_fields};
const struct shape records_query_shape = {"RecordsQuery", sizeof(struct list_query),
                                          records_query_fields};

static const struct field search_fields[] = {
    {"family_name", TEXT, IN(search, family_name), PHI | CHARS, 1, 200},
    {"birth_date", DATE, IN(search, birth_date), PHI},
    {"mrn", TEXT, IN(search, mrn), PHI, 1, 64},
    {"phone", TEXT, IN(search, phone), PHI, 3, 40},
    {"email", TEXT, IN(search, email), PHI, 3, 254},
    {0},
};
const struct shape search_shape = {"PatientSearch", sizeof(struct search), search_fields};

#define CODED(type, path)                                                                          \
    {"system", TEXT, IN(type, path system), PHI, 1, 200},                                          \
    {"code", TEXT, IN(type, path code), PHI, 1, 64},                                               \
    {"text", TEXT, IN(type, path text), REQUIRED | PHI | CHARS, 1, 500},                           \
    {"onset", DATE, IN(type, path onset), PHI},                                                    \
    {"status", TEXT, IN(type, path status), PHI, 1, 32},                                           \
    {"labels", FLAGS, IN(type, path labels), 0, .words = label_words}

#define CRITICALITY(type, path)                                                                    \
    {"criticality", TEXT, IN(type, path criticality), PHI, 1, 32, .words = criticality_words}

static const struct field coded_post_fields[] = {
    CODED(coded, ),
    {0},
};
const struct shape coded_post_shape = {"CodedPost", sizeof(struct coded), coded_post_fields};

static const struct field allergy_post_fields[] = {
    CODED(coded, ),
    CRITICALITY(coded, ),
    {0},
};
const struct shape allergy_post_shape = {"AllergyPost", sizeof(struct coded), allergy_post_fields};
const struct shape record_put_shape = {"RecordPut", sizeof(struct coded), allergy_post_fields};

static const struct field record_fields[] = {
    {"id", UUID, IN(record_reply, row.id), REQUIRED},
    {"version", INT, IN(record_reply, row.version), REQUIRED},
    {"kind", TEXT, IN(record_reply, kind), REQUIRED, .words = kind_words},
    {"patient_id", UUID, IN(record_reply, row.patient_id), REQUIRED | PATIENT},
    {"recorded_at", TIME, IN(record_reply, row.recorded_at_us), REQUIRED},
    CODED(record_reply, about.),
    CRITICALITY(record_reply, about.),
    {0},
};
const struct shape record_shape = {"ChartRecord", sizeof(struct record_reply), record_fields};
/* clang-format on */
