#include "common/io/ws_in.h"

#include "common/base/clock.h"
#include "tests/unit/io/io_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>

#define SHAKE "GET /v1/stream HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"  \
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define OFFER "Sec-WebSocket-Protocol: other, telecura.v1.json\r\n\r\n"
#define FIN 0x80

enum { CONT, TEXT, BINARY, CLOSE = 8, PING, PONG };

/* ---- server: echoes; some texts are orders ---- */

static struct {
    struct server server;
    struct ws_limits limits;
    struct ws *ws; /* the last; loop thread */
    atomic_int soft, full, drained, closed;
    atomic_size_t queued_most;
    sem_t sem_closed, sem_drained;
} at;

static void flood(struct ws *ws)
{
    static char text[10000];
    enum ws_sent sent = WS_SENT;

    memset(text, 'x', sizeof text);
    while (sent != WS_FULL) {
        sent = ws_send(ws, (struct str){text, sizeof text});
        if (sent == WS_SOFT) at.soft++;
        if (ws_queued_bytes(ws) > at.queued_most) at.queued_most = ws_queued_bytes(ws);
    }
    at.full++;
}

static void resume(void *user)
{
    ws_pause(user, false);
}

static void heard(struct ws *ws, struct str text, void *user)
{
    (void)user;
    if (str_is(text, "!flood")) {
        flood(ws);
    } else if (str_is(text, "!close")) {
        ws_close(ws, 4001, "moved");
        assert_int_equal(ws_send(ws, STR("late")), WS_FULL);
    } else if (str_is(text, "!pause")) {
        ws_pause(ws, true);
        loop_post(at.server.loop, resume, ws);
    } else {
        ws_send(ws, text);
    }
}

static void drained(struct ws *ws, void *user)
{
    (void)ws;
    (void)user;
    at.drained++;
    sem_post(&at.sem_drained);
}

static void closed(struct ws *ws, void *user)
{
    (void)ws;
    (void)user;
    at.closed++;
    sem_post(&at.sem_closed);
}

static void upgrade(struct http_call *call, void *user)
{
    static const struct ws_events events = {heard, drained, closed};

    at.ws = http_upgrade(call, "telecura.v1.json", &at.limits, &events, user);
}

static int given_server(void **state)
{
    (void)state;
    memset(&at, 0, sizeof at);
    at.limits = WS_LIMITS;
    at.limits.messages_per_s = 10000;
    sem_init(&at.sem_closed, 0, 0);
    sem_init(&at.sem_drained, 0, 0);
    server_start(&at.server, &HTTP_LIMITS, upgrade, NULL);
    return 0;
}

static int end_server(void **state)
{
    (void)state;
    server_end(&at.server);
    return 0;
}

/* ---- client ---- */

static int shaken(void)
{
    const int fd = client_connect(at.server.port);

    client_say(fd, SHAKE OFFER);
    const struct answer answer = client_answer(fd);
    assert_int_equal(answer.status, 101);
    /* RFC 6455 1.3 has this key and this answer. */
    assert_non_null(strstr(answer.head, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(answer.head, "sec-websocket-protocol: telecura.v1.json\r\n"));
    return fd;
}

static size_t frame_make(uint8_t *out, unsigned first, const void *payload, size_t n)
{
    static const uint8_t mask[4] = {0xa1, 0x02, 0x83, 0x44};
    const unsigned length_bytes = n < 126 ? 0 : n < 65536 ? 2 : 8;
    size_t at_byte = 2;

    out[0] = (uint8_t)first;
    out[1] = (uint8_t)(0x80 | (length_bytes == 0 ? n : length_bytes == 2 ? 126 : 127));
    for (unsigned i = 0; i < length_bytes; i++)
        out[at_byte++] = (uint8_t)(n >> 8 * (length_bytes - 1 - i));
    memcpy(out + at_byte, mask, 4);
    at_byte += 4;
    for (size_t i = 0; i < n; i++) out[at_byte + i] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
    return at_byte + n;
}

static void frame_say(int fd, unsigned first, const char *payload)
{
    uint8_t frame[512];

    client_send(fd, frame, frame_make(frame, first, payload, strlen(payload)));
}

struct frame {
    unsigned first; /* 0: the stream ended */
    size_t n;
    uint8_t payload[70000];
};

static const struct frame *frame_heard(int fd)
{
    static struct frame frame;
    uint8_t head[10];

    frame = (struct frame){0};
    if (!client_read(fd, head, 2)) return &frame;
    assert_false(head[1] & 0x80); /* servers do not mask */
    frame.n = head[1];
    const unsigned length_bytes = head[1] == 126 ? 2 : head[1] == 127 ? 8 : 0;
    if (length_bytes) {
        assert_true(client_read(fd, head + 2, length_bytes));
        frame.n = 0;
        for (unsigned i = 0; i < length_bytes; i++) frame.n = frame.n << 8 | head[2 + i];
    }
    assert_true(frame.n < sizeof frame.payload);
    assert_true(client_read(fd, frame.payload, frame.n));
    frame.first = head[0];
    return &frame;
}

static void assert_frame(int fd, unsigned first, const char *payload)
{
    const struct frame *frame = frame_heard(fd);

    assert_int_equal(frame->first, first);
    assert_string_equal((const char *)frame->payload, payload);
}

/* The code of the close frame, behind which nothing comes. */
static unsigned closed_with(int fd)
{
    const struct frame *frame = frame_heard(fd);

    assert_int_equal(frame->first, FIN | CLOSE);
    assert_true(frame->n >= 2);
    const unsigned code = frame->payload[0] * 256u + frame->payload[1];
    assert_true(client_ended(fd));
    return code;
}

/* ---- tests ---- */

static void messages_whole_and_in_fragments(void **state)
{
    static char big[65536];
    static uint8_t frame[sizeof big + 16];

    (void)state;
    server_run(&at.server);
    const int fd = shaken();
    frame_say(fd, FIN | TEXT, "hello");
    assert_frame(fd, FIN | TEXT, "hello");
    frame_say(fd, TEXT, "gr\xc3");
    frame_say(fd, FIN | PING, "beat"); /* between fragments */
    frame_say(fd, CONT, "");
    frame_say(fd, FIN | CONT, "\xbc\xc3\x9f e");
    assert_frame(fd, FIN | PONG, "beat");
    assert_frame(fd, FIN | TEXT, "gr\xc3\xbc\xc3\x9f e");
    frame_say(fd, FIN | TEXT, "");
    assert_frame(fd, FIN | TEXT, "");
    memset(big, 'b', sizeof big);
    client_send(fd, frame, frame_make(frame, FIN | TEXT, big, sizeof big));
    assert_int_equal(frame_heard(fd)->n, sizeof big);
    frame_say(fd, FIN | PONG, "unasked"); /* allowed, unanswered */
    frame_say(fd, FIN | CLOSE, "\x03\xe8");
    assert_int_equal(closed_with(fd), 1000);
    sem_wait(&at.sem_closed);
    close(fd);
}

/* What a client may not send, and the code that it gets. */
static void frames_that_are_refused(void **state)
{
    static const struct { const char *name; const char *bytes; size_t n; unsigned code; } rows[] = {
#define ROW(name, bytes, code) {name, bytes, sizeof bytes - 1, code}
        ROW("unmasked", "\x81\x01" "a", 1002),
        ROW("unmasked and empty", "\x81\x00", 1002),
        ROW("reserved bit 1", "\xc1\x80" "\0\0\0\0", 1002),
        ROW("reserved bit 3", "\x91\x80" "\0\0\0\0", 1002),
        ROW("unknown data opcode", "\x83\x80" "\0\0\0\0", 1002),
        ROW("unknown control opcode", "\x8b\x80" "\0\0\0\0", 1002),
        ROW("binary", "\x82\x81" "\0\0\0\0" "a", 1003),
        ROW("continuation of nothing", "\x80\x80" "\0\0\0\0", 1002),
        ROW("text within a message", "\x01\x81" "\0\0\0\0" "a" "\x81\x81" "\0\0\0\0" "b", 1002),
        ROW("fragmented ping", "\x09\x80" "\0\0\0\0", 1002),
        ROW("ping of 126", "\x89\xfe\x00\x7e" "\0\0\0\0", 1002),
        ROW("length in 2 bytes too long", "\x81\xfe\x00\x7d" "\0\0\0\0", 1002),
        ROW("length in 8 bytes too long", "\x81\xff\0\0\0\0\0\0\xff\xff" "\0\0\0\0", 1002),
        ROW("length of 2^63", "\x81\xff\x80\0\0\0\0\0\0\0" "\0\0\0\0" "a", 1002),
        ROW("length of 2^62", "\x81\xff\x40\0\0\0\0\0\0\0" "\0\0\0\0" "a", 1009),
        ROW("over the limit", "\x81\xff\0\0\0\0\0\x01\0\x01" "\0\0\0\0" "a", 1009),
        ROW("over the limit in fragments", "\x01\x81" "\0\0\0\0" "a"
            "\x80\xff\0\0\0\0\0\x01\0\0" "\0\0\0\0" "a", 1009),
        ROW("bad UTF-8", "\x81\x82" "\0\0\0\0" "\xc3\x28", 1007),
        ROW("overlong UTF-8", "\x81\x82" "\0\0\0\0" "\xc0\x80", 1007),
        ROW("surrogate", "\x81\x83" "\0\0\0\0" "\xed\xa0\x80", 1007),
        ROW("UTF-8 cut at the end", "\x01\x81" "\0\0\0\0" "\xc3" "\x80\x80" "\0\0\0\0", 1007),
        ROW("close of one byte", "\x88\x81" "\0\0\0\0" "\x03", 1002),
        ROW("close with 999", "\x88\x82" "\0\0\0\0" "\x03\xe7", 1002),
        ROW("close with 1005", "\x88\x82" "\0\0\0\0" "\x03\xed", 1002),
        ROW("close with 5000", "\x88\x82" "\0\0\0\0" "\x13\x88", 1002),
        ROW("close with a bad reason", "\x88\x83" "\0\0\0\0" "\x03\xe8\xff", 1007),
        ROW("close without a code", "\x88\x80" "\0\0\0\0", 1000),
        ROW("close with 4999", "\x88\x82" "\0\0\0\0" "\x13\x87", 4999),
#undef ROW
    };

    (void)state;
    server_run(&at.server);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int fd = shaken();
        client_send(fd, rows[i].bytes, rows[i].n);
        const unsigned code = closed_with(fd);
        if (code != rows[i].code) print_error("%s\n", rows[i].name);
        assert_int_equal(code, rows[i].code);
        close(fd);
        sem_wait(&at.sem_closed);
    }
    assert_int_equal(at.closed, sizeof rows / sizeof rows[0]);
}

static void an_offer_without_our_protocol_is_refused(void **state)
{
    (void)state;
    server_run(&at.server);
    const int fd = client_connect(at.server.port);
    client_say(fd, SHAKE "Sec-WebSocket-Protocol: other\r\n\r\n");
    assert_int_equal(client_answer(fd).status, 400);
    client_say(fd, SHAKE "\r\n");
    assert_int_equal(client_answer(fd).status, 400);
    close(fd);
}

/* Frames behind the handshake, in one segment with it, are read; order survives a pause. */
static void frames_come_with_the_handshake_and_through_pauses(void **state)
{
    uint8_t bytes[1024];
    size_t n = sizeof SHAKE OFFER - 1;

    (void)state;
    server_run(&at.server);
    const int fd = client_connect(at.server.port);
    memcpy(bytes, SHAKE OFFER, n);
    n += frame_make(bytes + n, FIN | TEXT, "one", 3);
    n += frame_make(bytes + n, FIN | TEXT, "!pause", 6);
    n += frame_make(bytes + n, FIN | TEXT, "two", 3);
    n += frame_make(bytes + n, FIN | TEXT, "!pause", 6);
    n += frame_make(bytes + n, FIN | TEXT, "!close", 6);
    n += frame_make(bytes + n, FIN | TEXT, "three", 5);
    client_send(fd, bytes, n);
    assert_int_equal(client_answer(fd).status, 101);
    assert_frame(fd, FIN | TEXT, "one");
    assert_frame(fd, FIN | TEXT, "two");
    assert_int_equal(closed_with(fd), 4001);
    close(fd);
}

static void a_reader_that_reads_again_gets_everything(void **state)
{
    (void)state;
    server_run(&at.server);
    const int fd = shaken();
    frame_say(fd, FIN | TEXT, "!flood");
    unsigned frames = 0;
    /* Read until the queue has fallen under its soft limit; then all is still in order. */
    while (sem_trywait(&at.sem_drained) != 0) {
        assert_int_equal(frame_heard(fd)->n, 10000);
        frames++;
    }
    assert_in_range(at.queued_most, at.limits.queue_soft_bytes, at.limits.queue_hard_bytes + 10);
    assert_true(at.soft > 0 && at.full == 1);
    frame_say(fd, FIN | TEXT, "end");
    const struct frame *frame = frame_heard(fd);
    for (; frame->n == 10000; frames++) frame = frame_heard(fd);
    assert_string_equal((const char *)frame->payload, "end");
    assert_in_range(frames, at.limits.queue_hard_bytes / 10004, 1000);
    close(fd);
}

static void a_reader_that_is_stuck_is_dropped(void **state)
{
    (void)state;
    at.limits.stall_ms = 200;
    server_run(&at.server);
    const int fd = shaken();
    const int64_t start_us = clock_mono_us();
    frame_say(fd, FIN | TEXT, "!flood");
    sem_wait(&at.sem_closed);
    assert_in_range(clock_mono_us() - start_us, 190 * MS_US, 3000 * MS_US);
    close(fd);
}

static void a_missing_pong_closes(void **state)
{
    (void)state;
    at.limits.ping_ms = 60;
    at.limits.pong_ms = 200;
    server_run(&at.server);
    const int fd = shaken();
    for (int i = 0; i < 3; i++) {
        assert_frame(fd, FIN | PING, "");
        frame_say(fd, FIN | PONG, "");
    }
    assert_frame(fd, FIN | PING, "");
    assert_int_equal(closed_with(fd), 1001);
    close(fd);
}

static void a_flood_of_messages_closes(void **state)
{
    (void)state;
    at.limits.messages_per_s = 20;
    server_run(&at.server);
    const int fd = shaken();
    for (int i = 0; i < 20; i++) frame_say(fd, FIN | PONG, "");
    frame_say(fd, FIN | PING, "a");
    frame_say(fd, FIN | PING, "b");
    const struct frame *frame = frame_heard(fd);
    while (frame->first == (FIN | PONG)) frame = frame_heard(fd);
    assert_int_equal(frame->payload[0] * 256 + frame->payload[1], 1008);
    close(fd);
}

static void a_drain_closes_with_going_away(void **state)
{
    (void)state;
    server_run(&at.server);
    const int fd = shaken();
    loop_post(at.server.loop, server_drain, &at.server);
    assert_int_equal(closed_with(fd), 1001);
    close(fd);
    pthread_join(at.server.thread, NULL);
    assert_int_equal(at.closed, 1);
    http_free(at.server.http);
    loop_free(at.server.loop);
}

/* Many clients that vanish in the middle of everything. */
static void clients_that_vanish(void **state)
{
    (void)state;
    server_run(&at.server);
    for (int i = 0; i < 100; i++) {
        const int fd = shaken();
        frame_say(fd, FIN | TEXT, i % 2 ? "!flood" : "hi");
        client_send(fd, "\x81\xfe", (size_t)(i % 3));
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){i % 4 < 2, 0},
                   sizeof(struct linger));
        close(fd);
    }
    for (int i = 0; i < 100; i++) sem_wait(&at.sem_closed);
}

/* Any split of the bytes gives the same events as one piece. */
static void splits_make_no_difference(void **state)
{
    uint8_t bytes[512];
    size_t n = 0;

    (void)state;
    n += frame_make(bytes + n, FIN | TEXT, "one", 3);
    n += frame_make(bytes + n, TEXT, "t\xc3", 2);
    n += frame_make(bytes + n, FIN | PING, "beat", 4);
    n += frame_make(bytes + n, FIN | CONT, "\xbcwo", 3);
    n += frame_make(bytes + n, FIN | CLOSE, "\x03\xe8" "bye", 5);
    for (size_t piece = 1; piece <= n; piece++) {
        struct evbuffer *from = evbuffer_new();
        struct ws_in *in = ws_in_new(100);
        char story[128] = "";

        for (size_t fed = 0; fed < n; fed += piece) {
            struct str payload = STR_NONE;
            unsigned code = 0;
            enum ws_got got;

            evbuffer_add(from, bytes + fed, piece < n - fed ? piece : n - fed);
            while ((got = ws_in_next(in, from, &payload, &code)) != WS_MORE) {
                const size_t told = strlen(story);
                snprintf(story + told, sizeof story - told, "%d:%.*s:%u ", got, STR_ARG(payload),
                         code);
                if (got >= WS_CLOSED) break;
            }
        }
        assert_string_equal(story, "1:one:0 2:beat:0 1:t\xc3\xbcwo:0 4:\x03\xe8" "bye:1000 ");
        ws_in_free(in);
        evbuffer_free(from);
    }
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, given_server, end_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(messages_whole_and_in_fragments),
        WITH_SERVER(frames_that_are_refused),
        WITH_SERVER(an_offer_without_our_protocol_is_refused),
        WITH_SERVER(frames_come_with_the_handshake_and_through_pauses),
        WITH_SERVER(a_reader_that_reads_again_gets_everything),
        WITH_SERVER(a_reader_that_is_stuck_is_dropped),
        WITH_SERVER(a_missing_pong_closes),
        WITH_SERVER(a_flood_of_messages_closes),
        WITH_SERVER(clients_that_vanish),
        cmocka_unit_test_setup(a_drain_closes_with_going_away, given_server),
        cmocka_unit_test(splits_make_no_difference),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
