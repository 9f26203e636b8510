#include "services/fhir/fhir.h"

/* clang-format off */
const struct route fhir_routes[] = {
    {GET, "/fhir/R4/metadata", PERMISSION_NONE, AUDIT_NONE, &format_query_shape, 2000, metadata_read,
     .about = "What this server can do, as a FHIR CapabilityStatement."},
    {GET, "/fhir/R4/Patient/{id}", PASS_ON, AUDIT_NONE, &format_query_shape, 5000, patient_read,
     .reply = &patient_shape, .about = "A patient as FHIR R4; its owner permits and audits."},
    {GET, "/fhir/R4/Appointment/{id}", PASS_ON, AUDIT_NONE, &format_query_shape, 5000, appointment_read,
     .reply = &appointment_shape, .about = "A visit as FHIR R4; its owner permits and audits."},
    {GET, "/fhir/R4/Appointment", PASS_ON, AUDIT_NONE, &appointment_query_shape, 5000, appointment_search,
     .reply = &bundle_shape, .about = "A patient's visits, by start, as a searchset Bundle."},
    {GET, "/fhir/R4/AuditEvent", PASS_ON, AUDIT_NONE, &audit_event_query_shape, 10000,
     audit_event_search, .reply = &audit_bundle_shape,
     .about = "The audit log, newest first, as AuditEvents (IHE BALP)."},
    {0},
};
/* clang-format on */
