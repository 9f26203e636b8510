/*
 * http - HTTP/1.1 server on the loop (TLS with client certificates, plain on loopback, or a Unix
 * socket) and the upgrade to WebSocket.
 *
 * A whole request (head and body within limits) becomes one http_call, given to the handler on the
 * loop thread; the handler passes it to a worker, who answers with http_reply() from any thread.
 * One request in flight per connection, reading off meanwhile. The connection may die while its
 * call runs; the reply is then dropped. What the parser refuses is answered here with a problem
 * document (RFC 9457) and closed.
 *
 * Deadlines: the head and the body have one absolute timer each (10 s), idle keep-alive 60 s,
 * a write without progress 10 s. TCP_NODELAY on every socket; kernel buffers 64 KiB.
 *
 * Ownership  a call belongs to whoever was given it until http_reply() or http_upgrade().
 * Threads    listen, stop, upgrade: loop. reply: any.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/io/h1.h"
#include "common/io/loop.h"

#include <openssl/ssl.h>

struct http;
struct http_call;

struct http_limits {
    size_t body_bytes_max;   /* 413 beyond */
    unsigned connections_max;
    unsigned head_ms, body_ms, idle_ms, stall_ms;
};

#define HTTP_LIMITS ((struct http_limits){256 * 1024, 10000, 10000, 10000, 60000, 10000})

typedef void http_handler(struct http_call *call, void *user); /* loop thread */

struct http *http_new(struct loop *loop, const struct http_limits *limits, http_handler *handler,
                      void *user);
/* Calls that are still out may be answered until loop_free(). */
struct http *http_free(struct http *http);

struct http_tls { const char *ca, *cert, *key; }; /* paths; peers must show a certificate of @ca */

/* "127.0.0.1:18103" or an absolute path (Unix socket, mode 0666: the certificate decides).
 * @tls NULL: plain, refused unless the address is loopback. Port 0 picks one.
 * Raises ERR_UNAVAILABLE naming the address and, for a busy port, what to do. */
err_t http_listen(struct http *http, const char *address, const struct http_tls *tls, bool inner,
                  int *ret_port);
/* Stops accepting; answers what runs; @done on the loop when all is answered or after @drain_ms. */
void http_stop(struct http *http, unsigned drain_ms, void (*done)(void *), void *user);

/* What was asked; valid until the reply. */
const struct h1_head *http_head(const struct http_call *call);
struct bytes http_body(const struct http_call *call);
/* CN of the client's certificate; p NULL: plain. */
struct str http_peer(const struct http_call *call);
/* The peer hands on what others ask: "gateway", or "fhir" behind it. It is believed about them:
 * their token, their address, the id of their request. */
bool http_is_handed_on(const struct http_call *call);
/* IP, or "unix"; from x-forwarded-for if it is handed on. */
struct str http_remote(const struct http_call *call);
bool http_inner(const struct http_call *call);        /* came by an inner listener */

struct http_header { const char *name; struct str value; };

/* Once, from any thread; consumes the call. Everything is copied, and wiped after it was
 * sent. Date and, unless @headers has a Cache-Control, no-store are added. A header whose value
 * holds a control byte is left out. */
void http_reply(struct http_call *call, int status, const char *content_type, struct bytes body,
                const struct http_header *headers, size_t header_count);
/* application/problem+json from errors.def; a nil @request_id is left out; @errors_json is the
 * value of "errors" (a JSON array) or STR_NONE. 429 and 503 get Retry-After. */
void http_problem(struct http_call *call, err_t err, struct uuid request_id,
                  struct str errors_json);
/* ERR_BAD_METHOD, with the methods that its path takes: "GET, POST". */
void http_not_allowed(struct http_call *call, struct str allowed);

/* ---- WebSocket ---- */

struct ws; /* a connection; loop thread only */

struct ws_events {
    void (*message)(struct ws *ws, struct str text, void *user); /* text only; whole, UTF-8 */
    void (*drained)(struct ws *ws, void *user); /* queue fell under the soft limit */
    void (*closed)(struct ws *ws, void *user);  /* last call for this ws */
};

struct ws_limits {
    size_t message_bytes_max, queue_soft_bytes, queue_hard_bytes;
    unsigned ping_ms, pong_ms, stall_ms, messages_per_s;
};

#define WS_LIMITS ((struct ws_limits){64 * 1024, 256 * 1024, 1024 * 1024, 25000, 8000, 10000, 100})

/* Consumes @call, whose method must be WS. NULL when the client has gone, or when it did not offer
 * the subprotocol (it gets 400). No event comes before this returned. */
struct ws *http_upgrade(struct http_call *call, const char *subprotocol,
                        const struct ws_limits *limits, const struct ws_events *events, void *user);

enum ws_sent { WS_SENT, WS_SOFT, WS_FULL }; /* FULL: not queued */

enum ws_sent ws_send(struct ws *ws, struct str text);
size_t ws_queued_bytes(const struct ws *ws);
void ws_pause(struct ws *ws, bool paused); /* reading */
void ws_probe(struct ws *ws);              /* is the peer there? without a pong it ends */
/* Sends the close frame, flushes, closes. 1000-1015 as RFC 6455; 4000-4499 reconnect, 4500-4999
 * stay out. closed() follows. */
void ws_close(struct ws *ws, unsigned code, const char *why);
const char *ws_remote(const struct ws *ws);
