#include "services/appointments/appointments.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const char *const visit_words[] = {
    "scheduled", "confirmed", "arrived", "in_progress", "completed", "cancelled", "no_show", NULL,
};

static const struct field offer_rule_fields[] = {
    {"weekday", INT, IN(offer_rule, weekday), REQUIRED, 1, 7},
    {"from", TEXT, IN(offer_rule, from), REQUIRED, 5, 5},
    {"to", TEXT, IN(offer_rule, to), REQUIRED, 5, 5},
    {0},
};
static const struct shape offer_rule_shape = {
    "AvailabilityRule", sizeof(struct offer_rule), offer_rule_fields,
};

static const struct field offer_fields[] = {
    {"site_id", UUID, IN(offer, site_id), REQUIRED},
    {"time_zone", TEXT, IN(offer, time_zone), REQUIRED, 3, 64},
    {"weeks", INT, IN(offer, weeks), 0, 1, 26},
    {"rules", LIST, IN(offer, rules), REQUIRED, 0, 100, &offer_rule_shape},
    {0},
};
const struct shape offer_shape = {"AvailabilityPut", sizeof(struct offer), offer_fields};

static const struct field offer_reply_fields[] = {
    {"id", UUID, IN(offer_reply, row.id), REQUIRED},
    {"version", INT, IN(offer_reply, row.version), REQUIRED},
    {"provider_id", UUID, IN(offer_reply, row.provider_id), REQUIRED},
    {"site_id", UUID, IN(offer_reply, row.site_id), REQUIRED},
    {"time_zone", TEXT, IN(offer_reply, row.time_zone), REQUIRED},
    {"rules", LIST, IN(offer_reply, rules), REQUIRED, 0, 100, &offer_rule_shape},
    {0},
};
const struct shape offer_reply_shape = {
    "Availability", sizeof(struct offer_reply), offer_reply_fields,
};

static const struct field visit_type_fields[] = {
    {"code", TEXT, IN(visit_type, code), REQUIRED},
    {"minutes", INT, IN(visit_type, minutes), REQUIRED},
    {0},
};
const struct shape visit_type_shape = {"VisitType", sizeof(struct visit_type), visit_type_fields};

static const struct field slot_query_fields[] = {
    {"provider_id", UUID, IN(slot_query, provider_id), REQUIRED},
    {"visit_type", TEXT, IN(slot_query, visit_type), REQUIRED, 1, 64},
    {"from", TIME, IN(slot_query, from_us), REQUIRED},
    {"to", TIME, IN(slot_query, to_us), REQUIRED},
    {"limit", INT, IN(slot_query, limit), 0, 1, 200, .usual = 100},
    {"cursor", TEXT, IN(slot_query, cursor), 0, 1, 256},
    {0},
};
const struct shape slot_query_shape = {"SlotQuery", sizeof(struct slot_query), slot_query_fields};

static const struct field slot_fields[] = {
    {"starts_at", TIME, IN(slot, starts_at_us), REQUIRED},
    {"ends_at", TIME, IN(slot, ends_at_us), REQUIRED},
    {"local_start", TEXT, IN(slot, local_start), REQUIRED},
    {"time_zone", TEXT, IN(slot, time_zone), REQUIRED},
    {"site_id", UUID, IN(slot, site_id), REQUIRED},
    {0},
};
const struct shape slot_shape = {"Slot", sizeof(struct slot), slot_fields};

static const struct field booking_fields[] = {
    {"patient_id", UUID, IN(booking, patient_id), REQUIRED},
    {"provider_id", UUID, IN(booking, provider_id), REQUIRED},
    {"visit_type", TEXT, IN(booking, visit_type), REQUIRED, 1, 64},
    {"starts_at", TIME, IN(booking, starts_at_us), REQUIRED},
    {"reason", TEXT, IN(booking, reason), REQUIRED | PHI | CHARS, 1, 2000},
    {"labels", FLAGS, IN(booking, labels), 0, .words = label_words},
    {0},
};
const struct shape booking_shape = {"Booking", sizeof(struct booking), booking_fields};

static const struct field labelling_fields[] = {
    {"labels", FLAGS, IN(labelling, labels), REQUIRED, .words = label_words},
    {0},
};
const struct shape labelling_shape = {
    "AppointmentLabels", sizeof(struct labelling), labelling_fields,
};

static const struct field visit_query_fields[] = {
    {"from", TIME, IN(visit_query, from_us), 0},
    {"to", TIME, IN(visit_query, to_us), 0},
    {"state", TEXT, IN(visit_query, state), 0, 1, 32, .words = visit_words},
    {"provider_id", UUID, IN(visit_query, provider_id), 0},
    {"patient_id", UUID, IN(visit_query, patient_id), 0},
    {"limit", INT, IN(visit_query, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(visit_query, cursor), 0, 1, 256},
    {0},
};
const struct shape visit_query_shape = {
    "AppointmentQuery", sizeof(struct visit_query), visit_query_fields,
};

static const struct field queue_place_fields[] = {
    {"position", INT, IN(queue_place, place), REQUIRED},
    {"wait_minutes", TEXT, IN(queue_place, wait), REQUIRED},
    {0},
};
static const struct shape queue_place_shape = {
    "QueuePlace", sizeof(struct queue_place), queue_place_fields,
};

static const struct field visit_fields[] = {
    {"id", UUID, IN(visit, row.id), REQUIRED},
    {"version", INT, IN(visit, row.version), REQUIRED},
    {"state", TEXT, IN(visit, row.state), REQUIRED, .words = visit_words},
    {"patient_id", UUID, IN(visit, row.patient_id), REQUIRED | PATIENT},
    {"provider_id", UUID, IN(visit, row.provider_id), REQUIRED},
    {"site_id", UUID, IN(visit, row.site_id), REQUIRED},
    {"visit_type", TEXT, IN(visit, row.visit_type), REQUIRED},
    {"starts_at", TIME, IN(visit, row.starts_at_us), REQUIRED},
    {"ends_at", TIME, IN(visit, row.ends_at_us), REQUIRED},
    {"local_start", TEXT, IN(visit, row.local_start), REQUIRED},
    {"time_zone", TEXT, IN(visit, row.time_zone), REQUIRED},
    {"place_confirmed_at", TIME, IN(visit, row.place_confirmed_at_us), 0},
    {"arrived_at", TIME, IN(visit, row.arrived_at_us), 0},
    {"admitted_at", TIME, IN(visit, row.admitted_at_us), 0},
    {"started_at", TIME, IN(visit, row.started_at_us), 0},
    {"ended_at", TIME, IN(visit, row.ended_at_us), 0},
    {"labels", FLAGS, IN(visit, row.labels), 0, .words = label_words},
    {"reason", TEXT, IN(visit, reason), PHI | CLINICAL},
    {"place", TEXT, IN(visit, place), PHI | CONTACT},
    {"call_back_number", TEXT, IN(visit, call_back_number), PHI | CONTACT},
    {"consents", FLAGS, IN(visit, consents), 0, .words = consent_words},
    {"queue", OBJECT, IN(visit, queue), 0, .shape = &queue_place_shape},
    {"visit_pass", TEXT, IN(visit, visit_pass), 0},
    {0},
};
const struct shape visit_shape = {"Appointment", sizeof(struct visit), visit_fields};

static const struct field shift_fields[] = {
    {"starts_at", TIME, IN(shift, starts_at_us), REQUIRED},
    {0},
};
const struct shape shift_shape = {"Reschedule", sizeof(struct shift), shift_fields};

static const struct field place_fields[] = {
    {"place", TEXT, IN(place, place), REQUIRED | PHI | CHARS, 1, 500},
    {"call_back_number", TEXT, IN(place, call_back_number), REQUIRED | PHI, 3, 40},
    {0},
};
const struct shape place_shape = {"Place", sizeof(struct place), place_fields};

static const struct field queue_query_fields[] = {
    {"provider_id", UUID, IN(queue_query, provider_id), 0},
    {0},
};
const struct shape queue_query_shape = {
    "QueueQuery", sizeof(struct queue_query), queue_query_fields,
};

static const struct field queue_fields[] = {
    {"appointment_id", UUID, IN(queue_reply, row.id), REQUIRED},
    {"appointment_version", INT, IN(queue_reply, row.version), REQUIRED},
    {"patient_id", UUID, IN(queue_reply, row.patient_id), REQUIRED | PATIENT},
    {"provider_id", UUID, IN(queue_reply, row.provider_id), REQUIRED},
    {"visit_type", TEXT, IN(queue_reply, row.visit_type), REQUIRED},
    {"state", TEXT, IN(queue_reply, row.state), REQUIRED, .words = visit_words},
    {"starts_at", TIME, IN(queue_reply, row.starts_at_us), REQUIRED},
    {"arrived_at", TIME, IN(queue_reply, row.arrived_at_us), REQUIRED},
    {"deadline", TIME, IN(queue_reply, row.deadline_us), REQUIRED},
    {"admitted_at", TIME, IN(queue_reply, row.admitted_at_us), 0},
    {"position", INT, IN(queue_reply, row.place), REQUIRED},
    {"wait_minutes", TEXT, IN(queue_reply, row.wait), REQUIRED},
    {"visit_pass", TEXT, IN(queue_reply, visit_pass), 0},
    {0},
};
const struct shape queue_shape = {"QueueEntry", sizeof(struct queue_reply), queue_fields};

static const struct field note_text_fields[] = {
    {"text", TEXT, IN(note_text, text), REQUIRED | PHI | CHARS, 1, 20000},
    {0},
};
const struct shape note_text_shape = {"NotePut", sizeof(struct note_text), note_text_fields};

static const struct field note_fields[] = {
    {"id", UUID, IN(note_reply, row.id), REQUIRED},
    {"version", INT, IN(note_reply, row.version), REQUIRED},
    {"author", UUID, IN(note_reply, row.author), REQUIRED},
    {"written_at", TIME, IN(note_reply, row.written_at_us), REQUIRED},
    {"text", TEXT, IN(note_reply, text), REQUIRED | PHI},
    {0},
};
const struct shape note_shape = {"Note", sizeof(struct note_reply), note_fields};

static const struct field ending_fields[] = {
    {"summary", TEXT, IN(ending, summary), PHI | CHARS, 1, 20000},
    {0},
};
const struct shape ending_shape = {"VisitEnd", sizeof(struct ending), ending_fields};

static const struct field prescription_fields[] = {
    {"id", UUID, IN(prescription, id), REQUIRED},
    {"state", TEXT, IN(prescription, state), REQUIRED},
    {0},
};
static const struct shape prescription_shape = {
    "PrescriptionOfVisit", sizeof(struct prescription), prescription_fields,
};

static const struct field summary_fields[] = {
    {"appointment_id", UUID, IN(summary_reply, row.id), REQUIRED},
    {"patient_id", UUID, IN(summary_reply, row.patient_id), REQUIRED | PATIENT},
    {"provider_id", UUID, IN(summary_reply, row.provider_id), REQUIRED},
    {"visit_type", TEXT, IN(summary_reply, row.visit_type), REQUIRED},
    {"local_start", TEXT, IN(summary_reply, row.local_start), REQUIRED},
    {"time_zone", TEXT, IN(summary_reply, row.time_zone), REQUIRED},
    {"started_at", TIME, IN(summary_reply, row.started_at_us), REQUIRED},
    {"ended_at", TIME, IN(summary_reply, row.ended_at_us), REQUIRED},
    {"text", TEXT, IN(summary_reply, text), REQUIRED | PHI},
    {"prescriptions", LIST, IN(summary_reply, prescriptions), REQUIRED, 0, 50, &prescription_shape},
    {0},
};
const struct shape summary_shape = {"VisitSummary", sizeof(struct summary_reply), summary_fields};
/* clang-format on */
