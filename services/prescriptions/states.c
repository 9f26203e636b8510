/*
 *  draft --pass--> ready <--pass/block--> blocked          a check decides, at the draft and again
 *                    |                       |
 *                    +--------- sign --------+             blocked: with the signer's reason
 *                               |
 *                            signed --send--> sent --fill--> partially_filled --fill_last--> filled
 *
 * A draft is ready or blocked from its first moment, since the check runs with it. cancel ends
 * everything but what is filled; what was handed out stays handed out. Whether a fill is the last
 * one is the statement's to say.
 */
#include "services/prescriptions/prescriptions.h"

enum {
    N = 1u << ROLE_NURSE,
    D = 1u << ROLE_CLINICIAN,
    A = 1u << ROLE_PHARMACIST,
};

/* clang-format off */
const struct fsm_row rx_states[] = {
    {"pass",      NULL,               "ready",            N | D},
    {"pass",      "ready",            "ready",            N | D},
    {"pass",      "blocked",          "ready",            N | D},
    {"block",     NULL,               "blocked",          N | D},
    {"block",     "ready",            "blocked",          N | D},
    {"block",     "blocked",          "blocked",          N | D},
    {"sign",      "ready",            "signed",           D},
    {"sign",      "blocked",          "signed",           D},
    {"send",      "signed",           "sent",             D},
    {"fill",      "sent",             "partially_filled", A},
    {"fill",      "partially_filled", "partially_filled", A},
    {"fill_last", "sent",             "filled",           A},
    {"fill_last", "partially_filled", "filled",           A},
    {"cancel",    "ready",            "cancelled",        D},
    {"cancel",    "blocked",          "cancelled",        D},
    {"cancel",    "signed",           "cancelled",        D},
    {"cancel",    "sent",             "cancelled",        D},
    {"cancel",    "partially_filled", "cancelled",        D},
    {0},
};

const struct states prescriptions_states[] = {
    {"prescription", rx_states},
    {0},
};
/* clang-format on */
