/*
 * act - one thing somebody does (request, frame, event, timer): one transaction, one arena.
 *
 * The reply leaves after COMMIT. A refusal rolls back and is audited. A PHI act without
 * act_allow() cannot commit. What must not be forgotten (audit, tenant, clock, rollback,
 * idempotency, replay, wiping) is done here; a handler says what must be decided, a line each.
 *
 * A handler touches only the transaction and the arena: an act that ends in a deadlock or a
 * serialization failure runs again from its first line, at most three times, with the same id.
 *
 * Round trips  guards, emits and statements without a result are queued; they travel with the next
 *              statement that has one, or with outbox, audit, idempotency and COMMIT.
 * Threads      an act belongs to one worker.
 * Ownership    everything reachable from an act lives in its arena and is wiped after the reply.
 * Errors       what a handler returns ends its act: a refusal rolls back and goes on record before
 *              it is answered, a fault rolls back and is logged. A broken transaction is sticky:
 *              calls after it return the same.
 */
#pragma once

#include "common/app/audit.h"
#include "common/app/auth.h"
#include "common/base/arena.h"
#include "common/base/fsm.h"
#include "common/codec/json.h"
#include "common/codec/pb.h"
#include "common/io/consumer.h"
#include "common/io/topics.h"

#include "telecura/v1/events.pb-c.h"
#include "telecura/v1/sealed.pb-c.h"

struct act_own;
struct grant;
struct session;

typedef uint64_t session_id; /* slot and generation: safe to keep, never dangling */

struct act {
    struct uuid id, org;           /* id: also the audit id; of what is heard, see run_act() */
    struct actor who;              /* from the token, or the service itself */
    int64_t now_us, deadline_us;   /* wall time (:now); monotonic */
    const void *in;                /* body or query by its shape, frame body, message, due row */
    struct uuid path_id;           /* {id} of the path; nil when there is none */
    struct str path_rest;          /* what a trailing * matched; or from another {word} on */
    int64_t if_match;              /* version of If-Match; -1 when absent */
    struct sign_in sign_in;        /* as it came, for PASS_ON */
    struct str remote;             /* an address, or "unix"; p NULL: nobody asked */
    struct uuid request;           /* the gateway's id of it; nil: it came another way */
    const struct event *event;     /* events; several where the row hears many */
    size_t event_count;
    session_id session;            /* frames */
    const struct grant *grant;     /* frames: what the connection was opened with */
    struct arena *arena;
    struct act_own *own;
};

typedef err_t handler(struct act *act);

/* Gives back @err; ERR_UNPROCESSABLE is then answered with what of the body, query or frame it is
 * about: @pointer (RFC 6901), a literal. */
err_t act_at(struct act *act, const char *pointer, err_t err);

/* ---- decide ---- */

/* Permission x relation of the actor to @patient, for the permission of the route; also the audit's
 * subject. Queued: a no surfaces with the next result as ERR_NOT_FOUND and rolls back. */
err_t act_allow(struct act *act, struct uuid patient);
/* The same for another permission than the route's. */
err_t act_allow_for(struct act *act, enum permission permission, struct uuid patient);
/* The same for a row that may be more sensitive than others: whom its labels are not for gets the
 * ERR_NOT_FOUND that they would get without it. The audit names the labels. */
struct row_marks {
    int64_t labels;     /* labels.def, a bit each */
    struct uuid author; /* whose row it is, for labels that ask; else nil */
};
err_t act_allow_row(struct act *act, struct uuid patient, struct row_marks marks);
err_t act_allow_row_for(struct act *act, enum permission permission, struct uuid patient,
                        struct row_marks marks);
/* Lists: the statement joins the view `visible` (org, patient_id, hidden) and leaves out what has a
 * label that is in `hidden`. Of every PATIENT-marked id of the
 * reply it is asked once more, in the flush that commits, by which relation it is visible: that one
 * is audited, and a page with somebody who is not visible is a fault that shows nothing. */
err_t act_allow_list(struct act *act);
/* For acts about no patient (slots, own profile): says so; the audit row names none. */
err_t act_allow_none(struct act *act);

/* Queued as act_allow(): ERR_CONSENT_REQUIRED. A no is asked again when the consent feed moves, for
 * at most 1 s, without a thread asleep. An act that has not asked for the consent which
 * permissions.def names for it cannot commit. */
err_t consent_require(struct act *act, struct uuid patient, enum consent consent);
/* A statement of the handler's own asks, and holds the row until COMMIT. */
void consent_held(struct act *act, enum consent consent);

/* ---- sealed ---- */

enum kind {
    KIND_NONE,
#define KIND(name, number, domain, message) KIND_##name = number,
#include "common/app/kinds.def"
#undef KIND
};

/* Seals @message as the PHI of @row at @version (1 at insert, read version + 1 at update).
 * The result is a packed Sealed in the arena. ERR_KEY_UNAVAILABLE. */
err_t act_seal(struct act *act, struct uuid patient, enum kind kind, struct uuid row,
               int64_t version, const ProtobufCMessage *message, struct bytes *ret_sealed);

struct unseal { /* what the row says it must be; the blob must agree */
    struct uuid patient, row;
    enum kind kind;
    struct bytes sealed;
    ProtobufCMessage *message; /* out; in the arena */
    int64_t version;           /* the row's sealed_version: an older blob is not this row's */
};
/* ERR_CORRUPT when a blob does not open or belongs elsewhere; ERR_NOT_FOUND when its key was
 * destroyed. Settles the guards first: nothing is opened for somebody who may not see it, and
 * nothing of a patient about whom no guard was asked. */
err_t act_unseal(struct act *act, struct unseal *items, size_t count);

/* A sealed row whose key has been renewed: in the list of a sealed_table (service.h). */
struct sealed_row {
    struct uuid id, patient;
    int32_t kind;
    int64_t sealed_version, version;
    struct bytes sealed;
};
/* The same message under the current key, for @version. */
err_t act_reseal(struct act *act, const struct sealed_row *row, int64_t version,
                 struct bytes *ret_sealed);

/* ---- tell ---- */

/* Queues @message (kind in its field 1) for @topic under @key; the last one of an act goes with its
 * audit row. Call after the row's version was bumped, with that version. */
err_t act_emit(struct act *act, enum topic topic, struct uuid key, int64_t version,
               const ProtobufCMessage *message);
/* For the audit row: which thing, at which version. act_reply() sets it from the reply's `id`. */
void act_resource(struct act *act, struct uuid id, int64_t version);

/* Encodes now, leaves after COMMIT. Of a PATIENT-marked id act_allow() must have been asked, or
 * nothing is shown: ERR_NOT_VISIBLE. A member `version` of the shape becomes the ETag, a member
 * `id` with status 201 the idempotency row. */
err_t act_reply(struct act *act, int status, const struct shape *shape, const void *row);
/* {"data": [...], "next_cursor": ...}; next may be STR_NONE. Every PATIENT-marked id is audited; it
 * must be one that act_allow() has passed or, after act_allow_list(), one that is visible. */
err_t act_reply_list(struct act *act, const struct shape *shape, const void *rows, size_t count,
                     struct str next_cursor);
/* The answer is @refusal, and on record as refused, but what was done stays done: a wrong guess
 * must count though it opens nothing. */
err_t act_refuse(struct act *act, err_t refusal);
/* Bytes of another type (FHIR, tiles, portal files). Headers may be NULL. */
struct http_header;
err_t act_reply_raw(struct act *act, int status, const char *content_type, struct bytes body,
                    const struct http_header *headers, size_t header_count);

/* Keyset cursors: opaque, authenticated, bound to actor, route and filters. */
struct cursor {
    int64_t at_us;
    struct uuid id;
};
struct str act_cursor(struct act *act, struct cursor after);
/* Absent: zero. */
err_t act_cursor_open(struct act *act, struct str text, struct cursor *ret_after);

/* A membership changes here: what is cached of its actors is forgotten when it has committed. */
void act_forget_actors(struct act *act);

/* ---- states ---- */

/* Fills @ret for `state = ANY(:from)`; ERR_FORBIDDEN when the role may never, ERR_BAD_STATE when
 * there is no such event. */
err_t act_step(struct act *act, const struct fsm_row *rows, const char *event,
               struct fsm_step *ret);

/* ---- for sqlgen and the framework ---- */

struct tx *act_tx(struct act *act);
/* From here on the act happens in @org: for callers whose certificate or sign-in names none (keyd;
 * who binds a first sign-in). Its audit row stands there too. */
void act_enter(struct act *act, struct uuid org);
/* Who asks has no sign-in and has shown by something else (a one-time link) who they are: from
 * here on it is their act. Until then a refusal is nobody's, and only counted. */
void act_become(struct act *act, enum role role, struct uuid person);
/* Sends what is queued and settles the guards; for handlers that must know before they go on. */
err_t act_settle(struct act *act);
