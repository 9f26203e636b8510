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

bool health_ask(const char *address, const char *path)
{
    char text[512];
    const int fd = connect_to(address);

    if (fd < 0) {
        fprintf(stderr, "not ready: nothing answers at %s (%s)\n", address, strerror(errno));
        return false;
    }
    const int n = snprintf(text, sizeof text,
                           "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    const bool asked = write(fd, text, (size_t)n) == n;
    const ssize_t got = asked ? read(fd, text, sizeof text - 1) : -1;
    close(fd);

    const bool ready = got > 12 && memcmp(text + 9, "200", 3) == 0;
    if (!ready) fprintf(stderr, "not ready: %s at %s did not answer 200\n", path, address);
    return ready;
}
