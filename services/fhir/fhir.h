/*
 * fhir - the suite as other systems want to read it: FHIR R4, as JSON.
 *
 * Owns nothing and decides nothing. Each read is asked of the owner of the facts over mutual TLS as
 * CN=fhir with the caller's own token, so the owner permits, refuses and audits; what it answers is
 * rendered anew. A refusal of the owner becomes an OperationOutcome with the same status.
 *
 *   owner.c     the question to an owner       resources.c  our JSON -> FHIR's structs
 *   shapes.c    both as tables                 read.c       handlers
 *   audit_event.c  the audit log as AuditEvents, in the profiles of IHE BALP
 *
 * Threads  handlers on any worker.
 */
#pragma once

#include "common/app/service.h"

struct fhir_settings {
    struct common_settings common;
    const char *patients, *appointments, *audit; /* host:port of the owners */
    const char *base;                    /* what the world calls us: https://.../fhir/R4 */
};

/* ---- what owners answer ---- */

struct patient_in {
    struct uuid id;
    int64_t version;
    struct str family_name, given_name, birth_date, gender, mrn, phone, email, address, language;
};

struct visit_in {
    struct uuid id, patient_id, provider_id;
    int64_t version, starts_at_us, ends_at_us;
    struct str state, visit_type, reason;
};

struct visits_in {
    struct list data;
    struct str next_cursor;
};

struct event_in {
    struct uuid id, act, actor, patient_id, resource_id, consent_id;
    struct str service, action, outcome, error, role, resource, relation, purpose, remote;
    int64_t at_us;
};

struct events_in {
    struct list data;
    struct str next_cursor;
};

struct problem_in {
    struct str code, title;
};

extern const struct shape patient_in_shape, visit_in_shape, visits_in_shape, events_in_shape,
    problem_in_shape;

/* ---- FHIR's data types and resources, as far as they are used ---- */

struct coding { struct str system, code; };
struct concept { struct list coding; struct str text; };
struct identifier { const struct concept *type; struct str system, value; };
struct meta { struct str version_id; };
struct human_name { struct str family; struct strs given; };
struct contact_point { struct str system, value; };
struct address { struct str text; };
struct communication { const struct concept *language; };
struct reference { struct str reference, type; const struct identifier *identifier; };
struct participant { const struct reference *actor; struct str status; };
struct link { struct str relation, url; };
struct search { struct str mode; };
struct issue { struct str severity, code, diagnostics; };

struct patient {
    struct str type, id, gender, birth_date;
    const struct meta *meta;
    struct list identifier, name, telecom, address, communication;
};

struct appointment {
    struct str type, id, status;
    const struct meta *meta;
    struct list service_type, reason, participant;
    int64_t start_us, end_us, minutes;
};

struct profiles { struct strs profile; };
struct network { struct str address, type; };
struct agent {
    const struct concept *type;
    const struct reference *who;
    bool requestor;
    struct list role;
    struct strs policy;
    const struct network *network;
};
struct source { const struct reference *observer; struct list type; };
struct object {
    const struct reference *what;
    const struct coding *type, *role;
};

struct audit_event {
    struct str type, id, action, outcome, outcome_desc;
    const struct profiles *meta;
    const struct coding *event;
    struct list subtype, purpose, agent, entity;
    int64_t recorded_us;
    const struct source *source;
};

struct entry {
    struct str full_url;
    const void *resource;
    const struct search *search;
};

struct bundle {
    struct str type, kind;
    struct list link, entry;
};

struct outcome {
    struct str type;
    struct list issue;
};

extern const struct shape patient_shape, appointment_shape, bundle_shape, audit_event_shape,
    audit_bundle_shape, outcome_shape;

struct patient *patient_of(struct arena *arena, const struct patient_in *in);
struct appointment *appointment_of(struct arena *arena, const struct visit_in *in);
struct outcome *outcome_of(struct arena *arena, int status, struct str diagnostics);

/* ---- the question to an owner ---- */

enum owner { OWNER_PATIENTS, OWNER_APPOINTMENTS, OWNER_AUDIT };

struct answer {
    int status; /* 503 when there was none */
    struct bytes body;
};

err_t owner_start(void);
/* GET @path with the caller's token, until the act's deadline. */
struct answer owner_get(struct act *act, enum owner owner, struct str path);

/* Asks; decodes a 200 into @ret. Otherwise the reply is made already and @ret_done is true. */
err_t owner_ask(struct act *act, enum owner owner, struct str path, const struct shape *shape,
                void *ret, bool *ret_done);

/* ---- answers ---- */

const char *base_of(void);
err_t fhir_reply(struct act *act, int status, const struct shape *shape, const void *resource);
err_t fhir_reply_outcome(struct act *act, int status, struct str diagnostics);
/* Only an owner's cursor can stand in a URL unescaped. */
bool is_cursor(struct str text);

/* ---- routes ---- */

struct appointment_query {
    struct str patient, cursor, format;
    int64_t count;
};

struct audit_event_query {
    struct str patient, agent, cursor, format;
    int64_t count, from_us, to_us;
};

extern const struct shape appointment_query_shape, audit_event_query_shape, format_query_shape;
extern const struct route fhir_routes[];

handler metadata_read, patient_read, appointment_read, appointment_search, audit_event_search;
