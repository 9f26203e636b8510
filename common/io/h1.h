/*
 * h1 - a strict HTTP/1.1 subset, sans I/O and without allocation.
 *
 * No HTTP server library of Debian 12 refuses what must be refused (evhttp, libmicrohttpd and
 * libwebsockets take smuggled requests), so this parser takes only what HAProxy and careful
 * clients send: CRLF line ends, one Host, origin-form targets without %00 %2f %5c, empty and dot
 * segments, Content-Length or chunked but never both, neither chunk extensions nor trailers, no
 * obs-fold, no control bytes, GET HEAD POST PUT PATCH DELETE, at most 64 headers, 16 KiB of head.
 *
 * Ownership  what struct h1_head points to lies in the buffer that was parsed.
 * Threads    any.
 */
#pragma once

#include "common/base/str.h"

#define H1_HEADERS_MAX 64
#define H1_HEAD_BYTES_MAX (16 * 1024)

/* WS: a GET that upgrades to a WebSocket. */
enum method { METHOD_NONE, GET, POST, PUT, PATCH, DELETE, WS, METHODS };

struct h1_header {
    struct str name; /* lower case */
    struct str value;
};

struct h1_head {
    enum method method;
    struct str path, query; /* query without '?'; p NULL when there is none */
    struct h1_header headers[H1_HEADERS_MAX];
    unsigned header_count;
    int64_t content_length; /* -1: none */
    bool chunked, keep_alive, upgrade_websocket, expect_continue;
    bool head_only; /* HEAD: a GET whose answer leaves without its body */
};

/* Length of the head with its empty line; 0: more is needed; -1: malformed already. */
long h1_head_end(const char *buf, size_t n);
/* 0, or the status to answer with before closing. Lower-cases header names in place. @n is what
 * h1_head_end() returned; @ret is complete only after 0. */
int h1_head_parse(char *buf, size_t n, struct h1_head *ret);
struct str h1_header(const struct h1_head *head, const char *lower_name); /* p NULL: absent */
/* Is @word among the comma-separated words of @list? Case is ignored. */
bool h1_list_has(struct str list, const char *word);

struct h1_chunked { /* starts zeroed */
    uint64_t left, total;
    unsigned state, digits;
};

/* Decodes from @buf, appending payload at @out (which has room for n). Returns 1 at the end of the
 * body, 0 for more, -1 when malformed, -2 when total passes @bytes_max. */
int h1_chunked(struct h1_chunked *c, const char *buf, size_t n, size_t bytes_max, size_t *ret_used,
               char *out, size_t *ret_out);
