#include "common/base/clock.h"

#include "tests/unit/io/certs.h"
#include "tests/unit/io/io_test.h"
#include "tests/unit/io/raw_requests.h"

#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define HOST "Host: telecura.test\r\n"

static void answer_at_length(struct http_call *call, void *user)
{
    static char text[8 * 1024 * 1024];

    (void)user;
    http_reply(call, 200, "text/plain", bytes_of(text, sizeof text), NULL, 0);
}

/* What the handler was asked, echoed: "GET /path?query body peer remote". */
static void echo(struct http_call *call, void *user)
{
    static const char *const names[METHODS] = {[GET] = "GET",     [POST] = "POST",
                                               [PUT] = "PUT",     [PATCH] = "PATCH",
                                               [DELETE] = "DELETE", [WS] = "WS"};
    const struct h1_head *head = http_head(call);
    const struct bytes body = http_body(call);
    const struct http_header split = {"x-split", STR("a\r\nx-evil: b")};
    char text[8192];

    if (str_is(head->path, "/long")) {
        answer_at_length(call, user);
        return;
    }
    const int n = snprintf(text, sizeof text, "%s %.*s?%.*s %.*s %.*s %.*s", names[head->method],
                           STR_ARG(head->path), STR_ARG(head->query), (int)body.n,
                           body.p ? (const char *)body.p : "", STR_ARG(http_peer(call)),
                           STR_ARG(http_remote(call)));
    http_reply(call, 200, "text/plain", bytes_of(text, (size_t)n), &split, 1);
}

static void requests_on_one_connection(void **state)
{
    struct server server;

    (void)state;
    server_start(&server, &HTTP_LIMITS, echo, NULL);
    server_run(&server);
    const int fd = client_connect(server.port);
    for (int i = 0; i < 3; i++) {
        client_say(fd, "GET /v1/x?a=b HTTP/1.1\r\n" HOST "X-Forwarded-For: 9.9.9.9\r\n\r\n");
        const struct answer answer = client_answer(fd);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "GET /v1/x?a=b   127.0.0.1"); /* plain: no gateway */
        assert_non_null(strstr(answer.head, "cache-control: no-store"));
        assert_non_null(strstr(answer.head, "date: "));
        assert_null(strstr(answer.head, "x-evil"));
    }
    close(fd);
    server_end(&server);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct server server;
    char want[64];

    (void)state;
    server_start(&server, &HTTP_LIMITS, echo, NULL);
    server_run(&server);
    const int fd = client_connect(server.port);
    client_say(fd, "POST /0 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nabGET /1 HTTP/1.1\r\n" HOST
                   "\r\nPOST /2 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                   "1\r\nc\r\n2\r\nde\r\n0\r\n\r\nGET /3 HTTP/1.1\r\n" HOST
                   "Connection: close\r\n\r\nGET /4 HTTP/1.1\r\n" HOST "\r\n");
    const char *bodies[] = {"POST /0? ab", "GET /1? ", "POST /2? cde", "GET /3? "};
    for (int i = 0; i < 4; i++) {
        const struct answer answer = client_answer(fd);
        snprintf(want, sizeof want, "%s  127.0.0.1", bodies[i]);
        assert_string_equal(answer.body, want);
        assert_int_equal(strstr(answer.head, "connection: close") != NULL, i == 3);
    }
    assert_true(client_ended(fd));
    close(fd);
    server_end(&server);
}

/* A byte at a time, over the continue handshake. */
static void a_slow_but_honest_client(void **state)
{
    static const char head[] = "PUT /s HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
                               "Expect: 100-continue\r\n\r\n";
    struct server server;
    char interim[sizeof "HTTP/1.1 100 Continue\r\n\r\n"] = "";

    (void)state;
    server_start(&server, &HTTP_LIMITS, echo, NULL);
    server_run(&server);
    const int fd = client_connect(server.port);
    setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &(int){1}, sizeof(int));
    for (size_t i = 0; head[i]; i++) client_send(fd, &head[i], 1);
    assert_true(client_read(fd, interim, sizeof interim - 1));
    assert_string_equal(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    client_say(fd, "hello");
    assert_string_equal(client_answer(fd).body, "PUT /s? hello  127.0.0.1");
    close(fd);
    server_end(&server);
}

static void ask_raw(const struct raw *raw, void *user)
{
    const struct server *server = user;
    const int fd = client_connect(server->port);

    client_send(fd, raw->bytes, raw->n);
    const struct answer answer = client_answer(fd);
    if (answer.status != raw->status) print_error("%s\n", raw->name);
    assert_int_equal(answer.status, raw->status);
    if (raw->status != 200) {
        assert_non_null(strstr(answer.head, "application/problem+json"));
        assert_non_null(strstr(answer.body, "\"code\":\""));
    } else {
        shutdown(fd, SHUT_WR);
    }
    assert_true(client_ended(fd)); /* exactly one answer */
    close(fd);
}

static void raw_requests_get_their_one_answer(void **state)
{
    struct server server;

    (void)state;
    server_start(&server, &HTTP_LIMITS, echo, NULL);
    server_run(&server);
    assert_int_equal(raw_requests(ask_raw, &server), RAW_REQUESTS);
    server_end(&server);
}

/* The whole answer arrives although more is sent than will ever be read. */
static void large_bodies_are_refused_without_reset(void **state)
{
    static const char *const heads[] = {
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 400000\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
    };
    struct server server;
    char *body = calloc(1, 400000);

    (void)state;
    server_start(&server, &HTTP_LIMITS, echo, NULL);
    server_run(&server);
    for (int i = 0; i < 2; i++) {
        const int fd = client_connect(server.port);
        client_say(fd, heads[i]);
        client_send(fd, body, 400000);
        const struct answer answer = client_answer(fd);
        assert_int_equal(answer.status, 413);
        assert_string_equal(answer.body,
                            "{\"type\":\"/problems/too_large\",\"title\":\"The body is too large.\","
                            "\"status\":413,\"code\":\"too_large\",\"retryable\":false}");
        assert_true(client_ended(fd));
        close(fd);
    }
    free(body);
    server_end(&server);
}

static void slow_requests_have_a_deadline(void **state)
{
    static const char *const parts[] = {"GET / HTT", "POST / HTTP/1.1\r\n" HOST
                                                     "Content-Length: 5\r\n\r\nhel"};
    const struct http_limits limits = {.body_bytes_max = 1000, .connections_max = 10,
                                       .head_ms = 150, .body_ms = 150, .idle_ms = 300,
                                       .stall_ms = 150};
    struct server server;

    (void)state;
    server_start(&server, &limits, echo, NULL);
    server_run(&server);
    for (int i = 0; i < 2; i++) {
        const int fd = client_connect(server.port);
        const int64_t start_us = clock_mono_us();
        client_say(fd, parts[i]);
        /* Bytes in time do not move the deadline. */
        struct pollfd answer = {.fd = fd, .events = POLLIN};
        const char *more = i == 0 ? "P" : NULL;
        while (poll(&answer, 1, 40) == 0)
            if (more) send(fd, more, 1, MSG_NOSIGNAL);
        assert_int_equal(client_answer(fd).status, 408);
        assert_in_range(clock_mono_us() - start_us, 140 * MS_US, 1500 * MS_US);
        assert_true(client_ended(fd));
        close(fd);
    }
    const int idle = client_connect(server.port);
    client_say(idle, "GET / HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(client_answer(idle).status, 200);
    assert_true(client_ended(idle)); /* without a word, after idle_ms */
    close(idle);
    server_end(&server);
}

/* ---- calls that run elsewhere ---- */

static struct {
    sem_t taken, go;
    struct http_call *call;
} job;

static void take(struct http_call *call, void *user)
{
    (void)user;
    job.call = call;
    sem_post(&job.taken);
}

/* Answers nothing by itself: a call that was taken is job.call. */
static void server_that_takes(struct server *server)
{
    sem_init(&job.taken, 0, 0);
    server_start(server, &HTTP_LIMITS, take, NULL);
    server_run(server);
}

static void *answer_later(void *user)
{
    (void)user;
    sem_wait(&job.go);
    http_reply(job.call, 201, "text/plain", bytes_of("done", 4), NULL, 0);
    return NULL;
}

static void answers_come_from_other_threads(void **state)
{
    struct server server;
    pthread_t worker;

    (void)state;
    sem_init(&job.go, 0, 0);
    server_that_takes(&server);
    const int fd = client_connect(server.port), gone = client_connect(server.port);

    client_say(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&job.taken);
    pthread_create(&worker, NULL, answer_later, NULL);
    sem_post(&job.go);
    assert_int_equal(client_answer(fd).status, 201);
    pthread_join(worker, NULL);

    /* The client resets while its job runs: the answer is dropped, the others live. */
    client_say(gone, "GET / HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&job.taken);
    setsockopt(gone, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(gone);
    http_problem(job.call, ERR_BUSY, uuid_v4(), STR("[]"));
    client_say(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&job.taken);
    http_problem(job.call, ERR_BUSY, uuid_v4(), STR("[{\"pointer\":\"/a\"}]"));
    const struct answer busy = client_answer(fd);
    assert_int_equal(busy.status, 503);
    assert_non_null(strstr(busy.head, "retry-after: 1"));
    assert_non_null(strstr(busy.body, "\"request_id\":\""));
    assert_non_null(strstr(busy.body, "\"retryable\":true"));
    assert_non_null(strstr(busy.body, ",\"errors\":[{\"pointer\":\"/a\"}]}"));
    close(fd);
    server_end(&server);
}

/* It sends no more, which is seen while its first request runs, and reads both answers. */
static void a_client_that_only_reads_on_is_answered(void **state)
{
    struct server server;

    (void)state;
    server_that_takes(&server);
    const int half = client_connect(server.port), other = client_connect(server.port);

    client_say(half, "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n");
    shutdown(half, SHUT_WR);
    sem_wait(&job.taken);
    struct http_call *first = job.call;
    client_say(other, "GET / HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&job.taken);
    http_reply(job.call, 204, NULL, BYTES_NONE, NULL, 0);
    assert_int_equal(client_answer(other).status, 204); /* the loop has turned since */

    http_reply(first, 200, NULL, BYTES_NONE, NULL, 0);
    assert_int_equal(client_answer(half).status, 200);
    sem_wait(&job.taken);
    http_reply(job.call, 201, NULL, BYTES_NONE, NULL, 0);
    assert_int_equal(client_answer(half).status, 201);
    assert_true(client_ended(half));
    close(half);
    close(other);
    server_end(&server);
}

static void a_drain_answers_what_runs(void **state)
{
    struct server server;

    (void)state;
    server_that_takes(&server);
    const int busy = client_connect(server.port), idle = client_connect(server.port);
    client_say(busy, "GET / HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&job.taken);
    loop_post(server.loop, server_drain, &server);
    assert_true(client_ended(idle));
    http_reply(job.call, 200, NULL, BYTES_NONE, NULL, 0);
    const struct answer answer = client_answer(busy);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.head, "connection: close"));
    assert_true(client_ended(busy));
    close(busy);
    close(idle);
    pthread_join(server.thread, NULL);
    assert_int_equal(sem_trywait(&server.drained), 0);
    http_free(server.http);
    loop_free(server.loop);
    sem_destroy(&server.drained);
}

/* Whoever reads slowly gets everything; whoever stops is dropped. */
static void a_client_that_does_not_read_is_dropped(void **state)
{
    struct http_limits limits = HTTP_LIMITS;
    static char text[65536];
    struct server server;

    (void)state;
    limits.stall_ms = 200;
    server_start(&server, &limits, answer_at_length, NULL);
    server_run(&server);
    const int reads = client_connect(server.port), stops = client_connect(server.port);
    client_say(reads, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    size_t n = 0;
    for (ssize_t got; (got = recv(reads, text, sizeof text, 0)) > 0;) n += (size_t)got;
    assert_in_range(n, 8 * 1024 * 1024 + 1, 8 * 1024 * 1024 + 1000);
    client_say(stops, "GET / HTTP/1.1\r\n" HOST "\r\n");
    struct pollfd dropped = {.fd = stops, .events = POLLRDHUP};
    assert_int_equal(poll(&dropped, 1, 5000), 1);
    close(reads);
    close(stops);
    server_end(&server);
}

static void connections_have_a_limit(void **state)
{
    struct http_limits limits = HTTP_LIMITS;
    struct server server;

    (void)state;
    limits.connections_max = 1;
    server_start(&server, &limits, echo, NULL);
    server_run(&server);
    const int first = client_connect(server.port);
    client_say(first, "GET / HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(client_answer(first).status, 200);
    const int second = client_connect(server.port);
    assert_true(client_ended(second));
    close(second);
    close(first);
    server_end(&server);
}

/* ---- where it listens ---- */

static void addresses_that_are_refused(void **state)
{
    struct server server;
    char taken[64];

    (void)state;
    server_start(&server, &HTTP_LIMITS, echo, NULL);
    snprintf(taken, sizeof taken, "127.0.0.1:%d", server.port);
    assert_int_equal(http_listen(server.http, taken, NULL, false, NULL), ERR_UNAVAILABLE);
    assert_int_equal(http_listen(server.http, "0.0.0.0:0", NULL, false, NULL), ERR_UNAVAILABLE);
    assert_int_equal(http_listen(server.http, "[::]:0", NULL, false, NULL), ERR_UNAVAILABLE);
    assert_int_equal(http_listen(server.http, "nonsense", NULL, false, NULL), ERR_UNAVAILABLE);
    assert_int_equal(http_listen(server.http, "127.0.0.1:", NULL, false, NULL), ERR_UNAVAILABLE);
    const struct http_tls missing = {"/nowhere/ca.pem", "/nowhere/a.pem", "/nowhere/a.key"};
    assert_int_equal(http_listen(server.http, "127.0.0.1:0", &missing, false, NULL),
                     ERR_UNAVAILABLE);
    server_run(&server);
    server_end(&server);
}

static SSL *open_tls(int fd, SSL_CTX *context, const char *folder)
{
    char path[256];

    snprintf(path, sizeof path, "%s/gateway.pem", folder);
    SSL_CTX_use_certificate_file(context, path, SSL_FILETYPE_PEM);
    snprintf(path, sizeof path, "%s/gateway.key", folder);
    SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM);
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    return ssl;
}

/* Asks for much and is gone when it comes. */
static void vanish_tls(int fd, const char *folder)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    const char ask[] = "GET /long HTTP/1.1\r\n" HOST "\r\n";
    SSL *ssl = open_tls(fd, context, folder);
    char byte;

    assert_true(SSL_write(ssl, ask, sizeof ask - 1) > 0);
    assert_int_equal(SSL_read(ssl, &byte, 1), 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    SSL_free(ssl);
    SSL_CTX_free(context);
}

/* One GET over TLS, its answer's body in @text; false: refused. @name NULL: no certificate. */
static bool ask_tls(int fd, const char *folder, const char *name, int version, char text[4096])
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    char path[256];
    int n = -1;

    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(context, version);
    if (name) {
        snprintf(path, sizeof path, "%s/%s.pem", folder, name);
        assert_int_equal(SSL_CTX_use_certificate_file(context, path, SSL_FILETYPE_PEM), 1);
        snprintf(path, sizeof path, "%s/%s.key", folder, name);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM), 1);
    }
    SSL *ssl = SSL_new(context);
    SSL_set_alpn_protos(ssl, (const unsigned char *)"\x08http/1.1", 9);
    SSL_set_fd(ssl, fd);
    const char ask[] = "GET /tls HTTP/1.1\r\n" HOST
                       "X-Forwarded-For: 1.2.3.4, 2001:db8::7\r\nConnection: close\r\n\r\n";
    if (SSL_connect(ssl) == 1 && SSL_write(ssl, ask, sizeof ask - 1) > 0) {
        size_t have = 0;
        while ((n = SSL_read(ssl, text + have, (int)(4095 - have))) > 0) have += (size_t)n;
        text[have] = '\0';
        n = have > 0;
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
    return n == 1;
}

static void peers_show_a_certificate_of_our_ca(void **state)
{
    char folder[] = "/tmp/test_http.XXXXXX", path[128], ca_file[128], cert_file[128], key_file[128];
    char text[4096], unix_path[100];
    struct server server;
    int port;

    (void)state;
    assert_non_null(mkdtemp(folder));
    const char *const names[] = {"ca", "foreign", "gateway", "fhir", "billing", "stranger"};
    enum { NAMES = sizeof names / sizeof *names };
    struct cert certs[NAMES];
    for (int i = 0; i < NAMES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        certs[i] = cert_new(names[i], i < 2 ? NULL : &certs[i == NAMES - 1], path);
    }
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", folder);
    snprintf(cert_file, sizeof cert_file, "%s/billing.pem", folder);
    snprintf(key_file, sizeof key_file, "%s/billing.key", folder);
    snprintf(unix_path, sizeof unix_path, "%s/socket", folder);
    const struct http_tls tls = {ca_file, cert_file, key_file};

    server_start(&server, &HTTP_LIMITS, echo, NULL);
    assert_int_equal(http_listen(server.http, "127.0.0.1:0", &tls, false, &port), ERR_OK);
    /* A socket file that a killed process left is replaced; one that lives is not. */
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", unix_path);
    const int left = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(left, (struct sockaddr *)&at, sizeof at), 0);
    close(left);
    assert_int_equal(http_listen(server.http, unix_path, &tls, false, NULL), ERR_OK);
    assert_int_equal(http_listen(server.http, unix_path, &tls, false, NULL), ERR_UNAVAILABLE);
    server_run(&server);

    static const struct { const char *name; int version; const char *answer; } rows[] = {
        {"gateway", TLS1_3_VERSION, "GET /tls?  gateway 2001:db8::7"},
        {"fhir", TLS1_3_VERSION, "GET /tls?  fhir 2001:db8::7"},
        {"billing", TLS1_3_VERSION, "GET /tls?  billing 127.0.0.1"},
        {"gateway", TLS1_2_VERSION, NULL},
        {"stranger", TLS1_3_VERSION, NULL},
        {NULL, TLS1_3_VERSION, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int fd = client_connect(port);
        const bool answered = ask_tls(fd, folder, rows[i].name, rows[i].version, text);
        assert_int_equal(answered, rows[i].answer != NULL);
        if (answered) assert_non_null(strstr(text, rows[i].answer));
        close(fd);
    }
    for (int i = 0; i < 30; i++) {
        const int gone = client_connect(port);
        vanish_tls(gone, folder);
        close(gone);
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    patience(fd);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_true(ask_tls(fd, folder, "billing", TLS1_3_VERSION, text));
    assert_non_null(strstr(text, "GET /tls?  billing unix"));
    close(fd);
    server_end(&server);
    assert_int_not_equal(access(unix_path, F_OK), 0);
    for (int i = 0; i < NAMES; i++) {
        cert_free(certs[i]);
        snprintf(path, sizeof path, "%s/%s.pem", folder, names[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s/%s.key", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* Over TLS the end of what is sent is not told again by itself. */
static void a_client_that_only_reads_on_is_answered_over_tls(void **state)
{
    static const char ask[] = "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n";
    char folder[] = "/tmp/test_http.XXXXXX", path[64], pem[72], key[72], text[4096];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct server server;
    size_t have = 0;
    int port, n;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/gateway", folder);
    snprintf(pem, sizeof pem, "%s.pem", path);
    snprintf(key, sizeof key, "%s.key", path);
    const struct cert cert = cert_new("gateway", NULL, path);
    sem_init(&job.taken, 0, 0);
    server_start(&server, &HTTP_LIMITS, take, NULL);
    const struct http_tls tls = {pem, pem, key};
    assert_int_equal(http_listen(server.http, "127.0.0.1:0", &tls, false, &port), ERR_OK);
    server_run(&server);

    const int half = client_connect(port), other = client_connect(server.port);
    SSL *ssl = open_tls(half, context, folder);
    assert_int_equal(SSL_write(ssl, ask, sizeof ask - 1), sizeof ask - 1);
    SSL_shutdown(ssl);
    shutdown(half, SHUT_WR);
    sem_wait(&job.taken);
    struct http_call *first = job.call;
    for (int turn = 0; turn < 2; turn++) {
        client_say(other, "GET / HTTP/1.1\r\n" HOST "\r\n");
        sem_wait(&job.taken);
        http_reply(job.call, 204, NULL, BYTES_NONE, NULL, 0);
        assert_int_equal(client_answer(other).status, 204); /* the loop has turned since */
    }
    http_reply(first, 200, NULL, BYTES_NONE, NULL, 0);
    sem_wait(&job.taken);
    http_reply(job.call, 201, NULL, BYTES_NONE, NULL, 0);
    while ((n = SSL_read(ssl, text + have, (int)(sizeof text - 1 - have))) > 0) have += (size_t)n;
    text[have] = '\0';
    assert_non_null(strstr(text, "HTTP/1.1 200"));
    assert_non_null(strstr(text, "HTTP/1.1 201"));
    assert_true(client_ended(half)); /* long before the idle timer */

    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(half);
    close(other);
    server_end(&server);
    cert_free(cert);
    unlink(pem);
    unlink(key);
    rmdir(folder);
}

/* ---- the loop ---- */

static void count(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

static void *post_many(void *user)
{
    void **args = user;

    for (int i = 0; i < 20000; i++) loop_post(args[0], count, args[1]);
    return NULL;
}

static void stop(void *user)
{
    loop_stop(user);
}

static void *run(void *user)
{
    loop_run(user, TURN_MS_MAX);
    return NULL;
}

static void posts_of_many_threads_all_run(void **state)
{
    struct loop *loop = loop_new();
    atomic_int counted = 0;
    void *args[] = {loop, &counted};
    pthread_t threads[3], runner;

    (void)state;
    pthread_create(&runner, NULL, run, loop);
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, post_many, args);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    loop_post(loop, stop, loop);
    pthread_join(runner, NULL);
    assert_int_equal(counted, 60000);
    loop_free(loop);
}

static void hang(void *user)
{
    (void)user;
    for (;;) pause();
}

static void a_stuck_loop_ends_the_process(void **state)
{
    int status = 0;

    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        struct loop *loop = loop_new();
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        loop_post(loop, hang, NULL);
        loop_run(loop, 100);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_on_one_connection),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_slow_but_honest_client),
        cmocka_unit_test(raw_requests_get_their_one_answer),
        cmocka_unit_test(large_bodies_are_refused_without_reset),
        cmocka_unit_test(slow_requests_have_a_deadline),
        cmocka_unit_test(answers_come_from_other_threads),
        cmocka_unit_test(a_client_that_only_reads_on_is_answered),
        cmocka_unit_test(a_client_that_only_reads_on_is_answered_over_tls),
        cmocka_unit_test(a_drain_answers_what_runs),
        cmocka_unit_test(a_client_that_does_not_read_is_dropped),
        cmocka_unit_test(connections_have_a_limit),
        cmocka_unit_test(addresses_that_are_refused),
        cmocka_unit_test(peers_show_a_certificate_of_our_ca),
        cmocka_unit_test(posts_of_many_threads_all_run),
        cmocka_unit_test(a_stuck_loop_ends_the_process),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
