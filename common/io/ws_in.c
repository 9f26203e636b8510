#include "common/io/ws_in.h"

#include "common/base/secret.h"

#include <stdlib.h>
#include <wslay/wslay.h>

#define CONTROL_BYTES_MAX 125 /* RFC 6455 5.5 */
#define ROOM_LEAST 512
#define EMPTY_FRAMES_MAX 64 /* of one message: they add nothing, and no limit of bytes ends them */

struct ws_in {
    wslay_frame_context_ptr frames;
    struct evbuffer *from; /* during a call */
    size_t message_bytes_max;
    char *message; /* NULL: none has begun */
    size_t n, room;
    unsigned empty_frames;
    bool in_message, in_frame, delivered;
    uint64_t frame_left;
    uint8_t control[CONTROL_BYTES_MAX];
    size_t control_n;
};

static ssize_t frame_read(uint8_t *buf, size_t n, int flags, void *user)
{
    const struct ws_in *in = user;
    const int got = evbuffer_remove(in->from, buf, n);

    (void)flags;
    return got > 0 ? got : -1;
}

struct ws_in *ws_in_new(size_t message_bytes_max)
{
    const struct wslay_frame_callbacks callbacks = {.recv_callback = frame_read};
    struct ws_in *in = calloc(1, sizeof *in);

    if (!in || wslay_frame_context_init(&in->frames, &callbacks, in) != 0) abort();
    in->message_bytes_max = message_bytes_max;
    return in;
}

static void message_drop(struct ws_in *in)
{
    if (in->message) secret_wipe(in->message, in->n);
    free(in->message);
    in->message = NULL;
    in->n = in->room = 0;
}

struct ws_in *ws_in_free(struct ws_in *in)
{
    if (!in) return NULL;
    message_drop(in);
    wslay_frame_context_free(in->frames);
    secret_wipe(in, sizeof *in);
    free(in);
    return NULL;
}

static void message_add(struct ws_in *in, const uint8_t *p, size_t n)
{
    size_t room = in->room ? in->room : ROOM_LEAST;

    if (!in->message || in->n + n > in->room) {
        while (room < in->n + n) room *= 2;
        char *grown = malloc(room);
        if (!grown) abort();
        if (in->n) memcpy(grown, in->message, in->n);
        const size_t had = in->n;
        message_drop(in);
        in->message = grown;
        in->n = had;
        in->room = room;
    }
    if (n) memcpy(in->message + in->n, p, n);
    in->n += n;
}

/* May this frame come now? 0, or the code to close with. */
static unsigned frame_check(struct ws_in *in, const struct wslay_frame_iocb *frame)
{
    if (!frame->mask || frame->rsv) return WSLAY_CODE_PROTOCOL_ERROR;
    switch (frame->opcode) {
    case WSLAY_CONTINUATION_FRAME:
        if (!in->in_message) return WSLAY_CODE_PROTOCOL_ERROR;
        break;
    case WSLAY_TEXT_FRAME:
        if (in->in_message) return WSLAY_CODE_PROTOCOL_ERROR;
        break;
    case WSLAY_BINARY_FRAME:
        return in->in_message ? WSLAY_CODE_PROTOCOL_ERROR : WSLAY_CODE_UNSUPPORTED_DATA;
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
        return 0; /* wslay has checked that they are short and whole */
    default:
        return WSLAY_CODE_PROTOCOL_ERROR;
    }
    if (frame->payload_length == 0 && ++in->empty_frames > EMPTY_FRAMES_MAX)
        return WSLAY_CODE_POLICY_VIOLATION;
    return frame->payload_length > in->message_bytes_max - in->n ? WSLAY_CODE_MESSAGE_TOO_BIG : 0;
}

/* The codes that an endpoint may send: RFC 6455 7.4 and the registry. */
static bool code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static enum ws_got close_read(const struct ws_in *in, unsigned *ret_code)
{
    const struct str reason = {(const char *)in->control + 2, in->control_n - 2};

    *ret_code = WSLAY_CODE_NORMAL_CLOSURE;
    if (in->control_n == 0) return WS_CLOSED;
    *ret_code = WSLAY_CODE_PROTOCOL_ERROR;
    if (in->control_n == 1) return WS_BROKEN;
    const unsigned code = in->control[0] * 256u + in->control[1];
    if (!code_is_valid(code)) return WS_BROKEN;
    *ret_code = WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA;
    if (reason.n && !str_is_utf8(reason)) return WS_BROKEN;
    *ret_code = code;
    return WS_CLOSED;
}

static enum ws_got control_end(const struct ws_in *in, unsigned opcode, struct str *ret_payload,
                               unsigned *ret_code)
{
    *ret_payload = (struct str){(const char *)in->control, in->control_n};
    if (opcode == WSLAY_CONNECTION_CLOSE) return close_read(in, ret_code);
    return opcode == WSLAY_PING ? WS_PING : WS_PONG;
}

static enum ws_got message_end(struct ws_in *in, struct str *ret_payload, unsigned *ret_code)
{
    in->in_message = false;
    in->empty_frames = 0;
    in->delivered = true;
    *ret_payload = (struct str){in->message, in->n};
    if (str_is_utf8(*ret_payload)) return WS_TEXT;
    *ret_code = WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA;
    return WS_BROKEN;
}

/* Takes a stretch of a frame. WS_MORE, or what it completed. */
static enum ws_got frame_take(struct ws_in *in, const struct wslay_frame_iocb *frame, bool ended,
                              struct str *ret_payload, unsigned *ret_code)
{
    const bool control = wslay_is_ctrl_frame(frame->opcode);

    if (control) {
        memcpy(in->control + in->control_n, frame->data, frame->data_length);
        in->control_n += frame->data_length;
    } else {
        in->in_message = true;
        message_add(in, frame->data, frame->data_length);
    }
    /* wslay's buffer is not wiped by anyone else. */
    secret_wipe((void *)(uintptr_t)frame->data, frame->data_length);
    if (!ended) return WS_MORE;
    if (control) return control_end(in, frame->opcode, ret_payload, ret_code);
    return frame->fin ? message_end(in, ret_payload, ret_code) : WS_MORE;
}

enum ws_got ws_in_next(struct ws_in *in, struct evbuffer *from, struct str *ret_payload,
                       unsigned *ret_code)
{
    struct wslay_frame_iocb frame;
    enum ws_got got = WS_MORE;

    in->from = from;
    if (in->delivered) message_drop(in);
    in->delivered = false;
    while (got == WS_MORE) {
        const ssize_t n = wslay_frame_recv(in->frames, &frame);

        if (n == WSLAY_ERR_WANT_READ) return WS_MORE;
        *ret_code = n < 0 ? WSLAY_CODE_PROTOCOL_ERROR : 0;
        if (n >= 0 && !in->in_frame) {
            *ret_code = frame_check(in, &frame);
            in->in_frame = true;
            in->control_n = 0;
            in->frame_left = frame.payload_length;
        }
        if (*ret_code) return WS_BROKEN;
        in->frame_left -= frame.data_length;
        in->in_frame = in->frame_left > 0;
        got = frame_take(in, &frame, !in->in_frame, ret_payload, ret_code);
    }
    return got;
}
