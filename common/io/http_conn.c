#include "common/base/secret.h"
#include "common/io/http_parts.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_BYTES_MAX (2 * H1_HEAD_BYTES_MAX) /* read ahead at most */
#define LINGER_MS 2000
#define LINGER_BYTES_MAX (1024 * 1024)
#define BODY_ROOM_LEAST 1024

char *wiped_new(size_t n)
{
    char *p = malloc(n ? n : 1);

    if (!p) abort();
    return p;
}

void wiped_free(char *p, size_t n)
{
    if (p) secret_wipe(p, n);
    free(p);
}

void call_free(struct http_call *call)
{
    if (!call) return;
    wiped_free(call->head_bytes, call->head_size);
    wiped_free(call->body, call->body_size);
    wiped_free(call->reply_head, call->reply_head_size);
    wiped_free(call->reply_body, call->reply_body_size);
    secret_wipe(call, sizeof *call);
    free(call);
}

static void conn_readable(struct bufferevent *bev, void *user);
static void conn_event(struct bufferevent *bev, short what, void *user);

/* ---- phases ---- */

static struct evbuffer *input(struct conn *conn)
{
    return bufferevent_get_input(conn->bev);
}

static struct evbuffer *output(struct conn *conn)
{
    return bufferevent_get_output(conn->bev);
}

static void timer_start(struct conn *conn, unsigned ms)
{
    const struct timeval after = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

    evtimer_add(&conn->timer, &after);
}

/* While a request runs and is answered, what comes next waits in the input, up to its bound, and so
 * does the end of a client that sends no more but reads on. */
static bool conn_reads(const struct conn *conn)
{
    return conn->phase != PHASE_RUN && conn->phase != PHASE_WRITE;
}

void conn_phase(struct conn *conn, enum phase phase)
{
    const struct http_limits *limits = &conn->http->limits;
    const unsigned timer_ms[] = {
        [PHASE_IDLE] = limits->idle_ms,   [PHASE_HEAD] = limits->head_ms,
        [PHASE_BODY] = limits->body_ms,   [PHASE_RUN] = 0,
        [PHASE_WRITE] = conn->stall_ms, [PHASE_WS] = 0,
        [PHASE_LINGER] = LINGER_MS,
    };

    conn->phase = phase;
    if (timer_ms[phase]) timer_start(conn, timer_ms[phase]);
    else evtimer_del(&conn->timer);
    if (conn_reads(conn) && !(bufferevent_get_enabled(conn->bev) & EV_READ))
        bufferevent_enable(conn->bev, EV_READ);
}

/* Whatever is written must move within stall_ms: the timer follows the bytes, not the request. */
static void output_moved(struct evbuffer *buffer, const struct evbuffer_cb_info *moved, void *user)
{
    struct conn *conn = user;
    const bool began = conn->phase == PHASE_WS && moved->orig_size == 0 && moved->n_added > 0;

    if (conn->phase != PHASE_WRITE && conn->phase != PHASE_WS) return;
    if (evbuffer_get_length(buffer) == 0) evtimer_del(&conn->timer);
    else if (began || moved->n_deleted > 0) timer_start(conn, conn->stall_ms);
}

void conn_free(struct conn *conn)
{
    struct http *http = conn->http;

    if (conn->ws) ws_free(conn->ws);
    if (conn->phase == PHASE_RUN) conn->call->conn = NULL; /* it belongs to its handler */
    else call_free(conn->call);
    if (conn->phase == PHASE_LINGER) http->lingering_count--;
    evtimer_del(&conn->timer);
    /* A TLS write under way still drains it. */
    evbuffer_remove_cb(output(conn), output_moved, conn);
    bufferevent_free(conn->bev);
    LIST_REMOVE(conn, link);
    free(conn);
    http->conn_count--;
    http_conn_left(http);
}

void conn_linger(struct conn *conn)
{
    SSL *ssl = bufferevent_openssl_get_ssl(conn->bev);

    if (conn->ws) ws_free(conn->ws);
    conn->ws = NULL;
    bufferevent_setcb(conn->bev, conn_readable, NULL, conn_event, conn);
    if (ssl) SSL_shutdown(ssl);
    ERR_clear_error();
    shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
    evbuffer_drain(input(conn), evbuffer_get_length(input(conn)));
    conn->http->lingering_count++;
    conn_phase(conn, PHASE_LINGER);
    http_conn_left(conn->http);
}

static void conn_discard(struct conn *conn)
{
    const size_t n = evbuffer_get_length(input(conn));

    evbuffer_drain(input(conn), n);
    conn->discarded_bytes += n;
    if (conn->discarded_bytes > LINGER_BYTES_MAX) conn_free(conn);
}

/* ---- reading ---- */

/* Answers what is no acceptable request, and closes. */
static void conn_refuse(struct conn *conn, int status)
{
    static const struct {
        int status;
        enum err err;
    } known[] = {
        {405, ERR_BAD_METHOD},     {408, ERR_SLOW_REQUEST},   {413, ERR_TOO_LARGE},
        {417, ERR_BAD_EXPECT},     {431, ERR_HEAD_TOO_LARGE}, {501, ERR_UNKNOWN_METHOD},
        {505, ERR_BAD_VERSION},
    };
    enum err err = ERR_BAD_REQUEST;
    struct http_call *call = conn->call;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].status == status) err = known[i].err;
    if (!call) call = calloc(1, sizeof *call);
    if (!call) abort();
    conn->call = NULL;
    conn->closing = true;
    reply_problem(call, err, UUID_NIL, STR_NONE, NULL);
    conn_write_reply(conn, call);
}

/* The address that the last trusted hop saw. */
static void call_remote(struct http_call *call, const struct conn *conn)
{
    struct str last = STR_NONE;
    uint8_t parsed[sizeof(struct in6_addr)];

    memcpy(call->remote, conn->address, sizeof call->remote);
    if (!http_is_handed_on(call)) return;
    for (unsigned i = 0; i < call->head.header_count; i++)
        if (str_is(call->head.headers[i].name, "x-forwarded-for"))
            last = call->head.headers[i].value;
    for (size_t i = last.n; i > 0; i--) {
        if (last.p[i - 1] != ',' && last.p[i - 1] != ' ') continue;
        last = (struct str){last.p + i, last.n - i};
        break;
    }
    char text[INET6_ADDRSTRLEN] = "";
    if (last.n == 0 || last.n >= sizeof text) return;
    memcpy(text, last.p, last.n);
    if (inet_pton(AF_INET, text, parsed) == 1 || inet_pton(AF_INET6, text, parsed) == 1)
        memcpy(call->remote, text, sizeof text);
}

static void conn_run(struct conn *conn)
{
    struct http_call *call = conn->call;

    memcpy(call->peer, conn->peer, sizeof call->peer);
    call->inner = conn->inner;
    call->plain = conn->plain;
    call_remote(call, conn);
    conn->closing |= !call->head.keep_alive || conn->http->stopping;
    conn_phase(conn, PHASE_RUN);
    conn->http->handler(call, conn->http->user);
}

/* The body grows as it comes: a claimed length costs nothing. */
static void body_reserve(struct http_call *call, size_t n)
{
    size_t room = call->body_room ? call->body_room : BODY_ROOM_LEAST;

    if (call->body_size + n <= call->body_room) return;
    while (room < call->body_size + n) room *= 2;
    char *grown = wiped_new(room);
    if (call->body_size) memcpy(grown, call->body, call->body_size);
    wiped_free(call->body, call->body_size);
    call->body = grown;
    call->body_room = room;
}

/* Takes one stretch of the body. 1: it is whole, 0: more, or a status. */
static int body_take(struct conn *conn, const char *p, size_t n, size_t *ret_used)
{
    struct http_call *call = conn->call;
    size_t put = 0;
    int end;

    body_reserve(call, n);
    if (call->head.chunked) {
        end = h1_chunked(&conn->chunked, p, n, conn->http->limits.body_bytes_max, ret_used,
                         call->body + call->body_size, &put);
        call->body_size += put;
        return end >= 0 ? end : end == -2 ? 413 : 400;
    }
    put = (size_t)call->head.content_length - call->body_size;
    if (put > n) put = n;
    memcpy(call->body + call->body_size, p, put);
    call->body_size += put;
    *ret_used = put;
    return call->body_size == (size_t)call->head.content_length;
}

static void conn_body(struct conn *conn)
{
    int end = 0;

    while (end == 0 && evbuffer_get_length(input(conn)) > 0) {
        const size_t n = evbuffer_get_contiguous_space(input(conn));
        size_t used = 0;

        end = body_take(conn, (const char *)evbuffer_pullup(input(conn), (ev_ssize_t)n), n, &used);
        evbuffer_drain(input(conn), used);
    }
    if (end == 1) conn_run(conn);
    else if (end > 1) conn_refuse(conn, end);
    else if (conn->phase != PHASE_BODY) conn_phase(conn, PHASE_BODY);
}

static void conn_after_head(struct conn *conn)
{
    const struct h1_head *head = &conn->call->head;

    if (head->content_length > (int64_t)conn->http->limits.body_bytes_max) {
        conn_refuse(conn, 413);
    } else if (head->chunked || head->content_length > 0) {
        conn->chunked = (struct h1_chunked){0};
        if (head->expect_continue && evbuffer_get_length(input(conn)) == 0)
            evbuffer_add_printf(output(conn), "HTTP/1.1 100 Continue\r\n\r\n");
        conn_body(conn);
    } else {
        conn_run(conn);
    }
}

static void conn_head(struct conn *conn)
{
    const size_t have = evbuffer_get_length(input(conn));
    const size_t n = have < H1_HEAD_BYTES_MAX ? have : H1_HEAD_BYTES_MAX;

    if (n == 0) return;
    const long end = h1_head_end((char *)evbuffer_pullup(input(conn), (ev_ssize_t)n), n);
    if (end < 0) conn_refuse(conn, 400);
    else if (end == 0 && n == H1_HEAD_BYTES_MAX) conn_refuse(conn, 431);
    else if (end == 0 && conn->phase == PHASE_IDLE) conn_phase(conn, PHASE_HEAD);
    if (end <= 0) return;

    struct http_call *call = calloc(1, sizeof *call);
    if (!call) abort();
    call->loop = conn->http->loop;
    call->conn = conn;
    call->head_size = (size_t)end;
    call->head_bytes = wiped_new(call->head_size);
    evbuffer_remove(input(conn), call->head_bytes, call->head_size);
    conn->call = call;
    const int status = h1_head_parse(call->head_bytes, call->head_size, &call->head);
    if (status) conn_refuse(conn, status);
    else conn_after_head(conn);
}

static void conn_readable(struct bufferevent *bev, void *user)
{
    struct conn *conn = user;

    (void)bev;
    if (conn->phase == PHASE_LINGER) conn_discard(conn);
    else if (conn->phase == PHASE_BODY) conn_body(conn);
    else if (conn->phase == PHASE_IDLE || conn->phase == PHASE_HEAD) conn_head(conn);
}

/* ---- writing ---- */

void conn_write_reply(struct conn *conn, struct http_call *call)
{
    const struct str end = conn->closing ? STR("connection: close\r\n\r\n") : STR("\r\n");
    struct evbuffer *out = output(conn);

    conn_phase(conn, PHASE_WRITE);
    evbuffer_add(out, call->reply_head, call->reply_head_size);
    evbuffer_add(out, end.p, end.n);
    if (!call->head.head_only) evbuffer_add(out, call->reply_body, call->reply_body_size);
    call_free(call);
}

static void conn_written(struct bufferevent *bev, void *user)
{
    struct conn *conn = user;

    (void)bev;
    if (conn->phase != PHASE_WRITE || evbuffer_get_length(output(conn)) > 0) return;
    if (conn->closing || conn->http->stopping) {
        conn_linger(conn);
    } else {
        conn_phase(conn, PHASE_IDLE);
        conn_head(conn); /* what was sent behind the last request */
    }
}

void conn_drain(struct conn *conn)
{
    conn->closing = true;
    if (conn->ws) ws_close(conn->ws, 1001, "going away");
    else if (conn->phase == PHASE_IDLE) conn_free(conn);
}

/* ---- events ---- */

static void conn_event(struct bufferevent *bev, short what, void *user)
{
    struct conn *conn = user;

    ERR_clear_error();
    if (what & BEV_EVENT_CONNECTED) http_tls_peer(bufferevent_openssl_get_ssl(bev), conn->peer);
    else if (!(what & BEV_EVENT_EOF) || conn_reads(conn)) conn_free(conn);
    else bufferevent_disable(bev, EV_READ); /* TLS leaves it set; conn_phase() looks again */
}

static void conn_late(evutil_socket_t fd, short what, void *user)
{
    const struct linger reset = {.l_onoff = 1};
    struct conn *conn = user;

    (void)fd;
    (void)what;
    if (conn->phase == PHASE_HEAD || conn->phase == PHASE_BODY) {
        conn_refuse(conn, 408);
        return;
    }
    /* The kernel would keep what a stuck reader does not take. */
    if (conn->phase == PHASE_WRITE || conn->phase == PHASE_WS)
        setsockopt(bufferevent_getfd(conn->bev), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    conn_free(conn);
}

static void address_text(const struct sockaddr *address, char text[INET6_ADDRSTRLEN])
{
    const void *ip = NULL;

    if (address->sa_family == AF_INET)
        ip = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (address->sa_family == AF_INET6)
        ip = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (!ip || !inet_ntop(address->sa_family, ip, text, INET6_ADDRSTRLEN))
        memcpy(text, "unix", sizeof "unix");
}

void conn_accept(struct listener *listener, evutil_socket_t fd, const struct sockaddr *address)
{
    struct http *http = listener->http;
    struct event_base *base = loop_base(http->loop);
    struct conn *conn = calloc(1, sizeof *conn);
    SSL *ssl = listener->tls ? SSL_new(listener->tls) : NULL;

    if (!conn || (listener->tls && !ssl)) abort();
    conn->http = http;
    conn->inner = listener->inner;
    conn->plain = !listener->tls;
    conn->stall_ms = http->limits.stall_ms;
    address_text(address, conn->address);
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    conn->bev = ssl ? bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                     BEV_OPT_CLOSE_ON_FREE)
                    : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!conn->bev) abort();
    if (ssl) bufferevent_openssl_set_allow_dirty_shutdown(conn->bev, 1);
    bufferevent_setcb(conn->bev, conn_readable, conn_written, conn_event, conn);
    bufferevent_setwatermark(conn->bev, EV_READ, 0, INPUT_BYTES_MAX);
    evbuffer_add_cb(output(conn), output_moved, conn);
    evtimer_assign(&conn->timer, base, conn_late, conn);
    LIST_INSERT_HEAD(&http->conns, conn, link);
    http->conn_count++;
    bufferevent_enable(conn->bev, EV_WRITE);
    conn_phase(conn, PHASE_IDLE);
    timer_start(conn, http->limits.head_ms); /* the first request, the handshake included */
}
