/*
 * io_test - a server in a thread of its own and a blocking client, for test_http and test_ws.
 *
 * Threads  the server's handler runs on the loop thread; the rest is the test's.
 */
#pragma once

#include "common/io/http.h"

#include <stdarg.h>
#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TURN_MS_MAX 5000 /* of the loop under test */

struct server {
    struct loop *loop;
    struct http *http;
    pthread_t thread;
    int port;
    sem_t drained;
};

static void *server_thread(void *user)
{
    struct server *server = user;

    loop_run(server->loop, TURN_MS_MAX);
    return NULL;
}

static inline void server_start(struct server *server, const struct http_limits *limits,
                                http_handler *handler, void *user)
{
    *server = (struct server){.loop = loop_new()};
    sem_init(&server->drained, 0, 0);
    server->http = http_new(server->loop, limits, handler, user);
    assert_int_equal(http_listen(server->http, "127.0.0.1:0", NULL, false, &server->port), ERR_OK);
}

static inline void server_run(struct server *server)
{
    assert_int_equal(pthread_create(&server->thread, NULL, server_thread, server), 0);
}

static inline void server_drained(void *user)
{
    struct server *server = user;

    sem_post(&server->drained);
    loop_stop(server->loop);
}

static inline void server_drain(void *user)
{
    struct server *server = user;

    http_stop(server->http, 3000, server_drained, server);
}

static inline void server_end(struct server *server)
{
    loop_post(server->loop, server_drain, server);
    pthread_join(server->thread, NULL);
    assert_int_equal(sem_trywait(&server->drained), 0);
    http_free(server->http);
    loop_free(server->loop);
    sem_destroy(&server->drained);
}

static inline void patience(int fd)
{
    const struct timeval limit = {.tv_sec = 10};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static inline int client_connect(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    patience(fd);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline void client_send(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static inline void client_say(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

/* Exactly @n bytes; false at the end of the stream or after 10 s. */
static inline bool client_read(int fd, void *p, size_t n)
{
    size_t have = 0;

    while (have < n) {
        const ssize_t got = recv(fd, (char *)p + have, n - have, 0);
        if (got <= 0) return false;
        have += (size_t)got;
    }
    return true;
}

struct answer {
    int status; /* 0: none came */
    char head[4096], body[8192];
    size_t body_n;
};

static inline struct answer client_answer(int fd)
{
    struct answer answer = {0};
    size_t n = 0;

    while (n < sizeof answer.head - 1 && !strstr(answer.head, "\r\n\r\n"))
        if (!client_read(fd, answer.head + n++, 1)) return (struct answer){0};
    assert_int_equal(sscanf(answer.head, "HTTP/1.1 %d ", &answer.status), 1);
    const char *length = strstr(answer.head, "content-length: ");
    if (length) assert_int_equal(sscanf(length, "content-length: %zu", &answer.body_n), 1);
    assert_in_range(answer.body_n, 0, sizeof answer.body - 1);
    assert_true(client_read(fd, answer.body, answer.body_n));
    return answer;
}

/* Has the server ended the stream, and said nothing more? */
static inline bool client_ended(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) == 0;
}
