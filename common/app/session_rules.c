#include "common/app/session_rules.h"

static const struct session_rule rules[ROLES + 1] = {
#define SESSION(name, word, idle, idle_max, windows, seat)                                         \
    [ROLE_##name] = {windows, SEAT_##seat},
#include "common/app/sessions.def"
#undef SESSION
};

const struct session_rule *session_rule(enum role role)
{
    return &rules[role];
}
