#include "services/access/access.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const char *const role_words[] = {
#define ROLE(name, word, purpose) word,
#include "common/app/roles.def"
#undef ROLE
    NULL,
};
static const char *const purpose_words[] = {
#define PURPOSE(code, about) #code,
#include "common/app/purposes.def"
#undef PURPOSE
    NULL,
};
static const char *const method_words[] = {"screen", "paper", "spoken", NULL};
static const char *const opened_kinds[] = {
    "proxy", "guardian", "treating", "covering", "care_team", "guest", NULL,
};

/* ---- people ---- */

static const struct field enrolment_fields[] = {
    {"role", TEXT, IN(enrolment, role), REQUIRED, .words = role_words},
    {"patient_id", UUID, IN(enrolment, patient_id), 0},
    {"display_name", TEXT, IN(enrolment, display_name), REQUIRED | PHI | CHARS, 1, 200},
    {"email", TEXT, IN(enrolment, email), PHI, 3, 254},
    {"phone", TEXT, IN(enrolment, phone), PHI, 3, 32},
    {"language", TEXT, IN(enrolment, language), 0, 2, 35},
    {0},
};
const struct shape enrolment_shape = {"PersonPost", sizeof(struct enrolment), enrolment_fields};

static const struct field people_query_fields[] = {
    {"role", TEXT, IN(page, role), 0, .words = role_words},
    {"limit", INT, IN(page, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(page, cursor), 0, 1, 256},
    {0},
};
const struct shape people_query_shape = {"PeopleQuery", sizeof(struct page), people_query_fields};

static const struct field person_fields[] = {
    {"id", UUID, IN(person, id), REQUIRED},
    {"person_id", UUID, IN(person, id), REQUIRED},
    {"org", UUID, IN(person, org), REQUIRED},
    {"role", TEXT, IN(person, role), REQUIRED, .words = role_words},
    {"state", TEXT, IN(person, state), REQUIRED, 1, 16},
    {"patient_id", UUID, IN(person, patient_id), PATIENT},
    {"display_name", TEXT, IN(person, display_name), PHI, 1, 200},
    {"email", TEXT, IN(person, email), PHI | CONTACT, 0, 254},
    {"phone", TEXT, IN(person, phone), PHI | CONTACT, 0, 32},
    {"language", TEXT, IN(person, language), REQUIRED, 2, 35},
    {"bound", BOOL, IN(person, bound), REQUIRED},
    {"sign_in_code", TEXT, IN(person, sign_in_code), PHI, 43, 43},
    {"code_expires_at", TIME, IN(person, code_expires_at_us), 0},
    {"version", INT, IN(person, version), REQUIRED},
    {0},
};
const struct shape person_shape = {"Person", sizeof(struct person), person_fields};

static const struct field bind_fields[] = {
    {"code", TEXT, IN(bind, code), REQUIRED | PHI, 1, 100},
    {0},
};
const struct shape bind_shape = {"MeBind", sizeof(struct bind), bind_fields};

static const struct field membership_fields[] = {
    {"org", UUID, IN(membership_view, row.org), REQUIRED},
    {"org_name", TEXT, IN(membership_view, row.org_name), REQUIRED, 0, 200},
    {"person_id", UUID, IN(membership_view, row.person), REQUIRED},
    {"role", TEXT, IN(membership_view, row.role), REQUIRED, .words = role_words},
    {"patient_id", UUID, IN(membership_view, row.patient_id), 0},
    {"idle_minutes", INT, IN(membership_view, idle_minutes), 0, 0, 60},
    {0},
};
static const struct shape membership_shape = {
    "Membership", sizeof(struct membership_view), membership_fields,
};

static const struct field me_fields[] = {
    {"person_id", UUID, IN(me, person_id), 0},
    {"org", UUID, IN(me, org), 0},
    {"role", TEXT, IN(me, role), 0, .words = role_words},
    {"patient_id", UUID, IN(me, patient_id), 0},
    {"display_name", TEXT, IN(me, display_name), PHI, 0, 200},
    {"language", TEXT, IN(me, language), 0, 2, 35},
    {"memberships", LIST, IN(me, memberships), REQUIRED, 0, 50, &membership_shape},
    {0},
};
const struct shape me_shape = {"Me", sizeof(struct me), me_fields};

static const struct field code_fields[] = {
    {"sign_in_code", TEXT, IN(code, sign_in_code), REQUIRED | PHI, 43, 43},
    {"code_expires_at", TIME, IN(code, code_expires_at_us), REQUIRED},
    {0},
};
const struct shape code_shape = {"SignInCode", sizeof(struct code), code_fields};

static const struct field site_fields[] = {
    {"id", UUID, IN(site, id), REQUIRED},
    {"name", TEXT, IN(site, name), REQUIRED, 1, 200},
    {"time_zone", TEXT, IN(site, time_zone), REQUIRED, 1, 64},
    {0},
};
const struct shape site_shape = {"Site", sizeof(struct site), site_fields};

/* ---- relations ---- */

static const struct field relation_ask_fields[] = {
    {"person_id", UUID, IN(relation_ask, person_id), REQUIRED},
    {"patient_id", UUID, IN(relation_ask, patient_id), REQUIRED},
    {"kind", TEXT, IN(relation_ask, kind), REQUIRED, .words = opened_kinds},
    {"proof", TEXT, IN(relation_ask, proof), REQUIRED, 1, 32},
    {"birth_date", DATE, IN(relation_ask, birth_date), PHI},
    {"visit_id", UUID, IN(relation_ask, visit_id), 0},
    {"starts_at", TIME, IN(relation_ask, starts_at_us), 0},
    {"ends_at", TIME, IN(relation_ask, ends_at_us), 0},
    {0},
};
const struct shape relation_ask_shape = {
    "RelationPost", sizeof(struct relation_ask), relation_ask_fields,
};

static const struct field relations_query_fields[] = {
    {"patient_id", UUID, IN(page, patient_id), 0},
    {"person_id", UUID, IN(page, person_id), 0},
    {"limit", INT, IN(page, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(page, cursor), 0, 1, 256},
    {0},
};
const struct shape relations_query_shape = {
    "RelationsQuery", sizeof(struct page), relations_query_fields,
};

static const struct field relation_fields[] = {
    {"id", UUID, IN(relation, id), REQUIRED},
    {"person_id", UUID, IN(relation, person), REQUIRED},
    {"patient_id", UUID, IN(relation, patient_id), REQUIRED | PATIENT},
    {"kind", TEXT, IN(relation, kind), REQUIRED, 1, 16},
    {"proof", TEXT, IN(relation, proof), 0, 1, 32},
    {"visit_id", UUID, IN(relation, visit_id), 0},
    {"opened_by", UUID, IN(relation, opened_by), 0},
    {"starts_at", TIME, IN(relation, starts_at_us), REQUIRED},
    {"ends_at", TIME, IN(relation, ends_at_us), 0},
    {"version", INT, IN(relation, version), REQUIRED},
    {0},
};
const struct shape relation_shape = {"Relation", sizeof(struct relation), relation_fields};

/* ---- why may they? ---- */

static const struct field decision_query_fields[] = {
    {"person_id", UUID, IN(decision_query, person_id), REQUIRED},
    {"patient_id", UUID, IN(decision_query, patient_id), REQUIRED},
    {"action", TEXT, IN(decision_query, action), REQUIRED, 1, 64},
    {"label", TEXT, IN(decision_query, label), 0, .words = label_words},
    {0},
};
const struct shape decision_query_shape = {
    "PolicyDecisionQuery", sizeof(struct decision_query), decision_query_fields,
};

static const struct field decision_fields[] = {
    {"decision", TEXT, IN(decision_view, decision), REQUIRED, 1, 32},
    {"role", TEXT, IN(decision_view, role), REQUIRED, .words = role_words},
    {"action", TEXT, IN(decision_view, action), REQUIRED, 1, 64},
    {"cell", TEXT, IN(decision_view, cell), REQUIRED, 1, 16},
    {"label", TEXT, IN(decision_view, label), 0, .words = label_words},
    {"relation", TEXT, IN(decision_view, relation), 0, 1, 16},
    {"relation_id", UUID, IN(decision_view, relation_id), 0},
    {"proof", TEXT, IN(decision_view, proof), 0, 1, 32},
    {"relation_starts_at", TIME, IN(decision_view, relation_starts_at_us), 0},
    {"relation_ends_at", TIME, IN(decision_view, relation_ends_at_us), 0},
    {"consent", TEXT, IN(decision_view, consent), 0, .words = consent_words},
    {"consent_id", UUID, IN(decision_view, consent_id), 0},
    {"purpose", TEXT, IN(decision_view, purpose), REQUIRED, 1, 16},
    {"second_factor", BOOL, IN(decision_view, second_factor), REQUIRED},
    {0},
};
const struct shape decision_shape = {
    "PolicyDecision", sizeof(struct decision_view), decision_fields,
};

/* ---- consents ---- */

static const struct field consent_ask_fields[] = {
    {"patient_id", UUID, IN(consent_ask, patient_id), REQUIRED},
    {"scope", TEXT, IN(consent_ask, scope), REQUIRED, .words = consent_words},
    {"document_version", INT, IN(consent_ask, document_version), REQUIRED, 1, INT32_MAX},
    {"language", TEXT, IN(consent_ask, language), 0, 2, 35},
    {"document_hash", TEXT, IN(consent_ask, document_hash), 0, 64, 64},
    {"recipient_id", UUID, IN(consent_ask, recipient_id), 0},
    {"purpose", TEXT, IN(consent_ask, purpose), 0, .words = purpose_words},
    {"method", TEXT, IN(consent_ask, method), 0, .words = method_words},
    {"shown_at", TIME, IN(consent_ask, shown_at_us), 0},
    {"witness_id", UUID, IN(consent_ask, witness_id), 0},
    {"ends_at", TIME, IN(consent_ask, ends_at_us), 0},
    {0},
};
const struct shape consent_ask_shape = {
    "ConsentPost", sizeof(struct consent_ask), consent_ask_fields,
};

static const struct field consents_query_fields[] = {
    {"patient_id", UUID, IN(page, patient_id), 0},
    {"scope", TEXT, IN(page, scope), 0, .words = consent_words},
    {"limit", INT, IN(page, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(page, cursor), 0, 1, 256},
    {0},
};
const struct shape consents_query_shape = {
    "ConsentsQuery", sizeof(struct page), consents_query_fields,
};

static const struct field consent_fields[] = {
    {"id", UUID, IN(consent_view, row.id), REQUIRED},
    {"patient_id", UUID, IN(consent_view, row.patient_id), REQUIRED | PATIENT},
    {"scope", TEXT, IN(consent_view, row.scope), REQUIRED, .words = consent_words},
    {"recipient_id", UUID, IN(consent_view, row.recipient), 0},
    {"purpose", TEXT, IN(consent_view, row.purpose), 0, .words = purpose_words},
    {"state", TEXT, IN(consent_view, row.state), REQUIRED, 1, 16},
    {"starts_at", TIME, IN(consent_view, row.starts_at_us), REQUIRED},
    {"ends_at", TIME, IN(consent_view, row.ends_at_us), 0},
    {"document_version", INT, IN(consent_view, row.document_version), REQUIRED},
    {"document_hash", TEXT, IN(consent_view, document_hash), 0, 64, 64},
    {"language", TEXT, IN(consent_view, row.language), 0, 2, 35},
    {"shown_at", TIME, IN(consent_view, row.shown_at_us), 0},
    {"method", TEXT, IN(consent_view, row.method), 0, .words = method_words},
    {"witness_id", UUID, IN(consent_view, row.witness), 0},
    {"given_by", UUID, IN(consent_view, row.given_by), 0},
    {"given_as", TEXT, IN(consent_view, row.given_as), 0, .words = role_words},
    {"revoked_by", UUID, IN(consent_view, row.revoked_by), 0},
    {"revoked_at", TIME, IN(consent_view, row.revoked_at_us), 0},
    {"version", INT, IN(consent_view, row.version), REQUIRED},
    {0},
};
const struct shape consent_shape = {"Consent", sizeof(struct consent_view), consent_fields};

static const struct field standing_query_fields[] = {
    {"patient_id", UUID, IN(page, patient_id), REQUIRED},
    {0},
};
const struct shape standing_query_shape = {
    "ConsentStandingQuery", sizeof(struct page), standing_query_fields,
};

static const struct field standing_fields[] = {
    {"patient_id", UUID, IN(standing_view, row.patient_id), REQUIRED | PATIENT},
    {"scope", TEXT, IN(standing_view, row.scope), REQUIRED, .words = consent_words},
    {"recipient_id", UUID, IN(standing_view, row.recipient), 0},
    {"recipient", TEXT, IN(standing_view, row.recipient_name), 0, 1, 200},
    {"purpose", TEXT, IN(standing_view, row.purpose), 0, .words = purpose_words},
    {"state", TEXT, IN(standing_view, row.state), REQUIRED, 1, 16},
    {"consent_id", UUID, IN(standing_view, row.id), 0},
    {"since", TIME, IN(standing_view, row.starts_at_us), 0},
    {"until", TIME, IN(standing_view, row.ends_at_us), 0},
    {"document_version", INT, IN(standing_view, row.document_version), 0},
    {"document_hash", TEXT, IN(standing_view, document_hash), 0, 64, 64},
    {"language", TEXT, IN(standing_view, row.language), 0, 2, 35},
    {"text", TEXT, IN(standing_view, row.text), 0, 1, 20000},
    {"shown_at", TIME, IN(standing_view, row.shown_at_us), 0},
    {"method", TEXT, IN(standing_view, row.method), 0, .words = method_words},
    {"given_by", UUID, IN(standing_view, row.given_by), 0},
    {"given_as", TEXT, IN(standing_view, row.given_as), 0, .words = role_words},
    {"revoked_at", TIME, IN(standing_view, row.revoked_at_us), 0},
    {"actions", TEXTS, IN(standing_view, actions), 0},
    {"sensitive_to", TEXTS, IN(standing_view, roles), 0},
    {0},
};
const struct shape standing_shape = {
    "ConsentStanding", sizeof(struct standing_view), standing_fields,
};

static const struct field documents_query_fields[] = {
    {"scope", TEXT, IN(page, scope), 0, .words = consent_words},
    {"language", TEXT, IN(page, language), 0, 2, 35},
    {0},
};
const struct shape documents_query_shape = {
    "ConsentDocumentsQuery", sizeof(struct page), documents_query_fields,
};

static const struct field document_fields[] = {
    {"scope", TEXT, IN(document_view, row.scope), REQUIRED, .words = consent_words},
    {"version", INT, IN(document_view, row.version), REQUIRED},
    {"language", TEXT, IN(document_view, row.language), REQUIRED, 2, 35},
    {"text", TEXT, IN(document_view, row.text), REQUIRED, 1, 20000},
    {"hash", TEXT, IN(document_view, hash), REQUIRED, 64, 64},
    {0},
};
const struct shape document_shape = {
    "ConsentDocument", sizeof(struct document_view), document_fields,
};

/* ---- grants ---- */

static const struct field grant_ask_fields[] = {
    {"pass", TEXT, IN(grant_ask, pass), 0, 1, 4096},
    {"visit_id", UUID, IN(grant_ask, visit_id), 0},
    {0},
};
const struct shape grant_ask_shape = {"GrantPost", sizeof(struct grant_ask), grant_ask_fields};

static const struct field grant_fields[] = {
    {"id", UUID, IN(grant_view, id), REQUIRED},
    {"grant_id", UUID, IN(grant_view, id), REQUIRED},
    {"grant", TEXT, IN(grant_view, grant), REQUIRED | PHI, 1, 4096},
    {"visit_id", UUID, IN(grant_view, visit_id), REQUIRED},
    {"channel_id", UUID, IN(grant_view, channel_id), REQUIRED},
    {"seat", TEXT, IN(grant_view, seat), REQUIRED, 1, 16},
    {"expires_at", TIME, IN(grant_view, expires_at_us), REQUIRED},
    {0},
};
const struct shape grant_shape = {"Grant", sizeof(struct grant_view), grant_fields};

static const struct field grant_end_fields[] = {
    {"id", UUID, IN(visit_grant, id), REQUIRED},
    {"revoked_at", TIME, IN(visit_grant, revoked_at_us), REQUIRED},
    {0},
};
const struct shape grant_end_shape = {"GrantRevoked", sizeof(struct visit_grant), grant_end_fields};

/* ---- guests ---- */

static const char *const guest_proofs[] = {"birth_date", "phone", NULL};

static const struct field guest_ask_fields[] = {
    {"visit_id", UUID, IN(guest_ask, visit_id), REQUIRED},
    {"display_name", TEXT, IN(guest_ask, display_name), REQUIRED | PHI | CHARS, 1, 200},
    {"birth_date", DATE, IN(guest_ask, birth_date), PHI},
    {"phone", TEXT, IN(guest_ask, phone), PHI, 8, 32},
    {"minutes", INT, IN(guest_ask, minutes), 0, 1, 30, .usual = 15},
    {0},
};
const struct shape guest_ask_shape = {"GuestPost", sizeof(struct guest_ask), guest_ask_fields};

static const struct field guest_fields[] = {
    {"id", UUID, IN(guest_view, row.id), REQUIRED},
    {"guest_id", UUID, IN(guest_view, row.id), REQUIRED},
    {"visit_id", UUID, IN(guest_view, row.visit_id), REQUIRED},
    {"patient_id", UUID, IN(guest_view, row.patient_id), REQUIRED | PATIENT},
    {"display_name", TEXT, IN(guest_view, display_name), PHI, 1, 200},
    {"link", TEXT, IN(guest_view, link), PHI, 43, 43},
    {"proof", TEXT, IN(guest_view, row.proof), REQUIRED, .words = guest_proofs},
    {"invited_by", UUID, IN(guest_view, row.invited_by), REQUIRED},
    {"invited_at", TIME, IN(guest_view, row.invited_at_us), REQUIRED},
    {"expires_at", TIME, IN(guest_view, row.expires_at_us), REQUIRED},
    {"entered_at", TIME, IN(guest_view, row.entered_at_us), 0},
    {"ended_at", TIME, IN(guest_view, row.ended_at_us), 0},
    {"tries_left", INT, IN(guest_view, tries_left), REQUIRED, 0, 3},
    {"version", INT, IN(guest_view, row.version), REQUIRED},
    {0},
};
const struct shape guest_shape = {"Guest", sizeof(struct guest_view), guest_fields};

static const struct field guests_query_fields[] = {
    {"visit_id", UUID, IN(page, visit_id), 0},
    {"limit", INT, IN(page, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(page, cursor), 0, 1, 256},
    {0},
};
const struct shape guests_query_shape = {"GuestsQuery", sizeof(struct page), guests_query_fields};

static const struct field guest_entry_fields[] = {
    {"link", TEXT, IN(guest_entry, link), REQUIRED | PHI, 1, 64},
    {"device", TEXT, IN(guest_entry, device), REQUIRED | PHI, 22, 64},
    {"birth_date", DATE, IN(guest_entry, birth_date), PHI},
    {"phone", TEXT, IN(guest_entry, phone), PHI, 8, 32},
    {0},
};
const struct shape guest_entry_shape = {
    "GuestEntry", sizeof(struct guest_entry), guest_entry_fields,
};

static const struct field removal_ask_fields[] = {
    {"visit_id", UUID, IN(removal_ask, visit_id), REQUIRED},
    {"person_id", UUID, IN(removal_ask, person_id), REQUIRED},
    {0},
};
const struct shape removal_ask_shape = {
    "RemovalPost", sizeof(struct removal_ask), removal_ask_fields,
};

static const struct field removal_fields[] = {
    {"id", UUID, IN(removal, id), REQUIRED},
    {"visit_id", UUID, IN(removal, visit_id), REQUIRED},
    {"patient_id", UUID, IN(removal, patient_id), REQUIRED | PATIENT},
    {"person_id", UUID, IN(removal, person), REQUIRED},
    {"removed_by", UUID, IN(removal, removed_by), REQUIRED},
    {"removed_at", TIME, IN(removal, removed_at_us), REQUIRED},
    {"readmitted_by", UUID, IN(removal, readmitted_by), 0},
    {"readmitted_at", TIME, IN(removal, readmitted_at_us), 0},
    {"version", INT, IN(removal, version), REQUIRED},
    {0},
};
const struct shape removal_shape = {"Removal", sizeof(struct removal), removal_fields};

/* ---- holds and erasure ---- */

static const char *const hold_reasons[] = {
    "litigation", "investigation", "complaint", "audit", NULL,
};
static const char *const erasure_reasons[] = {"request", "retention_over", "mistake", NULL};

static const struct field hold_ask_fields[] = {
    {"patient_id", UUID, IN(patient_ask, patient_id), REQUIRED},
    {"reason", TEXT, IN(patient_ask, reason), REQUIRED, .words = hold_reasons},
    {0},
};
const struct shape hold_ask_shape = {"HoldPost", sizeof(struct patient_ask), hold_ask_fields};

static const struct field hold_fields[] = {
    {"id", UUID, IN(hold, id), REQUIRED},
    {"hold_id", UUID, IN(hold, id), REQUIRED},
    {"patient_id", UUID, IN(hold, patient_id), REQUIRED | PATIENT},
    {"reason", TEXT, IN(hold, reason), REQUIRED, .words = hold_reasons},
    {"placed_by", UUID, IN(hold, placed_by), REQUIRED},
    {"placed_at", TIME, IN(hold, placed_at_us), REQUIRED},
    {"released_by", UUID, IN(hold, released_by), 0},
    {"released_at", TIME, IN(hold, released_at_us), 0},
    {"version", INT, IN(hold, version), REQUIRED},
    {0},
};
const struct shape hold_shape = {"Hold", sizeof(struct hold), hold_fields};

static const struct field holds_query_fields[] = {
    {"patient_id", UUID, IN(page, patient_id), 0},
    {"limit", INT, IN(page, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(page, cursor), 0, 1, 256},
    {0},
};
const struct shape holds_query_shape = {"HoldsQuery", sizeof(struct page), holds_query_fields};

static const struct field erasure_ask_fields[] = {
    {"patient_id", UUID, IN(patient_ask, patient_id), REQUIRED},
    {"reason", TEXT, IN(patient_ask, reason), REQUIRED, .words = erasure_reasons},
    {0},
};
const struct shape erasure_ask_shape = {
    "ErasurePost", sizeof(struct patient_ask), erasure_ask_fields,
};

/* The id of who was erased leads to nobody; the routes that name one ask act_allow(). */
static const struct field erasure_fields[] = {
    {"id", UUID, IN(erasure, id), REQUIRED},
    {"erasure_id", UUID, IN(erasure, id), REQUIRED},
    {"patient_id", UUID, IN(erasure, patient_id), REQUIRED},
    {"reason", TEXT, IN(erasure, reason), REQUIRED, .words = erasure_reasons},
    {"state", TEXT, IN(erasure, state), REQUIRED, 1, 16},
    {"asked_by", UUID, IN(erasure, asked_by), REQUIRED},
    {"asked_at", TIME, IN(erasure, asked_at_us), REQUIRED},
    {"decided_by", UUID, IN(erasure, decided_by), 0},
    {"decided_at", TIME, IN(erasure, decided_at_us), 0},
    {"erased_at", TIME, IN(erasure, erased_at_us), 0},
    {"certificate", TEXT, IN(erasure, certificate), 0, 1, 8192},
    {"public_key", TEXT, IN(erasure, public_key), 0, 1, 64},
    {"version", INT, IN(erasure, version), REQUIRED},
    {0},
};
const struct shape erasure_shape = {"Erasure", sizeof(struct erasure), erasure_fields};

static const struct field erasures_query_fields[] = {
    {"limit", INT, IN(page, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(page, cursor), 0, 1, 256},
    {0},
};
const struct shape erasures_query_shape = {
    "ErasuresQuery", sizeof(struct page), erasures_query_fields,
};

/* ---- broken glass ---- */

static const char *const glass_reasons[] = {
    "life",         /* it is in danger */
    "unresponsive", /* and cannot be asked */
    "danger",       /* to the patient or to others */
    "cover",        /* for who treats them and is not here */
    NULL,
};
static const char *const glass_findings[] = {"justified", "mistaken", "unjustified", NULL};
static const char *const glass_state_words[] = {"to_review", "reviewed", NULL};

static const struct field glass_ask_fields[] = {
    {"patient_id", UUID, IN(glass_ask, patient_id), REQUIRED},
    {"reason", TEXT, IN(glass_ask, reason), REQUIRED, .words = glass_reasons},
    {"text", TEXT, IN(glass_ask, text), REQUIRED | PHI | CHARS, 10, 2000},
    {0},
};
const struct shape glass_ask_shape = {"BreakGlassPost", sizeof(struct glass_ask), glass_ask_fields};

static const struct field glass_query_fields[] = {
    {"state", TEXT, IN(glass_query, state), 0, .words = glass_state_words},
    {"patient_id", UUID, IN(glass_query, patient_id), 0},
    {"limit", INT, IN(glass_query, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(glass_query, cursor), 0, 1, 256},
    {0},
};
const struct shape glass_query_shape = {
    "BreakGlassQuery", sizeof(struct glass_query), glass_query_fields,
};

static const struct field glass_finding_fields[] = {
    {"finding", TEXT, IN(glass_finding, finding), REQUIRED, .words = glass_findings},
    {"text", TEXT, IN(glass_finding, text), REQUIRED | PHI | CHARS, 10, 2000},
    {0},
};
const struct shape glass_finding_shape = {
    "BreakGlassReview", sizeof(struct glass_finding), glass_finding_fields,
};

static const struct field glass_fields[] = {
    {"id", UUID, IN(glass_view, row.id), REQUIRED},
    {"patient_id", UUID, IN(glass_view, row.patient_id), REQUIRED | PATIENT},
    {"person_id", UUID, IN(glass_view, row.person), REQUIRED},
    {"reason", TEXT, IN(glass_view, row.reason), REQUIRED, .words = glass_reasons},
    {"text", TEXT, IN(glass_view, text), PHI, 10, 2000},
    {"pass", TEXT, IN(glass_view, pass), PHI, 1, 4096},
    {"opened_at", TIME, IN(glass_view, row.opened_at_us), REQUIRED},
    {"ends_at", TIME, IN(glass_view, row.ends_at_us), REQUIRED},
    {"state", TEXT, IN(glass_view, row.state), REQUIRED, .words = glass_state_words},
    {"told", INT, IN(glass_view, row.told), REQUIRED, 1, INT32_MAX},
    {"finding", TEXT, IN(glass_view, row.finding), 0, .words = glass_findings},
    {"finding_text", TEXT, IN(glass_view, finding_text), PHI, 10, 2000},
    {"reviewed_by", UUID, IN(glass_view, row.reviewed_by), 0},
    {"reviewed_at", TIME, IN(glass_view, row.reviewed_at_us), 0},
    {"version", INT, IN(glass_view, row.version), REQUIRED},
    {0},
};
const struct shape glass_shape = {"BreakGlass", sizeof(struct glass_view), glass_fields};

/* ---- keys ---- */

static const struct field kek_fields[] = {
    {"version", INT, IN(kek_view, version), REQUIRED, 1, INT32_MAX},
    {"state", TEXT, IN(kek_view, state), REQUIRED, 1, 16},
    {"made_at", TIME, IN(kek_view, made_at_us), 0},
    {"keys", INT, IN(kek_view, keys), REQUIRED, 0, INT64_MAX},
    {"destroyed", INT, IN(kek_view, destroyed), REQUIRED, 0, INT64_MAX},
    {0},
};
static const struct shape kek_shape = {"Kek", sizeof(struct kek_view), kek_fields};

static const struct field keys_fields[] = {
    {"provider", TEXT, IN(keys_view, provider), REQUIRED, 1, 16},
    {"healthy", BOOL, IN(keys_view, healthy), REQUIRED},
    {"keks", LIST, IN(keys_view, keks), REQUIRED, 0, 64, &kek_shape},
    {0},
};
const struct shape keys_shape = {"KeysStatus", sizeof(struct keys_view), keys_fields};

static const struct field renew_ask_fields[] = {
    {"patient_id", UUID, IN(renew_ask, patient_id), 0},
    {"domain", TEXT, IN(renew_ask, domain), 0, 1, 32},
    {0},
};
const struct shape renew_ask_shape = {"KeysRenewPost", sizeof(struct renew_ask), renew_ask_fields};

static const struct field renewed_view_fields[] = {
    {"renewed", INT, IN(renewed_view, renewed), REQUIRED, 0, INT64_MAX},
    {0},
};
const struct shape renewed_view_shape = {
    "KeysRenewed", sizeof(struct renewed_view), renewed_view_fields,
};
