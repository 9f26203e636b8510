/* Frames: from the socket to an act on a worker, and back. */
#include "common/app/session_own.h"
#include "common/app/sql.h"
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
    struct actor actor;
    struct grant grant;
    char remote[SESSION_REMOTE_BYTES];
    bool open;
    /* what came of it */
    struct actor new_actor;
    struct grant new_grant;
    bool took_grant;
    after_commit *after;
    struct str after_user, reply; /* owned */
    err_t err;
};

static const struct service *service;
static struct auth *auth;
static struct arena *loop_arena;
static struct shape outer; /* {id, <type>: body ...} */
static struct field outer_fields[FRAMES_MAX + 2];
static struct run frame_runs[FRAMES_MAX];
static size_t frame_count;
static int64_t started_us;

static const struct field id_fields[] = {
    {"id", INT, 0, 0, 0, INT64_MAX, NULL, NULL},
    {NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL},
};
static const struct shape id_only = {"FrameId", sizeof(int64_t), id_fields};

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

/* ---- what opens a connection ---- */

static struct str member_text(const struct shape *shape, const void *body, const char *name)
{
    for (const struct field *field = shape->fields; field->name; field++) {
        if (field->type == TEXT && strcmp(field->name, name) == 0)
            return *(const struct str *)(const void *)((const char *)body + field->offset);
    }
    return STR_NONE;
}

/* Rights outlive the arena that the grant was read into, so they become words of our own. */
static bool rights_known(struct str given, struct str *ret_rights)
{
    static const char *const known[] = {"chat call", "chat", "call"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!str_is(given, known[i])) continue;

        *ret_rights = str_of(known[i]);
        return true;
    }
    return false;
}

bool session_right(const struct grant *grant, const char *right)
{
    const size_t n = strlen(right);

    for (size_t i = 0; i + n <= grant->rights.n; i++) {
        if (memcmp(grant->rights.p + i, right, n) == 0) return true;
    }
    return false;
}

/* A connection never changes its subject. */
static bool is_same_subject(const struct grant *was, const struct grant *now)
{
    return uuid_equal(was->org, now->org) && uuid_equal(was->visit, now->visit) &&
           uuid_equal(was->person, now->person) && uuid_equal(was->channel, now->channel) &&
           uuid_equal(was->patient, now->patient);
}

/* Why a sound grant does not open this connection. A replica that has not read the revocations to
 * their end trusts only grants that were minted since it runs; the others may come back. */
static err_t grant_fits(const struct frame_job *job)
{
    const struct grant *grant = &job->new_grant;

    if (!uuid_equal(grant->person, job->new_actor.person) ||
        !uuid_equal(grant->org, job->new_actor.org))
        return ERR_GRANT_REQUIRED;
    if (job->open && !is_same_subject(&job->grant, grant)) return ERR_GRANT_REQUIRED;
    if (!uuid_is_nil(job->path_id) && !uuid_equal(grant->channel, job->path_id))
        return ERR_GRANT_REQUIRED;
    if (session_grant_revoked(grant)) return ERR_GRANT_REQUIRED;
    return service_caught_up() || grant->minted_at_us >= started_us ? ERR_OK : ERR_UNAVAILABLE;
}

/* Token and grant of a connect or refresh. The grant names the organisation and the role in it; the
 * token must be its person's. */
static err_t credentials_check(struct worker *worker, struct frame_job *job,
                               const struct shape *shape, const void *body)
{
    const struct common_settings *settings = service_settings();
    struct sign_in sign_in = {.token = member_text(shape, body, "token")};
    struct grant *grant = &job->new_grant;
    char org[UUID_TEXT + 1];

    const err_t granted = grant_check(worker->arena, settings->access_public,
                                      member_text(shape, body, "grant"), clock_now_us(), grant);
    if (err_is_fault(granted)) return granted;
    if (granted == ERR_OK) {
        sign_in.org = str_of(uuid_format(grant->org, org));
        sign_in.role = grant->as;
    }
    job->new_actor = job->actor;
    if (sign_in.token.p || !job->open)
        TRY(auth_actor(auth, worker->db, worker->arena, &sign_in, &job->new_actor));
    TRY(granted);
    if (!rights_known(grant->rights, &grant->rights)) return ERR_GRANT_REQUIRED;
    TRY(grant_fits(job));

    grant->role = str_of(str_is(grant->role, "patient") ? "patient" : "clinician");
    grant->as = str_of(role_word(job->new_actor.role));
    job->took_grant = true;
    return ERR_OK;
}

/* ---- on a worker ---- */

void act_after(struct act *act, after_commit *fn, const void *user, size_t n)
{
    act->own->after = fn;
    act->own->after_user = bytes_of(user, n);
}

err_t session_allow(struct act *act, const char *right)
{
    const struct grant *grant = act->grant;
    const struct relation_of_grant relation = {
        .visit_id = grant->visit, .patient_id = grant->patient, .ends_at_us = grant->ends_at_us};

    if (!session_right(grant, right)) return ERR_GRANT_REQUIRED;
    if (uuid_equal(grant->provider, act->who.person)) relation_of_grant(act_tx(act), &relation);
    TRY(act_allow(act, grant->patient));
    return consent_require(act, grant->patient, CONSENT_TELEHEALTH);
}

err_t session_refresh(struct act *act)
{
    const struct session_opened opened = {.ends_at_us = act->grant->ends_at_us};

    TRY(act_allow(act, act->grant->patient));
    return act_reply(act, 200, &session_opened_shape, &opened);
}

static struct str error_text(struct arena *arena, int64_t id, err_t err)
{
    return arena_printf(arena, "{\"id\":%lld,\"error\":{\"code\":\"%s\",\"retryable\":%s}}",
                        (long long)id, err_info(err)->code, err_is_fault(err) ? "true" : "false");
}

static void frame_reply(struct frame_job *job, const char *type, struct str body)
{
    struct str text;
    struct arena *arena = worker_current()->arena;

    if (job->err == ERR_OK)
        text = arena_printf(arena, "{\"id\":%lld,\"%s\":" STR_FMT "}", (long long)job->pending->id,
                            type, STR_ARG(body.n ? body : STR("{}")));
    else
        text = error_text(arena, job->pending->id, job->err);
    job->reply = text_keep(text.p, text.n);
}

static err_t frame_act(struct worker *worker, struct frame_job *job, struct act *act)
{
    const struct frame *frame = &service->frames[job->pending->frame];
    const bool credentials =
        strcmp(frame->type, "connect") == 0 || strcmp(frame->type, "refresh") == 0;
    struct run_input input = {.actor = &job->actor,
                              .grant = &job->grant,
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
        input.refused = credentials_check(worker, job, frame->body, input.in);
        input.actor = &job->new_actor;
        input.grant = &job->new_grant;
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
                (struct str){(const char *)body.p, body.n});
    session_loop(frame_done, job);
}

/* ---- on the loop ---- */

static void frame_next(struct session *session);

static void frame_answer(struct session *session, struct frame_job *job)
{
    if (job->err == ERR_OK && job->took_grant) {
        session->actor = job->new_actor;
        session->grant = job->new_grant;
        session->state = OPEN;
    }
    if (ws_send(session->ws, job->reply) == WS_FULL) session_close(session, 4008, "slow");
    if (session->state != CONNECTING) return;

    if (err_is_fault(job->err))
        session_close(session, 4011, "unavailable");
    else
        session_close(session, 4500, "connect refused");
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
                              .actor = session->actor,
                              .grant = session->grant,
                              .open = session->state == OPEN};
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
static void frame_refuse(struct session *session, struct str text)
{
    int64_t id = 0;

    if (session->state == OPEN &&
        json_decode_lenient(&id_only, str_bytes(text), loop_arena, &id, NULL) == ERR_OK)
        session_send(session, STORED, error_text(loop_arena, id, ERR_BAD_BODY));
    else
        session_close(session, 4500, "not a frame of " SESSION_SUBPROTOCOL);
}

void frame_take(struct ws *ws, struct str text, void *user)
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
        frame_refuse(session, text);
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

void frames_init(const struct service *given, struct auth *given_auth)
{
    service = given;
    auth = given_auth;
    started_us = clock_now_us();
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
