/*
 * http_parts - what the files of the HTTP server share. Nobody else includes it.
 *
 * http.c has listeners and life, http_conn.c one connection (requests in, answers out),
 * http_reply.c makes answers, http_tls.c contexts, ws.c WebSockets.
 *
 * A conn owns its socket from accept to close and passes through the phases below. It and its ws
 * are touched by the loop thread only. A call points to its conn until the client is gone.
 */
#pragma once

#include "common/io/http.h"

#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <sys/queue.h>

#define PEER_MAX 64 /* RFC 5280: ub-common-name */

struct ws;
LIST_HEAD(conns, conn);
LIST_HEAD(listeners, listener);

struct listener {
    LIST_ENTRY(listener) link;
    struct http *http;
    struct evconnlistener *accepting;
    SSL_CTX *tls;
    char *path; /* of a Unix socket, to be unlinked */
    bool inner;
};

struct http {
    struct loop *loop;
    struct http_limits limits;
    http_handler *handler;
    void *user;
    struct listeners listeners;
    struct conns conns;
    size_t conn_count, lingering_count;
    struct event resume; /* accepts again after running out of files */
    struct event drain_end;
    bool stopping;
    void (*done)(void *);
    void *done_user;
};

enum phase {
    PHASE_IDLE,   /* no byte of a request yet */
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_RUN,    /* a call is out; reading is off */
    PHASE_WRITE,
    PHASE_WS,
    PHASE_LINGER, /* our side is shut; what comes is thrown away: no reset eats the answer */
};

struct conn {
    LIST_ENTRY(conn) link;
    struct http *http;
    struct bufferevent *bev;
    struct event timer; /* what it means is the phase's */
    enum phase phase;
    bool inner, plain, closing;
    char peer[PEER_MAX + 1];
    char address[INET6_ADDRSTRLEN];
    struct http_call *call; /* being read or out */
    struct h1_chunked chunked;
    unsigned stall_ms; /* how long a write may stand still */
    size_t discarded_bytes;
    struct ws *ws;
};

struct http_call {
    struct loop *loop;
    struct conn *conn; /* loop thread; NULL: the client is gone */
    struct h1_head head;
    char *head_bytes;
    size_t head_size;
    char *body;
    size_t body_size, body_room;
    char peer[PEER_MAX + 1], remote[INET6_ADDRSTRLEN];
    bool inner, plain;
    char *reply_head, *reply_body; /* the head lacks its last empty line */
    size_t reply_head_size, reply_body_size;
};

/* http_tls.c: peers must show a certificate of @files->ca; TLS 1.3, http/1.1. */
err_t http_tls_new(const struct http_tls *files, SSL_CTX **ret);
void http_tls_peer(SSL *ssl, char peer[PEER_MAX + 1]);

/* http_conn.c */
void conn_accept(struct listener *listener, evutil_socket_t fd, const struct sockaddr *address);
void conn_phase(struct conn *conn, enum phase phase); /* starts the phase's timer */
void conn_drain(struct conn *conn);  /* ends it now if idle, else after its answer */
void conn_linger(struct conn *conn); /* when all is written */
void conn_free(struct conn *conn);
void call_free(struct http_call *call);
void conn_write_reply(struct conn *conn, struct http_call *call); /* takes the call */

/* http_reply.c: makes the answer; http_reply() posts it. @more may be NULL. */
void reply_problem(struct http_call *call, err_t err, struct uuid request_id,
                   struct str errors_json, const struct http_header *more);

/* http.c: a conn began to linger, or ended. */
void http_conn_left(struct http *http);

/* ws.c */
void ws_free(struct ws *ws); /* by conn_free() and conn_linger(): tells closed() */

/* One wiped buffer of @n bytes; aborts without memory. */
char *wiped_new(size_t n);
void wiped_free(char *p, size_t n);
