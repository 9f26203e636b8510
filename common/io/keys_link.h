/*
 * keys_link - one TLS connection to keyd over its Unix socket, and a question on it at a time.
 *
 * Every call blocks until @deadline_us (monotonic) at most. After false the link is only good for
 * keys_link_free(). Nothing is logged: the caller knows whether another try is worth it.
 *
 * Threads  one at a time.
 */
#pragma once

#include "common/base/str.h"

#include <openssl/ssl.h>

#define KEYS_ANSWER_BYTES_MAX 8192

struct keys_link;

struct keys_answer {
    char buf[KEYS_ANSWER_BYTES_MAX]; /* the caller wipes it */
    size_t n;
    int status;
    struct str body;  /* in buf */
    bool keep;        /* the link may be asked again */
};

/* NULL when keyd cannot be reached, or is not who it should be. */
struct keys_link *keys_link_open(SSL_CTX *tls, const char *socket, int64_t deadline_us);
struct keys_link *keys_link_free(struct keys_link *link);
bool keys_link_ask(struct keys_link *link, const char *path, struct str json, int64_t deadline_us,
                   struct keys_answer *ret_answer);
