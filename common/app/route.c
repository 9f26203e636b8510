/* Which row of a route table a path asks for. */
#include "common/app/request.h"

#include <stdio.h>

static const char *const methods[METHODS] = {
    [METHOD_NONE] = "", [GET] = "GET",       [POST] = "POST", [PUT] = "PUT",
    [PATCH] = "PATCH",  [DELETE] = "DELETE", [WS] = "WS",
};

const char *method_word(enum method method)
{
    return methods[method];
}

/* Takes the next segment off @path; false at its end. */
static bool segment_next(struct str *path, struct str *ret_segment)
{
    if (path->n == 0) return false;

    path->p++; /* the slash */
    path->n--;
    const char *slash = path->n ? memchr(path->p, '/', path->n) : NULL;
    ret_segment->p = path->p;
    ret_segment->n = slash ? (size_t)(slash - path->p) : path->n;
    path->p += ret_segment->n;
    path->n -= ret_segment->n;
    return true;
}

static bool path_matches(const char *pattern, struct str path, struct uuid *ret_id,
                         struct str *ret_rest)
{
    struct str want = str_of(pattern), expected, given;

    *ret_id = UUID_NIL;
    *ret_rest = STR_NONE;
    while (segment_next(&want, &expected)) {
        if (str_is(expected, "*")) {
            if (path.n == 0) return false;

            if (!ret_rest->p) *ret_rest = (struct str){path.p + 1, path.n - 1};
            return true;
        }
        if (!segment_next(&path, &given)) return false;
        if (expected.p[0] == '{' && !str_is(expected, "{id}")) {
            *ret_rest = (struct str){given.p, given.n + path.n};
            continue;
        }
        if (str_is(expected, "{id}") ? !uuid_parse(given, ret_id) : !str_equal(expected, given))
            return false;
    }
    return path.n == 0;
}

err_t route_find(const struct route *routes, enum method method, struct str path, size_t *ret_index,
                 struct uuid *ret_id, struct str *ret_rest)
{
    bool known = false;

    for (size_t i = 0; routes[i].path; i++) {
        if (!path_matches(routes[i].path, path, ret_id, ret_rest)) continue;
        known = true;
        if (routes[i].method != method) continue;

        *ret_index = i;
        return ERR_OK;
    }
    return known ? ERR_BAD_METHOD : ERR_NOT_FOUND;
}

struct str route_allowed(const struct route *routes, struct str path, char text[ALLOWED_BYTES])
{
    static const char *const words[METHODS] = {
        [GET] = "GET, HEAD", [POST] = "POST", [PUT] = "PUT", [PATCH] = "PATCH", [DELETE] = "DELETE",
    };
    bool taken[METHODS] = {false};
    struct uuid id;
    struct str rest;
    int n = 0;

    for (size_t i = 0; routes[i].path; i++)
        if (path_matches(routes[i].path, path, &id, &rest)) taken[routes[i].method] = true;
    for (enum method m = GET; m < METHODS; m++)
        if (taken[m] && words[m])
            n += snprintf(text + n, ALLOWED_BYTES - (size_t)n, "%s%s", n ? ", " : "", words[m]);
    return (struct str){text, (size_t)n};
}
