/*
 * messaging - one channel a visit: what is said in it, in one order, and who is there.
 *
 * A message is acknowledged when it, its event and its audit row are committed. Offsets of a
 * channel are 1, 2, 3 ... without a gap, in the order of commits; a client that knows its last
 * offset misses nothing and gets nothing twice. Opening a channel is the audited read of what flows
 * through it; the row that records its closing names the last offset that was sent.
 *
 * Threads  handlers: any worker. seat_*, fan_push: loop. fan_hint, presence_say: any. fan_run: the
 *          effects thread, which starts and ends presence's own.
 */
#pragma once

#include "common/app/grant.h"
#include "common/app/service.h"
#include "common/app/session.h"
#include "services/messaging/sql.h"

struct messaging_settings {
    struct common_settings common;
    const char *redis;
};

#define PAGE_MESSAGES 300 /* messages_after() bounds its bytes */

/* ---- what is asked ---- */

struct resume {
    int64_t offset; /* the last that the client has */
    struct uuid epoch;
};

struct connect {
    struct str token, grant;
    const struct resume *resume;
};

struct sending {
    struct uuid message_id; /* unique per sender: a retry finds the message */
    struct str scheme, body;
};

struct history {
    int64_t after_offset, limit;
};

struct history_query {
    int64_t after_offset, limit;
    struct str cursor;
};

/* ---- what is answered ---- */

struct said { /* a message as its readers see it */
    struct message row;
    struct str scheme, body;
};

struct opened {
    struct uuid session, channel, epoch; /* session: the act that opened it */
    int64_t top, ends_at_us;
    bool recovered; /* what was missed since resume follows; else: everything, from the start */
    bool more;      /* history gives the rest */
    struct list messages;
};

struct page {
    int64_t top;
    bool more;
    struct list messages;
};

struct sent {
    int64_t offset, time_us;
    struct uuid epoch;
    bool dup;
};

extern const struct shape connect_shape, opened_shape, sending_shape, sent_shape, history_shape,
    page_shape, history_query_shape, said_shape, push_shape;

/* ---- tables ---- */

extern const struct route messaging_routes[];
extern const struct sealed_table messaging_sealed[];
extern const struct frame messaging_frames[];
extern const struct hears messaging_hears[];

/* ---- handlers ---- */

handler channel_connect, channel_history, channel_read, channel_close;
handler visit_labels_heard, removal_heard;
handler message_send;
void channel_type(struct session *session, const void *body, struct arena *arena);
void message_heard(const struct event *event);

/* What stands behind @after, opened for its readers. */
err_t messages_read(struct act *act, const struct stream *stream, int64_t after, int64_t limit,
                    struct list *ret_said);
struct str message_frame(struct arena *arena, const struct said *said);
/* Tells the others that the person came or went. */
err_t presence_tell(struct act *act, struct uuid person, struct uuid visit, const char *state);

/* ---- roster: who sits in a channel at other replicas, as far as it is known ---- */

enum sight { SIGHT_GONE, SIGHT_PRESENT, SIGHT_UNKNOWN };

struct elsewhere;
struct roster {
    struct elsewhere *first; /* nobody here is said to be gone */
};

typedef void roster_told(void *user, struct uuid person, enum sight sight);

/* @seen sit elsewhere; the @others of whom it was thought do not, or nobody knows. What is news is
 * told. */
void roster_see(struct roster *roster, struct uuids seen, enum sight others, roster_told *told,
                void *user);
void roster_doubt(struct roster *roster, struct uuid person);
enum sight roster_sight(const struct roster *roster, struct uuid person);
void roster_each(const struct roster *roster, roster_told *told, void *user);
void roster_free(struct roster *roster);

/* ---- seats: who sits in which channel here, and what they are told of each other ---- */

struct seat { /* a session in its channel */
    struct seat *next;
    struct channel *channel;
    session_id session;
    struct actor actor;
    struct uuid org, channel_id, visit, patient;
    int64_t labels;
    int64_t last;      /* the newest offset that this session was sent or told of */
    int64_t typing_us; /* when that was last passed on */
    bool gone;         /* at the end: nobody knows of another seat of this person */
};

void seat_join(struct session *session, const struct seat *seat);
void seat_leave(struct session *session);
/* A session that ended before it sat down: only its closing is recorded. */
void seat_forget(const struct seat *seat);
/* The person is typing: to all others in the channel, now or never. */
void seat_type(const struct seat *from);

struct here { /* somebody sits there */
    struct uuid channel, person;
};

/* Everybody who sits here, channel by channel. */
struct here *seats_here(struct arena *arena, size_t *ret_n);
bool seats_hold(struct uuid channel);
/* What presence learns; loop. At first, and since seats_lose(), who is not seen is unknown. */
void seats_lose(void);
void seats_whole(void);
void seats_see(struct uuid channel, struct uuids elsewhere);
void seats_typing(struct uuid channel, struct uuid person);

/* ---- presence: the replicas tell each other through Redis ---- */

enum verb { VERB_LOOK, VERB_GONE, VERB_TYPING };

struct word {
    enum verb verb; /* look: somebody came or went */
    struct uuid replica, channel, person;
};

#define WORD_BYTES 128
const char *word_print(const struct word *word, char text[WORD_BYTES]);
bool word_parse(struct str text, struct word *ret_word);

bool presence_shared(void); /* else this replica is the only one, and sees everybody */
void presence_start(void);
/* Tells what has been said and ends. */
void presence_stop(void);
/* Kept only while Redis is there; the next heartbeat makes up for what is lost. */
void presence_say(enum verb verb, struct uuid channel, struct uuid person);

/* ---- fan: from commits to sockets ---- */

/* A message that was committed here. Sessions that lack what stands before it get it from the
 * table. */
void fan_push(struct uuid channel, int64_t offset, struct str frame);
/* Somebody says that the channel reaches @top: another replica, by event or by the table. */
void fan_hint(struct uuid channel, int64_t top);
void fan_run(void);
