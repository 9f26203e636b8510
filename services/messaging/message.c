#include "services/messaging/messaging.h"

struct fresh { /* a message on its way from COMMIT to the sockets */
    struct uuid channel;
    int64_t offset;
    size_t n;
    char frame[];
};

struct str message_frame(struct arena *arena, const struct said *said)
{
    return json_encode(arena, &push_shape, &said);
}

static void told(struct session *session, const void *user)
{
    const struct fresh *fresh = user;

    (void)session; /* the others get it even if its sender has gone */
    fan_push(fresh->channel, fresh->offset, (struct str){fresh->frame, fresh->n});
}

static void message_tell(struct act *act, const struct said *said)
{
    const struct str frame = message_frame(act->arena, said);
    struct fresh *fresh = arena_alloc(act->arena, sizeof *fresh + frame.n);

    *fresh = (struct fresh){act->grant->channel, said->row.off, frame.n};
    memcpy(fresh->frame, frame.p, frame.n);
    act_after(act, told, fresh, sizeof *fresh + frame.n);
}

static err_t message_emit(struct act *act, const struct message *row, struct uuid epoch)
{
    Telecura__V1__MessageEvent event = TELECURA__V1__MESSAGE_EVENT__INIT;

    event.kind = KIND_OF(MESSAGE, SENT);
    event.channel = pb_uuid(act->arena, act->grant->channel);
    event.visit = pb_uuid(act->arena, act->grant->visit);
    event.patient = pb_uuid(act->arena, act->grant->patient);
    event.sender = pb_uuid(act->arena, row->sender);
    event.offset = row->off;
    event.epoch = pb_uuid(act->arena, epoch);
    event.message = pb_uuid(act->arena, row->message_id);
    event.sent_at_us = row->sent_at_us;
    event.sealed = pb_bytes(row->sealed);
    return act_emit(act, TOPIC_MESSAGES, act->grant->channel, row->off, &event.base);
}

/* Control characters would grow sixfold as JSON; a page of them would fill any reader's queue. */
static bool is_plain_text(struct str body)
{
    for (size_t i = 0; i < body.n; i++) {
        const unsigned char c = (unsigned char)body.p[i];

        if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f) return false;
    }
    return true;
}

/* send: acknowledged when it is committed; a retry is told the offset of the first time. */
err_t message_send(struct act *act)
{
    const struct sending *in = act->in;
    const struct grant *grant = act->grant;
    const struct str scheme = in->scheme.p ? in->scheme : STR("plain");
    struct message_append new = {.channel_id = grant->channel,
                                 .id = uuid_v7(act->now_us),
                                 .message_id = in->message_id,
                                 .role = str_of(role_word(act->who.role))};
    Telecura__V1__MessagePhi phi = TELECURA__V1__MESSAGE_PHI__INIT;
    struct appended row;

    TRY(act_allow_row(act, grant->patient, (struct row_marks){.labels = grant->labels}));
    TRY(consent_require(act, grant->patient, CONSENT_TELEHEALTH));
    if (!is_plain_text(in->body)) return act_at(act, "/send/body", ERR_UNPROCESSABLE);

    phi.scheme = pb_text(act->arena, scheme);
    phi.body = pb_bytes(str_bytes(in->body));
    TRY(act_seal(act, grant->patient, KIND_MESSAGE, new.id, 1, &phi.base, &new.sealed));
    stream_lock(act, &(struct stream_lock){.id = grant->channel});
    TRY(message_append(act, &new, &row));
    act_resource(act, grant->channel, row.off);

    const struct sent sent = {row.off, row.sent_at_us, row.epoch, row.dup};
    const struct said said = {
        {row.off, new.id, in->message_id, act->who.person, new.role, row.sent_at_us, new.sealed},
        scheme,
        in->body};
    if (!row.dup) {
        TRY(message_emit(act, &said.row, row.epoch));
        message_tell(act, &said);
    }
    return act_reply(act, 200, &sent_shape, &sent);
}
