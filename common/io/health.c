#include "common/io/health.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int connect_to(const char *address)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    const struct timeval limit = {2, 0};

    if (!colon || (size_t)(colon - address) >= sizeof host) return -1;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) return -1;

    const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const bool connected = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (!connected && fd >= 0) close(fd);
    return connected ? fd : -1;
}

/* What fits of all that the other side says until it closes; -1 when it says nothing. */
static ssize_t read_all(int fd, char *to, size_t n)
{
    size_t at = 0;
    ssize_t got = 1;

    while (at < n && (got = read(fd, to + at, n - at)) > 0) at += (size_t)got;
    return at > 0 ? (ssize_t)at : -1;
}

int health_read(const char *address, const char *path, char *ret_body, size_t n)
{
    char text[2048];
    int status = 0;
    const int fd = connect_to(address);

    ret_body[0] = '\0';
    if (fd < 0) return 0;
    const int asked = snprintf(
        text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    const bool sent = write(fd, text, (size_t)asked) == asked;
    const ssize_t got = sent ? read_all(fd, text, sizeof text - 1) : -1;
    close(fd);
    if (got < 0) return 0;

    text[got] = '\0';
    const char *body = strstr(text, "\r\n\r\n");
    if (sscanf(text, "HTTP/1.1 %3d", &status) != 1 || !body) return 0;
    snprintf(ret_body, n, "%s", body + 4);
    return status;
}

bool health_ask(const char *address, const char *path)
{
    char body[1];
    const int status = health_read(address, path, body, sizeof body);

    if (status == 0)
        fprintf(stderr, "not ready: nothing answers at %s (%s)\n", address, strerror(errno));
    else if (status != 200)
        fprintf(stderr, "not ready: %s at %s answers %d\n", path, address, status);
    return status == 200;
}
