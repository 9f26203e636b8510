/*
 * Who sits in which channel here, and what they are told of each other.
 *
 * A session is told of everybody else in its channel, wherever they sit: {person, state}. While
 * nobody can say who sits elsewhere, a state without a person says so of all who are not named;
 * when it can be said again, the same frame says that they are gone.
 */
#include "services/messaging/fan_own.h"

#include "common/app/session_records.h"

#include <stdlib.h>

static bool whole; /* loop: Redis shows everybody who sits elsewhere */

static enum sight not_seen(void)
{
    return whole || !presence_shared() ? SIGHT_GONE : SIGHT_UNKNOWN;
}

/* ---- frames ---- */

#define FRAME_BYTES 128
static const char *const states[] = {"gone", "present", "unknown"}; /* by enum sight */

static struct str person_frame(char text[FRAME_BYTES], struct uuid person, enum sight sight)
{
    const int n =
        snprintf(text, FRAME_BYTES, "{\"presence\":{\"person\":\"%s\",\"state\":\"%s\"}}",
                 UUID_ARG(person), states[sight]);

    return (struct str){text, (size_t)n};
}

static struct str others_frame(char text[FRAME_BYTES], enum sight sight)
{
    const int n =
        snprintf(text, FRAME_BYTES, "{\"presence\":{\"state\":\"%s\"}}", states[sight]);

    return (struct str){text, (size_t)n};
}

/* To all of the channel but @from, which may be NULL. */
static void tell(const struct channel *channel, const struct seat *from, struct str frame)
{
    for (const struct seat *seat = channel->seats; seat; seat = seat->next) {
        struct session *session = seat == from ? NULL : session_find(seat->session);

        if (session) session_send(session, EPHEMERAL, frame);
    }
}

static void tell_typing(const struct channel *channel, const struct seat *from, struct uuid person)
{
    char text[FRAME_BYTES];
    const int n =
        snprintf(text, sizeof text, "{\"typing\":{\"person\":\"%s\"}}", UUID_ARG(person));

    tell(channel, from, (struct str){text, (size_t)n});
}

static bool sits_here(const struct channel *channel, struct uuid person)
{
    for (const struct seat *seat = channel->seats; seat; seat = seat->next) {
        if (uuid_equal(seat->actor.person, person)) return true;
    }
    return false;
}

/* ---- coming and going here ---- */

static struct seat *seat_copy(const struct seat *from)
{
    struct seat *seat = malloc(sizeof *seat);

    if (!seat) abort();
    *seat = *from;
    return seat;
}

struct joiner {
    struct session *session;
    const struct channel *channel;
};

static void elsewhere_send(void *user, struct uuid person, enum sight sight)
{
    const struct joiner *joiner = user;
    char text[FRAME_BYTES];

    if (!sits_here(joiner->channel, person))
        session_send(joiner->session, EPHEMERAL, person_frame(text, person, sight));
}

static void roster_send(struct session *session, const struct seat *to)
{
    struct joiner joiner = {session, to->channel};
    char text[FRAME_BYTES];

    if (not_seen() == SIGHT_UNKNOWN)
        session_send(session, EPHEMERAL, others_frame(text, SIGHT_UNKNOWN));
    for (const struct seat *seat = to->channel->seats; seat; seat = seat->next) {
        if (seat != to)
            session_send(session, EPHEMERAL,
                         person_frame(text, seat->actor.person, SIGHT_PRESENT));
    }
    roster_each(&to->channel->roster, elsewhere_send, &joiner);
}

static struct channel *channel_of(const struct seat *seat)
{
    struct channel **place = fan_place(seat->channel_id);

    if (!*place) {
        *place = calloc(1, sizeof **place);
        if (!*place) abort();
        **place = (struct channel){
            .org = seat->org, .id = seat->channel_id, .patient = seat->patient, .top = seat->last};
        fan_channel_count++;
    }
    return *place;
}

void seat_join(struct session *session, const struct seat *given)
{
    struct seat *seat = seat_copy(given);
    char text[FRAME_BYTES];

    pthread_mutex_lock(&fan_lock);
    seat->channel = channel_of(given);
    seat->next = seat->channel->seats;
    seat->channel->seats = seat;
    if (seat->channel->top < seat->last) seat->channel->top = seat->last;
    roster_send(session, seat);
    tell(seat->channel, seat, person_frame(text, seat->actor.person, SIGHT_PRESENT));
    const bool behind = fan_lacks(seat->channel);
    pthread_mutex_unlock(&fan_lock);

    session_set_user(session, seat);
    presence_say(VERB_LOOK, seat->channel_id, seat->actor.person);
    if (behind) service_poke_effects();
}

void seat_forget(const struct seat *given)
{
    struct seat *seat = seat_copy(given);

    seat->gone = true;
    seat->last = 0; /* it was sent nothing */
    session_ended(seat->org, seat);
}

/* The person's last seat here is left: they may sit elsewhere. */
static void last_left(struct seat *seat)
{
    struct channel *channel = seat->channel;
    const enum sight was = roster_sight(&channel->roster, seat->actor.person);
    const enum sight now = was == SIGHT_GONE ? not_seen() : was;
    char text[FRAME_BYTES];

    seat->gone = now == SIGHT_GONE;
    if (now == SIGHT_UNKNOWN) roster_doubt(&channel->roster, seat->actor.person);
    if (now != SIGHT_PRESENT) tell(channel, NULL, person_frame(text, seat->actor.person, now));
    presence_say(VERB_GONE, channel->id, seat->actor.person);
}

void seat_leave(struct session *session)
{
    struct seat *seat = session_user(session);

    if (!seat) return;

    pthread_mutex_lock(&fan_lock);
    struct channel *channel = seat->channel;
    struct seat **at = &channel->seats;
    while (*at != seat) at = &(*at)->next;
    *at = seat->next;

    if (!sits_here(channel, seat->actor.person)) last_left(seat);
    if (!channel->seats) {
        *fan_place(channel->id) = channel->next;
        roster_free(&channel->roster);
        free(channel);
        fan_channel_count--;
    }
    pthread_mutex_unlock(&fan_lock);
    session_ended(seat->org, seat);
}

void seat_type(const struct seat *from)
{
    pthread_mutex_lock(&fan_lock);
    tell_typing(from->channel, from, from->actor.person);
    pthread_mutex_unlock(&fan_lock);
    presence_say(VERB_TYPING, from->channel_id, from->actor.person);
}

/* ---- coming and going elsewhere ---- */

static void elsewhere_tell(void *user, struct uuid person, enum sight sight)
{
    const struct channel *channel = user;
    char text[FRAME_BYTES];

    if (!sits_here(channel, person)) tell(channel, NULL, person_frame(text, person, sight));
}

void seats_see(struct uuid id, struct uuids elsewhere)
{
    pthread_mutex_lock(&fan_lock);
    struct channel *channel = *fan_place(id);
    if (channel) roster_see(&channel->roster, elsewhere, not_seen(), elsewhere_tell, channel);
    pthread_mutex_unlock(&fan_lock);
}

/* What is not seen has become gone, or unknown, all at once. */
static void whole_set(bool now)
{
    char text[FRAME_BYTES];

    pthread_mutex_lock(&fan_lock);
    whole = now;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct channel *channel = fan_buckets[i]; channel; channel = channel->next) {
            if (!now)
                roster_see(&channel->roster, (struct uuids){0}, SIGHT_UNKNOWN, elsewhere_tell,
                           channel);
            tell(channel, NULL, others_frame(text, not_seen()));
        }
    }
    pthread_mutex_unlock(&fan_lock);
}

void seats_lose(void)
{
    whole_set(false);
}

void seats_whole(void)
{
    whole_set(true);
}

void seats_typing(struct uuid id, struct uuid person)
{
    pthread_mutex_lock(&fan_lock);
    const struct channel *channel = *fan_place(id);
    if (channel) tell_typing(channel, NULL, person);
    pthread_mutex_unlock(&fan_lock);
}

/* ---- for presence's thread ---- */

bool seats_hold(struct uuid id)
{
    pthread_mutex_lock(&fan_lock);
    const bool held = *fan_place(id) != NULL;
    pthread_mutex_unlock(&fan_lock);
    return held;
}

struct here *seats_here(struct arena *arena, size_t *ret_n)
{
    size_t n = 0;

    pthread_mutex_lock(&fan_lock);
    struct here *all = ARENA_ARRAY(arena, struct here, session_count() + 1);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct channel *channel = fan_buckets[i]; channel; channel = channel->next) {
            for (const struct seat *seat = channel->seats; seat; seat = seat->next)
                all[n++] = (struct here){channel->id, seat->actor.person};
        }
    }
    pthread_mutex_unlock(&fan_lock);

    *ret_n = n;
    return all;
}
