#include "common/base/log.h"
#include "common/base/clock.h"

#include <stdio.h>
#include <unistd.h>

/* Escaping makes a byte six at most, so that a whole line stays below PIPE_BUF and is written at
 * once even into a pipe. */
#define TEXT_MAX 512
#define HEAD_MAX 256
#define ORIGIN_MAX 192
#define LINE_BYTES_MAX 4096

static struct {
    const char *service;
    enum log_level least;
} opened = {"-", LOG_INFO};

static _Thread_local struct uuid current_act;

void log_open(const char *service, enum log_level least)
{
    opened.service = service;
    opened.least = least;
}

void log_act(struct uuid act)
{
    current_act = act;
}

static char *put(char *to, const char *text)
{
    return stpcpy(to, text);
}

/* @origin: `"fault":"INTERNAL","line":"a.c:7",` or empty. */
__attribute__((format(printf, 4, 0)))
static void write_line(enum log_level level, const char *event, const char *origin,
                       const char *fmt, va_list args)
{
    static const char *const levels[] = {"debug", "info", "warn", "fault"};
    char text[TEXT_MAX], line[LINE_BYTES_MAX], at[CLOCK_TEXT + 1], act[UUID_TEXT + 1];
    char *to = line;
    ssize_t written;

    vsnprintf(text, sizeof text, fmt, args);
    to += snprintf(to, HEAD_MAX,
                   "{\"at\":\"%s\",\"level\":\"%s\",\"service\":\"%.40s\",\"event\":\"%.40s\",",
                   clock_format(clock_real_us(), at), levels[level], opened.service, event);
    if (!uuid_is_nil(current_act)) {
        to = put(to, "\"act\":\"");
        to = put(to, uuid_format(current_act, act));
        to = put(to, "\",");
    }
    to = put(to, origin);
    to = put(to, "\"text\":\"");
    to += str_escape(str_of(text), to);
    to = put(to, "\"}\n");
    /* There is nowhere to report a log that cannot be written. */
    written = write(STDERR_FILENO, line, (size_t)(to - line));
    (void)written;
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    va_list args;

    if (level < opened.least) return;
    va_start(args, fmt);
    write_line(level, event, "", fmt, args);
    va_end(args);
}

void log_fault(const char *fault, const char *file, int line, const char *fmt, va_list args)
{
    char origin[ORIGIN_MAX];

    snprintf(origin, sizeof origin, "\"fault\":\"%.30s\",\"line\":\"%.80s:%d\",", fault, file,
             line);
    write_line(LOG_FAULT, "fault", origin, fmt, args);
}
