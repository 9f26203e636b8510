/*
 * httpload - drives one HTTP/1.1 server and checks every answer.
 *
 *     httpload PORT REQUESTS CONNECTIONS SECONDS
 *
 * REQUESTS is a file of records: a line "STATUS BYTES", then that many bytes, which are one whole
 * request. Each is sent once, in their order, over kept connections that each have one in flight
 * (a closed loop: a maximum, not a latency under a rate). It ends after SECONDS or with the last
 * record, prints one line of JSON, and exits with 3 when an answer was not what its record says.
 */
#include "common/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define ANSWER_BYTES_MAX 65536

struct connection {
    int fd;
    bool busy;
    int64_t sent_us;
    int64_t want; /* status */
    size_t have;
    char in[ANSWER_BYTES_MAX];
};

static struct {
    struct str left; /* of the requests */
    struct connection *connections;
    size_t in_flight;
    uint32_t *latencies_us;
    size_t answered, latencies_max, wrong;
} load;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "httpload: %s: %s\n", what, errno ? strerror(errno) : "no");
    exit(2);
}

static int64_t number(const char *text, int64_t max, const char *what)
{
    int64_t value;

    if (!str_int(str_of(text), 1, max, &value)) die(what);
    return value;
}

static struct str file_map(const char *path)
{
    struct stat stat;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &stat) != 0) die(path);
    void *p = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (p == MAP_FAILED) die(path);
    close(fd);
    return (struct str){p, (size_t)stat.st_size};
}

/* "STATUS BYTES\n" and the request behind it. False at the end. */
static bool record_take(int64_t *ret_status, struct str *ret_request)
{
    const char *space = memchr(load.left.p, ' ', load.left.n);
    const char *line_end = space ? memchr(space, '\n', load.left.n) : NULL;
    int64_t bytes;

    if (!load.left.n) return false;
    if (!line_end ||
        !str_int((struct str){load.left.p, (size_t)(space - load.left.p)}, 100, 599,
                 ret_status) ||
        !str_int((struct str){space + 1, (size_t)(line_end - space - 1)}, 1, ANSWER_BYTES_MAX,
                 &bytes))
        die("a record without status and bytes");
    *ret_request = (struct str){line_end + 1, (size_t)bytes};
    const char *const end = load.left.p + load.left.n;
    load.left.p = line_end + 1 + bytes;
    load.left.n = (size_t)(end - load.left.p);
    return true;
}

static void request_send(struct connection *connection)
{
    struct str request;

    if (!record_take(&connection->want, &request)) return;
    connection->busy = true;
    connection->sent_us = clock_mono_us();
    load.in_flight++;
    if (send(connection->fd, request.p, request.n, MSG_NOSIGNAL) != (ssize_t)request.n) die("send");
}

static void connection_open(struct connection *connection, int64_t port, int epoll)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection->fd, (const struct sockaddr *)&to, sizeof to) != 0) die("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

/* Bytes of the one answer that stands there, or 0: not whole yet. All peers send Content-Length. */
static size_t answer_bytes(const struct connection *connection)
{
    static const char word[] = "content-length:";
    const char *head_end = memmem(connection->in, connection->have, "\r\n\r\n", 4);
    int64_t body = 0;

    if (!head_end) return 0;
    for (const char *line = connection->in; line < head_end;
         line = (const char *)memchr(line, '\n', ANSWER_BYTES_MAX) + 1) {
        if (strncasecmp(line, word, sizeof word - 1) != 0) continue;
        line += sizeof word - 1 + (line[sizeof word - 1] == ' ');
        const char *end = memchr(line, '\r', (size_t)(head_end + 1 - line));
        if (!str_int((struct str){line, (size_t)(end - line)}, 0, ANSWER_BYTES_MAX, &body))
            die("Content-Length");
    }
    const size_t whole = (size_t)(head_end + 4 - connection->in) + (size_t)body;
    return connection->have >= whole ? whole : 0;
}

static void answer_count(struct connection *connection)
{
    int64_t status = 0;

    str_int((struct str){connection->in + 9, 3}, 100, 599, &status);
    if (status != connection->want && load.wrong++ == 0)
        fprintf(stderr, "httpload: wanted %d: %.*s\n", (int)connection->want,
                (int)(connection->have < 900 ? connection->have : 900), connection->in);
    if (load.answered == load.latencies_max) {
        load.latencies_max = load.latencies_max ? 2 * load.latencies_max : 65536;
        load.latencies_us =
            reallocarray(load.latencies_us, load.latencies_max, sizeof *load.latencies_us);
        if (!load.latencies_us) abort();
    }
    load.latencies_us[load.answered++] = (uint32_t)(clock_mono_us() - connection->sent_us);
    connection->busy = false;
    connection->have = 0;
    load.in_flight--;
}

/* True when the answer is whole. */
static bool answer_take(struct connection *connection)
{
    const ssize_t n = recv(connection->fd, connection->in + connection->have,
                           sizeof connection->in - connection->have, MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0) {
        errno = 0;
        die("the server closed a connection");
    }
    connection->have += (size_t)n;
    if (!connection->busy || !answer_bytes(connection)) return false;
    answer_count(connection);
    return true;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static double latency_ms(unsigned percent)
{
    return load.answered ? load.latencies_us[(load.answered - 1) * percent / 100] / 1e3 : 0;
}

int main(int argc, char **argv)
{
    struct epoll_event events[CONNECTIONS_MAX];

    if (argc != 5) die("PORT REQUESTS CONNECTIONS SECONDS");
    const int64_t port = number(argv[1], 65535, "PORT");
    const int64_t count = number(argv[3], CONNECTIONS_MAX, "CONNECTIONS");
    const int64_t span_us = number(argv[4], 3600, "SECONDS") * SECOND_US;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);

    load.left = file_map(argv[2]);
    load.connections = calloc((size_t)count, sizeof *load.connections);
    if (!load.connections || epoll < 0) abort();
    for (int64_t i = 0; i < count; i++) connection_open(&load.connections[i], port, epoll);
    const int64_t began_us = clock_mono_us();
    for (int64_t i = 0; i < count; i++) request_send(&load.connections[i]);
    while (load.in_flight > 0) {
        const int n = epoll_wait(epoll, events, CONNECTIONS_MAX, 30000);
        if (n <= 0) die("no answer for 30 s");
        for (int i = 0; i < n; i++) {
            if (answer_take(events[i].data.ptr) && clock_mono_us() - began_us < span_us)
                request_send(events[i].data.ptr);
        }
    }
    const double seconds = (double)(clock_mono_us() - began_us) / SECOND_US;
    qsort(load.latencies_us, load.answered, sizeof *load.latencies_us, by_value);
    printf("{\"answered\":%zu,\"wrong\":%zu,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
           load.answered, load.wrong, (double)load.answered / seconds, latency_ms(50),
           latency_ms(99));
    return load.wrong ? 3 : 0;
}
