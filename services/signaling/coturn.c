#include "services/signaling/signaling.h"

#include "common/base/clock.h"
#include "common/base/secret.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TALK_US (SECOND_US / 2) /* a revocation has two seconds, and this waits in its way */
#define COMMAND_MAX 256

/* ---- lines ---- */

static bool readable(const struct coturn *coturn)
{
    struct pollfd fd = {.fd = coturn->fd, .events = POLLIN};
    const int64_t left_us = coturn->until_us - clock_mono_us();

    return left_us > 0 && poll(&fd, 1, (int)(left_us / MS_US) + 1) == 1;
}

static bool more_read(struct coturn *coturn)
{
    coturn->n -= coturn->taken;
    memmove(coturn->text, coturn->text + coturn->taken, coturn->n);
    coturn->taken = 0;
    if (coturn->n == sizeof coturn->text || !readable(coturn)) return false;

    const ssize_t got =
        recv(coturn->fd, coturn->text + coturn->n, sizeof coturn->text - coturn->n, 0);
    if (got > 0) coturn->n += (size_t)got;
    return got > 0;
}

/* The next line without its end; what asks for the next command counts as one. */
static err_t line_read(struct coturn *coturn, struct str *ret_line)
{
    do {
        const struct str rest = {coturn->text + coturn->taken, coturn->n - coturn->taken};
        const char *end = memchr(rest.p, '\n', rest.n);

        if (!end && !str_is(rest, "> ")) continue;
        *ret_line = (struct str){rest.p, end ? (size_t)(end - rest.p) : rest.n};
        coturn->taken += ret_line->n + (end != NULL);
        return ERR_OK;
    } while (more_read(coturn));
    return ERR_UNAVAILABLE;
}

/* A command that is read with another is taken for its argument, so each waits for "> ". */
static err_t command_send(struct coturn *coturn, const char *command, const char *argument)
{
    char text[COMMAND_MAX];
    const int n = snprintf(text, sizeof text, "%s%s\r\n", command, argument);

    if (n < 0 || (size_t)n >= sizeof text) return ERR_UNAVAILABLE;
    const bool sent = send(coturn->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
    secret_wipe(text, sizeof text); /* it may have been the password */
    return sent ? ERR_OK : ERR_UNAVAILABLE;
}

static err_t answer_skip(struct coturn *coturn)
{
    struct str line;

    do {
        TRY(line_read(coturn, &line));
        if (str_starts(line, "Enter password:")) return ERR_UNAVAILABLE;
    } while (!str_is(line, "> "));
    return ERR_OK;
}

/* ---- the talk ---- */

static int connect_to(struct str address)
{
    const struct timeval most = {0, TALK_US};
    struct sockaddr_in at = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN];
    int64_t port;
    struct str name;

    if (!str_cut(&address, ':', &name)) return -1;
    snprintf(host, sizeof host, STR_FMT, STR_ARG(name));
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1 || !str_int(address, 1, UINT16_MAX, &port))
        return -1;

    at.sin_port = htons((uint16_t)port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most); /* connect() and send() */
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

static err_t greet(struct coturn *coturn)
{
    struct str line;

    coturn->n = coturn->taken = 0;
    coturn->fd = connect_to(coturn->address);
    if (coturn->fd < 0) return ERR_UNAVAILABLE;
    do {
        TRY(line_read(coturn, &line));
    } while (!str_starts(line, "Enter password:"));
    TRY(command_send(coturn, coturn->password, ""));
    return answer_skip(coturn);
}

err_t coturn_open(struct coturn *coturn, struct str address, const char *password)
{
    *coturn = (struct coturn){
        .address = address, .password = password, .until_us = clock_mono_us() + TALK_US};
    return greet(coturn);
}

/* "    2) id=001000000000000003, user <1795382159:0192...>:" */
static bool allocation_read(struct str line, struct allocation *ret)
{
    static const char user[] = ", user <";
    const char *id = memmem(line.p, line.n, ") id=", 5);
    const char *name = memmem(line.p, line.n, user, sizeof user - 1);
    const char *end = memrchr(line.p, '>', line.n);

    if (!id || !name || !end) return false;
    id += 5;
    const char *from = name + sizeof user - 1;
    if (name < id || end < from || (size_t)(name - id) >= sizeof ret->id) return false;

    snprintf(ret->id, sizeof ret->id, "%.*s", (int)(name - id), id);
    ret->name = turn_name_of((struct str){from, (size_t)(end - from)});
    return strspn(ret->id, "0123456789") == strlen(ret->id);
}

/*
 * coturn prints a client's ORIGIN as it came, line ends included, so from there on any line may be
 * the client's, the prompt too. What stands before is coturn's: its id, and a name without spaces.
 */
static err_t origin_cut(struct coturn *coturn, struct allocations *found)
{
    found->whole = false;
    if (found->n > 0) found->p[found->n - 1].name = UUID_NIL; /* no browser sends one */
    coturn_close(coturn);
    return greet(coturn);
}

err_t coturn_list(struct coturn *coturn, struct allocations *ret)
{
    struct allocations found = {.p = ret->p, .whole = true};
    struct str line;

    TRY(command_send(coturn, "cc cli-max-output-sessions 16384", "")); /* else it shows 256 */
    TRY(answer_skip(coturn));
    TRY(command_send(coturn, "ps", ""));
    do {
        TRY(line_read(coturn, &line));
        if (found.n < ALLOCATIONS_MAX && allocation_read(line, &found.p[found.n])) found.n++;
    } while (!str_is(line, "> ") && !str_starts(line, "      origin:"));
    if (!str_is(line, "> ")) TRY(origin_cut(coturn, &found));
    *ret = found;
    return ERR_OK;
}

err_t coturn_cancel(struct coturn *coturn, const struct allocation *allocation)
{
    TRY(command_send(coturn, "cs ", allocation->id));
    return answer_skip(coturn);
}

void coturn_close(struct coturn *coturn)
{
    if (coturn->fd >= 0) close(coturn->fd);
    coturn->fd = -1;
}
