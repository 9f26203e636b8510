#include "services/fhir/fhir.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)
#define SHAPE(type, name) {name, sizeof(struct type), type##_fields}

/* ---- what owners answer: read leniently, since they may say more tomorrow ---- */

static const struct field patient_in_fields[] = {
    {"id", UUID, IN(patient_in, id), REQUIRED},
    {"version", INT, IN(patient_in, version), REQUIRED, 0, INT64_MAX},
    {"family_name", TEXT, IN(patient_in, family_name), REQUIRED | PHI, 0, 1024},
    {"given_name", TEXT, IN(patient_in, given_name), REQUIRED | PHI, 0, 1024},
    {"birth_date", DATE, IN(patient_in, birth_date), REQUIRED | PHI},
    {"gender", TEXT, IN(patient_in, gender), REQUIRED | PHI, 1, 16},
    {"mrn", TEXT, IN(patient_in, mrn), PHI, 0, 1024},
    {"phone", TEXT, IN(patient_in, phone), PHI, 0, 1024},
    {"email", TEXT, IN(patient_in, email), PHI, 0, 1024},
    {"address", TEXT, IN(patient_in, address), PHI, 0, 4096},
    {"language", TEXT, IN(patient_in, language), PHI, 0, 64},
    {0},
};
const struct shape patient_in_shape = SHAPE(patient_in, "OwnersPatient");

static const struct field visit_in_fields[] = {
    {"id", UUID, IN(visit_in, id), REQUIRED},
    {"version", INT, IN(visit_in, version), REQUIRED, 0, INT64_MAX},
    {"state", TEXT, IN(visit_in, state), REQUIRED, 1, 32},
    {"patient_id", UUID, IN(visit_in, patient_id), REQUIRED},
    {"provider_id", UUID, IN(visit_in, provider_id), REQUIRED},
    {"visit_type", TEXT, IN(visit_in, visit_type), REQUIRED, 1, 64},
    {"starts_at", TIME, IN(visit_in, starts_at_us), REQUIRED},
    {"ends_at", TIME, IN(visit_in, ends_at_us), REQUIRED},
    {"reason", TEXT, IN(visit_in, reason), PHI, 0, 8192},
    {0},
};
const struct shape visit_in_shape = SHAPE(visit_in, "OwnersVisit");

static const struct field visits_in_fields[] = {
    {"data", LIST, IN(visits_in, data), REQUIRED, 0, 200, &visit_in_shape},
    {"next_cursor", TEXT, IN(visits_in, next_cursor), 0, 1, 256},
    {0},
};
const struct shape visits_in_shape = SHAPE(visits_in, "OwnersVisits");

static const struct field event_in_fields[] = {
    {"id", UUID, IN(event_in, id), REQUIRED},
    {"at", TIME, IN(event_in, at_us), REQUIRED},
    {"service", TEXT, IN(event_in, service), REQUIRED, 0, 64},
    {"action", TEXT, IN(event_in, action), REQUIRED, 0, 64},
    {"outcome", TEXT, IN(event_in, outcome), REQUIRED, 0, 16},
    {"error", TEXT, IN(event_in, error), 0, 0, 64},
    {"actor", UUID, IN(event_in, actor), 0},
    {"role", TEXT, IN(event_in, role), REQUIRED, 0, 64},
    {"patient_id", UUID, IN(event_in, patient_id), 0},
    {"resource", TEXT, IN(event_in, resource), REQUIRED, 0, 256},
    {"resource_id", UUID, IN(event_in, resource_id), 0},
    {"relation", TEXT, IN(event_in, relation), 0, 0, 64},
    {"purpose", TEXT, IN(event_in, purpose), 0, 0, 64},
    {"consent_id", UUID, IN(event_in, consent_id), 0},
    {"remote", TEXT, IN(event_in, remote), 0, 0, 64},
    {"act", UUID, IN(event_in, act), 0},
    {0},
};
static const struct shape event_in_shape = SHAPE(event_in, "OwnersEvent");

static const struct field events_in_fields[] = {
    {"data", LIST, IN(events_in, data), REQUIRED, 0, 200, &event_in_shape},
    {"next_cursor", TEXT, IN(events_in, next_cursor), 0, 1, 256},
    {0},
};
const struct shape events_in_shape = SHAPE(events_in, "OwnersEvents");

static const struct field problem_in_fields[] = {
    {"code", TEXT, IN(problem_in, code), 0, 0, 64},
    {"title", TEXT, IN(problem_in, title), 0, 0, 512},
    {0},
};
const struct shape problem_in_shape = SHAPE(problem_in, "OwnersProblem");

/* ---- FHIR's data types ---- */

static const struct field coding_fields[] = {
    {"system", TEXT, IN(coding, system), REQUIRED},
    {"code", TEXT, IN(coding, code), REQUIRED},
    {0},
};
static const struct shape coding_shape = SHAPE(coding, "FhirCoding");

static const struct field concept_fields[] = {
    {"coding", LIST, IN(concept, coding), 0, .shape = &coding_shape},
    {"text", TEXT, IN(concept, text), PHI},
    {0},
};
static const struct shape concept_shape = SHAPE(concept, "FhirCodeableConcept");

static const struct field identifier_fields[] = {
    {"type", OBJECT, IN(identifier, type), 0, .shape = &concept_shape},
    {"system", TEXT, IN(identifier, system), 0},
    {"value", TEXT, IN(identifier, value), REQUIRED | PHI},
    {0},
};
static const struct shape identifier_shape = SHAPE(identifier, "FhirIdentifier");

static const struct field meta_fields[] = {
    {"versionId", TEXT, IN(meta, version_id), REQUIRED},
    {0},
};
static const struct shape meta_shape = SHAPE(meta, "FhirMeta");

static const struct field human_name_fields[] = {
    {"family", TEXT, IN(human_name, family), REQUIRED | PHI},
    {"given", TEXTS, IN(human_name, given), REQUIRED | PHI},
    {0},
};
static const struct shape human_name_shape = SHAPE(human_name, "FhirHumanName");

static const struct field contact_point_fields[] = {
    {"system", TEXT, IN(contact_point, system), REQUIRED},
    {"value", TEXT, IN(contact_point, value), REQUIRED | PHI},
    {0},
};
static const struct shape contact_point_shape = SHAPE(contact_point, "FhirContactPoint");

static const struct field address_fields[] = {
    {"text", TEXT, IN(address, text), REQUIRED | PHI},
    {0},
};
static const struct shape address_shape = SHAPE(address, "FhirAddress");

static const struct field communication_fields[] = {
    {"language", OBJECT, IN(communication, language), REQUIRED, .shape = &concept_shape},
    {0},
};
static const struct shape communication_shape = SHAPE(communication, "FhirPatientCommunication");

static const struct field reference_fields[] = {
    {"reference", TEXT, IN(reference, reference), 0},
    {"type", TEXT, IN(reference, type), 0},
    {"identifier", OBJECT, IN(reference, identifier), 0, .shape = &identifier_shape},
    {0},
};
static const struct shape reference_shape = SHAPE(reference, "FhirReference");

static const struct field participant_fields[] = {
    {"actor", OBJECT, IN(participant, actor), REQUIRED, .shape = &reference_shape},
    {"status", TEXT, IN(participant, status), REQUIRED},
    {0},
};
static const struct shape participant_shape = SHAPE(participant, "FhirAppointmentParticipant");

/* ---- FHIR's resources ---- */

static const struct field patient_fields[] = {
    {"resourceType", TEXT, IN(patient, type), REQUIRED},
    {"id", TEXT, IN(patient, id), REQUIRED},
    {"meta", OBJECT, IN(patient, meta), REQUIRED, .shape = &meta_shape},
    {"identifier", LIST, IN(patient, identifier), 0, .shape = &identifier_shape},
    {"name", LIST, IN(patient, name), REQUIRED, .shape = &human_name_shape},
    {"telecom", LIST, IN(patient, telecom), 0, .shape = &contact_point_shape},
    {"gender", TEXT, IN(patient, gender), REQUIRED | PHI},
    {"birthDate", TEXT, IN(patient, birth_date), REQUIRED | PHI},
    {"address", LIST, IN(patient, address), 0, .shape = &address_shape},
    {"communication", LIST, IN(patient, communication), 0, .shape = &communication_shape},
    {0},
};
const struct shape patient_shape = SHAPE(patient, "FhirPatient");

static const struct field appointment_fields[] = {
    {"resourceType", TEXT, IN(appointment, type), REQUIRED},
    {"id", TEXT, IN(appointment, id), REQUIRED},
    {"meta", OBJECT, IN(appointment, meta), REQUIRED, .shape = &meta_shape},
    {"status", TEXT, IN(appointment, status), REQUIRED},
    {"serviceType", LIST, IN(appointment, service_type), REQUIRED, .shape = &concept_shape},
    {"reasonCode", LIST, IN(appointment, reason), 0, .shape = &concept_shape},
    {"start", TIME, IN(appointment, start_us), REQUIRED},
    {"end", TIME, IN(appointment, end_us), REQUIRED},
    {"minutesDuration", INT, IN(appointment, minutes), REQUIRED},
    {"participant", LIST, IN(appointment, participant), REQUIRED, .shape = &participant_shape},
    {0},
};
const struct shape appointment_shape = SHAPE(appointment, "FhirAppointment");

static const struct field link_fields[] = {
    {"relation", TEXT, IN(link, relation), REQUIRED},
    {"url", TEXT, IN(link, url), REQUIRED},
    {0},
};
static const struct shape link_shape = SHAPE(link, "FhirBundleLink");

static const struct field search_fields[] = {
    {"mode", TEXT, IN(search, mode), REQUIRED},
    {0},
};
static const struct shape search_shape = SHAPE(search, "FhirBundleSearch");

static const struct field entry_fields[] = {
    {"fullUrl", TEXT, IN(entry, full_url), REQUIRED},
    {"resource", OBJECT, IN(entry, resource), REQUIRED, .shape = &appointment_shape},
    {"search", OBJECT, IN(entry, search), REQUIRED, .shape = &search_shape},
    {0},
};
static const struct shape entry_shape = SHAPE(entry, "FhirBundleEntry");

static const struct field bundle_fields[] = {
    {"resourceType", TEXT, IN(bundle, type), REQUIRED},
    {"type", TEXT, IN(bundle, kind), REQUIRED},
    {"link", LIST, IN(bundle, link), REQUIRED, .shape = &link_shape},
    {"entry", LIST, IN(bundle, entry), 0, .shape = &entry_shape}, /* FHIR knows no empty arrays */
    {0},
};
const struct shape bundle_shape = SHAPE(bundle, "FhirBundle");

/* ---- AuditEvent ---- */

static const struct field profiles_fields[] = {
    {"profile", TEXTS, IN(profiles, profile), REQUIRED},
    {0},
};
static const struct shape profiles_shape = SHAPE(profiles, "FhirProfiles");

static const struct field network_fields[] = {
    {"address", TEXT, IN(network, address), REQUIRED},
    {"type", TEXT, IN(network, type), REQUIRED},
    {0},
};
static const struct shape network_shape = SHAPE(network, "FhirAuditEventAgentNetwork");

static const struct field agent_fields[] = {
    {"type", OBJECT, IN(agent, type), REQUIRED, .shape = &concept_shape},
    {"role", LIST, IN(agent, role), 0, .shape = &concept_shape},
    {"who", OBJECT, IN(agent, who), REQUIRED, .shape = &reference_shape},
    {"requestor", BOOL, IN(agent, requestor), REQUIRED},
    {"policy", TEXTS, IN(agent, policy), 0},
    {"network", OBJECT, IN(agent, network), 0, .shape = &network_shape},
    {0},
};
static const struct shape agent_shape = SHAPE(agent, "FhirAuditEventAgent");

static const struct field source_fields[] = {
    {"observer", OBJECT, IN(source, observer), REQUIRED, .shape = &reference_shape},
    {"type", LIST, IN(source, type), REQUIRED, .shape = &coding_shape},
    {0},
};
static const struct shape source_shape = SHAPE(source, "FhirAuditEventSource");

static const struct field object_fields[] = {
    {"what", OBJECT, IN(object, what), REQUIRED, .shape = &reference_shape},
    {"type", OBJECT, IN(object, type), REQUIRED, .shape = &coding_shape},
    {"role", OBJECT, IN(object, role), 0, .shape = &coding_shape},
    {0},
};
static const struct shape object_shape = SHAPE(object, "FhirAuditEventEntity");

static const struct field audit_event_fields[] = {
    {"resourceType", TEXT, IN(audit_event, type), REQUIRED},
    {"id", TEXT, IN(audit_event, id), REQUIRED},
    {"meta", OBJECT, IN(audit_event, meta), 0, .shape = &profiles_shape},
    {"type", OBJECT, IN(audit_event, event), REQUIRED, .shape = &coding_shape},
    {"subtype", LIST, IN(audit_event, subtype), REQUIRED, .shape = &coding_shape},
    {"action", TEXT, IN(audit_event, action), REQUIRED},
    {"recorded", TIME, IN(audit_event, recorded_us), REQUIRED},
    {"outcome", TEXT, IN(audit_event, outcome), REQUIRED},
    {"outcomeDesc", TEXT, IN(audit_event, outcome_desc), 0},
    {"purposeOfEvent", LIST, IN(audit_event, purpose), 0, .shape = &concept_shape},
    {"agent", LIST, IN(audit_event, agent), REQUIRED, .shape = &agent_shape},
    {"source", OBJECT, IN(audit_event, source), REQUIRED, .shape = &source_shape},
    {"entity", LIST, IN(audit_event, entity), REQUIRED, .shape = &object_shape},
    {0},
};
const struct shape audit_event_shape = SHAPE(audit_event, "FhirAuditEvent");

static const struct field audit_entry_fields[] = {
    {"fullUrl", TEXT, IN(entry, full_url), REQUIRED},
    {"resource", OBJECT, IN(entry, resource), REQUIRED, .shape = &audit_event_shape},
    {"search", OBJECT, IN(entry, search), REQUIRED, .shape = &search_shape},
    {0},
};
static const struct shape audit_entry_shape = {
    "FhirAuditEventEntry", sizeof(struct entry), audit_entry_fields,
};

static const struct field audit_bundle_fields[] = {
    {"resourceType", TEXT, IN(bundle, type), REQUIRED},
    {"type", TEXT, IN(bundle, kind), REQUIRED},
    {"link", LIST, IN(bundle, link), REQUIRED, .shape = &link_shape},
    {"entry", LIST, IN(bundle, entry), 0, .shape = &audit_entry_shape},
    {0},
};
const struct shape audit_bundle_shape = {
    "FhirAuditEventBundle", sizeof(struct bundle), audit_bundle_fields,
};

static const struct field issue_fields[] = {
    {"severity", TEXT, IN(issue, severity), REQUIRED},
    {"code", TEXT, IN(issue, code), REQUIRED},
    {"diagnostics", TEXT, IN(issue, diagnostics), 0},
    {0},
};
static const struct shape issue_shape = SHAPE(issue, "FhirIssue");

static const struct field outcome_fields[] = {
    {"resourceType", TEXT, IN(outcome, type), REQUIRED},
    {"issue", LIST, IN(outcome, issue), REQUIRED, .shape = &issue_shape},
    {0},
};
const struct shape outcome_shape = SHAPE(outcome, "FhirOperationOutcome");

/* ---- what is asked ---- */

static const char *const format_words[] = {
    "json", "application/json", "application/fhir+json", NULL,
};

static const struct field format_query_fields[] = {
    {"_format", TEXT, IN(appointment_query, format), 0, 1, 64, .words = format_words},
    {0},
};
const struct shape format_query_shape = {
    "FhirReadQuery", sizeof(struct appointment_query), format_query_fields,
};

static const struct field appointment_query_fields[] = {
    {"patient", TEXT, IN(appointment_query, patient), REQUIRED, 36, 44},
    {"_count", INT, IN(appointment_query, count), 0, 1, 200, .usual = 50},
    {"_cursor", TEXT, IN(appointment_query, cursor), 0, 1, 256},
    {"_format", TEXT, IN(appointment_query, format), 0, 1, 64, .words = format_words},
    {0},
};
const struct shape appointment_query_shape = SHAPE(appointment_query, "FhirAppointmentSearch");

static const struct field audit_event_query_fields[] = {
    {"patient", TEXT, IN(audit_event_query, patient), 0, 36, 44},
    {"agent", TEXT, IN(audit_event_query, agent), 0, 36, 36},
    {"from", TIME, IN(audit_event_query, from_us), 0},
    {"to", TIME, IN(audit_event_query, to_us), 0},
    {"_count", INT, IN(audit_event_query, count), 0, 1, 200, .usual = 50},
    {"_cursor", TEXT, IN(audit_event_query, cursor), 0, 1, 256},
    {"_format", TEXT, IN(audit_event_query, format), 0, 1, 64, .words = format_words},
    {0},
};
const struct shape audit_event_query_shape = SHAPE(audit_event_query, "FhirAuditEventSearch");
/* clang-format on */
