#include "common/io/keys_link.h"

#include "common/base/clock.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVER "keyd" /* the name in its certificate */

struct keys_link {
    int fd;
    SSL *ssl;
};

static bool wait_for(int fd, short events, int64_t deadline_us)
{
    struct pollfd waiting = {.fd = fd, .events = events};

    for (;;) {
        const int64_t left_us = deadline_us - clock_mono_us();
        if (left_us <= 0) return false;
        const int ready = poll(&waiting, 1, (int)(left_us / MS_US) + 1);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

/* After an SSL call that returned @ret: true when it is worth calling again. */
static bool link_again(struct keys_link *link, int ret, int64_t deadline_us)
{
    const int reason = SSL_get_error(link->ssl, ret);

    ERR_clear_error();
    if (reason == SSL_ERROR_WANT_READ) return wait_for(link->fd, POLLIN, deadline_us);
    return reason == SSL_ERROR_WANT_WRITE && wait_for(link->fd, POLLOUT, deadline_us);
}

static int socket_open(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof to.sun_path) return -1;
    memcpy(to.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    close(fd); /* EAGAIN too: its backlog is full, which is as good as down */
    return -1;
}

struct keys_link *keys_link_open(SSL_CTX *tls, const char *socket, int64_t deadline_us)
{
    const int fd = socket_open(socket);

    if (fd < 0) return NULL;
    struct keys_link *link = calloc(1, sizeof *link);
    if (!link) abort();
    *link = (struct keys_link){fd, SSL_new(tls)};
    if (!link->ssl || SSL_set_fd(link->ssl, fd) != 1 || SSL_set1_host(link->ssl, SERVER) != 1) {
        return keys_link_free(link);
    }
    for (int ret; (ret = SSL_connect(link->ssl)) != 1;) {
        if (!link_again(link, ret, deadline_us)) return keys_link_free(link);
    }
    return link;
}

struct keys_link *keys_link_free(struct keys_link *link)
{
    if (!link) return NULL;
    SSL_free(link->ssl);
    close(link->fd);
    free(link);
    return NULL;
}

static bool link_write(struct keys_link *link, const char *p, size_t n, int64_t deadline_us)
{
    while (n > 0) {
        const int written = SSL_write(link->ssl, p, (int)n);
        if (written > 0) {
            p += written;
            n -= (size_t)written;
        } else if (!link_again(link, written, deadline_us)) {
            return false;
        }
    }
    return true;
}

/* The value of a header in the head of @n bytes; "" when there is none. */
static const char *header(const char *head, size_t n, const char *name)
{
    const size_t name_n = strlen(name);

    for (const char *line = head; line < head + n;) {
        if (strncasecmp(line, name, name_n) == 0 && line[name_n] == ':') {
            return line + name_n + 1 + strspn(line + name_n + 1, " ");
        }
        line = strstr(line, "\r\n");
        if (!line) break;
        line += 2;
    }
    return "";
}

/* 1 when @answer is whole, 0 for more, -1 when it is no answer. The buffer ends in NUL. */
static int answer_parse(struct keys_answer *answer)
{
    const char *end = strstr(answer->buf, "\r\n\r\n");

    if (!end) return 0;
    const size_t head_n = (size_t)(end - answer->buf) + 4;
    if (sscanf(answer->buf, "HTTP/1.1 %3d ", &answer->status) != 1) return -1;
    const char *length = header(answer->buf, head_n, "content-length");
    const struct str digits = {length, strcspn(length, "\r")};
    int64_t body_n;
    if (!str_int(digits, 0, (int64_t)(sizeof answer->buf - head_n), &body_n)) return -1;
    if (answer->n < head_n + (size_t)body_n) return 0;
    answer->keep = strncasecmp(header(answer->buf, head_n, "connection"), "close", 5) != 0;
    answer->body = (struct str){answer->buf + head_n, (size_t)body_n};
    return 1;
}

static bool link_read(struct keys_link *link, struct keys_answer *answer, int64_t deadline_us)
{
    answer->n = 0;
    answer->buf[0] = '\0';
    for (int whole; (whole = answer_parse(answer)) != 1;) {
        const size_t room = sizeof answer->buf - 1 - answer->n;
        if (whole < 0 || room == 0) return false;
        const int got = SSL_read(link->ssl, answer->buf + answer->n, (int)room);
        if (got > 0) {
            answer->n += (size_t)got;
            answer->buf[answer->n] = '\0';
        } else if (!link_again(link, got, deadline_us)) {
            return false;
        }
    }
    return true;
}

bool keys_link_ask(struct keys_link *link, const char *path, struct str json, int64_t deadline_us,
                   struct keys_answer *ret_answer)
{
    char request[1024];
    const int n = snprintf(request, sizeof request,
                           "POST %s HTTP/1.1\r\nhost: " SERVER "\r\n"
                           "content-type: application/json\r\ncontent-length: %zu\r\n\r\n" STR_FMT,
                           path, json.n, STR_ARG(json));

    return n > 0 && (size_t)n < sizeof request &&
           link_write(link, request, (size_t)n, deadline_us) &&
           link_read(link, ret_answer, deadline_us);
}
