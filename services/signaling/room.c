/*
 * Who sits in which call of this replica, and what waits for those who are about to come.
 *
 * The table `seat` decides what the answer to connect says; here live the sockets. Of two seats the
 * one with the greater version came later, so each pair is told of each other exactly once: the
 * later by its answer, the earlier by a push.
 */
#include "services/signaling/signaling.h"

#include "common/app/session_records.h"
#include "common/base/clock.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 1024

struct addressee {
    struct uuid person;
    struct mailbox box;
};

struct room {
    struct room *next;
    struct uuid org, id;
    struct seating *seats;
    struct addressee away[ROOM_PERSONS];
    size_t away_count;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* all below */
static struct room *buckets[BUCKETS];
static size_t room_count;

static struct uuid replica;

static void replica_name(void)
{
    replica = uuid_v4();
}

struct uuid room_replica(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, replica_name);
    return replica;
}

bool room_polite(struct uuid self, struct str role, struct uuid peer, struct str peer_role)
{
    if (!str_equal(role, peer_role)) return str_is(role, "patient");

    return memcmp(self.b, peer.b, sizeof self.b) > 0;
}

static struct room **place_of(struct uuid id)
{
    struct room **at = &buckets[(id.b[15] | (size_t)id.b[14] << 8) % BUCKETS];

    while (*at && !uuid_equal((*at)->id, id)) at = &(*at)->next;
    return at;
}

static struct room *room_of(const struct seating *seating)
{
    struct room **place = place_of(seating->call);

    if (!*place) {
        *place = calloc(1, sizeof **place);
        if (!*place) abort();
        (*place)->org = seating->org;
        (*place)->id = seating->call;
        room_count++;
    }
    return *place;
}

/* Frees a room where nobody sits and nothing waits. */
static void room_tidy(struct room *room, int64_t now_us)
{
    bool waits = room->seats != NULL;

    for (size_t i = 0; i < room->away_count; i++) {
        mailbox_expire(&room->away[i].box, now_us);
        waits |= room->away[i].box.count > 0;
    }
    if (waits) return;

    *place_of(room->id) = room->next;
    free(room);
    room_count--;
}

static struct seating *seating_copy(const struct seating *from)
{
    struct seating *seating = malloc(sizeof *seating);

    if (!seating) abort();
    *seating = *from;
    return seating;
}

static void unseat(struct seating *seating)
{
    struct seating **at = &seating->room->seats;

    while (*at != seating) at = &(*at)->next;
    *at = seating->next;
    seating->room = NULL;
}

/* ---- telling ---- */

static void peer_tell(const struct seating *to, const struct seating *about, const char *state)
{
    struct session *session = session_find(to->session);
    const struct peer peer = {
        .person = about->actor.person,
        .role = about->role,
        .state = str_of(state),
        .polite = room_polite(to->actor.person, to->role, about->actor.person, about->role)};
    const struct peer *push = &peer;

    if (!session) return;

    struct arena *arena = arena_new(64 * 1024);
    session_send(session, STORED, json_encode(arena, &peer_push_shape, &push));
    arena_free(arena);
}

static struct addressee *addressee_find(struct room *room, struct uuid person)
{
    for (size_t i = 0; i < room->away_count; i++) {
        if (uuid_equal(room->away[i].person, person)) return &room->away[i];
    }
    return NULL;
}

/* A new one takes the place of somebody for whom nothing waits any more; NULL: too many wait. */
static struct addressee *addressee_of(struct room *room, struct uuid person)
{
    struct addressee *found = addressee_find(room, person);

    for (size_t i = 0; i < room->away_count && !found; i++) {
        mailbox_expire(&room->away[i].box, clock_mono_us());
        if (room->away[i].box.count == 0) found = &room->away[i];
    }
    if (!found && room->away_count < ROOM_PERSONS) found = &room->away[room->away_count++];
    if (found) found->person = person;
    return found;
}

void room_send(struct seating *from, struct uuid to, struct str frame)
{
    struct addressee *away;

    pthread_mutex_lock(&lock);
    struct seating *seating = from->room ? from->room->seats : NULL;
    while (seating && !uuid_equal(seating->actor.person, to)) seating = seating->next;
    struct session *session = seating ? session_find(seating->session) : NULL;
    if (session)
        session_send(session, STORED, frame);
    else if (from->room && (away = addressee_of(from->room, to)))
        mailbox_put(&away->box, frame, clock_mono_us()); /* full: as if the network had lost it */
    pthread_mutex_unlock(&lock);
}

static void letters_hand_over(struct session *session, struct room *room, struct uuid person)
{
    struct addressee *away = addressee_find(room, person);
    struct arena *arena = arena_new(2 * MAILBOX_BYTES);
    struct str text;

    if (away) mailbox_expire(&away->box, clock_mono_us());
    while (away && (text = mailbox_take(&away->box, arena)).p) session_send(session, STORED, text);
    arena_free(arena);
}

/* ---- coming and going ---- */

/* One seat a person: the later taken stays. False: that is the other one. */
static bool seat_win(struct room *room, const struct seating *seating)
{
    struct seating *other = room->seats;

    while (other && !uuid_equal(other->actor.person, seating->actor.person)) other = other->next;
    if (!other) return true;
    if (other->version > seating->version) return false;

    struct session *session = session_find(other->session);
    unseat(other);
    if (session) session_close(session, 4505, "another device took the seat");
    return true;
}

void room_join(struct session *session, const struct seating *given)
{
    struct seating *seating = seating_copy(given);

    session_set_user(session, seating);
    pthread_mutex_lock(&lock);
    struct room *room = room_of(seating);
    if (seat_win(room, seating)) {
        for (struct seating *other = room->seats; other; other = other->next) {
            if (other->version < seating->version)
                peer_tell(other, seating, "joined");
            else
                peer_tell(seating, other, "joined");
        }
        seating->room = room;
        seating->next = room->seats;
        room->seats = seating;
        letters_hand_over(session, room, seating->actor.person);
    } else {
        session_close(session, 4505, "another device took the seat");
    }
    pthread_mutex_unlock(&lock);
}

void room_probe(struct uuid call, struct uuid person)
{
    pthread_mutex_lock(&lock);
    const struct room *room = *place_of(call);
    const struct seating *seating = room ? room->seats : NULL;
    while (seating && !uuid_equal(seating->actor.person, person)) seating = seating->next;
    if (seating) session_probe(seating->session);
    pthread_mutex_unlock(&lock);
}

void room_forget(const struct seating *given)
{
    session_ended(given->org, seating_copy(given));
}

void room_leave(struct session *session)
{
    struct seating *seating = session_user(session);

    if (!seating) return;

    pthread_mutex_lock(&lock);
    struct room *room = seating->room;
    if (room) {
        unseat(seating);
        for (struct seating *other = room->seats; other; other = other->next)
            peer_tell(other, seating, "left");
        room_tidy(room, clock_mono_us());
    }
    pthread_mutex_unlock(&lock);
    session_ended(seating->org, seating);
}

/* ---- each second: who holds the calls that we hold ---- */

static void room_end(struct uuid id, unsigned code, const char *why)
{
    pthread_mutex_lock(&lock);
    struct room *room = *place_of(id);
    for (struct seating *seating = room ? room->seats : NULL; seating; seating = seating->next)
        session_end(seating->session, code, why);
    pthread_mutex_unlock(&lock);
}

static err_t states_read(struct act *act)
{
    struct call_state_rows rows;

    TRY(calls_state(act, act->in, &rows));
    for (size_t i = 0; i < rows.n; i++) {
        if (rows.p[i].closed)
            room_end(rows.p[i].id, 4503, "visit closed");
        else if (rows.p[i].moved)
            room_end(rows.p[i].id, 4001, "moved");
    }
    return ERR_OK;
}

static void each_second(struct db *db, struct arena *arena)
{
    size_t n = 0;

    pthread_mutex_lock(&lock);
    struct uuid *orgs = ARENA_ARRAY(arena, struct uuid, room_count + 1);
    struct uuid *ids = ARENA_ARRAY(arena, struct uuid, room_count + 1);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct room *room = buckets[i], *next; room; room = next) {
            next = room->next;
            orgs[n] = room->org;
            ids[n++] = room->id;
            room_tidy(room, clock_mono_us());
        }
    }
    pthread_mutex_unlock(&lock);

    const struct calls_state held = {.orgs = {orgs, n}, .ids = {ids, n}, .replica = replica};
    if (n && service_act(db, UUID_NIL, AUDIT_NONE, states_read, &held) != ERR_OK) {
    } /* raised there */
    allocations_check(db, arena);
}

/* ---- leaving, on record ---- */

static err_t leaving_record(struct act *act)
{
    const struct seating *seating = act->in;
    const struct seat_leave leave = {
        .call_id = seating->call, .person = seating->actor.person, .session = seating->taken};
    Telecura__V1__CallEvent event = TELECURA__V1__CALL_EVENT__INIT;
    struct version row;
    bool left;

    TRY(act_allow_row(act, seating->patient, (struct row_marks){.labels = seating->labels}));
    act->who = seating->actor; /* the person's own act, though nobody asked */
    TRY(seat_leave(act, &leave, &row, &left));
    act_resource(act, seating->call, left ? row.version : 0);
    if (!left) return ERR_OK;

    event.kind = KIND_OF(CALL, LEFT);
    event.visit = pb_uuid(act->arena, seating->visit);
    event.person = pb_uuid(act->arena, seating->actor.person);
    event.state = pb_text(act->arena, STR("open"));
    return act_emit(act, TOPIC_CALLS, seating->call, row.version, &event.base);
}

void room_run(void)
{
    static const struct session_records records = {.name = "signaling rooms",
                                                   .poll = each_second,
                                                   .audit = AUDIT_CALL_LEFT,
                                                   .record = leaving_record};

    session_records_run(&records);
}
