/*
 * run - the inside of an act: what act*.c shares with those who run acts (request, timer, hears,
 * session, service). Not for handlers.
 *
 * Life of an act: run_act() fills it, asks auth_may(), runs the handler, then commits audit rows,
 * idempotency and COMMIT in one flush; a refusal rolls back and leaves its audit row in another
 * transaction, which may have looked for the key before. What the act is to answer stands in its
 * act_own and leaves through the caller after run_act() has returned.
 *
 * Threads  a worker (or the consumer, the effects thread) runs one act at a time.
 * Errors   what the act came to, once that is on record; else why it cannot be (UNAVAILABLE).
 */
#pragma once

#include "common/app/act.h"
#include "common/app/service.h"
#include "common/crypto/hash.h"
#include "common/io/http.h"

#define ACT_ARENA_BYTES_MAX (8u * 1024 * 1024)
#define ACT_TRIES_MAX 3

struct outbox_insert;

struct patient_node { /* whom the audit row is about */
    struct uuid patient;
    bool shown; /* by a list, which no guard has asked about yet */
    struct patient_node *next;
};

struct act_own {
    const struct run *run;
    struct db *db;
    struct tx *tx;              /* NULL until the first statement */
    bool tx_borrowed;           /* events: the consumer commits */
    struct tx_frame frame;
    bool raced;                 /* the COMMIT's flush ended in a deadlock */
    bool decided;               /* act_allow*() was called */
    bool listed;                /* act_allow_list(): the statement shows only whom one may see */
    bool leaked;                /* it has shown somebody else */
    bool page_lost;             /* there is a next page, and its cursor could not be made */
    struct patient_node *patients;
    size_t patient_count;
    int64_t labels;             /* of the rows that were asked about */
    unsigned consents;          /* that were asked for */
    struct uuid resource;
    int64_t resource_version;
    const struct outbox_insert *event; /* the last that was told: it goes with the audit row */
    bool forgets;               /* act_forget_actors() */
    err_t refusal;              /* act_refuse() */
    const char *at;             /* act_at(); NULL: of nothing in particular */
    void (*after)(struct session *, const void *); /* frames: on the loop, after COMMIT */
    struct bytes after_user;
    /* the reply */
    int status;
    const char *content_type;
    struct bytes body;
    struct http_header headers[8];
    size_t header_count;
};

struct run { /* which row of which table this act comes from */
    enum permission may;
    enum audit_action audit;
    const char *resource;       /* route template, topic, timer: never an id */
    unsigned ms;
    handler *handler;
    const struct shape *filters; /* what a list is asked by: its cursors are bound to it */
    const struct run *again;    /* idempotent by key: what renders a replay */
    int again_status;           /* of a replay */
};

struct run_input {
    struct uuid org;            /* of events and timers; requests take the actor's */
    const struct actor *actor;  /* NULL: the service itself */
    const void *in;
    struct uuid path_id;
    struct str path_rest, remote;
    struct uuid request;        /* the gateway's id of it */
    struct sign_in sign_in;
    int64_t if_match;
    struct str idempotency_key; /* p NULL: none */
    struct bytes body;          /* for its hash */
    const struct event *event;
    size_t event_count;
    session_id session;
    const struct grant *grant;
    struct tx *tx;              /* events: the transaction to act in */
    int64_t deadline_us;        /* monotonic, over all tries; 0: the run's time from now */
    bool may_wait;              /* a consent's no is asked again: leave it off the record */
    err_t refused;              /* before the act began: it is recorded and nothing is run */
};

/* Runs to the end, with retries, replay and the refusal's audit row. ERR_BUSY when its deadline has
 * passed before it began, ERR_AUDIT_FULL when it must wait for room: nothing was done. @act is
 * filled in for its reply; what it points to lives in @arena. Its id: a new one; of what is heard
 * the event's id if it goes on record, else that of the act that the event tells of. */
err_t run_act(const struct run *run, const struct run_input *input, struct db *db,
              struct arena *arena, struct act *act);

/* What was refused before the act began (run_input.refused) is for run_act() all the same when it
 * was a member's: it goes on record. Strangers are only counted. */
bool run_takes(const struct actor *actor, err_t refused);

/* A patient whom a list shows; ERR_NOT_VISIBLE if this act is about others. */
err_t run_shown(struct act *act, struct uuid patient);
/* Asks of a patient whom a list has shown what act_allow() would have asked before. */
void run_guard_shown(struct act *act, struct uuid patient);
/* Has the act asked for this patient? */
bool run_asked(const struct act *act, struct uuid patient);

/* HMAC key of this service, from keyd, fetched once: body hashes and cursors. */
err_t run_mac_key(struct bytes *ret_key);
void run_set_service(const char *name, struct keys *keys);
struct keys *run_keys(void);
/* A committed act left something to relay. */
void run_poke_relay(void);
