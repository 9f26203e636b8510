/* Frames: from the socket to an act on a worker, and back. */
#include "common/app/session_own.h"
#include "common/app/worker.h"

#include "common/base/clock.h"
#include "common/base/secret.h"

#include <assert.h>
#include <stdlib.h>

/* Frames of one connection that wait for their turn; no more are read then. */
#define PENDING_MAX 32
#define FRAMES_MAX 24

struct frame_job {
    struct job job;
    session_id session;
    struct pending *pending;
    struct run run;
    struct uuid path_id;
    struct holder holder;
    char remote[SESSION_REMOTE_BYTES];
    /* what came of it */
    struct holder new_holder; /* of a connect or refresh */
    after_commit *after;
    struct str after_user, reply; /* owned */
    err_t err;
};

static const struct service *service;
static struct arena *loop_arena;
static struct shape outer; /* {id, <type>: body ...} */
static struct field outer_fields[FRAMES_MAX + 2];
static struct run frame_runs[FRAMES_MAX];
static size_t frame_count;

static const struct field id_fields[] = {
    {"id", INT, 0, 0, 0, INT64_MAX, NULL, NULL},
    {NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL},
};
static const struct shape id_only = {"FrameId", sizeof(int64_t), id_fields};

/* ---- memory that may hold PHI ---- */

static struct str text_keep(const void *p, size_t n)
{
    char *copy = malloc(n + 1);

    if (!copy) abort();
    if (n) memcpy(copy, p, n);
    return (struct str){copy, n};
}

static void wipe_free(void *p, size_t n)
{
    if (p) secret_wipe(p, n);
    free(p);
}

static void text_drop(struct str text)
{
    wipe_free((void *)(uintptr_t)text.p, text.n);
}

static void pending_free(struct pending *pending)
{
    wipe_free(pending, sizeof *pending + pending->n);
}

/* ---- on a worker ---- */

void act_after(struct act *act, after_commit *fn, const void *user, size_t n)
{
    act->own->after = fn;
    act->own->after_user = bytes_of(user, n);
}

/* What a problem would say; @pointer: where in the frame, or NULL. */
static struct str error_text(struct arena *arena, int64_t id, err_t err, const char *pointer)
{
    const char *const again = err_retryable(err) ? "true" : "false";
    const struct str at =
        pointer ? arena_printf(arena, ",\"pointer\":\"%s\"", pointer) : STR_NONE;

    return arena_printf(arena,
                        "{\"id\":%lld,\"error\":{\"code\":\"%s\",\"retryable\":%s" STR_FMT "}}",
                        (long long)id, err_info(err)->code, again, STR_ARG(at));
}

static void frame_reply(struct frame_job *job, const char *type, struct str body, const char *at)
{
    struct str text;
    struct arena *arena = worker_current()->arena;

    if (job->err == ERR_OK)
        text = arena_printf(arena, "{\"id\":%lld,\"%s\":" STR_FMT "}", (long long)job->pending->id,
                            type, STR_ARG(body.n ? body : STR("{}")));
    else
        text = error_text(arena, job->pending->id, job->err, at);
    job->reply = text_keep(text.p, text.n);
}

static err_t frame_act(struct worker *worker, struct frame_job *job, struct act *act)
{
    const struct frame *frame = &service->frames[job->pending->frame];
    const bool credentials =
        strcmp(frame->type, "connect") == 0 || strcmp(frame->type, "refresh") == 0;
    struct run_input input = {.actor = &job->holder.actor,
                              .grant = &job->holder.grant,
                              .session = job->session,
                              .path_id = job->path_id,
                              .remote = str_of(job->remote),
                              .deadline_us = job->pending->came_us + job->run.ms * MS_US,
                              .if_match = -1};
    void *decoded = arena_alloc(worker->arena, outer.size);
    struct json_fault fault;

    TRY(json_decode_lenient(&outer, bytes_of(job->pending->text, job->pending->n), worker->arena,
                            decoded, &fault));
    memcpy(&input.in, (const char *)decoded + outer_fields[job->pending->frame + 1].offset,
           sizeof input.in);
    if (credentials) {
        const struct opening opening = {frame->body, input.in, job->path_id, &job->holder};

        input.refused = opening_check(worker, &opening, &job->new_holder);
        input.actor = &job->new_holder.actor;
        input.grant = &job->new_holder.grant;
        if (!run_takes(input.actor, input.refused)) return input.refused;
    }
    return run_act(&job->run, &input, worker->db, worker->arena, act);
}

static void frame_done(void *user);

static void frame_run(struct worker *worker, struct job *base)
{
    struct frame_job *job = (struct frame_job *)base;
    struct act act = {.own = NULL};

    job->err = frame_act(worker, job, &act);
    if (job->err == ERR_OK && act.own->after) {
        job->after = act.own->after;
        job->after_user = text_keep(act.own->after_user.p, act.own->after_user.n);
    }
    const struct bytes body = job->err == ERR_OK ? act.own->body : BYTES_NONE;
    frame_reply(job, service->frames[job->pending->frame].type,
                (struct str){(const char *)body.p, body.n},
                job->err == ERR_UNPROCESSABLE && act.own ? act.own->at : NULL);
    session_loop(frame_done, job);
}

/* ---- on the loop ---- */

static void frame_next(struct session *session);

static void connect_refuse(struct session *session, err_t err)
{
    static const struct {
        err_t err;
        unsigned code;
        const char *why;
    } ends[] = {
        {ERR_SEAT_TAKEN, 4012, "seat taken"},
        {ERR_GRANT_EXPIRED, 4504, "grant ended"},
        {ERR_GRANT_REVOKED, 4503, "revoked"},
    };

    if (err_is_fault(err)) return session_close(session, 4011, "unavailable");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (err == ends[i].err) return session_close(session, ends[i].code, ends[i].why);
    session_close(session, 4500, "connect refused");
}

static void frame_answer(struct session *session, struct frame_job *job)
{
    if (job->err == ERR_OK && job->new_holder.open) {
        const bool is_new = session->state == CONNECTING;

        session->actor = job->new_holder.actor;
        session->grant = job->new_holder.grant;
        session->state = OPEN;
        if (is_new) session_crowd(session);
    }
    if (ws_send(session->ws, job->reply) == WS_FULL) session_close(session, 4008, "slow");
    if (session->state == CONNECTING) connect_refuse(session, job->err);
}

static void frame_done(void *user)
{
    struct frame_job *job = user;
    struct session *session = session_find(job->session);

    if (session && session->state == CLOSING) session = NULL;
    if (session) frame_answer(session, job);
    if (job->after) job->after(session, job->after_user.p);
    if (session) {
        session->busy = false;
        session_check(session);
        frame_next(session);
    }
    text_drop(job->after_user);
    text_drop(job->reply);
    pending_free(job->pending);
    free(job);
}

static void frame_next(struct session *session)
{
    struct pending *pending = session->first;

    if (!pending || session->busy || session->state == CLOSING) return;

    session->first = pending->next;
    if (!session->first) session->last = &session->first;
    if (session->pending_count-- == PENDING_MAX) ws_pause(session->ws, false);

    struct frame_job *job = calloc(1, sizeof *job);
    if (!job) abort();
    *job = (struct frame_job){.job.run = frame_run,
                              .session = session->id,
                              .pending = pending,
                              .run = frame_runs[pending->frame],
                              .path_id = session->path_id,
                              .holder = {session->actor, session->grant,
                                         session->state == OPEN}};
    memcpy(job->remote, session->remote, sizeof job->remote);
    session->busy = true;
    if (workers_put(&job->job)) return;

    pending_free(pending);
    free(job);
    session_close(session, 4011, "busy");
}

static void frame_wait(struct session *session, size_t frame, int64_t id, struct str text)
{
    struct pending *pending = malloc(sizeof *pending + text.n);

    if (!pending) abort();
    *pending =
        (struct pending){.frame = frame, .id = id, .came_us = clock_mono_us(), .n = text.n};
    memcpy(pending->text, text.p, text.n);
    *session->last = pending;
    session->last = &pending->next;
    if (++session->pending_count == PENDING_MAX) ws_pause(session->ws, true);
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

/* A frame without sense is answered if it is JSON with an id; else, or before connect, it ends the
 * connection. */
static void frame_refuse(struct session *session, struct str text, const char *pointer)
{
    int64_t id = 0;

    if (session->state == OPEN &&
        json_decode_lenient(&id_only, str_bytes(text), loop_arena, &id, NULL) == ERR_OK)
        session_send(session, STORED, error_text(loop_arena, id, ERR_BAD_BODY, pointer));
    else
        session_close(session, 4500, "not a frame of " SESSION_SUBPROTOCOL);
}

void frame_take(struct ws *ws, struct str text, void *user)
{
    struct session *session = user;
    struct json_fault fault = {"", NULL};
    const void *body = NULL;
    size_t frame = 0;
    int64_t id;

    (void)ws;
    char *decoded = arena_alloc(loop_arena, outer.size);
    const err_t err = json_decode_lenient(&outer, str_bytes(text), loop_arena, decoded, &fault);
    memcpy(&id, decoded, sizeof id);

    const bool found = err == ERR_OK && frame_find(decoded, &frame, &body);
    if (found && !service->frames[frame].unasked) session->active_us = clock_now_us();
    if (!found)
        frame_refuse(session, text, fault.code ? fault.pointer : NULL);
    else if (session->busy && session->state == CONNECTING)
        session_close(session, 4500, "frames follow the answer to connect");
    else if ((session->state == CONNECTING) !=
             (strcmp(service->frames[frame].type, "connect") == 0))
        session_close(session, 4500, "the first frame is connect, and only the first");
    else if (service->frames[frame].now)
        service->frames[frame].now(session, body, loop_arena);
    else
        frame_wait(session, frame, id, text);
    arena_reset(loop_arena);
}

void frames_drop(struct session *session)
{
    for (struct pending *pending = session->first; pending;) {
        struct pending *next = pending->next;

        pending_free(pending);
        pending = next;
    }
}

static const struct shape empty_shape = {
    "Empty", 1, (const struct field[]){{NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL}}};

void frames_init(const struct service *given)
{
    service = given;
    loop_arena = arena_new(4u * 1024 * 1024);
    outer_fields[0] = id_fields[0];
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
