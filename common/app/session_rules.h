/*
 * session_rules - what sessions.def says of a role's connections; its settings are rows of
 * session_settings.def.
 *
 * Threads  any: const tables.
 */
#pragma once

#include "common/app/policy.h"

#include <stddef.h>

enum seat_rule { SEAT_REPLACE, SEAT_REFUSE };

struct session_rule {
    size_t windows;
    enum seat_rule seat;
};

/* Of a role without a row: that nothing is held. */
const struct session_rule *session_rule(enum role role);
