#include "common/base/clock.h"
#include "common/io/http_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define PROBLEM "application/problem+json"
#define REPLY_HEAD_BYTES 512 /* what every answer has, and the content type */

struct text { /* grows nowhere: made large enough first */
    char *p;
    size_t n, room;
};

static void text_add(struct text *text, struct str more)
{
    assert(text->n + more.n <= text->room);
    if (more.n) memcpy(text->p + text->n, more.p, more.n);
    text->n += more.n;
}

static void text_printf(struct text *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void text_printf(struct text *text, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    const int n = vsnprintf(text->p + text->n, text->room - text->n, fmt, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < text->room - text->n);
    text->n += (size_t)n;
}

/* A line break in a value would begin another header, or another answer. */
static bool is_one_line(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f) return false;
    return true;
}

/* For the head; made once a second. */
static struct str date_now(void)
{
    static _Thread_local struct {
        time_t at;
        size_t n;
        char text[40];
    } last;
    const time_t now = (time_t)(clock_now_us() / SECOND_US);

    if (now != last.at || last.n == 0) {
        struct tm utc;

        gmtime_r(&now, &utc);
        last.n = strftime(last.text, sizeof last.text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
        last.at = now;
    }
    return (struct str){last.text, last.n};
}

static void header_add(struct text *head, struct str name, struct str value)
{
    text_add(head, name);
    text_add(head, STR(": "));
    text_add(head, value);
    text_add(head, STR("\r\n"));
}

static void reply_make(struct http_call *call, int status, const char *content_type,
                       struct bytes body, const struct http_header *headers, size_t header_count)
{
    const bool bodiless = status == 204 || status == 304;
    bool cacheable = false;
    struct text head = {.room = REPLY_HEAD_BYTES};

    assert(status >= 200 && status <= 599 && !(bodiless && body.n) && !call->reply_head);
    for (size_t i = 0; i < header_count; i++)
        head.room += strlen(headers[i].name) + headers[i].value.n + 4;
    head.p = wiped_new(head.room);
    text_printf(&head, "HTTP/1.1 %d \r\n", status);
    header_add(&head, STR("date"), date_now());
    if (!bodiless) text_printf(&head, "content-length: %zu\r\n", body.n);
    if (content_type && body.n) header_add(&head, STR("content-type"), str_of(content_type));
    for (size_t i = 0; i < header_count; i++) {
        if (!is_one_line(headers[i].value)) continue;
        cacheable |= strcasecmp(headers[i].name, "cache-control") == 0;
        header_add(&head, str_of(headers[i].name), headers[i].value);
    }
    if (!cacheable) header_add(&head, STR("cache-control"), STR("no-store"));
    call->reply_head = head.p;
    call->reply_head_size = head.n;
    call->reply_body = wiped_new(body.n);
    call->reply_body_size = body.n;
    if (body.n) memcpy(call->reply_body, body.p, body.n);
}

void reply_problem(struct http_call *call, err_t err, struct uuid request_id,
                   struct str errors_json, const struct http_header *more)
{
    const struct err_info *info = err_info(err);
    const bool retryable = err_retryable(err);
    const struct http_header later = {"retry-after", STR("1")};
    struct text json = {.room = 512 + 2 * strlen(info->code) + strlen(info->text) + errors_json.n};

    json.p = wiped_new(json.room);
    text_printf(&json,
                "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\","
                "\"retryable\":%s",
                info->code, info->text, info->status, info->code, retryable ? "true" : "false");
    if (!uuid_is_nil(request_id))
        text_printf(&json, ",\"request_id\":\"%s\"", UUID_ARG(request_id));
    if (errors_json.p) {
        text_add(&json, STR(",\"errors\":"));
        text_add(&json, errors_json);
    }
    text_add(&json, STR("}"));
    if (!more && retryable) more = &later;
    reply_make(call, info->status, PROBLEM, bytes_of(json.p, json.n), more, more ? 1 : 0);
    wiped_free(json.p, json.n);
}

/* ---- from any thread to the loop ---- */

static void reply_send(void *user)
{
    struct http_call *call = user;
    struct conn *conn = call->conn;

    if (!conn) {
        call_free(call); /* the client has gone meanwhile */
        return;
    }
    conn->call = NULL;
    conn_write_reply(conn, call);
}

void http_reply(struct http_call *call, int status, const char *content_type, struct bytes body,
                const struct http_header *headers, size_t header_count)
{
    reply_make(call, status, content_type, body, headers, header_count);
    loop_post(call->loop, reply_send, call);
}

void http_problem(struct http_call *call, err_t err, struct uuid request_id, struct str errors_json)
{
    reply_problem(call, err, request_id, errors_json, NULL);
    loop_post(call->loop, reply_send, call);
}

void http_not_allowed(struct http_call *call, struct str allowed)
{
    reply_problem(call, ERR_BAD_METHOD, UUID_NIL, STR_NONE,
                  &(struct http_header){"Allow", allowed});
    loop_post(call->loop, reply_send, call);
}
