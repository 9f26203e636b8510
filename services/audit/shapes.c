#include "services/audit/audit.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const char *const outcomes[] = {"done", "refused", "replayed", NULL};

const struct shape proof_query_shape = {"AuditProofQuery", sizeof(struct proof_query),
    (const struct field[]){
    {"event", UUID, IN(proof_query, event), REQUIRED, 0, 0},
    {0},
}};

const struct shape consistency_query_shape = {"AuditConsistencyQuery",
    sizeof(struct consistency_query), (const struct field[]){
    {"old", INT, IN(consistency_query, old), REQUIRED, 0, INT64_MAX},
    {0},
}};

static const char *const hold_states[] = {"open", "lifted", NULL};
static const char *const destruction_states[] = {
    "asked", "approved", "withdrawn", "destroying", "destroyed", "forgotten", NULL};

const struct shape page_query_shape = {"AuditPageQuery", sizeof(struct page_query),
    (const struct field[]){
    {"cursor", TEXT, IN(page_query, cursor), 0, 1, 128},
    {"limit", INT, IN(page_query, limit), 0, 1, 200, .usual = 50},
    {0},
}};

/* Neither shard nor patient: the whole log. */
const struct shape hold_ask_shape = {"AuditHoldAsk", sizeof(struct hold_ask),
    (const struct field[]){
    {"shard", TEXT, IN(hold_ask, shard), 0, 6, 6},
    {"patient_id", UUID, IN(hold_ask, patient), 0, 0, 0},
    {"reason", TEXT, IN(hold_ask, reason), REQUIRED | PHI, 1, 2000},
    {0},
}};

const struct shape lift_ask_shape = {"AuditHoldLift", sizeof(struct lift_ask),
    (const struct field[]){
    {"reason", TEXT, IN(lift_ask, reason), REQUIRED | PHI, 1, 2000},
    {0},
}};

const struct shape hold_shape = {"AuditHold", sizeof(struct hold_view),
    (const struct field[]){
    {"id", UUID, IN(hold_view, row.id), REQUIRED, 0, 0},
    {"state", TEXT, IN(hold_view, state), REQUIRED, .words = hold_states},
    {"shard", TEXT, IN(hold_view, row.shard), 0, 6, 6},
    {"one_patient", BOOL, IN(hold_view, one_patient), REQUIRED, 0, 0},
    {"reason", TEXT, IN(hold_view, reason), REQUIRED | PHI, 1, 2000},
    {"placed_by", UUID, IN(hold_view, row.placed_by), REQUIRED, 0, 0},
    {"placed_at", TIME, IN(hold_view, row.placed_at_us), REQUIRED, 0, 0},
    {"lift_reason", TEXT, IN(hold_view, lift_reason), PHI, 1, 2000},
    {"lifted_by", UUID, IN(hold_view, row.lifted_by), 0, 0, 0},
    {"lifted_at", TIME, IN(hold_view, row.lifted_at_us), 0, 0, 0},
    {"version", INT, IN(hold_view, row.version), REQUIRED, 1, INT64_MAX},
    {0},
}};

const struct shape shard_ask_shape = {"AuditShardAsk", sizeof(struct shard_ask),
    (const struct field[]){
    {"shard", TEXT, IN(shard_ask, shard), REQUIRED, 6, 6},
    {0},
}};

const struct shape destruction_shape = {"AuditDestruction", sizeof(struct destruction),
    (const struct field[]){
    {"id", UUID, IN(destruction, id), REQUIRED, 0, 0},
    {"shard", TEXT, IN(destruction, shard), REQUIRED, 6, 6},
    {"state", TEXT, IN(destruction, state), REQUIRED, .words = destruction_states},
    {"asked_by", UUID, IN(destruction, asked_by), REQUIRED, 0, 0},
    {"asked_at", TIME, IN(destruction, asked_at_us), REQUIRED, 0, 0},
    {"approved_by", UUID, IN(destruction, approved_by), 0, 0, 0},
    {"approved_at", TIME, IN(destruction, approved_at_us), 0, 0, 0},
    {"destroyed_at", TIME, IN(destruction, destroyed_at_us), 0, 0, 0},
    {"keys", INT, IN(destruction, keys), 0, 0, INT64_MAX},
    {"statement", TEXT, IN(destruction, statement), 0, 0, 4096},
    {"version", INT, IN(destruction, version), REQUIRED, 1, INT64_MAX},
    {0},
}};

/* `path`: the C2SP prefix, below the gateway's address. */
const struct shape published_shard_shape = {"AuditShard", sizeof(struct published_shard),
    (const struct field[]){
    {"shard", TEXT, IN(published_shard, shard), REQUIRED, 1, 8},
    {"origin", TEXT, IN(published_shard, origin), REQUIRED, 1, 128},
    {"vkey", TEXT, IN(published_shard, vkey), REQUIRED, 1, 255},
    {"path", TEXT, IN(published_shard, path), REQUIRED, 1, 128},
    {"size", INT, IN(published_shard, size), REQUIRED, 0, INT64_MAX},
    {"open", BOOL, IN(published_shard, open), REQUIRED, 0, 0},
    {0},
}};

static const char *const incident_states[] = {"open", "closed", NULL};

const struct shape incidents_query_shape = {"AuditIncidentsQuery", sizeof(struct incidents_query),
    (const struct field[]){
    {"state", TEXT, IN(incidents_query, state), 0, .words = incident_states},
    {"cursor", TEXT, IN(incidents_query, cursor), 0, 1, 128},
    {"limit", INT, IN(incidents_query, limit), 0, 1, 200, .usual = 50},
    {0},
}};

const struct shape incident_shape = {"AuditIncident", sizeof(struct incident),
    (const struct field[]){
    {"id", UUID, IN(incident, id), REQUIRED, 0, 0},
    {"kind", TEXT, IN(incident, kind), REQUIRED, 0, 16},
    {"producer", TEXT, IN(incident, producer), REQUIRED, 0, 64},
    {"epoch", INT, IN(incident, epoch), REQUIRED, INT64_MIN, INT64_MAX},
    {"seq", INT, IN(incident, seq), REQUIRED, INT64_MIN, INT64_MAX},
    {"event_id", UUID, IN(incident, event_id), 0, 0, 0},
    {"times", INT, IN(incident, times), REQUIRED, 1, INT64_MAX},
    {"first_at", TIME, IN(incident, first_at_us), REQUIRED, 0, 0},
    {"last_at", TIME, IN(incident, last_at_us), REQUIRED, 0, 0},
    {"closed_at", TIME, IN(incident, closed_at_us), 0, 0, 0},
    {0},
}};

const struct shape events_query_shape = {"AuditEventsQuery", sizeof(struct events_query),
    (const struct field[]){
    {"cursor", TEXT, IN(events_query, cursor), 0, 1, 128},
    {"limit", INT, IN(events_query, limit), 0, 1, 200, .usual = 50},
    {"from", TIME, IN(events_query, from_us), 0, 0, 0},
    {"to", TIME, IN(events_query, to_us), 0, 0, 0},
    {0},
}};

const struct shape search_query_shape = {"AuditSearchQuery", sizeof(struct search_query),
    (const struct field[]){
    {"person", UUID, IN(search_query, person), 0, 0, 0},
    {"patient", UUID, IN(search_query, patient), 0, 0, 0},
    {"resource_id", UUID, IN(search_query, thing), 0, 0, 0},
    {"address", TEXT, IN(search_query, address), 0, 1, 64},
    {"action", TEXT, IN(search_query, action), 0, 1, 64},
    {"not_action", TEXT, IN(search_query, not_action), 0, 1, 64},
    {"outcome", TEXT, IN(search_query, outcome), 0, .words = outcomes},
    {"from", TIME, IN(search_query, from_us), 0, 0, 0},
    {"to", TIME, IN(search_query, to_us), 0, 0, 0},
    {"cursor", TEXT, IN(search_query, cursor), 0, 1, 128},
    {"limit", INT, IN(search_query, limit), 0, 1, 200, .usual = 50},
    {0},
}};

const struct shape breach_query_shape = {"AuditBreachQuery", sizeof(struct breach_query),
    (const struct field[]){
    {"person", UUID, IN(breach_query, person), 0, 0, 0},
    {"address", TEXT, IN(breach_query, address), 0, 1, 64},
    {"key", UUID, IN(breach_query, key), 0, 0, 0},
    {"token", UUID, IN(breach_query, token), 0, 0, 0},
    {"sign_in", UUID, IN(breach_query, sign_in), 0, 0, 0},
    {"from", TIME, IN(breach_query, from_us), REQUIRED, 0, 0},
    {"to", TIME, IN(breach_query, to_us), REQUIRED, 0, 0},
    {"cursor", TEXT, IN(breach_query, cursor), 0, 1, 128},
    {"limit", INT, IN(breach_query, limit), 0, 1, 200, .usual = 100},
    {0},
}};

const struct shape touched_shape = {"AuditTouchedPatient", sizeof(struct touched),
    (const struct field[]){
    {"patient_id", UUID, IN(touched, patient), PATIENT, 0, 0},
    {"events", INT, IN(touched, events), REQUIRED, 0, INT64_MAX},
    {"first_at", TIME, IN(touched, first_at_us), REQUIRED, 0, 0},
    {"last_at", TIME, IN(touched, last_at_us), REQUIRED, 0, 0},
    {0},
}};

#define WHAT_HAPPENED \
    {"id", UUID, IN(audit_event, id), REQUIRED, 0, 0}, \
    {"shard", TEXT, IN(audit_event, shard), REQUIRED, 0, 8}, \
    {"index", INT, IN(audit_event, index), REQUIRED, 0, INT64_MAX}, \
    {"act", UUID, IN(audit_event, act), 0, 0, 0}, \
    {"at", TIME, IN(audit_event, at_us), REQUIRED, 0, 0}, \
    {"service", TEXT, IN(audit_event, service), REQUIRED, 0, 64}, \
    {"action", TEXT, IN(audit_event, action), REQUIRED, 0, 64}, \
    {"outcome", TEXT, IN(audit_event, outcome), REQUIRED, 0, 16}, \
    {"error", TEXT, IN(audit_event, error), 0, 0, 64}, \
    {"actor", UUID, IN(audit_event, actor), 0, 0, 0}, \
    {"role", TEXT, IN(audit_event, role), REQUIRED, 0, 64}, \
    {"patient_id", UUID, IN(audit_event, patient), PATIENT, 0, 0}, \
    {"resource", TEXT, IN(audit_event, resource), REQUIRED, 0, 255}, \
    {"resource_id", UUID, IN(audit_event, resource_id), 0, 0, 0}, \
    {"resource_version", INT, IN(audit_event, resource_version), 0, 0, INT64_MAX}, \
    {"relation", TEXT, IN(audit_event, relation), 0, 0, 64}, \
    {"consent_id", UUID, IN(audit_event, consent), 0, 0, 0}

/* What for: an HL7 PurposeOfUse (purposes.def); BTG is a broken glass. */
#define FOR_WHAT {"purpose", TEXT, IN(audit_event, purpose), 0, 0, 64}

/* What a patient may know of an access: all but from where it came. */
const struct shape access_shape = {"AuditAccess", sizeof(struct audit_event),
    (const struct field[]){
    WHAT_HAPPENED,
    FOR_WHAT,
    {0},
}};

/* An access that gave something away. */
const struct shape disclosure_shape = {"AuditDisclosure", sizeof(struct audit_event),
    (const struct field[]){
    WHAT_HAPPENED,
    {"recipient", TEXT, IN(audit_event, recipient), REQUIRED, 0, 64},
    {"purpose", TEXT, IN(audit_event, purpose), REQUIRED, 0, 64},
    {0},
}};

const struct shape reviewed_shape = {"AuditReviewedMember", sizeof(struct reviewed),
    (const struct field[]){
    {"person", UUID, IN(reviewed, person), REQUIRED, 0, 0},
    {"role", TEXT, IN(reviewed, role), REQUIRED, 0, 64},
    {"state", TEXT, IN(reviewed, state), REQUIRED, 0, 64},
    {"relations", INT, IN(reviewed, relations), REQUIRED, 0, INT64_MAX},
    {"glass_broken", INT, IN(reviewed, glass_broken), REQUIRED, 0, INT64_MAX},
    {"last_used_at", TIME, IN(reviewed, last_used_us), 0, 0, 0},
    {0},
}};

const struct shape browsing_shape = {"AuditBrowsing", sizeof(struct browsing),
    (const struct field[]){
    {"id", UUID, IN(browsing, id), REQUIRED, 0, 0},
    {"kind", TEXT, IN(browsing, kind), REQUIRED, 1, 32},
    {"person", UUID, IN(browsing, person), REQUIRED, 0, 0},
    {"patients", INT, IN(browsing, patients), REQUIRED, 0, INT64_MAX},
    {"event", UUID, IN(browsing, event_id), REQUIRED, 0, 0},
    {"since", TIME, IN(browsing, since_us), REQUIRED, 0, 0},
    {"at", TIME, IN(browsing, at_us), REQUIRED, 0, 0},
    {0},
}};

const struct shape review_query_shape = {"AuditReviewQuery", sizeof(struct events_query),
    (const struct field[]){
    {"cursor", TEXT, IN(events_query, cursor), 0, 1, 128},
    {"limit", INT, IN(events_query, limit), 0, 1, 200, .usual = 100},
    {0},
}};

const struct shape event_shape = {"AuditEvent", sizeof(struct audit_event),
    (const struct field[]){
    WHAT_HAPPENED,
    FOR_WHAT,
    {"acr", INT, IN(audit_event, acr), 0, 0, 9},
    {"remote", TEXT, IN(audit_event, remote), 0, 0, 64},
    {"request", UUID, IN(audit_event, request), 0, 0, 0},
    {"token", UUID, IN(audit_event, token), 0, 0, 0},
    {"sign_in", UUID, IN(audit_event, sign_in), 0, 0, 0},
    {0},
}};
