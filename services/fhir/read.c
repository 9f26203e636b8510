#include "common/io/http.h"
#include "services/fhir/fhir.h"

#define FHIR_JSON "application/fhir+json"

const char *base_of(void)
{
    const struct fhir_settings *settings = service_settings();

    return settings->base;
}

err_t fhir_reply(struct act *act, int status, const struct shape *shape, const void *resource)
{
    return act_reply_raw(act, status, FHIR_JSON,
                         str_bytes(json_encode(act->arena, shape, resource)), NULL, 0);
}

static err_t reply_versioned(struct act *act, const struct shape *shape, const void *resource,
                             int64_t version)
{
    const struct http_header etag = {
        "ETag",
        arena_printf(act->arena, "W/\"%lld\"", (long long)version),
    };

    return act_reply_raw(act, 200, FHIR_JSON, str_bytes(json_encode(act->arena, shape, resource)),
                         &etag, 1);
}

err_t fhir_reply_outcome(struct act *act, int status, struct str diagnostics)
{
    static const struct http_header later = {"Retry-After", STR("1")};
    const struct str text =
        json_encode(act->arena, &outcome_shape, outcome_of(act->arena, status, diagnostics));

    return act_reply_raw(act, status, FHIR_JSON, str_bytes(text), &later, status == 503);
}

err_t owner_ask(struct act *act, enum owner owner, struct str path, const struct shape *shape,
                 void *ret, bool *ret_done)
{
    const struct answer answer = owner_get(act, owner, path);
    struct problem_in problem = {STR_NONE, STR_NONE};

    *ret_done = answer.status != 200;
    if (answer.status != 200) {
        const bool told = json_decode_lenient(&problem_in_shape, answer.body, act->arena, &problem,
                                              NULL) == ERR_OK;
        const struct str silence = STR("The owner of this record does not answer.");
        return fhir_reply_outcome(act, answer.status, told ? problem.title : silence);
    }
    if (json_decode_lenient(shape, answer.body, act->arena, ret, NULL) == ERR_OK) return ERR_OK;
    return err_raise(ERR_INTERNAL, "an owner's answer is no %s", shape->name);
}

/* clang-format off */
static const char statement[] =
    "{\"resourceType\":\"CapabilityStatement\",\"status\":\"active\",\"date\":\"2026-11-22\","
    "\"kind\":\"instance\",\"software\":{\"name\":\"Telecura\"},"
    "\"implementation\":{\"description\":\"Telecura's FHIR R4 face\",\"url\":%s},"
    "\"fhirVersion\":\"4.0.1\",\"format\":[\"" FHIR_JSON "\"],\"rest\":[{\"mode\":\"server\","
    "\"security\":{\"cors\":false,\"service\":[{\"coding\":[{\"code\":\"OAuth\",\"system\":"
    "\"http://terminology.hl7.org/CodeSystem/restful-security-service\"}]}]},\"resource\":["
    "{\"type\":\"Patient\",\"interaction\":[{\"code\":\"read\"}]},"
    "{\"type\":\"AuditEvent\",\"interaction\":[{\"code\":\"search-type\"}],"
    "\"searchParam\":[{\"name\":\"patient\",\"type\":\"reference\"},"
    "{\"name\":\"agent\",\"type\":\"reference\"}]},"
    "{\"type\":\"Appointment\",\"interaction\":[{\"code\":\"read\"},{\"code\":\"search-type\"}],"
    "\"searchParam\":[{\"name\":\"patient\",\"type\":\"reference\"}]}]}]}";
/* clang-format on */

/* GET /fhir/R4/metadata */
err_t metadata_read(struct act *act)
{
    const char *const url = arena_cstr(act->arena, json_quote(act->arena, str_of(base_of())));

    return act_reply_raw(act, 200, FHIR_JSON, str_bytes(arena_printf(act->arena, statement, url)),
                         NULL, 0);
}

/* GET /fhir/R4/Patient/{id} */
err_t patient_read(struct act *act)
{
    const struct str path = arena_printf(act->arena, "/v1/patients/%s", UUID_ARG(act->path_id));
    struct patient_in in = {0};
    bool done;

    TRY(owner_ask(act, OWNER_PATIENTS, path, &patient_in_shape, &in, &done));
    if (done) return ERR_OK;
    return reply_versioned(act, &patient_shape, patient_of(act->arena, &in), in.version);
}

/* GET /fhir/R4/Appointment/{id} */
err_t appointment_read(struct act *act)
{
    const struct str path = arena_printf(act->arena, "/v1/appointments/%s", UUID_ARG(act->path_id));
    struct visit_in in = {0};
    bool done;

    TRY(owner_ask(act, OWNER_APPOINTMENTS, path, &visit_in_shape, &in, &done));
    if (done) return ERR_OK;
    return reply_versioned(act, &appointment_shape, appointment_of(act->arena, &in), in.version);
}

/* ---- GET /fhir/R4/Appointment?patient= ---- */

bool is_cursor(struct str text)
{
    uint8_t raw[256];
    size_t n;

    return !text.p || base64url_decode(text, raw, &n);
}

static struct str link_url(struct arena *arena, struct uuid patient, int64_t count,
                           struct str cursor)
{
    const struct str start = arena_printf(arena, "%s/Appointment?patient=%s&_count=%lld", base_of(),
                                          UUID_ARG(patient), (long long)count);

    return cursor.p
               ? arena_printf(arena, STR_FMT "&_cursor=" STR_FMT, STR_ARG(start), STR_ARG(cursor))
               : start;
}

static struct list entries_of(struct arena *arena, const struct visits_in *visits)
{
    static const struct search match = {{"match", 5}};
    const struct visit_in *const in = visits->data.p;
    struct entry *const entries = ARENA_ARRAY(arena, struct entry, visits->data.n + 1);

    for (size_t i = 0; i < visits->data.n; i++) {
        entries[i] = (struct entry){
            arena_printf(arena, "%s/Appointment/%s", base_of(), UUID_ARG(in[i].id)),
            appointment_of(arena, &in[i]),
            &match,
        };
    }
    return (struct list){entries, visits->data.n};
}

err_t appointment_search(struct act *act)
{
    const struct appointment_query *in = act->in;
    const size_t skip = str_starts(in->patient, "Patient/") ? sizeof "Patient/" - 1 : 0;
    struct visits_in visits = {{NULL, 0}, STR_NONE};
    struct link links[2];
    struct uuid patient;
    bool done;

    if (!uuid_parse((struct str){in->patient.p + skip, in->patient.n - skip}, &patient) ||
        !is_cursor(in->cursor))
        return fhir_reply_outcome(act, 400, STR("A search parameter is malformed."));

    const struct str path = arena_printf(
        act->arena, "/v1/appointments?patient_id=%s&limit=%lld%s" STR_FMT, UUID_ARG(patient),
        (long long)in->count, in->cursor.p ? "&cursor=" : "", STR_ARG(in->cursor));
    TRY(owner_ask(act, OWNER_APPOINTMENTS, path, &visits_in_shape, &visits, &done));
    if (done) return ERR_OK;

    links[0] = (struct link){STR("self"), link_url(act->arena, patient, in->count, in->cursor)};
    links[1] = (struct link){STR("next"),
                             link_url(act->arena, patient, in->count, visits.next_cursor)};
    const struct bundle bundle = {
        .type = STR("Bundle"),
        .kind = STR("searchset"),
        .link = {links, visits.next_cursor.p ? 2 : 1},
        .entry = entries_of(act->arena, &visits),
    };
    return fhir_reply(act, 200, &bundle_shape, &bundle);
}
