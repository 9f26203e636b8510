#include "common/app/request.h"
#include "common/app/run.h"
#include "common/app/session.h"
#include "common/app/worker.h"
#include "common/base/clock.h"
#include "common/io/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_BYTES_MAX 255

struct request {
    struct job job; /* first: the queue knows only this */
    struct http_call *call;
    size_t route;
    struct uuid path_id;
    struct str path_rest;
    int64_t came_us;
    bool last; /* a consent's no is final now */
};

static struct requests config;
static struct run *runs;            /* one a route, in its order */
static struct histogram *latencies; /* one a route */
static struct metric strangers = {.name = "strangers_total", .labels = ""};
static struct metric refused_full = {.name = "queue_full_total", .labels = ""};

/* The run of the route with that handler. */
static struct run *run_of(handler *reader)
{
    const struct route *routes = config.service->routes;

    for (size_t i = 0; reader && routes[i].path; i++) {
        if (routes[i].run == reader) return &runs[i];
    }
    return NULL;
}

void requests_init(const struct requests *given)
{
    const struct route *routes = given->service->routes;
    size_t n = 0;

    config = *given;
    while (routes[n].path) n++;
    runs = calloc(n + 1, sizeof *runs);
    latencies = calloc(n + 1, sizeof *latencies);
    if (!runs || !latencies) abort();

    for (size_t i = 0; i < n; i++) {
        char *label = NULL;

        runs[i] = (struct run){.may = routes[i].may,
                               .audit = routes[i].audit,
                               .resource = routes[i].path,
                               .ms = routes[i].ms,
                               .handler = routes[i].run,
                               .filters = routes[i].method == GET ? routes[i].body : NULL,
                               .again = run_of(routes[i].again ? routes[i].again
                                                               : routes[i].repeat),
                               .again_status = routes[i].again ? 201 : 200};
        if (asprintf(&label, "route=\"%s %s\"", method_word(routes[i].method), routes[i].path) < 0)
            abort();
        latencies[i] = (struct histogram){.name = "request_seconds", .labels = label};
        metrics_add_histogram(&latencies[i]);
    }
    metrics_add(&strangers);
    metrics_add(&refused_full);
}

/* ---- who asks ---- */

static struct str bearer_of(const struct h1_head *head)
{
    const struct str value = h1_header(head, "authorization");

    return str_starts(value, "Bearer ") ? (struct str){value.p + 7, value.n - 7} : STR_NONE;
}

/* A plain listener (benches) has no certificates. */
static bool carries_tokens(const struct http_call *call)
{
    return !http_peer(call).p || http_is_handed_on(call);
}

/* Under which id the gateway has this request in its own log; fhir passes it on. */
static struct uuid request_id(const struct http_call *call)
{
    struct uuid id;

    return carries_tokens(call) &&
                   uuid_parse(h1_header(http_head(call), "x-request-id"), &id)
               ? id
               : UUID_NIL;
}

/* BIND_SELF: a sign-in that is nobody here yet; the token's word stands for the person. */
static err_t stranger_of(struct arena *arena, struct str token, struct actor *ret_actor)
{
    struct jws_claims claims;

    TRY(auth_claims(config.auth, token, &claims));
    *ret_actor = (struct actor){
        .role = ROLE_GUEST,
        .token = auth_trace(TRACE_TOKEN, claims.iss, claims.jti),
        .sign_in = auth_trace(TRACE_SIGN_IN, claims.iss, claims.sid),
        .machine = claims.machine,
        .acr = claims.machine ? 0 : claims.acr,
        .auth_time_us = claims.auth_time_s * SECOND_US,
        .issuer = arena_cstr(arena, str_of(claims.iss)),
        .subject = arena_cstr(arena, str_of(claims.sub)),
    };
    return ERR_OK;
}

static err_t actor_of(struct worker *worker, const struct request *request,
                      const struct sign_in *sign_in, struct actor *ret_actor)
{
    const struct route *route = &config.service->routes[request->route];
    const struct str peer = http_peer(request->call);

    *ret_actor = (struct actor){.role = ROLE_GUEST};
    switch (route->may) {
    case PERMISSION_NONE:
        return ERR_OK;
    case SERVICE_ONLY:
        if (!peer.p || str_is(peer, "gateway")) return ERR_UNAUTHENTICATED;
        *ret_actor =
            (struct actor){.role = ROLE_SERVICE, .service = arena_cstr(worker->arena, peer)};
        return ERR_OK;
    case PASS_ON:
    case BIND_SELF:
        if (!carries_tokens(request->call)) return ERR_UNAUTHENTICATED;
        return stranger_of(worker->arena, sign_in->token, ret_actor);
    default:
        if (!carries_tokens(request->call)) return ERR_UNAUTHENTICATED;
        return auth_actor(config.auth, worker->db, worker->arena, sign_in, ret_actor);
    }
}

/* ---- what is asked ---- */

static err_t if_match_of(const struct route *route, const struct h1_head *head,
                         int64_t *ret_version)
{
    const struct str value = h1_header(head, "if-match");

    *ret_version = -1;
    if (!value.p) return route->if_match ? ERR_NEED_MATCH : ERR_OK;
    if (value.n < 3 || value.p[0] != '"' || value.p[value.n - 1] != '"') return ERR_BAD_MATCH;

    const struct str digits = {value.p + 1, value.n - 2};
    return str_int(digits, 0, INT64_MAX, ret_version) ? ERR_OK : ERR_BAD_MATCH;
}

static err_t key_of(const struct route *route, const struct h1_head *head, struct str *ret_key)
{
    *ret_key = STR_NONE;
    if (!route->again && !route->repeat) return ERR_OK;

    *ret_key = h1_header(head, "idempotency-key");
    if (!ret_key->p && route->repeat) return ERR_OK;
    if (!ret_key->p || ret_key->n == 0) return ERR_NEED_KEY;
    return ret_key->n <= KEY_BYTES_MAX && str_is_utf8(*ret_key) ? ERR_OK : ERR_BAD_KEY;
}

static bool is_json(struct str content_type)
{
    return str_is(content_type, "application/json") ||
           str_starts(content_type, "application/json;");
}

/* GET takes its shape from the query, all else from a JSON body; what no shape names is refused. */
static err_t input_of(const struct route *route, const struct h1_head *head, struct bytes body,
                      struct arena *arena, const void **ret_in, struct json_fault *fault)
{
    void *in = route->body ? arena_alloc(arena, route->body->size) : NULL;

    *ret_in = in;
    if (route->method == GET) {
        if (body.n) return ERR_BAD_REQUEST;
        if (in) return json_decode_query(route->body, head->query, arena, in, fault);
        return head->query.n ? ERR_BAD_QUERY : ERR_OK;
    }
    if (head->query.n) return ERR_BAD_QUERY;
    if (!in)
        return body.n == 0 || (body.n == 2 && memcmp(body.p, "{}", 2) == 0) ? ERR_OK : ERR_BAD_BODY;
    if (body.n == 0) body = str_bytes(STR("{}")); /* nothing sent is nothing said */
    else if (!is_json(h1_header(head, "content-type"))) return ERR_BAD_MEDIA;

    return json_decode(route->body, body, arena, in, fault);
}

/* Where in what was sent the cause is: as the decoder found it, or the handler. */
static struct str faults_json(struct arena *arena, const struct json_fault *fault, err_t err,
                              const struct act *act)
{
    if (err == ERR_UNPROCESSABLE && act->own && act->own->at)
        return arena_printf(arena, "[{\"pointer\":\"%s\",\"code\":\"value\"}]", act->own->at);

    return fault->code ? arena_printf(arena, "[{\"pointer\":\"%s\",\"code\":\"%s\"}]",
                                      fault->pointer, fault->code)
                       : STR_NONE;
}

/* ---- the answer ---- */

static void request_end(struct request *request)
{
    metrics_time(&latencies[request->route], clock_mono_us() - request->came_us);
    free(request);
}

static void answer(struct request *request, const struct act *act)
{
    const struct act_own *own = act->own;
    struct http_header headers[10];
    char id[UUID_TEXT + 1];
    size_t n = 0;

    headers[n++] = (struct http_header){"Request-Id", str_of(uuid_format(act->id, id))};
    for (size_t i = 0; i < own->header_count; i++) headers[n++] = own->headers[i];
    http_reply(request->call, own->status, own->content_type, own->body, headers, n);
    request_end(request);
}

static void refuse(struct request *request, err_t err, struct uuid act, struct str errors)
{
    if (err == ERR_UNAUTHENTICATED || err == ERR_TOKEN_EXPIRED) metrics_count(&strangers, 1);
    http_problem(request->call, err, act, errors);
    request_end(request);
}

static void request_run(struct worker *worker, struct job *job)
{
    struct request *request = (struct request *)job;
    const struct route *route = &config.service->routes[request->route];
    const struct h1_head *head = http_head(request->call);
    struct json_fault fault = {"", NULL};
    struct actor actor;
    struct run_input input = {
        .actor = &actor,
        .path_id = request->path_id,
        .path_rest = request->path_rest,
        .sign_in = {bearer_of(head), h1_header(head, "telecura-org"),
                    h1_header(head, "telecura-role"), h1_header(head, "telecura-emergency")},
        .remote = http_remote(request->call),
        .request = request_id(request->call),
        .body = http_body(request->call),
        .deadline_us = request->came_us + (int64_t)route->ms * MS_US,
        .may_wait = config.waits && !request->last,
    };
    struct act act = {.id = UUID_NIL};

    err_t err = actor_of(worker, request, &input.sign_in, &actor);
    if (err == ERR_OK) err = if_match_of(route, head, &input.if_match);
    if (err == ERR_OK) err = key_of(route, head, &input.idempotency_key);
    if (err == ERR_OK) err = input_of(route, head, input.body, worker->arena, &input.in, &fault);
    input.refused = err;
    if (run_takes(&actor, err))
        err = run_act(&runs[request->route], &input, worker->db, worker->arena, &act);

    if (err == ERR_OK) return answer(request, &act);
    if (err == ERR_CONSENT_REQUIRED && input.may_wait) {
        request->last = true;
        if (workers_park(&request->job, actor.person)) return;

        return request_run(worker, job); /* another of theirs waits already: final at once */
    }
    refuse(request, err, act.id, faults_json(worker->arena, &fault, err, &act));
}

/* Loop thread. */
void request_take(struct http_call *call, void *unused)
{
    const struct h1_head *head = http_head(call);
    struct uuid path_id;
    struct str path_rest;
    size_t route;

    (void)unused;
    const err_t err =
        route_find(config.service->routes, head->upgrade_websocket ? WS : head->method, head->path,
                   &route, &path_id, &path_rest);
    if (err == ERR_BAD_METHOD) {
        char allowed[ALLOWED_BYTES];

        return http_not_allowed(call, route_allowed(config.service->routes, head->path, allowed));
    }
    if (err != ERR_OK) return http_problem(call, err, UUID_NIL, STR_NONE);
    if (config.service->routes[route].method == WS) {
        if (carries_tokens(call)) return session_accept(call, path_id);

        return http_problem(call, ERR_UNAUTHENTICATED, UUID_NIL, STR_NONE);
    }

    struct request *request = calloc(1, sizeof *request);
    if (!request) abort();
    *request = (struct request){.job.run = request_run,
                                .call = call,
                                .route = route,
                                .path_id = path_id,
                                .path_rest = path_rest,
                                .came_us = clock_mono_us()};
    if (workers_put(&request->job)) return;

    metrics_count(&refused_full, 1);
    refuse(request, ERR_BUSY, UUID_NIL, STR_NONE);
}
