#include "services/messaging/messaging.h"

#include "common/base/clock.h"

#define TYPING_US (SECOND_US / 2)

err_t messages_read(struct act *act, const struct stream *stream, int64_t after, int64_t limit,
                    struct list *ret_said)
{
    const struct messages_after query = {.channel_id = stream->id, .after = after, .limit = limit};
    struct message_rows rows;

    TRY(messages_after(act, &query, &rows));
    struct said *said = ARENA_ARRAY(act->arena, struct said, rows.n);
    struct unseal *items = ARENA_ARRAY(act->arena, struct unseal, rows.n);
    for (size_t i = 0; i < rows.n; i++)
        items[i] = (struct unseal){.patient = stream->patient_id,
                                   .row = rows.p[i].id,
                                   .kind = KIND_MESSAGE,
                                   .sealed = rows.p[i].sealed,
                                   .version = 1};
    TRY(act_unseal(act, items, rows.n));

    for (size_t i = 0; i < rows.n; i++) {
        const Telecura__V1__MessagePhi *phi = (const void *)items[i].message;

        said[i] = (struct said){
            rows.p[i], str_of(phi->scheme), {(const char *)phi->body.data, phi->body.len}};
    }
    *ret_said = (struct list){said, rows.n};
    return ERR_OK;
}

err_t presence_tell(struct act *act, struct uuid person, struct uuid visit, const char *state)
{
    Telecura__V1__PresenceEvent event = TELECURA__V1__PRESENCE_EVENT__INIT;
    const struct presence_set set = {.person = person, .state = str_of(state)};
    struct presence row;

    TRY(presence_set(act, &set, &row));
    event.kind = KIND_OF(PRESENCE, CHANGED);
    event.person = pb_uuid(act->arena, person);
    event.visit = pb_uuid(act->arena, visit);
    event.state = pb_text(act->arena, str_of(state));
    return act_emit(act, TOPIC_PRESENCE, person, row.version, &event.base);
}

static void joined(struct session *session, const void *user)
{
    const struct seat *seat = user;

    if (session)
        seat_join(session, seat);
    else
        seat_forget(seat);
}

/* connect: the audited read that opens the channel; what flows through it later is part of it. */
err_t channel_connect(struct act *act)
{
    const struct connect *in = act->in;
    const struct grant *grant = act->grant;
    const struct stream_open open = {.id = grant->channel,
                                     .visit_id = grant->visit,
                                     .patient_id = grant->patient,
                                     .provider_id = grant->provider,
                                     .labels = grant->labels,
                                     .epoch = uuid_v4()};
    struct opened opened = {
        .session = act->id, .channel = grant->channel, .ends_at_us = grant->ends_at_us};
    struct seat *seat = ARENA_NEW(act->arena, struct seat);
    struct stream stream;
    int64_t after = 0;

    TRY(session_allow(act, "chat"));
    stream_open(act, &open);
    TRY(stream_get(act, &(struct stream_get){.id = grant->channel}, &stream));
    if (!uuid_equal(stream.visit_id, grant->visit) ||
        !uuid_equal(stream.patient_id, grant->patient))
        return ERR_GRANT_REQUIRED;
    TRY(act_allow_row(act, stream.patient_id, (struct row_marks){.labels = stream.labels}));
    if (stream.closed) return ERR_BAD_STATE;

    opened.recovered = in->resume && uuid_equal(in->resume->epoch, stream.epoch) &&
                       in->resume->offset <= stream.top;
    if (opened.recovered) after = in->resume->offset;
    TRY(messages_read(act, &stream, after, PAGE_MESSAGES, &opened.messages));
    TRY(presence_tell(act, act->who.person, grant->visit, "present"));
    act_resource(act, stream.id, stream.top);

    opened.epoch = stream.epoch;
    opened.top = stream.top > after + (int64_t)opened.messages.n
                     ? stream.top
                     : after + (int64_t)opened.messages.n;
    opened.more = after + (int64_t)opened.messages.n < opened.top;
    *seat = (struct seat){.session = act->session,
                          .actor = act->who,
                          .org = act->org,
                          .channel_id = stream.id,
                          .visit = grant->visit,
                          .patient = grant->patient,
                          .labels = stream.labels,
                          .last = opened.top};
    act_after(act, joined, seat, sizeof *seat);
    return act_reply(act, 200, &opened_shape, &opened);
}

/* history: a page more of what the channel holds. */
err_t channel_history(struct act *act)
{
    const struct history *in = act->in;
    struct stream stream;
    struct page page;

    TRY(stream_get(act, &(struct stream_get){.id = act->grant->channel}, &stream));
    TRY(act_allow_row(act, stream.patient_id, (struct row_marks){.labels = stream.labels}));
    TRY(messages_read(act, &stream, in->after_offset, in->limit, &page.messages));

    page.top = stream.top;
    page.more = in->after_offset + (int64_t)page.messages.n < stream.top;
    act_resource(act, stream.id, in->after_offset + (int64_t)page.messages.n);
    return act_reply(act, 200, &page_shape, &page);
}

/* GET /v1/channels/{id}/messages: during the visit and after it. */
err_t channel_read(struct act *act)
{
    const struct history_query *in = act->in;
    struct str next = STR_NONE;
    struct cursor cursor;
    struct stream stream;
    struct list said;

    TRY(act_cursor_open(act, in->cursor, &cursor));
    TRY(stream_get(act, &(struct stream_get){.id = act->path_id}, &stream));
    TRY(act_allow_row(act, stream.patient_id, (struct row_marks){.labels = stream.labels}));

    const int64_t after =
        in->cursor.p ? cursor.at_us : in->after_offset; /* the cursor of an offset */
    TRY(messages_read(act, &stream, after, in->limit, &said));
    const int64_t last = after + (int64_t)said.n;
    act_resource(act, stream.id, last);
    if (last < stream.top && said.n) next = act_cursor(act, (struct cursor){last, stream.id});
    return act_reply_list(act, &said_shape, said.p, said.n, next);
}

/* typing: passed on to who is there, kept nowhere. */
void channel_type(struct session *session, const void *body, struct arena *arena)
{
    struct seat *seat = session_user(session);
    const int64_t now_us = clock_mono_us();

    (void)body, (void)arena;
    if (!seat || now_us - seat->typing_us < TYPING_US) return;

    seat->typing_us = now_us;
    seat_type(seat);
}
