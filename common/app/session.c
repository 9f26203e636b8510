/* WebSocket connections: their table, what they are sent, what ends them. */
#include "common/app/session_own.h"
#include "common/app/session_rules.h"

#include "common/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SESSIONS_MAX 20000
#define CONNECT_US (5 * SECOND_US)
#define SESSIONS_A_PERSON_MAX 8 /* devices and windows; a call is two */
#define DRAIN_US (5 * SECOND_US) /* longer than a closing handshake may take */

static const struct service *service;
static struct session **slots;
static uint32_t *generations;
static size_t slot_max;
static _Atomic size_t count;

/* ---- the table of sessions ---- */

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

struct ending {
    session_id id;
    unsigned code;
    const char *why;
};

static void ending_run(void *user)
{
    const struct ending *ending = user;
    struct session *session = session_find(ending->id);

    if (session) session_close(session, ending->code, ending->why);
    free(user);
}

void session_end(session_id id, unsigned code, const char *why)
{
    struct ending *ending = malloc(sizeof *ending);

    if (!ending) abort();
    *ending = (struct ending){id, code, why};
    session_loop(ending_run, ending);
}

static void probe_run(void *user)
{
    const session_id *id = user;
    struct session *session = session_find(*id);

    if (session) ws_probe(session->ws);
    free(user);
}

void session_probe(session_id id)
{
    session_id *copy = malloc(sizeof *copy);

    if (!copy) abort();
    *copy = id;
    session_loop(probe_run, copy);
}

void session_active(struct session *session, const void *body, struct arena *arena)
{
    (void)session, (void)body, (void)arena; /* that it came was noted as of every frame */
}

/* ---- what ends a session ---- */

bool session_grant_revoked(const struct grant *grant)
{
    return revoked_grant(grant->id) || revoked_visit(grant->visit) ||
           revoked_person(grant->person) ||
           revoked_person_since(grant->person, grant->minted_at_us) ||
           revoked_consent_us(grant->patient, CONSENT_TELEHEALTH) > grant->minted_at_us;
}

#define CONSENT_FRAME_BYTES 256

/* {"consent":{"scope":"recording","state":"revoked","left":["call","chat","note"]}} */
static struct str consent_frame(enum consent consent, bool expired, char text[CONSENT_FRAME_BYTES])
{
    int n = snprintf(text, CONSENT_FRAME_BYTES,
                     "{\"consent\":{\"scope\":\"%s\",\"state\":\"%s\",\"left\":[",
                     consent_word(consent), expired ? "expired" : "revoked");

    for (const char *word = consent_left(consent); *word;) {
        const int length = (int)strcspn(word, " ");

        n += snprintf(text + n, CONSENT_FRAME_BYTES - (size_t)n, "\"%.*s\"%s", length, word,
                      word[length] ? "," : "]}}");
        word += length + (word[length] != '\0');
    }
    return (struct str){text, (size_t)n};
}

/* To the clinician; of what ends the connection it is the last frame. */
static void consent_tell(struct session *session, enum consent consent, bool expired)
{
    char text[CONSENT_FRAME_BYTES];

    if (str_is(session->grant.role, "clinician") && *consent_left(consent))
        session_send(session, STORED, consent_frame(consent, expired, text));
}

/* What the patient has taken back since the grant was minted, or what has come to its end. */
static void consents_tell(struct session *session)
{
    const struct grant *grant = &session->grant;

    for (enum consent consent = CONSENT_NONE + 1; consent < CONSENTS; consent++) {
        const int64_t at_us = revoked_consent_us(grant->patient, consent);

        if (at_us <= grant->minted_at_us || at_us <= session->told_us[consent]) continue;
        session->told_us[consent] = at_us;
        consent_tell(session, consent, revoked_consent_expired(grant->patient, consent));
    }
}

static bool is_idle(const struct session *session)
{
    const struct common_settings *settings = service_settings();
    const int64_t most_us = settings->idle_minutes[session->actor.role] * MINUTE_US;

    return clock_now_us() - session->active_us > most_us;
}

static void grant_over(struct session *session)
{
    if (!session->grant.last) return session_close(session, 4504, "grant ended");

    consent_tell(session, CONSENT_TELEHEALTH, true);
    session_close(session, 4503, "consent ended");
}

void session_check(struct session *session)
{
    if (session->state == CONNECTING && !session->busy &&
        clock_mono_us() - session->opened_us > CONNECT_US)
        session_close(session, 4502, "not connected in time");
    if (session->state != OPEN) return;
    consents_tell(session);
    if (session_grant_revoked(&session->grant))
        session_close(session, 4503, "revoked");
    else if (is_idle(session))
        session_close(session, 4506, "idle");
    else if (clock_now_us() > session->grant.ends_at_us)
        grant_over(session);
}

static void crowd_bound(const struct session *newest, bool of_visit, size_t most, const char *why)
{
    struct session *oldest = NULL;
    size_t theirs = 0;

    for (size_t slot = 0; slot < slot_max; slot++) {
        struct session *const one = slots[slot];

        if (!one || one->state != OPEN || !uuid_equal(one->actor.person, newest->actor.person))
            continue;
        if (of_visit && !uuid_equal(one->grant.channel, newest->grant.channel)) continue;
        theirs++;
        if (!oldest || one->opened_us < oldest->opened_us) oldest = one;
    }
    if (theirs > most) session_close(oldest, 4505, why);
}

void session_crowd(const struct session *newest)
{
    crowd_bound(newest, true, session_rule(newest->actor.role)->windows, "too many windows");
    crowd_bound(newest, false, SESSIONS_A_PERSON_MAX, "too many connections");
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

bool session_drained(void)
{
    static _Atomic int64_t since_us; /* when it was first asked while stopping */
    int64_t never = 0;

    if (!service_stopping()) return false;
    atomic_compare_exchange_strong(&since_us, &never, clock_mono_us());

    return count == 0 || clock_mono_us() - since_us > DRAIN_US;
}

/* ---- coming and going ---- */

static void on_closed(struct ws *ws, void *user)
{
    struct session *session = user;

    (void)ws;
    session->state = CLOSING;
    if (service->session_closed) service->session_closed(session);
    slots[session->id >> 32] = NULL;
    count--;
    frames_drop(session);
    free(session);
}

static const struct ws_events events = {frame_take, NULL, on_closed};

/* A page of another site may open a socket in the name of who looks at it; not here. */
static bool origin_is_ours(const struct h1_head *head)
{
    const struct str origin = h1_header(head, "origin"), host = h1_header(head, "host");
    const size_t scheme = sizeof "https://" - 1;

    return !origin.p || (str_starts(origin, "https://") &&
                         str_equal((struct str){origin.p + scheme, origin.n - scheme}, host));
}

void session_accept(struct http_call *call, struct uuid path_id)
{
    if (!origin_is_ours(http_head(call)))
        return http_problem(call, ERR_FOREIGN_PAGE, UUID_NIL, STR_NONE);
    if (http_head(call)->query.n) /* what is asked for stands in frames, never in an address */
        return http_problem(call, ERR_BAD_QUERY, UUID_NIL, STR_NONE);

    struct session *session = session_new();
    if (!session) return http_problem(call, ERR_BUSY, UUID_NIL, STR_NONE);

    session->path_id = path_id;
    session->ws = http_upgrade(call, SESSION_SUBPROTOCOL, &WS_LIMITS, &events, session);
    if (session->ws) {
        snprintf(session->remote, sizeof session->remote, "%s", ws_remote(session->ws));
        return;
    }
    slots[session->id >> 32] = NULL;
    count--;
    free(session);
}

void session_init(const struct service *given, struct auth *auth)
{
    service = given;
    if (!service->frames) return;

    slots = calloc(SESSIONS_MAX, sizeof *slots);
    generations = calloc(SESSIONS_MAX, sizeof *generations);
    if (!slots || !generations) abort();
    opening_init(auth);
    frames_init(service);
}

void session_tick(void *unused)
{
    sessions_check(unused);
}
