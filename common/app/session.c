#include "common/app/session.h"
#include "common/app/request.h"
#include "common/app/run.h"
#include "common/app/worker.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/http.h"
#include "common/io/metrics.h"

#include <assert.h>
#include <stdlib.h>

#define SESSIONS_MAX 20000
#define PENDING_MAX 32 /* frames of one connection that wait for their turn */
#define CONNECT_US (5 * SECOND_US)
#define FRAMES_MAX 24
#define SUBPROTOCOL "telecura.v1.json"

struct pending {
    struct pending *next;
    size_t frame;
    int64_t id;
    size_t n;
    char text[];
};

enum state { CONNECTING, OPEN, CLOSING };

struct session {
    session_id id;
    struct ws *ws;
    enum state state;
    bool busy; /* a frame of this connection is with a worker */
    struct pending *first, **last;
    size_t pending_count;
    struct uuid path_id;
    struct actor actor;
    struct grant grant; /* its texts are words of our own */
    int64_t opened_us;  /* monotonic */
    void *user;
};

struct frame_job {
    struct job job;
    session_id session;
    struct pending *pending;
    struct uuid path_id;
    struct actor actor;
    struct grant grant;
    bool open;
    /* what came of it */
    struct actor new_actor;
    struct grant new_grant;
    bool took_grant;
    void (*after)(struct session *, void *);
    void *after_user;
    char *reply;
    size_t reply_n;
    err_t err;
};

static const struct service *service;
static struct auth *auth;
static struct session **slots;
static uint32_t *generations;
static size_t slot_max;
static _Atomic size_t count;
static struct arena *loop_arena;
static struct shape outer; /* {id, <type>: body ...} */
static struct field outer_fields[FRAMES_MAX + 2];
static struct run frame_runs[FRAMES_MAX];
static size_t frame_count;

const struct shape session_connect_shape = {
    "Connect", sizeof(struct { struct str token, grant; }),
    (const struct field[]){
        {"token", TEXT, 0, REQUIRED, 1, 8192, NULL, NULL},
        {"grant", TEXT, sizeof(struct str), REQUIRED, 1, 4096, NULL, NULL},
        {NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL},
    }};

const struct shape session_refresh_shape = {
    "Refresh", sizeof(struct { struct str token, grant; }),
    (const struct field[]){
        {"token", TEXT, 0, 0, 1, 8192, NULL, NULL},
        {"grant", TEXT, sizeof(struct str), REQUIRED, 1, 4096, NULL, NULL},
        {NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL},
    }};

const struct shape session_opened_shape = {
    "SessionOpened", sizeof(struct session_opened),
    (const struct field[]){
        {"session", UUID, offsetof(struct session_opened, session), 0, 0, 0, NULL, NULL},
        {"ends_at", TIME, offsetof(struct session_opened, ends_at_us), 0, 0, 0, NULL, NULL},
        {NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL},
    }};

/* ---- the table of sessions ---- */

session_id session_key(const struct session *session)
{
    return session->id;
}
const struct grant *session_grant(const struct session *session)
{
    return &session->grant;
}
const struct actor *session_actor(const struct session *session)
{
    return &session->actor;
}
struct uuid session_path_id(const struct session *session)
{
    return session->path_id;
}
void *session_user(const struct session *session)
{
    return session->user;
}
void session_set_user(struct session *session, void *user)
{
    session->user = user;
}
size_t session_count(void)
{
    return count;
}

struct session *session_find(session_id id)
{
    const size_t slot = (size_t)(id >> 32);
    struct session *session = slot < slot_max ? slots[slot] : NULL;

    return session && session->id == id ? session : NULL;
}

static struct session *session_new(void)
{
    size_t slot = 0;

    while (slot < slot_max && slots[slot]) slot++;
    if (slot == SESSIONS_MAX) return NULL;
    if (slot == slot_max) slot_max++;

    struct session *session = calloc(1, sizeof *session);
    if (!session) abort();
    session->id = (session_id)slot << 32 | ++generations[slot];
    session->last = &session->first;
    session->opened_us = clock_mono_us();
    slots[slot] = session;
    count++;
    return session;
}

void session_each(void (*fn)(struct session *, void *), void *user)
{
    for (size_t slot = 0; slot < slot_max; slot++) {
        if (slots[slot] && slots[slot]->state == OPEN) fn(slots[slot], user);
    }
}

/* ---- out ---- */

void session_close(struct session *session, unsigned code, const char *why)
{
    if (session->state == CLOSING) return;

    session->state = CLOSING;
    ws_close(session->ws, code, why);
}

void session_send(struct session *session, enum delivery delivery, struct str frame)
{
    if (session->state != OPEN) return;
    if (delivery == EPHEMERAL && ws_queued_bytes(session->ws) > WS_LIMITS.queue_soft_bytes) return;
    if (ws_send(session->ws, frame) == WS_FULL) session_close(session, 4008, "slow");
}

struct posted {
    session_id id;
    enum delivery delivery;
    unsigned code;
    const char *why;
    size_t n;
    char text[];
};

static void posted_run(void *user)
{
    struct posted *posted = user;
    struct session *session = session_find(posted->id);

    if (session && posted->why) session_close(session, posted->code, posted->why);
    if (session && !posted->why)
        session_send(session, posted->delivery, (struct str){posted->text, posted->n});
    free(posted);
}

void session_post(session_id id, enum delivery delivery, struct str frame)
{
    struct posted *posted = malloc(sizeof *posted + frame.n);

    if (!posted) abort();
    *posted = (struct posted){.id = id, .delivery = delivery, .n = frame.n};
    memcpy(posted->text, frame.p, frame.n);
    session_loop(posted_run, posted);
}

void session_end(session_id id, unsigned code, const char *why)
{
    struct posted *posted = malloc(sizeof *posted);

    if (!posted) abort();
    *posted = (struct posted){.id = id, .code = code, .why = why};
    session_loop(posted_run, posted);
}

/* ---- what ends a session ---- */

static bool is_revoked(const struct session *session)
{
    return revoked_person(session->actor.person) || revoked_grant(session->grant.id) ||
           revoked_visit(session->grant.visit) ||
           revoked_consent(session->grant.patient, session->grant.minted_at_us);
}

static void session_check(struct session *session)
{
    if (session->state == CONNECTING && clock_mono_us() - session->opened_us > CONNECT_US)
        session_close(session, 4502, "not connected in time");
    if (session->state != OPEN) return;
    if (is_revoked(session))
        session_close(session, 4503, "revoked");
    else if (clock_now_us() > session->grant.ends_at_us)
        session_close(session, 4504, "grant ended");
}

static void sessions_check(void *unused)
{
    (void)unused;
    for (size_t slot = 0; slot < slot_max; slot++) {
        if (slots[slot]) session_check(slots[slot]);
    }
}

void session_revoke(void)
{
    if (service && service->frames) session_loop(sessions_check, NULL);
}

void session_drain(void)
{
    for (size_t slot = 0; slot < slot_max; slot++) {
        if (slots[slot]) session_close(slots[slot], 4010, "draining");
    }
}

/* ---- a frame on a worker ---- */

static struct str member_text(const struct shape *shape, const void *body, const char *name)
{
    for (const struct field *field = shape->fields; field->name; field++) {
        if (field->type == TEXT && strcmp(field->name, name) == 0)
            return *(const struct str *)(const void *)((const char *)body + field->offset);
    }
    return STR_NONE;
}

/* Token and grant of a connect or refresh: sound, of the same person, for this endpoint, not
 * revoked, and within one organisation. */
static err_t credentials_check(struct worker *worker, struct frame_job *job,
                               const struct shape *shape, const void *body)
{
    const struct common_settings *settings = service_settings();
    const struct str token = member_text(shape, body, "token");

    job->new_actor = job->actor;
    if (token.p || !job->open)
        TRY(auth_actor(auth, worker->db, worker->arena, token, STR_NONE, &job->new_actor));
    TRY(grant_check(worker->arena, settings->access_public, member_text(shape, body, "grant"),
                    clock_now_us(), &job->new_grant));

    const struct grant *grant = &job->new_grant;
    if (!uuid_equal(grant->person, job->new_actor.person) ||
        !uuid_equal(grant->org, job->new_actor.org))
        return ERR_GRANT_REQUIRED;
    if (job->open && (!uuid_equal(grant->visit, job->grant.visit) ||
                      !uuid_equal(grant->person, job->grant.person)))
        return ERR_GRANT_REQUIRED; /* a connection never changes its subject */
    if (!uuid_is_nil(job->path_id) && !uuid_equal(grant->channel, job->path_id))
        return ERR_GRANT_REQUIRED;
    if (revoked_grant(grant->id) || revoked_visit(grant->visit) ||
        revoked_consent(grant->patient, grant->minted_at_us))
        return ERR_GRANT_REQUIRED;

    job->new_grant.role = str_of(str_is(grant->role, "patient") ? "patient" : "clinician");
    job->new_grant.rights = str_of("chat call");
    job->took_grant = true;
    return ERR_OK;
}

void act_after(struct act *act, void (*fn)(struct session *, void *), void *user)
{
    act->own->after = fn;
    act->own->after_user = user;
}

err_t session_refresh(struct act *act)
{
    const struct session_opened opened = {.ends_at_us = act->grant->ends_at_us};

    TRY(act_allow(act, act->grant->patient));
    return act_reply(act, 200, &session_opened_shape, &opened);
}

static void frame_reply(struct frame_job *job, const char *type, struct str body)
{
    struct str text;
    struct arena *arena = worker_current()->arena;

    if (job->err == ERR_OK)
        text = arena_printf(arena, "{\"id\":%lld,\"%s\":" STR_FMT "}", (long long)job->pending->id,
                            type, STR_ARG(body.n ? body : STR("{}")));
    else
        text = arena_printf(arena, "{\"id\":%lld,\"error\":{\"code\":\"%s\",\"retryable\":%s}}",
                            (long long)job->pending->id, err_info(job->err)->code,
                            err_is_fault(job->err) ? "true" : "false");
    job->reply = malloc(text.n);
    if (!job->reply) abort();
    memcpy(job->reply, text.p, text.n);
    job->reply_n = text.n;
}

static err_t frame_act(struct worker *worker, struct frame_job *job, struct act *act)
{
    const struct frame *frame = &service->frames[job->pending->frame];
    const bool credentials = frame->run == session_refresh || strcmp(frame->type, "connect") == 0;
    struct run_input input = {.actor = &job->actor,
                              .grant = &job->grant,
                              .session = job->session,
                              .path_id = job->path_id,
                              .if_match = -1};
    void *decoded = arena_alloc(worker->arena, outer.size);
    struct json_fault fault;

    TRY(json_decode_lenient(&outer, bytes_of(job->pending->text, job->pending->n), worker->arena,
                            decoded, &fault));
    memcpy(&input.in, (const char *)decoded + outer_fields[job->pending->frame + 1].offset,
           sizeof input.in);
    if (credentials) {
        TRY(credentials_check(worker, job, frame->body, input.in));
        input.actor = &job->new_actor;
        input.grant = &job->new_grant;
    }
    return run_act(&frame_runs[job->pending->frame], &input, worker->db, worker->arena, act);
}

static void frame_done(void *user);

static void frame_run(struct worker *worker, struct job *base)
{
    struct frame_job *job = (struct frame_job *)base;
    struct act act = {.own = NULL};

    job->err = frame_act(worker, job, &act);
    if (act.own) {
        job->after = act.own->after;
        job->after_user = act.own->after_user;
    }
    const struct bytes body = job->err == ERR_OK ? act.own->body : BYTES_NONE;
    frame_reply(job, service->frames[job->pending->frame].type,
                (struct str){(const char *)body.p, body.n});
    session_loop(frame_done, job);
}

/* ---- a frame on the loop ---- */

static void frame_next(struct session *session);

static void frame_done(void *user)
{
    struct frame_job *job = user;
    struct session *session = session_find(job->session);

    if (session && session->state != CLOSING) {
        if (job->err == ERR_OK && job->took_grant) {
            session->actor = job->new_actor;
            session->grant = job->new_grant;
            session->state = OPEN;
        }
        if (job->err == ERR_OK && job->after) job->after(session, job->after_user);
        if (ws_send(session->ws, (struct str){job->reply, job->reply_n}) == WS_FULL)
            session_close(session, 4008, "slow");
        if (session->state == CONNECTING) session_close(session, 4500, "connect refused");
        session_check(session);
        session->busy = false;
        frame_next(session);
    }
    free(job->after_user);
    free(job->pending);
    free(job->reply);
    free(job);
}

static void frame_next(struct session *session)
{
    struct pending *pending = session->first;

    if (!pending || session->busy || session->state == CLOSING) return;

    session->first = pending->next;
    if (!session->first) session->last = &session->first;
    session->pending_count--;

    struct frame_job *job = calloc(1, sizeof *job);
    if (!job) abort();
    *job = (struct frame_job){.job.run = frame_run,
                              .session = session->id,
                              .pending = pending,
                              .path_id = session->path_id,
                              .actor = session->actor,
                              .grant = session->grant,
                              .open = session->state == OPEN};
    session->busy = true;
    if (workers_put(&job->job)) return;

    free(pending);
    free(job);
    session_close(session, 4008, "busy");
}

static void frame_wait(struct session *session, size_t frame, int64_t id, struct str text)
{
    struct pending *pending = malloc(sizeof *pending + text.n);

    if (!pending) abort();
    *pending = (struct pending){.frame = frame, .id = id, .n = text.n};
    memcpy(pending->text, text.p, text.n);
    *session->last = pending;
    session->last = &pending->next;
    session->pending_count++;
    frame_next(session);
}

/* Exactly one member besides id, and one that we know. */
static bool frame_find(const char *decoded, size_t *ret_frame, const void **ret_body)
{
    size_t found = 0;

    for (size_t i = 0; i < frame_count; i++) {
        const void *body;

        memcpy(&body, decoded + outer_fields[i + 1].offset, sizeof body);
        if (!body) continue;

        *ret_frame = i;
        *ret_body = body;
        found++;
    }
    return found == 1;
}

static void on_message(struct ws *ws, struct str text, void *user)
{
    struct session *session = user;
    struct json_fault fault;
    const void *body = NULL;
    size_t frame = 0;
    int64_t id;

    (void)ws;
    char *decoded = arena_alloc(loop_arena, outer.size);
    const err_t err = json_decode_lenient(&outer, str_bytes(text), loop_arena, decoded, &fault);
    memcpy(&id, decoded, sizeof id);

    if (err != ERR_OK || !frame_find(decoded, &frame, &body))
        session_close(session, 4500, "not a frame of " SUBPROTOCOL);
    else if ((session->state == CONNECTING) !=
             (strcmp(service->frames[frame].type, "connect") == 0))
        session_close(session, 4500, "the first frame is connect, and only the first");
    else if (service->frames[frame].now)
        service->frames[frame].now(session, body, loop_arena);
    else if (session->pending_count >= PENDING_MAX)
        session_close(session, 4501, "too many frames in flight");
    else
        frame_wait(session, frame, id, text);
    arena_reset(loop_arena);
}

static void on_closed(struct ws *ws, void *user)
{
    struct session *session = user;

    (void)ws;
    session->state = CLOSING;
    if (service->session_closed) service->session_closed(session);
    slots[session->id >> 32] = NULL;
    count--;
    for (struct pending *pending = session->first; pending;) {
        struct pending *next = pending->next;

        free(pending);
        pending = next;
    }
    free(session);
}

static const struct ws_events events = {on_message, NULL, on_closed};

void session_accept(struct http_call *call, struct uuid path_id)
{
    static const struct ws_limits limits = {64 * 1024, 256 * 1024, 1024 * 1024, 25000,
                                            8000,      10000,      100};
    struct session *session = session_new();

    if (!session) return http_problem(call, ERR_BUSY, UUID_NIL, STR_NONE);

    session->path_id = path_id;
    session->ws = http_upgrade(call, SUBPROTOCOL, &limits, &events, session);
    if (session->ws) return;

    slots[session->id >> 32] = NULL;
    count--;
    free(session);
}

static const struct shape empty_shape = {
    "Empty", 1, (const struct field[]){{NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL}}};

void session_init(const struct service *given, struct auth *given_auth)
{
    service = given;
    auth = given_auth;
    if (!service->frames) return;

    slots = calloc(SESSIONS_MAX, sizeof *slots);
    generations = calloc(SESSIONS_MAX, sizeof *generations);
    loop_arena = arena_new(4u * 1024 * 1024);
    if (!slots || !generations) abort();

    outer_fields[0] = (struct field){"id", INT, 0, 0, 0, INT64_MAX, NULL, NULL};
    for (size_t i = 0; service->frames[i].type; i++, frame_count++) {
        const struct frame *frame = &service->frames[i];

        assert(i < FRAMES_MAX);
        outer_fields[i + 1] = (struct field){frame->type,
                                             OBJECT,
                                             8 + i * sizeof(void *),
                                             0,
                                             0,
                                             0,
                                             frame->body ? frame->body : &empty_shape,
                                             NULL};
        frame_runs[i] = (struct run){.may = frame->may,
                                     .audit = frame->audit,
                                     .resource = frame->type,
                                     .ms = frame->ms,
                                     .handler = frame->run};
    }
    outer = (struct shape){"Frame", 8 + frame_count * sizeof(void *), outer_fields};
}

void session_tick(void *unused)
{
    sessions_check(unused);
}
