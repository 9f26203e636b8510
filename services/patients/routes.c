#include "services/patients/patients.h"

/* clang-format off */
const struct route patients_routes[] = {
    {POST, "/v1/patients", REGISTER_PATIENT, AUDIT_PATIENT_REGISTERED, &demographics_shape, 2000,
     patient_register, .again = patient_read, .reply = &patient_shape,
     .about = "A new record; the organisation's staff see it at once."},
    {GET, "/v1/patients", READ_DEMOGRAPHICS, AUDIT_PATIENT_READ, &list_query_shape, 5000, patient_list,
     .reply = &patient_shape, .list = true,
     .about = "Every patient whom you may see, in order of registration."},
    {POST, "/v1/patients/search", READ_DEMOGRAPHICS, AUDIT_PATIENT_SEARCHED, &search_shape, 5000,
     patient_search, .reply = &patient_shape, .list = true, .status = 200,
     .about = "By surname with birth date, record number, phone or e-mail; all that is named must fit."},
    {GET, "/v1/patients/{id}", READ_DEMOGRAPHICS, AUDIT_PATIENT_READ, NULL, 2000, patient_read,
     .reply = &patient_shape, .about = "Name, birth date and how to reach them."},
    {PUT, "/v1/patients/{id}", WRITE_DEMOGRAPHICS, AUDIT_PATIENT_CHANGED, &demographics_shape, 2000,
     patient_change, .reply = &patient_shape, .if_match = true,
     .about = "Replaces the whole; what is left out is gone."},

    {POST, "/v1/patients/{id}/allergies", WRITE_CHART, AUDIT_CHART_WRITTEN, &allergy_post_shape, 2000,
     allergy_add, .again = record_read, .reply = &record_shape, .about = "One more allergy."},
    {GET, "/v1/patients/{id}/allergies", READ_CHART, AUDIT_CHART_READ, &list_query_shape, 2000,
     allergy_list, .reply = &record_shape, .list = true, .about = "Their allergies, oldest first."},
    {POST, "/v1/patients/{id}/conditions", WRITE_CHART, AUDIT_CHART_WRITTEN, &coded_post_shape, 2000,
     condition_add, .again = record_read, .reply = &record_shape, .about = "One more condition."},
    {GET, "/v1/patients/{id}/conditions", READ_CHART, AUDIT_CHART_READ, &list_query_shape, 2000,
     condition_list, .reply = &record_shape, .list = true, .about = "Their conditions, oldest first."},
    {POST, "/v1/patients/{id}/medicines", WRITE_CHART, AUDIT_CHART_WRITTEN, &coded_post_shape, 2000,
     medicine_add, .again = record_read, .reply = &record_shape,
     .about = "One more medicine that they take, whoever prescribed it."},
    {GET, "/v1/patients/{id}/medicines", READ_CHART, AUDIT_CHART_READ, &list_query_shape, 2000,
     medicine_list, .reply = &record_shape, .list = true, .about = "Their medicines, oldest first."},

    {GET, "/v1/records/{id}", READ_CHART, AUDIT_CHART_READ, NULL, 2000, record_read,
     .reply = &record_shape, .about = "One allergy, condition or medicine."},
    {PUT, "/v1/records/{id}", WRITE_CHART, AUDIT_CHART_WRITTEN, &record_put_shape, 2000, record_change,
     .reply = &record_shape, .if_match = true, .about = "Replaces what is said; its kind stays."},
    {DELETE, "/v1/records/{id}", WRITE_CHART, AUDIT_CHART_WRITTEN, NULL, 2000, record_remove,
     .if_match = true, .status = 204, .about = "It does not hold, or never did; no list shows it again."},
    {0},
};
/* clang-format on */
