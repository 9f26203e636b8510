#include "common/io/http_parts.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define KERNEL_BUFFER_BYTES (64 * 1024) /* else megabytes per client that does not read */
#define BACKLOG 1024
#define RESUME_MS 200

/* ---- listening ---- */

struct place {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } at;
    socklen_t size;
    bool loopback;
};

static bool path_parse(const char *path, struct place *ret)
{
    if (strlen(path) >= sizeof ret->at.un.sun_path) return false;
    ret->at.un.sun_family = AF_UNIX;
    memcpy(ret->at.un.sun_path, path, strlen(path) + 1);
    ret->size = sizeof ret->at.un;
    ret->loopback = true;
    return true;
}

/* "127.0.0.1:80" or "[::1]:80". */
static bool place_parse(const char *address, struct place *ret)
{
    const char *colon = strrchr(address, ':');
    char host[INET6_ADDRSTRLEN] = "";
    int64_t port;

    *ret = (struct place){0};
    if (address[0] == '/') return path_parse(address, ret);
    if (!colon || !str_int(str_of(colon + 1), 0, 65535, &port)) return false;
    const bool v6 = address[0] == '[' && colon[-1] == ']';
    const size_t n = (size_t)(colon - address) - 2 * v6;
    if (n >= sizeof host) return false;
    memcpy(host, address + v6, n);
    if (v6) {
        ret->at.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                           .sin6_port = htons((uint16_t)port)};
        ret->size = sizeof ret->at.v6;
        if (inet_pton(AF_INET6, host, &ret->at.v6.sin6_addr) != 1) return false;
        ret->loopback = IN6_IS_ADDR_LOOPBACK(&ret->at.v6.sin6_addr);
        return true;
    }
    ret->at.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    ret->size = sizeof ret->at.v4;
    if (inet_pton(AF_INET, host, &ret->at.v4.sin_addr) != 1) return false;
    ret->loopback = ntohl(ret->at.v4.sin_addr.s_addr) >> 24 == 127;
    return true;
}

/* A socket file that nobody answers at is left from a killed process. */
static void stale_unlink(const struct place *place)
{
    struct stat is;
    const char *path = place->at.un.sun_path;

    if (lstat(path, &is) < 0 || !S_ISSOCK(is.st_mode)) return;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, &place->at.any, place->size) < 0 && errno == ECONNREFUSED) unlink(path);
    close(fd);
}

static int socket_listen(const struct place *place)
{
    const int family = place->at.any.sa_family, on = 1, buffer = KERNEL_BUFFER_BYTES;
    const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) return -1;
    /* Accepted sockets inherit these. */
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (family == AF_UNIX) {
        stale_unlink(place);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (bind(fd, &place->at.any, place->size) == 0 && listen(fd, BACKLOG) == 0) return fd;
    const int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void accept_one(struct evconnlistener *accepting, evutil_socket_t fd,
                       struct sockaddr *address, int size, void *user)
{
    struct listener *listener = user;
    const struct http *http = listener->http;

    (void)accepting;
    (void)size;
    /* Closing lets the gateway try another replica; the inner port stays open for probes. */
    if (!listener->inner && http->conn_count >= http->limits.connections_max) close(fd);
    else conn_accept(listener, fd, address);
}

/* Out of files: the pending connection would wake the loop again and again. */
static void accept_failed(struct evconnlistener *accepting, void *user)
{
    const struct timeval later = {.tv_usec = RESUME_MS * 1000};
    struct listener *listener = user;

    evconnlistener_disable(accepting);
    evtimer_add(&listener->http->resume, &later);
}

static void accept_again(evutil_socket_t fd, short what, void *user)
{
    struct http *http = user;
    struct listener *listener;

    (void)fd;
    (void)what;
    LIST_FOREACH(listener, &http->listeners, link) evconnlistener_enable(listener->accepting);
}

static err_t listen_failed(const char *address, SSL_CTX *tls)
{
    const int why = errno;

    SSL_CTX_free(tls);
    if (why == EADDRINUSE)
        return err_raise(ERR_UNAVAILABLE,
                         "%s is in use: `ss -lptn` names the process; stop it or set another "
                         "address",
                         address);
    return err_raise(ERR_UNAVAILABLE, "cannot listen on %s: %s", address, strerror(why));
}

static int port_of(int fd)
{
    struct place place = {.size = sizeof place.at};

    getsockname(fd, &place.at.any, &place.size);
    if (place.at.any.sa_family == AF_INET) return ntohs(place.at.v4.sin_port);
    return place.at.any.sa_family == AF_INET6 ? ntohs(place.at.v6.sin6_port) : 0;
}

err_t http_listen(struct http *http, const char *address, const struct http_tls *tls, bool inner,
                  int *ret_port)
{
    struct place place;
    SSL_CTX *context = NULL;

    if (!place_parse(address, &place))
        return err_raise(ERR_UNAVAILABLE, "%s is neither host:port nor a socket path", address);
    if (!tls && !place.loopback)
        return err_raise(ERR_UNAVAILABLE, "%s without TLS is refused: it is not loopback", address);
    if (tls) TRY(http_tls_new(tls, &context));
    const int fd = socket_listen(&place);
    if (fd < 0) return listen_failed(address, context);

    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) abort();
    *listener = (struct listener){.http = http, .tls = context, .inner = inner};
    if (place.at.any.sa_family == AF_UNIX) {
        listener->path = strdup(address);
        chmod(address, 0666); /* the certificate decides who may speak */
    }
    listener->accepting = evconnlistener_new(loop_base(http->loop), accept_one, listener,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!listener->accepting) abort();
    evconnlistener_set_error_cb(listener->accepting, accept_failed);
    LIST_INSERT_HEAD(&http->listeners, listener, link);
    if (ret_port) *ret_port = port_of(fd);
    return ERR_OK;
}

static void listeners_close(struct http *http)
{
    while (!LIST_EMPTY(&http->listeners)) {
        struct listener *listener = LIST_FIRST(&http->listeners);

        LIST_REMOVE(listener, link);
        evconnlistener_free(listener->accepting);
        SSL_CTX_free(listener->tls);
        if (listener->path) unlink(listener->path);
        free(listener->path);
        free(listener);
    }
}

/* ---- stopping ---- */

static void drained(struct http *http)
{
    if (!http->done) return;
    evtimer_del(&http->drain_end);
    loop_post(http->loop, http->done, http->done_user);
    http->done = NULL;
}

void http_conn_left(struct http *http)
{
    if (http->stopping && http->conn_count == http->lingering_count) drained(http);
}

static void conns_close(struct http *http)
{
    while (!LIST_EMPTY(&http->conns)) conn_free(LIST_FIRST(&http->conns));
}

static void drain_late(evutil_socket_t fd, short what, void *user)
{
    struct http *http = user;

    (void)fd;
    (void)what;
    conns_close(http);
    drained(http);
}

void http_stop(struct http *http, unsigned drain_ms, void (*done)(void *), void *user)
{
    const struct timeval end = {.tv_sec = drain_ms / 1000, .tv_usec = (drain_ms % 1000) * 1000};
    struct conn *next;

    assert(!http->stopping);
    http->done = done;
    http->done_user = user;
    evtimer_del(&http->resume);
    listeners_close(http);
    evtimer_add(&http->drain_end, &end);
    for (struct conn *conn = LIST_FIRST(&http->conns); conn; conn = next) {
        next = LIST_NEXT(conn, link);
        conn_drain(conn);
    }
    http->stopping = true;
    http_conn_left(http);
}

/* ---- life and questions ---- */

struct http *http_new(struct loop *loop, const struct http_limits *limits, http_handler *handler,
                      void *user)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http) abort();
    *http = (struct http){.loop = loop, .limits = *limits, .handler = handler, .user = user};
    evtimer_assign(&http->resume, loop_base(loop), accept_again, http);
    evtimer_assign(&http->drain_end, loop_base(loop), drain_late, http);
    return http;
}

struct http *http_free(struct http *http)
{
    if (!http) return NULL;
    listeners_close(http);
    conns_close(http);
    evtimer_del(&http->resume);
    evtimer_del(&http->drain_end);
    free(http);
    return NULL;
}

const struct h1_head *http_head(const struct http_call *call)
{
    return &call->head;
}

struct bytes http_body(const struct http_call *call)
{
    return bytes_of(call->body, call->body_size);
}

struct str http_peer(const struct http_call *call)
{
    return call->plain ? STR_NONE : str_of(call->peer);
}

bool http_is_handed_on(const struct http_call *call)
{
    const struct str peer = http_peer(call);

    return str_is(peer, "gateway") || str_is(peer, "fhir");
}

struct str http_remote(const struct http_call *call)
{
    return str_of(call->remote);
}

bool http_inner(const struct http_call *call)
{
    return call->inner;
}
