/*
 * session - a WebSocket connection from its first frame to its close (telecura.v1.json).
 *
 * The first frame is connect {token, grant}: both are checked, they must name the same person (a
 * guest who came by a one-time link has a grant that stands alone, and no token), and the
 * service's `connect` handler runs as the audited act that opens the channel or the call.
 * Frames of one connection run in order, one in flight. A session ends when its grant ends, when
 * the person is disabled or their role another, the grant or the consent revoked, the visit closed
 * (revocation feed, close 4503, within 2 s), and can be refreshed in band before that with
 * refresh {token?, grant}.
 *
 * What the patient takes back meanwhile is told to the clinician: {"consent": {scope, state:
 * "revoked", left: [...]}}, where `left` says what of the visit goes on (consents.def); so is
 * a consent that has come to its end ("expired"). Without telehealth nothing does here, and this
 * is the last frame.
 *
 * A connection is of the gateway's own pages or of no page: an Origin that is not the Host asked
 * for is refused before the upgrade.
 *
 * Who gives no sign for as long as the settings idle_minutes_<role> say is logged off. A sign is
 * any frame but those that clients send by themselves (frame.unasked); pages whose person is there,
 * or in a call, say so each minute: active {}. What sessions.def says of a person's further
 * connections is held here, and for seats by signaling.
 *
 * Close codes  reconnect: 4001 call moved to another replica, 4008 slow reader, 4010 draining, 4011
 *              unavailable, 4012 another page of theirs has the seat and keeps it. Stay out: 4500
 *              protocol, or connect refused (the error frame before it says why), 4502 not
 *              connected in time, 4503 revoked, consent or visit over, 4504 grant ended: come back
 *              with a new one, 4505 another device took the seat or a further window the place of
 *              the oldest, 4506 logged off: sign in again. In answer to connect, 4503 and 4504 say
 *              so of its grant. 1000: the client left.
 *
 * Threads  loop only, except where it is said.
 * Errors   those of frames are answered in frames; the rest are close codes.
 */
#pragma once

#include "common/app/act.h"
#include "common/app/grant.h"

struct session *session_find(session_id id);       /* NULL: gone */
void *session_user(const struct session *session); /* the service's own state */
void session_set_user(struct session *session, void *user);

/* Queues a frame {"<type>": {...}}; a stored message that finds the queue full ends the session
 * with 4008 (it resumes by offset), an ephemeral one is dropped. */
enum delivery { STORED, EPHEMERAL };
void session_send(struct session *session, enum delivery delivery, struct str frame);
void session_close(struct session *session, unsigned code, const char *why);

/* From any thread. */
bool session_grant_revoked(const struct grant *grant); /* it, its visit, person or consent */
void session_end(session_id id, unsigned code, const char *why);
void session_probe(session_id id); /* a peer that is not there any more ends within 8 s */
/* Runs fn on the loop. */
void session_loop(void (*fn)(void *), void *user);
/* From a frame's handler: runs fn(session, user) on the loop after COMMIT, behind the reply. What
 * was committed must be told even if the asker has gone meanwhile: then session is NULL. The @n
 * bytes at @user are copied, and wiped afterwards. */
typedef void after_commit(struct session *session, const void *user);
void act_after(struct act *act, after_commit *fn, const void *user, size_t n);
/* For the first frame: what the grant says of the clinician's relation holds here at once (access
 * tells it later by event), then permission x relation, and consent to telehealth. @right: "chat",
 * "call". */
err_t session_allow(struct act *act, const char *right);
/* The frame `refresh`: its body has the members grant and (optional) token. The framework checks
 * both before its handler, this one or the service's own, and takes the new grant over after
 * COMMIT. */
err_t session_refresh(struct act *act);
/* The frame `active`: somebody is there. */
void session_active(struct session *session, const void *body, struct arena *arena);
extern const struct shape session_connect_shape; /* token, grant; for services that need no more */
extern const struct shape session_refresh_shape;
extern const struct shape session_opened_shape; /* session, ends_at: the reply of both */
struct session_opened {
    struct uuid session;
    int64_t ends_at_us;
};

/* ---- the framework's ---- */
struct http_call;
struct auth;
struct service;
void session_init(const struct service *service, struct auth *auth);
void session_accept(struct http_call *call, struct uuid path_id); /* loop */
void session_revoke(void); /* any thread: the revocation feed moved, look at all */
void session_drain(void);  /* loop: closes all with 4010 */
size_t session_count(void);
void session_tick(void *unused); /* loop, each second */
