/*
 * service - a service is its tables; this runs them.
 *
 * Threads of a process: one event loop (accepts, parses, WebSockets, timers, signals), N workers
 * (thread = PostgreSQL connection = arena) that run handlers, two consumers (Kafka in: effects, and
 * what is watched), one relay (Kafka out), one effects thread where a service works beside its
 * requests. They meet in bounded queues; a full queue answers 503 with Retry-After.
 *
 *   bin/<name> --config FILE          run until SIGTERM (drains) or death
 *   bin/<name> --config FILE --migrate   apply migrations as the owner role
 *   bin/<name> --config FILE --health    ask the running one; exit 0 when ready
 *   bin/<name> --config FILE --verify    PREPARE every statement, compare types
 *   bin/<name> --config FILE WORD ...    a command of the service's own (struct command)
 *   bin/<name> --describe             all tables as JSON: routes, shapes, topics, settings, states
 *
 * Exit codes: 0 stopped, 64 bad usage, 78 bad settings, 69 a part is missing at start, 70 our bug.
 * Errors   those of a start are told in a line that says what mends it, and in the exit code; a
 *          thread that cannot be made aborts.
 */
#pragma once

#include "common/app/act.h"
#include "common/base/config.h"
#include "common/io/db.h"
#include "common/io/h1.h"
#include "common/io/keys.h"

struct route {
    enum method method;          /* GET POST PUT PATCH DELETE; WS for a WebSocket endpoint */
    const char *path;            /* "/v1/appointments/{id}"; a last segment * takes the rest */
    enum permission may;
    enum audit_action audit;
    const struct shape *body;    /* of the body; for GET of the query; NULL: none is taken */
    unsigned ms;                 /* deadline */
    handler *run;
    /* the rest by name: */
    handler *again;              /* creating routes: the GET handler that renders a replay */
    handler *repeat;             /* steps of what is there: the same; their key may be left out */
    const struct shape *reply;   /* for OpenAPI and the contract tests */
    bool list;                   /* the reply is {data, next_cursor} of @reply */
    bool if_match;               /* 428 without If-Match */
    int status;                  /* of success; 0 is 200 (201 with @again) */
    const char *about;           /* one sentence for OpenAPI */
};

/* The kind of a <WHICH>Event: KIND_OF(VISIT, ENDED). */
#define KIND_OF(which, kind) TELECURA__V1__##which##_EVENT__KIND__##kind

struct hears {
    enum topic topic;
    enum hearing mode;
    int what;                    /* the event's kind; 0: every kind */
    handler *run;                /* EFFECT: an act of the service; in = the message */
    void (*watch)(const struct event *event); /* WATCH: consumer thread, memory only */
    enum audit_action audit;     /* left out for projections: AUDIT_NONE */
    bool many;                   /* EFFECT: act->event has event_count, heard before or not */
    /* EFFECT, or NULL: before the act and outside of its transaction, which may come again or not
     * at all; *ret becomes act->event->prepared. A fault: later again. */
    err_t (*prepare)(struct arena *arena, const struct event *event, const void **ret);
};

struct timer {
    const char *name;
    unsigned every_ms;
    const struct stmt *due;      /* :many over all orgs; its row begins with `org uuid, id uuid` */
    handler *run;                /* one act a row, under its org; in = the row; guards its state */
    enum audit_action audit;
};

/* WebSocket frames: {"id":n,"<type>":{...}} -> {"id":n,"<type>":{...}} or {"id":n,"error":{...}}.
 * The first is `connect`, within 5 s. run: an act on a worker, one in flight per connection.
 * now: on the loop, no act, for what is never stored (ping, typing, signals). */
struct frame {
    const char *type;
    enum permission may;
    enum audit_action audit;
    const struct shape *body, *reply;
    unsigned ms;
    handler *run;
    void (*now)(struct session *session, const void *body, struct arena *arena);
    bool unasked; /* clients say it by themselves: no sign of the person */
};

/* Rows that hold sealed blobs. When a patient's key is renewed, those under the former one are
 * sealed anew, an act a row, in place by @put or as @again has it: what others keep a copy of is
 * told once more. A projection has neither and waits for that. The former key goes when no table
 * of any service names it (reseal.h). */
struct sealed_table {
    const struct stmt *under; /* :many; sealed_row's members in order, by (patient, key) */
    const struct stmt *put;   /* :exec, by (sealed, id, sealed_version, patient) */
    handler *again;           /* in = struct sealed_row */
};

struct states { const char *machine; const struct fsm_row *rows; };

/* Something done by hand, without the running service: has settings, keys and service_act(). */
struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the name; returns the exit code */
};

struct service {
    const char *name;
    const struct setting *settings;   /* the service's own, beyond the common ones; or NULL */
    size_t settings_bytes;            /* of its struct, which begins with struct common_settings */
    const struct route *routes;
    const struct hears *hears;
    const struct timer *timers;
    const struct frame *frames;
    const struct states *states;
    const struct sealed_table *sealed;
    const struct migration *migrations; /* NULL: no database */
    const struct stmt *const *stmts;
    bool owns_projections;            /* access: member, relation, consent are its own truth */
    const struct command *commands;
    err_t (*start)(void);             /* after settings, before listening */
    void (*effects)(void);            /* the effects thread; returns when service_stopping() */
    void (*session_closed)(struct session *session); /* loop thread */
};

struct common_settings {
    const char *listen, *inner, *http_plain, *db, *db_owner, *kafka, *tls_ca, *tls_cert, *tls_key;
    const char *keyd, *idp_keys, *issuer, *audience, *profile, *run_dir;
    const char *access_public, *appointments_public; /* public keys of grants and passes */
    int64_t workers, audit_rows_max, audit_heartbeat_s, reseal_every_s;
    int64_t idle_minutes[ROLES]; /* session_settings.def; elsewhere 0 */
    bool http_plain_only; /* tests and benches: no TLS listener */
};

int service_run(const struct service *service, int argc, char **argv);

/* ---- what a running service offers its own code ---- */

const void *service_settings(void);   /* the service's settings struct */
struct keys *service_keys(void);
bool service_stopping(void);
/* The revocation feed was read to its end; true where no Kafka is configured. */
bool service_caught_up(void);
/* Sleeps until @ms passed, service_poke_effects() or stopping. */
void service_wait(unsigned ms);
void service_poke_effects(void);
/* A transaction of the service itself outside any act, on a thread of its own (effects): the
 * caller gives its db. Runs @run as an act under @org with audit @audit. */
err_t service_act(struct db *db, struct uuid org, enum audit_action audit, handler *run,
                  const void *in);
