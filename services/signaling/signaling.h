/*
 * signaling - who sits in a visit's call, and what they say to each other to connect their media.
 *
 * A call lives on one replica: the last that claimed its row holds it, the former lets its sessions
 * go with 4001 and they come back to the holder. Signals (SDP, ICE) go to the addressed person
 * only, on the loop; they are never stored and never logged. Somebody who is about to come finds
 * what was said to them in the last minute. Media flows between the clients or through TURN and
 * outlives us.
 *
 * Threads  handlers: any worker. room_*: loop. room_run, coturn_*, allocations_check: the effects
 *          thread.
 */
#pragma once

#include "common/app/grant.h"
#include "common/app/service.h"
#include "common/app/session.h"
#include "services/signaling/sql.h"

struct signaling_settings {
    struct common_settings common;
    const char *turn_uri, *turn_secret, *turn_control, *turn_control_password;
    bool relay_only;
};

/* ---- what is asked and answered ---- */

struct ice_server {
    struct strs urls;
    struct str username, credential;
};

struct peer {
    struct uuid person;
    struct str role, state; /* state: joined, left; absent in an answer */
    bool polite;            /* the reader towards this peer: who yields when both offer at once */
};

struct answer {
    struct uuid session, call; /* session: the act that took the seat */
    int64_t epoch, ends_at_us;
    struct list ice_servers, peers;
    struct str ice_transport_policy;
    bool polite; /* of two: the patient yields */
};

struct signal {
    struct uuid to, from; /* to: asked; from: told */
    struct str type, data;
    int64_t gen, seq; /* gen grows with each ICE restart, seq with each signal of a gen */
};

extern const struct setting signaling_setting_rows[];
extern const struct shape answer_shape, refreshed_shape, signal_shape, signal_push_shape,
    peer_push_shape;

/* ---- tables and handlers ---- */

extern const struct route signaling_routes[];
extern const struct frame signaling_frames[];
extern const struct hears signaling_hears[];

handler call_connect, call_refresh, call_end;
void call_signal(struct session *session, const void *body, struct arena *arena);
void call_leave(struct session *session, const void *body, struct arena *arena);

/* ---- turn: credentials as coturn's REST API wants them (use-auth-secret) ---- */

/* One server with all URIs of the setting, for @name, good until @ends_us, ten minutes at most. */
struct list turn_servers(struct arena *arena, struct uuid name, int64_t now_us, int64_t ends_us);
/* Who a name in coturn's form is; nil: nobody of ours. */
struct uuid turn_name_of(struct str username);

/* ---- coturn: its command line (`cli-port`), one command at a time ---- */

#define COTURN_ID_MAX 24
#define COTURN_LINE_MAX 1024
#define ALLOCATIONS_MAX 16384 /* ports of a relay address by default (RFC 8656 section 7.2) */

struct coturn {
    struct str address;
    const char *password;
    int fd;
    int64_t until_us; /* of the monotonic clock: the whole talk */
    size_t n, taken;  /* bytes of text; of these the former line */
    char text[COTURN_LINE_MAX];
};

struct allocation {
    char id[COTURN_ID_MAX];
    struct uuid name;
};

struct allocations {
    struct allocation *p; /* room for ALLOCATIONS_MAX */
    size_t n;
    bool whole; /* false: there are more, to be seen once the last of these is cancelled */
};

/* @address: host:port of loopback, as there is no TLS. ERR_UNAVAILABLE, not raised: nobody there,
 * or another password. Closed by coturn_close() in either case. */
err_t coturn_open(struct coturn *coturn, struct str address, const char *password);
err_t coturn_list(struct coturn *coturn, struct allocations *ret);
err_t coturn_cancel(struct coturn *coturn, const struct allocation *allocation);
void coturn_close(struct coturn *coturn);

/* ---- allocations: what coturn still relays for somebody who may not be there ends ---- */

err_t allocations_start(void); /* the settings make sense together */
void allocations_check(struct db *db, struct arena *arena);

/* ---- sdp: what of a description or candidate leaves when media must be relayed ---- */

/* A candidate, bare or in JSON, that is none or of type relay. */
bool candidate_is_relay(struct str text);
/* @text without its a=candidate lines of other types. */
struct str description_relayed(struct arena *arena, struct str text);

/* ---- flow: signals of one person to another pass once and in order ---- */

struct flow {
    struct uuid to;
    int64_t gen, seq;
};

/* False for a former generation, and for what has passed already. */
bool flow_pass(struct flow *flow, int64_t gen, int64_t seq);

/* ---- mailbox: what is said to somebody who is not there yet ---- */

#define MAILBOX_LETTERS 256
#define MAILBOX_BYTES (1024 * 1024)
#define MAILBOX_US (60 * 1000000LL)

struct letter;
struct mailbox {
    struct letter *first, *last;
    size_t count, bytes;
};

bool mailbox_put(struct mailbox *box, struct str text, int64_t now_us); /* false: full */
void mailbox_expire(struct mailbox *box, int64_t now_us);
/* The oldest into @arena; absent when there is none. */
struct str mailbox_take(struct mailbox *box, struct arena *arena);

/* ---- room: who sits here ---- */

#define ROOM_PERSONS 8 /* seats, mailboxes and addressees of one call */

struct seating { /* a session in its call */
    struct seating *next;
    struct room *room; /* NULL: not seated any more */
    session_id session;
    struct actor actor;
    struct uuid org, call, visit, patient, taken; /* taken: the act that took the seat */
    struct str role;                              /* a literal */
    int64_t labels;  /* of the visit, as its grant named them */
    int64_t version; /* of the call when it was taken: the greater came later */
    struct flow flows[ROOM_PERSONS];
    size_t flow_count;
};

bool room_polite(struct uuid self, struct str role, struct uuid peer, struct str peer_role);
void room_join(struct session *session, const struct seating *seating);
void room_forget(const struct seating *seating); /* it ended before it sat down */
void room_leave(struct session *session);
void room_send(struct seating *from, struct uuid to, struct str frame);
/* Any thread: is who sits here still there? */
void room_probe(struct uuid call, struct uuid person);
struct uuid room_replica(void); /* this process */
void room_run(void);
