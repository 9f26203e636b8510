/*
 * ws_in - the receiving half of a WebSocket (RFC 6455), sans sockets.
 *
 * libwslay reads the frames; here they become messages, and what a client may not send is refused:
 * unmasked, reserved bits, unknown opcodes, binary, broken fragmentation, text that is not UTF-8,
 * messages over the limit, fragments of nothing without end. Nothing is allocated for a length that
 * was only claimed.
 *
 * Ownership  a payload is valid until the next call; what was received is wiped then.
 * Threads    one at a time.
 */
#pragma once

#include "common/base/str.h"

#include <event2/buffer.h>

struct ws_in;

enum ws_got {
    WS_MORE,   /* nothing whole yet */
    WS_TEXT,   /* a message */
    WS_PING,
    WS_PONG,
    WS_CLOSED, /* the peer's close frame; code to answer with */
    WS_BROKEN, /* code to close with */
};

struct ws_in *ws_in_new(size_t message_bytes_max);
struct ws_in *ws_in_free(struct ws_in *in);
/* Reads on from @from to the next event. After WS_CLOSED and WS_BROKEN it must not be called. */
enum ws_got ws_in_next(struct ws_in *in, struct evbuffer *from, struct str *ret_payload,
                       unsigned *ret_code);
