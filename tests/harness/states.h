/*
 * states - a state machine against its table written out once more, by hand.
 *
 * assert_states() walks every state x event x role that either table names: what the expected one
 * has is allowed and leads where it says, everything else is refused.
 */
#pragma once

#include "common/base/fsm.h"

/* Ends in a row with no event. Who: P patient or proxy, F front desk, N nurse, D clinician,
 * A pharmacist, B biller, S the service itself. */
struct expected_step {
    const char *event, *from, *to, *who;
};

void assert_states(const struct fsm_row *rows, const struct expected_step *expected);
