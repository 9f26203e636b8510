#include "common/base/clock.h"
#include "common/io/http_parts.h"
#include "common/io/ws_in.h"

#include <assert.h>
#include <event2/buffer.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define CLOSE_MS 2000
#define BURST_US SECOND_US
#define SLACK_US_MAX (10 * SECOND_US)

enum opcode { OP_TEXT = 0x1, OP_CLOSE = 0x8, OP_PING = 0x9, OP_PONG = 0xa };

struct ws {
    struct conn *conn;
    struct ws_in *in;
    struct ws_limits limits;
    struct ws_events events;
    void *user;
    struct event timer; /* next ping, missing pong, or the end of closing */
    bool paused, closing, over_soft, pong_awaited;
    int64_t paused_at_us;
    int64_t paid_us;  /* what came so far would, at messages_per_s, have taken until then */
    int64_t slack_us; /* messages that piled up while we paused are no flood */
    char remote[INET6_ADDRSTRLEN];
};

static struct evbuffer *output(const struct ws *ws)
{
    return bufferevent_get_output(ws->conn->bev);
}

static void timer_start(struct ws *ws, unsigned ms)
{
    const struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    evtimer_add(&ws->timer, &after);
}

/* ---- sending ---- */

/* Server frames are whole and not masked. */
static void frame_send(struct ws *ws, enum opcode opcode, struct str payload)
{
    uint8_t head[10] = {(uint8_t)(0x80 | opcode)};
    const unsigned length_bytes = payload.n < 126 ? 0 : payload.n < 65536 ? 2 : 8;

    head[1] = (uint8_t)(length_bytes == 0 ? payload.n : length_bytes == 2 ? 126 : 127);
    for (unsigned i = 0; i < length_bytes; i++)
        head[2 + i] = (uint8_t)(payload.n >> 8 * (length_bytes - 1 - i));
    evbuffer_add(output(ws), head, 2 + length_bytes);
    evbuffer_add(output(ws), payload.p, payload.n);
}

size_t ws_queued_bytes(const struct ws *ws)
{
    return evbuffer_get_length(output(ws));
}

enum ws_sent ws_send(struct ws *ws, struct str text)
{
    if (ws->closing || ws_queued_bytes(ws) + text.n > ws->limits.queue_hard_bytes) return WS_FULL;
    frame_send(ws, OP_TEXT, text);
    ws->over_soft = ws_queued_bytes(ws) > ws->limits.queue_soft_bytes;
    return ws->over_soft ? WS_SOFT : WS_SENT;
}

void ws_close(struct ws *ws, unsigned code, const char *why)
{
    uint8_t payload[125] = {(uint8_t)(code >> 8), (uint8_t)code};
    const size_t n = strnlen(why, sizeof payload - 2);

    assert(code >= 1000 && code <= 4999);
    if (ws->closing) return;
    memcpy(payload + 2, why, n);
    frame_send(ws, OP_CLOSE, (struct str){(const char *)payload, n + 2});
    ws->closing = true;
    timer_start(ws, CLOSE_MS);
}

static void ws_written(struct bufferevent *bev, void *user)
{
    struct ws *ws = user;

    (void)bev;
    if (ws->closing) {
        if (ws_queued_bytes(ws) == 0) conn_linger(ws->conn);
    } else if (ws->over_soft && ws_queued_bytes(ws) <= ws->limits.queue_soft_bytes) {
        ws->over_soft = false;
        if (ws->events.drained) ws->events.drained(ws, ws->user);
    }
}

/* ---- receiving ---- */

/* Counts one message or control frame; false: they come too fast. */
static bool is_in_rate(struct ws *ws)
{
    const int64_t now_us = clock_mono_us();

    if (ws->paid_us < now_us) ws->paid_us = now_us;
    ws->paid_us += SECOND_US / ws->limits.messages_per_s;
    const int64_t over_us = ws->paid_us - now_us - BURST_US;
    if (over_us <= 0) return true;
    ws->slack_us -= over_us;
    ws->paid_us -= over_us;
    return ws->slack_us >= 0;
}

static void ws_readable(struct bufferevent *bev, void *user)
{
    struct ws *ws = user;
    struct evbuffer *in = bufferevent_get_input(bev);
    enum ws_got got = WS_TEXT;

    while (!ws->paused && !ws->closing && got != WS_MORE) {
        struct str payload = STR_NONE;
        unsigned code = 0;

        got = ws_in_next(ws->in, in, &payload, &code);
        if (got == WS_CLOSED) ws_close(ws, code, "");
        if (got == WS_BROKEN) ws_close(ws, code, "frame refused");
        if (got == WS_MORE || ws->closing) continue;
        if (!is_in_rate(ws)) {
            ws_close(ws, 1008, "too many messages");
        } else if (got == WS_TEXT) {
            ws->events.message(ws, payload, ws->user);
        } else if (got == WS_PING) {
            /* The pongs of a peer that does not read are bounded like all else. */
            if (ws_queued_bytes(ws) < ws->limits.queue_hard_bytes) frame_send(ws, OP_PONG, payload);
        } else if (ws->pong_awaited) {
            ws->pong_awaited = false;
            timer_start(ws, ws->limits.ping_ms);
        }
    }
    if (ws->closing) evbuffer_drain(in, evbuffer_get_length(in));
}

void ws_pause(struct ws *ws, bool paused)
{
    if (ws->closing || paused == ws->paused) return;
    ws->paused = paused;
    if (paused) {
        ws->paused_at_us = clock_mono_us();
        bufferevent_disable(ws->conn->bev, EV_READ);
        return;
    }
    ws->slack_us += clock_mono_us() - ws->paused_at_us;
    if (ws->slack_us > SLACK_US_MAX) ws->slack_us = SLACK_US_MAX;
    bufferevent_enable(ws->conn->bev, EV_READ);
    /* What was read already sends no event of its own. */
    bufferevent_trigger(ws->conn->bev, EV_READ,
                        BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
}

/* ---- time and end ---- */

static void ping(struct ws *ws)
{
    ws->pong_awaited = true;
    frame_send(ws, OP_PING, STR_NONE);
    timer_start(ws, ws->limits.pong_ms);
}

void ws_probe(struct ws *ws)
{
    /* Else its pong, its queue or its end is awaited already. */
    if (!ws->closing && !ws->pong_awaited && !ws->paused && ws_queued_bytes(ws) == 0) ping(ws);
}

static void ws_timer(evutil_socket_t fd, short what, void *user)
{
    struct ws *ws = user;

    (void)fd;
    (void)what;
    if (ws->closing) {
        conn_free(ws->conn);
    } else if (ws->paused || ws_queued_bytes(ws) > 0) {
        /* A pong would not be read, or the ping waits in the queue, which has its own limit. */
        timer_start(ws, ws->pong_awaited ? ws->limits.pong_ms : ws->limits.ping_ms);
    } else if (ws->pong_awaited) {
        ws_close(ws, 1001, "no pong");
    } else {
        ping(ws);
    }
}

static void ws_event(struct bufferevent *bev, short what, void *user)
{
    struct ws *ws = user;

    (void)bev;
    (void)what;
    conn_free(ws->conn);
}

void ws_free(struct ws *ws)
{
    evtimer_del(&ws->timer);
    ws->closing = true; /* nothing is sent from closed() */
    ws->events.closed(ws, ws->user);
    ws_in_free(ws->in);
    free(ws);
}

const char *ws_remote(const struct ws *ws)
{
    return ws->remote;
}

/* ---- upgrade ---- */

static void handshake_answer(struct evbuffer *out, struct str key, const char *subprotocol)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */
    char both[24 + sizeof guid - 1], accept[BASE64_LEN(SHA_DIGEST_LENGTH)];
    uint8_t digest[SHA_DIGEST_LENGTH];

    assert(key.n == 24);
    memcpy(both, key.p, 24);
    memcpy(both + 24, guid, sizeof guid - 1);
    SHA1((const unsigned char *)both, sizeof both, digest);
    base64_encode(bytes_of(digest, sizeof digest), accept);
    evbuffer_add_printf(out,
                        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
                        "connection: Upgrade\r\nsec-websocket-accept: %.*s\r\n"
                        "sec-websocket-protocol: %s\r\n\r\n",
                        (int)sizeof accept, accept, subprotocol);
}

struct ws *http_upgrade(struct http_call *call, const char *subprotocol,
                        const struct ws_limits *limits, const struct ws_events *events, void *user)
{
    struct conn *conn = call->conn;
    struct ws *ws;

    assert(call->head.method == WS && limits->messages_per_s > 0);
    if (!h1_list_has(h1_header(&call->head, "sec-websocket-protocol"), subprotocol)) {
        http_problem(call, ERR_BAD_PROTOCOL, UUID_NIL, STR_NONE);
        return NULL;
    }
    if (!conn) {
        call_free(call);
        return NULL;
    }
    ws = calloc(1, sizeof *ws);
    if (!ws) abort();
    *ws = (struct ws){.conn = conn, .limits = *limits, .events = *events, .user = user};
    ws->in = ws_in_new(limits->message_bytes_max);
    memcpy(ws->remote, call->remote, sizeof ws->remote);
    evtimer_assign(&ws->timer, bufferevent_get_base(conn->bev), ws_timer, ws);
    timer_start(ws, limits->ping_ms);

    conn->call = NULL;
    conn->ws = ws;
    conn->stall_ms = limits->stall_ms;
    bufferevent_setcb(conn->bev, ws_readable, ws_written, ws_event, ws);
    bufferevent_setwatermark(conn->bev, EV_WRITE, limits->queue_soft_bytes, 0);
    conn_phase(conn, PHASE_WS);
    handshake_answer(output(ws), h1_header(&call->head, "sec-websocket-key"), subprotocol);
    /* Frames may have come behind the request. */
    bufferevent_trigger(conn->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
    call_free(call);
    return ws;
}
