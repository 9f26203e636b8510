/*
 * request - from an HTTP call to an act and back.
 *
 * Order of refusals: 404 and 405 by the path, 401 by the token, 400 by header, query and body, then
 * what the act itself says (403, 404, 409 ...).
 *
 * Threads  request_take() loop; the rest workers.
 * Errors   all are answered, as problems of errors.def.
 */
#pragma once

#include "common/app/service.h"
#include "common/io/http.h"

struct auth;

struct requests {
    const struct service *service;
    struct auth *auth;
    bool waits; /* a consent's no may be asked again: there is a feed that can move */
};

void requests_init(const struct requests *config);
void request_take(struct http_call *call, void *unused); /* http_handler */

const char *method_word(enum method method); /* "GET" */

/* The row of the table that a path asks for; ERR_NOT_FOUND, ERR_BAD_METHOD. */
err_t route_find(const struct route *routes, enum method method, struct str path,
                 size_t *ret_index, struct uuid *ret_id, struct str *ret_rest);
/* The methods that a path takes, as Allow lists them. */
#define ALLOWED_BYTES 48 /* all of them are 36 */
struct str route_allowed(const struct route *routes, struct str path, char text[ALLOWED_BYTES]);
