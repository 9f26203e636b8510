#include "services/messaging/messaging.h"

/* clang-format off */
const struct route messaging_routes[] = {
    {WS, "/v1/stream", CHAT, AUDIT_NONE, NULL, 0, NULL,
     .about = "The chat of one visit (telecura.v1.json): connect with token and grant, then send."},
    {GET, "/v1/channels/{id}/messages", CHAT, AUDIT_MESSAGES_READ, &history_query_shape, 2000, channel_read,
     .reply = &said_shape, .list = true,
     .about = "What was said in a channel (its id or its visit's): for who stands to the patient."},
    {0},
};

const struct frame messaging_frames[] = {
    {"connect", CHAT, AUDIT_CHANNEL_OPENED, &connect_shape, &opened_shape, 5000, channel_connect},
    {"refresh", CHAT, AUDIT_CHANNEL_OPENED, &session_refresh_shape, &session_opened_shape,
     5000, session_refresh, .unasked = true},
    {"send", SEND_MESSAGE, AUDIT_MESSAGE_SENT, &sending_shape, &sent_shape, 5000, message_send},
    {"history", CHAT, AUDIT_MESSAGES_READ, &history_shape, &page_shape, 5000, channel_history},
    {"typing", CHAT, AUDIT_NONE, NULL, NULL, 0, NULL, channel_type},
    {"active", CHAT, AUDIT_NONE, NULL, NULL, 0, NULL, session_active},
    {0},
};
/* clang-format on */
