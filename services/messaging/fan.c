/*
 * From commits to sockets.
 *
 * Every session has the offset of the last message that it was sent. A message that was committed
 * here goes straight to the sessions that lack just that one; whoever lacks more, or a message of
 * another replica, is served from the table by the effects thread. So order and completeness rest
 * on the table alone: events and the poll of each second only say that there is something to read.
 */
#include "services/messaging/fan_own.h"

#include "common/app/session_records.h"
#include "common/base/secret.h"

#include <stdlib.h>

pthread_mutex_t fan_lock = PTHREAD_MUTEX_INITIALIZER;
struct channel *fan_buckets[BUCKETS];
size_t fan_channel_count;

struct channel **fan_place(struct uuid id)
{
    struct channel **at = &fan_buckets[(id.b[15] | (size_t)id.b[14] << 8) % BUCKETS];

    while (*at && !uuid_equal((*at)->id, id)) at = &(*at)->next;
    return at;
}

bool fan_lacks(const struct channel *channel)
{
    for (const struct seat *seat = channel->seats; seat; seat = seat->next) {
        if (seat->last < channel->top) return true;
    }
    return false;
}

/* ---- messages ---- */

static bool push(struct uuid id, int64_t offset, struct str frame)
{
    bool behind = false;

    pthread_mutex_lock(&fan_lock);
    struct channel *channel = *fan_place(id);
    if (channel) {
        if (channel->top < offset) channel->top = offset;
        for (struct seat *seat = channel->seats; seat; seat = seat->next) {
            struct session *session = session_find(seat->session);

            if (!session || seat->last + 1 != offset) continue;
            seat->last = offset;
            session_send(session, STORED, frame);
        }
        behind = fan_lacks(channel);
    }
    pthread_mutex_unlock(&fan_lock);
    return behind;
}

void fan_push(struct uuid id, int64_t offset, struct str frame)
{
    if (push(id, offset, frame)) service_poke_effects();
}

void fan_hint(struct uuid id, int64_t top)
{
    bool behind = false;

    pthread_mutex_lock(&fan_lock);
    struct channel *channel = *fan_place(id);
    if (channel) {
        if (channel->top < top) channel->top = top;
        behind = fan_lacks(channel);
    }
    pthread_mutex_unlock(&fan_lock);
    if (behind) service_poke_effects();
}

/* ---- from the table ---- */

struct wanted {
    struct uuid org;
    struct stream stream; /* id and patient are known */
    int64_t after;
};

struct delivery_of { /* one message on its way to the loop */
    struct uuid channel;
    int64_t offset;
    bool last; /* of what was read: who still lacks something needs another round */
    size_t n;
    char frame[];
};

static void delivered(void *user)
{
    struct delivery_of *delivery = user;

    if (push(delivery->channel, delivery->offset, (struct str){delivery->frame, delivery->n}) &&
        delivery->last)
        service_poke_effects();
    secret_wipe(delivery, sizeof *delivery + delivery->n);
    free(delivery);
}

/* Within an act of the service: the sessions' opening was the audited read of what it reads. */
static err_t catch_up(struct act *act)
{
    const struct wanted *wanted = act->in;
    struct list list;

    TRY(messages_read(act, &wanted->stream, wanted->after, PAGE_MESSAGES, &list));
    const struct said *said = list.p;
    for (size_t i = 0; i < list.n; i++) {
        const struct str frame = message_frame(act->arena, &said[i]);
        struct delivery_of *delivery = malloc(sizeof *delivery + frame.n);

        if (!delivery) abort();
        *delivery =
            (struct delivery_of){wanted->stream.id, said[i].row.off, i + 1 == list.n, frame.n};
        memcpy(delivery->frame, frame.p, frame.n);
        session_loop(delivered, delivery);
    }
    return ERR_OK;
}

/* The channels that have sessions; @behind: only those where one of them lacks something. */
static struct wanted *channels_held(struct arena *arena, bool behind, size_t *ret_n)
{
    size_t n = 0;

    pthread_mutex_lock(&fan_lock);
    struct wanted *all = ARENA_ARRAY(arena, struct wanted, fan_channel_count + 1);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct channel *channel = fan_buckets[i]; channel; channel = channel->next) {
            if (behind && !fan_lacks(channel)) continue;

            struct wanted *one = &all[n++];
            *one = (struct wanted){
                channel->org, {.id = channel->id, .patient_id = channel->patient}, channel->top};
            for (const struct seat *seat = channel->seats; seat; seat = seat->next) {
                if (seat->last < one->after) one->after = seat->last;
            }
        }
    }
    pthread_mutex_unlock(&fan_lock);

    *ret_n = n;
    return all;
}

static void all_catch_up(struct db *db, struct arena *arena)
{
    size_t n;
    const struct wanted *wanted = channels_held(arena, true, &n);

    for (size_t i = 0; i < n; i++) {
        if (service_act(db, wanted[i].org, AUDIT_NONE, catch_up, &wanted[i]) == ERR_UNAVAILABLE)
            return; /* raised there; the next round tries again, what else fails too */
    }
}

/* ---- each second: what the table says of the channels that we hold ---- */

static void channel_end(struct uuid id)
{
    pthread_mutex_lock(&fan_lock);
    struct channel *channel = *fan_place(id);
    for (struct seat *seat = channel ? channel->seats : NULL; seat; seat = seat->next)
        session_end(seat->session, 4503, "visit closed");
    pthread_mutex_unlock(&fan_lock);
}

static err_t states_read(struct act *act)
{
    const struct streams_state *held = act->in;
    struct stream_state_rows rows;

    TRY(streams_state(act, held, &rows));
    for (size_t i = 0; i < rows.n; i++) {
        fan_hint(rows.p[i].id, rows.p[i].top);
        if (rows.p[i].closed) channel_end(rows.p[i].id);
    }
    return ERR_OK;
}

static void table_poll(struct db *db, struct arena *arena)
{
    size_t n;
    const struct wanted *all = channels_held(arena, false, &n);
    struct uuid *orgs = ARENA_ARRAY(arena, struct uuid, n + 1);
    struct uuid *ids = ARENA_ARRAY(arena, struct uuid, n + 1);
    const struct streams_state held = {.orgs = {orgs, n}, .ids = {ids, n}};

    for (size_t i = 0; i < n; i++) {
        orgs[i] = all[i].org;
        ids[i] = all[i].stream.id;
    }
    if (n && service_act(db, UUID_NIL, AUDIT_NONE, states_read, &held) != ERR_OK) {
    } /* raised there */
}

/* ---- closings ---- */

/* The person's own act, though nobody asked: the row names who left and the last offset they
 * got. */
static err_t closing_record(struct act *act)
{
    const struct seat *seat = act->in;

    TRY(act_allow_row(act, seat->patient, (struct row_marks){.labels = seat->labels}));
    act->who = seat->actor;
    act_resource(act, seat->channel_id, seat->last);
    return seat->gone ? presence_tell(act, seat->actor.person, seat->visit, "gone") : ERR_OK;
}

void fan_run(void)
{
    static const struct session_records records = {.name = "messaging fan",
                                                   .poll = table_poll,
                                                   .round = all_catch_up,
                                                   .audit = AUDIT_CHANNEL_CLOSED,
                                                   .record = closing_record};

    presence_start();
    session_records_run(&records);
    presence_stop();
}
