/*
 * session_own - what session.c (connections, their table and end), session_open.c (whom they are
 * opened to), session_frame.c (frames: from the socket to an act and back) and session_records.c
 * (what ended) share. For nobody else.
 *
 * Threads  the loop; but opening_check() a worker, session_drained() the effects thread, and what
 *          _init() is called by the main one before all others.
 * Errors   as session.h says; opening_check() returns refusals and the database's faults.
 */
#pragma once

#include "common/app/run.h"
#include "common/app/session.h"

#include "common/io/http.h"

#define SESSION_REMOTE_BYTES 46
#define SESSION_SUBPROTOCOL "telecura.v1.json"

struct pending { /* a frame that waits for its turn */
    struct pending *next;
    size_t frame;
    int64_t id, came_us;
    size_t n;
    char text[];
};

enum session_state { CONNECTING, OPEN, CLOSING };

struct session {
    session_id id;
    struct ws *ws;
    enum session_state state;
    bool busy; /* a frame of this connection is with a worker */
    struct pending *first, **last;
    size_t pending_count;
    struct uuid path_id;
    struct actor actor;
    struct grant grant; /* its texts are words of our own */
    char remote[SESSION_REMOTE_BYTES];
    int64_t opened_us; /* monotonic */
    int64_t active_us; /* the person's last sign; the act's clock */
    int64_t told_us[CONSENTS]; /* of which taking back of a consent the clinician knows */
    void *user;
};

/* ---- session.c ---- */

/* Ends what has lost its ground. */
void session_check(struct session *session);
/* Of more connections of one person than there may be, to the visit or here, the oldest ends. */
void session_crowd(const struct session *newest);
/* The service stops, and no session is left or one has taken too long; for the effects thread. */
bool session_drained(void);

/* ---- session_open.c ---- */

struct holder {
    struct actor actor;
    struct grant grant;
    bool open; /* else nobody holds the connection yet */
};

struct worker;
struct opening { /* a connect or refresh */
    const struct shape *shape;
    const void *body;
    struct uuid path_id; /* nil: any visit's */
    const struct holder *was;
};

void opening_init(struct auth *auth);
/* @ret_holder's actor is set as far as it is known, also when the answer is no. */
err_t opening_check(struct worker *worker, const struct opening *opening,
                    struct holder *ret_holder);

/* ---- session_frame.c ---- */

void frames_init(const struct service *service);
void frame_take(struct ws *ws, struct str text, void *user); /* ws_events.message */
void frames_drop(struct session *session);                   /* what still waits */
