/*
 * echo - the services' WebSocket (common/io) with nothing behind it: each text comes back.
 *
 * Autobahn's cases (real/test_autobahn.py) judge a server by what it sends back, and no service of
 * ours repeats what it hears. Prints its port, and ends when its stdin does.
 *
 * Threads  one, the loop.
 */
#include "common/io/http.h"

#include <stdio.h>
#include <unistd.h>

#define TURN_MS_MAX 60000 /* of a busy machine, under a sanitizer */

static void heard(struct ws *ws, struct str text, void *user)
{
    (void)user;
    (void)ws_send(ws, text);
}

static void closed(struct ws *ws, void *user)
{
    (void)ws;
    (void)user;
}

static void asked(struct http_call *call, void *user)
{
    static const struct ws_events events = {.message = heard, .closed = closed};

    (void)user;
    if (http_head(call)->method == WS)
        (void)http_upgrade(call, "telecura.v1.json", &WS_LIMITS, &events, NULL);
    else
        http_problem(call, ERR_NOT_FOUND, UUID_NIL, STR_NONE);
}

static void stdin_ended(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    loop_stop(user);
}

int main(void)
{
    struct loop *loop = loop_new();
    struct http *http = http_new(loop, &HTTP_LIMITS, asked, NULL);
    struct event *end = event_new(loop_base(loop), STDIN_FILENO, EV_READ, stdin_ended, loop);
    int port = 0;

    if (http_listen(http, "127.0.0.1:0", NULL, false, &port) != ERR_OK) return 1;
    printf("%d\n", port);
    fflush(stdout);
    event_add(end, NULL);
    loop_run(loop, TURN_MS_MAX);
    event_free(end);
    http_free(http);
    loop_free(loop);
    return 0;
}
