/* Our words become FHIR's. */
#include "common/base/clock.h"
#include "services/fhir/fhir.h"

static const struct {
    const char *ours, *theirs;
} statuses[] = {
    {"scheduled", "booked"},      {"confirmed", "booked"},    {"arrived", "arrived"},
    {"in_progress", "fulfilled"}, {"completed", "fulfilled"}, {"cancelled", "cancelled"},
    {"no_show", "noshow"},
};

static const struct {
    int status;
    const char *code; /* of http://hl7.org/fhir/issue-type */
} issues[] = {
    {400, "invalid"},  {401, "login"},     {403, "forbidden"}, {404, "not-found"},
    {409, "conflict"}, {429, "throttled"}, {503, "transient"},
};

/* @item as a list of one; none when it is NULL. */
#define ONE(item) ((struct list){(item), (item) ? 1 : 0})

static struct str id_text(struct arena *arena, struct uuid id)
{
    return arena_str(arena, str_of(UUID_ARG(id)));
}

static const struct meta *meta_of(struct arena *arena, int64_t version)
{
    struct meta *const meta = ARENA_NEW(arena, struct meta);

    meta->version_id = arena_printf(arena, "%lld", (long long)version);
    return meta;
}

static const struct concept *concept_of_text(struct arena *arena, struct str text)
{
    struct concept *const concept = ARENA_NEW(arena, struct concept);

    if (!text.p) return NULL;
    concept->text = text;
    return concept;
}

static const struct concept *concept_of_code(struct arena *arena, const char *system,
                                             struct str code)
{
    struct concept *const concept = ARENA_NEW(arena, struct concept);
    struct coding *const coding = ARENA_NEW(arena, struct coding);

    *coding = (struct coding){str_of(system), code};
    concept->coding = ONE(coding);
    return concept;
}

/* ---- Patient ---- */

static const struct identifier *mrn_of(struct arena *arena, struct str mrn)
{
    struct identifier *const identifier = ARENA_NEW(arena, struct identifier);

    if (!mrn.p) return NULL;
    identifier->type =
        concept_of_code(arena, "http://terminology.hl7.org/CodeSystem/v2-0203", STR("MR"));
    identifier->value = mrn;
    return identifier;
}

static const struct human_name *name_of(struct arena *arena, const struct patient_in *in)
{
    struct human_name *const name = ARENA_NEW(arena, struct human_name);

    *name = (struct human_name){in->family_name, {&in->given_name, 1}};
    return name;
}

static struct list telecom_of(struct arena *arena, const struct patient_in *in)
{
    struct contact_point *const points = ARENA_ARRAY(arena, struct contact_point, 2);
    size_t n = 0;

    if (in->phone.p) points[n++] = (struct contact_point){STR("phone"), in->phone};
    if (in->email.p) points[n++] = (struct contact_point){STR("email"), in->email};
    return (struct list){points, n};
}

static const struct address *address_of(struct arena *arena, struct str text)
{
    struct address *const address = ARENA_NEW(arena, struct address);

    address->text = text;
    return text.p ? address : NULL;
}

static const struct communication *communication_of(struct arena *arena, struct str language)
{
    struct communication *const communication = ARENA_NEW(arena, struct communication);

    if (!language.p) return NULL;
    communication->language = concept_of_code(arena, "urn:ietf:bcp:47", language);
    return communication;
}

struct patient *patient_of(struct arena *arena, const struct patient_in *in)
{
    struct patient *const patient = ARENA_NEW(arena, struct patient);

    *patient = (struct patient){
        .type = STR("Patient"),
        .id = id_text(arena, in->id),
        .meta = meta_of(arena, in->version),
        .gender = in->gender,
        .birth_date = in->birth_date,
        .telecom = telecom_of(arena, in),
    };
    const struct identifier *const mrn = mrn_of(arena, in->mrn);
    const struct address *const address = address_of(arena, in->address);
    const struct communication *const communication = communication_of(arena, in->language);
    patient->identifier = ONE(mrn);
    patient->name = (struct list){name_of(arena, in), 1};
    patient->address = ONE(address);
    patient->communication = ONE(communication);
    return patient;
}

/* ---- Appointment ---- */

static struct str status_of(struct str state)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        if (str_is(state, statuses[i].ours)) return str_of(statuses[i].theirs);
    }
    return STR("pending"); /* a state that is newer than this table */
}

/* Patients are read here; clinicians are not, so they are named by an identifier. */
static struct list participants_of(struct arena *arena, const struct visit_in *in)
{
    struct participant *const people = ARENA_ARRAY(arena, struct participant, 2);
    struct reference *const references = ARENA_ARRAY(arena, struct reference, 2);
    struct identifier *const provider = ARENA_NEW(arena, struct identifier);

    provider->system = STR("urn:ietf:rfc:3986");
    provider->value = arena_printf(arena, "urn:uuid:%s", UUID_ARG(in->provider_id));
    references[0].reference = arena_printf(arena, "Patient/%s", UUID_ARG(in->patient_id));
    references[0].type = STR("Patient");
    references[1].type = STR("Practitioner");
    references[1].identifier = provider;
    for (size_t i = 0; i < 2; i++)
        people[i] = (struct participant){&references[i], STR("accepted")};
    return (struct list){people, 2};
}

struct appointment *appointment_of(struct arena *arena, const struct visit_in *in)
{
    struct appointment *const appointment = ARENA_NEW(arena, struct appointment);
    const struct concept *const reason = concept_of_text(arena, in->reason);

    *appointment = (struct appointment){
        .type = STR("Appointment"),
        .id = id_text(arena, in->id),
        .meta = meta_of(arena, in->version),
        .status = status_of(in->state),
        .start_us = in->starts_at_us,
        .end_us = in->ends_at_us,
        .minutes = (in->ends_at_us - in->starts_at_us) / MINUTE_US,
        .reason = ONE(reason),
        .service_type = {concept_of_text(arena, in->visit_type), 1},
        .participant = participants_of(arena, in),
    };
    return appointment;
}

/* ---- OperationOutcome ---- */

struct outcome *outcome_of(struct arena *arena, int status, struct str diagnostics)
{
    struct outcome *const outcome = ARENA_NEW(arena, struct outcome);
    struct issue *const issue = ARENA_NEW(arena, struct issue);

    *issue = (struct issue){STR("error"), STR("exception"), diagnostics};
    for (size_t i = 0; i < sizeof issues / sizeof *issues; i++) {
        if (status == issues[i].status) issue->code = str_of(issues[i].code);
    }
    *outcome = (struct outcome){STR("OperationOutcome"), ONE(issue)};
    return outcome;
}
