/* WebSocket frames of any bytes: messages are UTF-8 and within the limit, refusals carry a code
 * that may be sent, and pieces tell the same story as the whole. The first byte chooses the
 * pieces. */
#include "common/io/ws_in.h"

#include <stdlib.h>

#define MESSAGE_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(bool holds)
{
    if (!holds) abort();
}

struct story { /* what happened, folded */
    uint64_t sum;
    enum ws_got last;
};

static void tell(struct story *story, enum ws_got got, struct str payload, unsigned code)
{
    story->last = got;
    story->sum = (story->sum ^ (uint64_t)got ^ (uint64_t)code << 8) * 1099511628211u;
    for (size_t i = 0; i < payload.n; i++)
        story->sum = (story->sum ^ (uint8_t)payload.p[i]) * 1099511628211u;
}

static void check_event(enum ws_got got, struct str payload, unsigned code)
{
    if (got == WS_TEXT) check(payload.n <= MESSAGE_MAX && str_is_utf8(payload));
    if (got == WS_PING || got == WS_PONG) check(payload.n <= 125);
    if (got >= WS_CLOSED) check(code >= 1000 && code <= 4999 && code != 1005 && code != 1006);
    else check(code == 0);
}

static struct story read_all(const uint8_t *bytes, size_t n, size_t piece)
{
    struct story story = {0};
    struct evbuffer *from = evbuffer_new();
    struct ws_in *in = ws_in_new(MESSAGE_MAX);

    for (size_t fed = 0; fed < n && story.last < WS_CLOSED; fed += piece) {
        evbuffer_add(from, bytes + fed, n - fed < piece ? n - fed : piece);
        while (story.last < WS_CLOSED) {
            struct str payload = STR_NONE;
            unsigned code = 0;
            const enum ws_got got = ws_in_next(in, from, &payload, &code);

            if (got == WS_MORE) break;
            check_event(got, payload, code);
            tell(&story, got, got == WS_BROKEN ? STR_NONE : payload, code);
        }
    }
    ws_in_free(in);
    evbuffer_free(from);
    return story;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < 2) return 0;
    const struct story whole = read_all(bytes + 1, n - 1, n);
    const struct story pieces = read_all(bytes + 1, n - 1, 1u + bytes[0] % 16);

    check(whole.sum == pieces.sum && whole.last == pieces.last);
    return 0;
}
