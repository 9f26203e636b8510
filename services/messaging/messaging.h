/*
 * messaging - one channel a visit: what is said in it, in one order, and who is there.
 *
 * A message is acknowledged when it, its event and its audit row are committed. Offsets of a
 * channel are 1, 2, 3 ... without a gap, in the order of commits; a client that knows its last
 * offset misses nothing and gets nothing twice. Opening a channel is the audited read of what flows
 * through it; the row that records its closing names the last offset that was sent.
 *
 * Threads  handlers: any worker. fan_join, fan_leave, fan_push, fan_tell: loop. fan_hint: any.
 *          fan_run: the effects thread.
 */
#pragma once

#include "common/app/grant.h"
#include "common/app/service.h"
#include "common/app/session.h"
#include "services/messaging/sql.h"

#define PAGE_MESSAGES 300 /* realtime.md 4.8; messages_after() bounds its bytes */

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
extern const struct frame messaging_frames[];
extern const struct hears messaging_hears[];

/* ---- handlers ---- */

handler channel_connect, channel_history, channel_read, channel_close;
handler message_send;
void channel_type(struct session *session, const void *body, struct arena *arena);
void message_heard(const struct event *event);

/* What stands behind @after, opened for its readers. */
err_t messages_read(struct act *act, const struct stream *stream, int64_t after, int64_t limit,
                    struct list *ret_said);
struct str message_frame(struct arena *arena, const struct said *said);
/* Tells the others that the person came or went. */
err_t presence_tell(struct act *act, struct uuid person, struct uuid visit, const char *state);

/* ---- fan: from commits to sockets ---- */

struct seat { /* a session in its channel */
    struct seat *next;
    struct channel *channel;
    session_id session;
    struct actor actor;
    struct uuid org, channel_id, visit, patient;
    int64_t last;      /* the newest offset that this session was sent or told of */
    int64_t typing_us; /* when that was last passed on */
    bool gone;         /* at the end: the person's last seat here */
};

void fan_join(struct session *session, const struct seat *seat);
void fan_leave(struct session *session);
/* A message that was committed here. Sessions that lack what stands before it get it from the
 * table. */
void fan_push(struct uuid channel, int64_t offset, struct str frame);
/* To all others in the session's channel, now or never. */
void fan_tell(const struct seat *from, struct str frame);
/* Somebody says that the channel reaches @top: another replica, by event or by the table. */
void fan_hint(struct uuid channel, int64_t top);
/* A session that ended before it sat down: only its closing is recorded. */
void fan_forget(const struct seat *seat);
void fan_run(void);
