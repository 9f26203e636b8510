#include "services/signaling/signaling.h"

/* clang-format off */
const struct route signaling_routes[] = {
    {WS, "/v1/calls/{id}", CALL, AUDIT_NONE, NULL, 0, NULL,
     .about = "The call of one visit (telecura.v1.json): token and grant first, then signals."},
    {0},
};

const struct frame signaling_frames[] = {
    {"connect", CALL, AUDIT_CALL_JOINED, &session_connect_shape, &answer_shape, 5000, call_connect},
    {"refresh", CALL, AUDIT_CALL_JOINED, &session_refresh_shape, &refreshed_shape, 5000, call_refresh,
     .unasked = true},
    {"signal", CALL, AUDIT_NONE, &signal_shape, NULL, 0, NULL, call_signal, .unasked = true},
    {"active", CALL, AUDIT_NONE, NULL, NULL, 0, NULL, session_active},
    {"leave", CALL, AUDIT_NONE, NULL, NULL, 0, NULL, call_leave},
    {0},
};
/* clang-format on */
