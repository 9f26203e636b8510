/*
 * The audit log as FHIR R4 AuditEvents, by the profiles of IHE's Basic Audit Log Patterns (BALP)
 * where they have one: done reads, creations and changes. What was refused, and lists, are plain
 * AuditEvents.
 */
#include "common/base/clock.h"
#include "services/fhir/fhir.h"

#define ONE(item) ((struct list){(item), (item) ? 1 : 0})
#define HL7 "http://terminology.hl7.org/CodeSystem/"
#define DICOM "http://dicom.nema.org/resources/ontology/DCM"
#define BALP "https://profiles.ihe.net/ITI/BALP/"

/* What the last word of an action is to FHIR; the last row is for all others. */
static const struct deed {
    const char *verb, *action, *interaction, *profile; /* NULL: BALP has none for it */
    bool reads;
} deeds[] = {
    {"read", "R", "read", "Read", true},         {"list", "E", "search-type", NULL, true},
    {"search", "E", "search-type", NULL, true},  {"breach_scope", "E", "search-type", NULL, true},
    {"disclosures", "E", "search-type", NULL, true},
    {"access_review", "E", "search-type", NULL, true},
    {"book", "C", "create", "Create", false},    {"give", "C", "create", "Create", false},
    {"draft", "C", "create", "Create", false},   {"register", "C", "create", "Create", false},
    {"enrol", "C", "create", "Create", false},   {"mint", "C", "create", "Create", false},
    {"make", "C", "create", "Create", false},    {"open", "C", "create", "Create", false},
    {NULL, "U", "update", "Update", false},
};

static const struct deed *deed_of(struct str action)
{
    const char *const dot = memrchr(action.p, '.', action.n);
    const size_t skip = dot ? (size_t)(dot - action.p) + 1 : 0;
    const struct str verb = {action.p + skip, action.n - skip};
    const struct deed *deed = deeds;

    while (deed->verb && !str_is(verb, deed->verb)) deed++;
    return deed;
}

static const struct coding *coding_of(struct arena *arena, const char *system, const char *code)
{
    struct coding *const coding = ARENA_NEW(arena, struct coding);

    *coding = (struct coding){str_of(system), str_of(code)};
    return coding;
}

static const struct concept *concept_of(struct arena *arena, const char *system, const char *code)
{
    struct concept *const concept = ARENA_NEW(arena, struct concept);

    concept->coding = ONE(coding_of(arena, system, code));
    return concept;
}

/* By an identifier: nothing of this can be read here as a resource. @system may be NULL. */
static const struct reference *named(struct arena *arena, const char *system, struct str value)
{
    struct reference *const reference = ARENA_NEW(arena, struct reference);
    struct identifier *const identifier = ARENA_NEW(arena, struct identifier);

    *identifier = (struct identifier){NULL, str_of(system), value};
    reference->identifier = identifier;
    return reference;
}

static const struct reference *named_id(struct arena *arena, struct uuid id)
{
    return named(arena, "urn:ietf:rfc:3986", arena_printf(arena, "urn:uuid:%s", UUID_ARG(id)));
}

/* ---- agents: who asked through what, and which service answered ---- */

static struct agent machine(struct arena *arena, const char *role, struct str name, bool is_address)
{
    struct network *const network = ARENA_NEW(arena, struct network);

    *network = (struct network){name, is_address ? STR("2") : STR("1")};
    return (struct agent){
        .type = concept_of(arena, DICOM, role),
        .who = named(arena, NULL, name),
        .network = network,
    };
}

/* The relation by which they might is the policy. */
static struct agent person(struct arena *arena, const struct deed *deed, const struct event_in *in)
{
    struct concept *const role = ARENA_NEW(arena, struct concept);
    struct str *const policy = ARENA_NEW(arena, struct str);

    role->text = in->role;
    *policy = arena_printf(arena, "urn:telecura:relation:" STR_FMT, STR_ARG(in->relation));
    return (struct agent){
        .type = concept_of(arena, HL7 "v3-ParticipationType", deed->reads ? "IRCP" : "AUT"),
        .who = named_id(arena, in->actor),
        .requestor = true,
        .role = ONE(role),
        .policy = {policy, in->relation.n ? 1 : 0},
    };
}

static struct list agents_of(struct arena *arena, const struct deed *deed,
                             const struct event_in *in)
{
    static const char source[] = "110153", destination[] = "110152";
    struct agent *const agents = ARENA_ARRAY(arena, struct agent, 3);
    const bool from_outside = in->remote.n > 0;
    size_t n = 0;

    agents[n++] = machine(arena, deed->reads ? destination : source,
                          from_outside ? in->remote : in->service, from_outside);
    agents[n++] = machine(arena, deed->reads ? source : destination, in->service, false);
    if (!uuid_is_nil(in->actor)) agents[n++] = person(arena, deed, in);
    return (struct list){agents, n};
}

/* ---- entities: about whom, which thing, which request, by which consent ---- */

static struct list entities_of(struct arena *arena, const struct event_in *in)
{
    struct object *const objects = ARENA_ARRAY(arena, struct object, 4);
    struct reference *const patient = ARENA_NEW(arena, struct reference);
    const char *const kinds_of_object = HL7 "audit-entity-type", *const roles = HL7 "object-role";
    size_t n = 0;

    if (!uuid_is_nil(in->patient_id)) {
        patient->reference = arena_printf(arena, "Patient/%s", UUID_ARG(in->patient_id));
        objects[n++] = (struct object){patient, coding_of(arena, kinds_of_object, "1"),
                                       coding_of(arena, roles, "1")};
    }
    objects[n++] = (struct object){
        uuid_is_nil(in->resource_id) ? named(arena, NULL, in->resource)
                                     : named_id(arena, in->resource_id),
        coding_of(arena, kinds_of_object, "2"),
        coding_of(arena, roles, "4"),
    };
    if (!uuid_is_nil(in->act))
        objects[n++] = (struct object){
            named_id(arena, in->act),
            coding_of(arena, BALP "CodeSystem/BasicAuditEntityType", "XrequestId"), NULL};
    if (!uuid_is_nil(in->consent_id))
        objects[n++] = (struct object){named_id(arena, in->consent_id),
                                       coding_of(arena, kinds_of_object, "4"), NULL};
    return (struct list){objects, n};
}

static const struct source *source_of(struct arena *arena, struct str service)
{
    struct source *const source = ARENA_NEW(arena, struct source);

    source->observer = named(arena, NULL, service);
    source->type = ONE(coding_of(arena, HL7 "security-source-type", "4"));
    return source;
}

static const struct profiles *profiles_of(struct arena *arena, const struct deed *deed,
                                          const struct event_in *in)
{
    struct profiles *const profiles = ARENA_NEW(arena, struct profiles);
    struct str *const profile = ARENA_NEW(arena, struct str);

    if (!deed->profile || str_is(in->outcome, "refused")) return NULL;
    *profile = arena_printf(arena, BALP "StructureDefinition/IHE.BasicAudit.%s%s",
                            uuid_is_nil(in->patient_id) ? "" : "Patient", deed->profile);
    profiles->profile = (struct strs){profile, 1};
    return profiles;
}

/* The log has HL7's own codes. */
static struct list purpose_of(struct arena *arena, struct str purpose)
{
    if (purpose.n == 0) return (struct list){NULL, 0};
    return ONE(concept_of(arena, HL7 "v3-ActReason", arena_cstr(arena, purpose)));
}

static const struct audit_event *audit_event_of(struct arena *arena, const struct event_in *in)
{
    struct audit_event *const event = ARENA_NEW(arena, struct audit_event);
    const struct deed *const deed = deed_of(in->action);

    *event = (struct audit_event){
        .type = STR("AuditEvent"),
        .id = arena_printf(arena, "%s", UUID_ARG(in->id)),
        .meta = profiles_of(arena, deed, in),
        .event = coding_of(arena, HL7 "audit-event-type", "rest"),
        .subtype = ONE(coding_of(arena, "http://hl7.org/fhir/restful-interaction",
                                 deed->interaction)),
        .action = str_of(deed->action),
        .recorded_us = in->at_us,
        .outcome = str_is(in->outcome, "refused") ? STR("4") : STR("0"),
        .outcome_desc = in->error,
        .purpose = purpose_of(arena, in->purpose),
        .agent = agents_of(arena, deed, in),
        .source = source_of(arena, in->service),
        .entity = entities_of(arena, in),
    };
    return event;
}

/* ---- GET /fhir/R4/AuditEvent ---- */

static struct list entries_of(struct arena *arena, const struct events_in *events)
{
    static const struct search match = {{"match", 5}};
    const struct event_in *const in = events->data.p;
    struct entry *const entries = ARENA_ARRAY(arena, struct entry, events->data.n + 1);

    for (size_t i = 0; i < events->data.n; i++)
        entries[i] = (struct entry){
            arena_printf(arena, "%s/AuditEvent/%s", base_of(), UUID_ARG(in[i].id)),
            audit_event_of(arena, &in[i]), &match};
    return (struct list){entries, events->data.n};
}

static struct str with(struct arena *arena, struct str query, const char *name, struct str value)
{
    if (!value.n) return query;
    return arena_printf(arena, STR_FMT "&%s=" STR_FMT, STR_ARG(query), name, STR_ARG(value));
}

static struct str time_text(struct arena *arena, int64_t at_us)
{
    char text[CLOCK_TEXT + 1];

    return at_us ? arena_str(arena, str_of(clock_format(at_us, text))) : STR_NONE;
}

/* The same question in the owner's words and in FHIR's, for the links: they differ in three. */
static struct str query_of(struct arena *arena, const struct audit_event_query *in,
                           const char *const words[3], struct str patient)
{
    struct str query = arena_printf(arena, "?%s=%lld", words[0], (long long)in->count);

    query = with(arena, query, "patient", patient);
    query = with(arena, query, words[1], in->agent);
    query = with(arena, query, "from", time_text(arena, in->from_us));
    query = with(arena, query, "to", time_text(arena, in->to_us));
    return query;
}

err_t audit_event_search(struct act *act)
{
    static const char *const theirs[] = {"limit", "person", "cursor"};
    static const char *const ours[] = {"_count", "agent", "_cursor"};
    const struct audit_event_query *const in = act->in;
    const size_t skip = str_starts(in->patient, "Patient/") ? sizeof "Patient/" - 1 : 0;
    const struct str patient = {in->patient.p + skip, in->patient.n - skip};
    struct events_in events = {{NULL, 0}, STR_NONE};
    struct uuid id;
    bool done;

    if ((patient.n && !uuid_parse(patient, &id)) || (in->agent.n && !uuid_parse(in->agent, &id)) ||
        !is_cursor(in->cursor))
        return fhir_reply_outcome(act, 400, STR("A search parameter is malformed."));

    const struct str asked = with(act->arena, query_of(act->arena, in, theirs, patient), theirs[2],
                                  in->cursor);
    const struct str path = arena_printf(act->arena, "/v1/audit/events" STR_FMT, STR_ARG(asked));
    TRY(owner_ask(act, OWNER_AUDIT, path, &events_in_shape, &events, &done));
    if (done) return ERR_OK;

    const struct str self = query_of(act->arena, in, ours, patient);
    const struct str here = with(act->arena, self, ours[2], in->cursor);
    const struct str next = with(act->arena, self, ours[2], events.next_cursor);
    const struct link links[] = {
        {STR("self"), arena_printf(act->arena, "%s/AuditEvent" STR_FMT, base_of(), STR_ARG(here))},
        {STR("next"), arena_printf(act->arena, "%s/AuditEvent" STR_FMT, base_of(), STR_ARG(next))},
    };
    const struct bundle bundle = {
        .type = STR("Bundle"),
        .kind = STR("searchset"),
        .link = {links, events.next_cursor.n ? 2 : 1},
        .entry = entries_of(act->arena, &events),
    };
    return fhir_reply(act, 200, &audit_bundle_shape, &bundle);
}
